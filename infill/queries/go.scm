; What the cursor can stand in.
(comment) @comment
(interpreted_string_literal) @string
(raw_string_literal) @string
(rune_literal) @string

; What a file shows to others.
(function_declaration) @signature
(method_declaration) @signature
(type_declaration) @whole
(source_file (const_declaration) @whole)
(source_file (var_declaration) @whole)
