; What the cursor can stand in.
(line_comment) @comment
(block_comment) @comment
(string_literal) @string
(character_literal) @string
(string_interpolation) @code

; What a file shows to others.
(class_declaration) @container
(interface_declaration) @container
(enum_declaration) @container
(record_declaration) @container
(annotation_type_declaration) @container
(method_declaration) @signature
(constructor_declaration) @signature
(field_declaration) @whole
(constant_declaration) @whole
(enum_constant) @whole
