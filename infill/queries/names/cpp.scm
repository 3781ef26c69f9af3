; Where a name that is brought there is seen.
(function_definition) @scope
(compound_statement) @scope
(for_statement) @scope
(declaration declarator: (function_declarator) @scope)
(declaration declarator: (pointer_declarator (function_declarator) @scope))

(for_range_loop) @scope
(lambda_expression) @scope
(namespace_definition) @scope
(class_specifier) @scope
(struct_specifier) @scope
(catch_clause) @scope

; What brings a name: to the scope around it, or to the one around what it is the name of.
(function_definition declarator: (function_declarator declarator: (identifier) @name))
(function_definition declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @name)))
(type_definition declarator: (type_identifier) @type)
(enumerator name: (identifier) @definition)
(parameter_declaration declarator: (identifier) @definition)
(declaration declarator: (identifier) @definition)
(init_declarator declarator: (identifier) @definition)
(array_declarator declarator: (identifier) @definition)
(pointer_declarator declarator: (identifier) @definition)
(preproc_def name: (identifier) @definition)
(preproc_function_def name: (identifier) @definition)
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
(struct_specifier name: (type_identifier) @member)
(union_specifier name: (type_identifier) @member)
(enum_specifier name: (type_identifier) @member)
(class_specifier name: (type_identifier) @member)
