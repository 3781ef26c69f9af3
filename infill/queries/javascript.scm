; What the cursor can stand in.
(comment) @comment
(html_comment) @comment
(string) @string
(template_string) @string
(regex) @string
(template_substitution) @code
(jsx_expression) @code

; What a file shows to others.
(function_declaration) @signature
(generator_function_declaration) @signature
(method_definition) @signature
(class_declaration) @container
(field_definition) @whole
(lexical_declaration (variable_declarator value: [(arrow_function) (function_expression)])) @signature
(program (lexical_declaration) @whole)
(program (variable_declaration) @whole)
(program (export_statement (lexical_declaration) @whole))
