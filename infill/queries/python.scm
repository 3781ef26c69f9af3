; What the cursor can stand in.
(comment) @comment
(string) @string
(interpolation) @code
(expression_statement . (string) @docstring .)

; What a file shows to others.
(function_definition) @signature
(class_definition) @container
(decorator) @whole
(module (expression_statement (assignment) @whole))
(class_definition body: (block (expression_statement (assignment) @whole)))
(type_alias_statement) @whole
