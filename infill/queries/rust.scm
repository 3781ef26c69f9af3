; What the cursor can stand in.
(line_comment) @comment
(block_comment) @comment
(string_literal) @string
(raw_string_literal) @string
(char_literal) @string

; What a file shows to others.
(function_item) @signature
(function_signature_item) @whole
(struct_item) @whole
(enum_item) @whole
(type_item) @whole
(const_item) @whole
(static_item) @whole
(impl_item) @container
(trait_item) @container
(mod_item body: (_)) @container
