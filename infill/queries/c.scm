; What the cursor can stand in.
(comment) @comment
(string_literal) @string
(char_literal) @string
(system_lib_string) @string

; What a file shows to others.
(function_definition) @signature
(declaration) @whole
(type_definition) @whole
(struct_specifier body: (_)) @whole
(union_specifier body: (_)) @whole
(enum_specifier body: (_)) @whole
(preproc_def) @whole
