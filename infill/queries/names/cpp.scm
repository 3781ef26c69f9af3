; inherits: c

; Where a name that is brought there is seen.
(for_range_loop) @scope
(lambda_expression) @scope
(namespace_definition) @scope
(class_specifier) @scope
(struct_specifier) @scope
(catch_clause) @scope

; What brings a name: to the scope around it, or to the one around what it is the name of.
(function_definition declarator: (reference_declarator (function_declarator declarator: (identifier) @name)))
(alias_declaration name: (type_identifier) @type)
(reference_declarator (identifier) @definition)
(optional_parameter_declaration declarator: (identifier) @definition)
(for_range_loop declarator: (identifier) @definition)
(lambda_capture_initializer left: (identifier) @definition)
(field_declaration declarator: (field_identifier) @definition)
(function_declarator declarator: (field_identifier) @name)

; What is no variable.
(qualified_identifier name: (identifier) @member)
(class_specifier name: (type_identifier) @member)
