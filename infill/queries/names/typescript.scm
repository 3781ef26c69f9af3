; inherits: ecma

; Where a name that is brought there is seen.
(function_signature) @scope
(function_type) @scope
(constructor_type) @scope
(method_signature) @scope
(abstract_method_signature) @scope
(call_signature) @scope
(construct_signature) @scope
(index_signature) @scope
(tuple_type) @scope

; What brings a name: to the scope around it, or to the one around what it is the name of.
(function_signature name: (identifier) @name)
(class_declaration name: (type_identifier) @type)
(abstract_class_declaration name: (type_identifier) @type)
(interface_declaration name: (type_identifier) @type)
(type_alias_declaration name: (type_identifier) @type)
(enum_declaration name: (identifier) @type)
(type_parameter name: (type_identifier) @type)
(required_parameter pattern: (identifier) @definition)
(optional_parameter pattern: (identifier) @definition)
(public_field_definition name: (property_identifier) @field)

; What is a field of the class as well.
(required_parameter (accessibility_modifier) pattern: (identifier) @foreign)
(required_parameter "readonly" pattern: (identifier) @foreign)
