; Where a name that is brought there is seen.
(function_definition) @scope
(compound_statement) @scope
(for_statement) @scope
(declaration declarator: (function_declarator) @scope)
(declaration declarator: (pointer_declarator (function_declarator) @scope))

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

; What is no variable.
(struct_specifier name: (type_identifier) @member)
(union_specifier name: (type_identifier) @member)
(enum_specifier name: (type_identifier) @member)
