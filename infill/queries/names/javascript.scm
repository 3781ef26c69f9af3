; inherits: ecma

; What brings a name: to the scope around it, or to the one around what it is the name of.
(class_declaration name: (identifier) @name)
(formal_parameters (identifier) @definition)
(field_definition property: (property_identifier) @field)
