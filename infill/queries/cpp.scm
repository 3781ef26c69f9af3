; What the cursor can stand in.
(comment) @comment
(string_literal) @string
(raw_string_literal) @string
(char_literal) @string
(system_lib_string) @string

; What a file shows to others.
(function_definition) @signature
(namespace_definition) @container
(class_specifier body: (_)) @container
(struct_specifier body: (_)) @container
(enum_specifier body: (_)) @whole
(declaration) @whole
(field_declaration) @whole
(alias_declaration) @whole
(type_definition) @whole
(preproc_def) @whole
