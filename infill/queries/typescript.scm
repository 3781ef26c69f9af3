; What the cursor can stand in.
(comment) @comment
(html_comment) @comment
(string) @string
(template_string) @string
(template_literal_type) @string
(regex) @string
(template_substitution) @code

; What a file shows to others.
(function_declaration) @signature
(generator_function_declaration) @signature
(method_definition) @signature
(lexical_declaration (variable_declarator value: [(arrow_function) (function_expression)])) @signature
(class_declaration) @container
(abstract_class_declaration) @container
(interface_declaration) @whole
(type_alias_declaration) @whole
(enum_declaration) @whole
(function_signature) @whole
(public_field_definition) @whole
(abstract_method_signature) @whole
(program (lexical_declaration) @whole)
(program (variable_declaration) @whole)
(program (export_statement (lexical_declaration) @whole))
