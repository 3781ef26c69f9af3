; Where a name that is brought there is seen.
(function_declaration) @scope
(method_declaration) @scope
(func_literal) @scope
(block) @scope
(if_statement) @scope
(for_statement) @scope
(expression_switch_statement) @scope
(type_switch_statement) @scope
(expression_case) @scope
(type_case) @scope
(default_case) @scope
(communication_case) @scope

; Not a function's body: parameters and it are one scope.
(function_declaration body: (block) @body)
(method_declaration body: (block) @body)
(func_literal body: (block) @body)

; What brings a name: to the scope around it, or to the one around what it is the name of.
(function_declaration name: (identifier) @name)
(type_spec name: (type_identifier) @type)
(type_alias name: (type_identifier) @type)
(parameter_declaration name: (identifier) @definition)
(variadic_parameter_declaration name: (identifier) @definition)
(var_spec name: (identifier) @definition)
(const_spec name: (identifier) @definition)
(short_var_declaration left: (expression_list (identifier) @definition))
(range_clause left: (expression_list (identifier) @definition))
(receive_statement left: (expression_list (identifier) @definition))
(type_switch_statement alias: (expression_list (identifier) @definition))

; In all of the package.
(source_file (var_declaration (var_spec name: (identifier) @early)))
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @early))))
(source_file (const_declaration (const_spec name: (identifier) @early)))

; What is no variable.
(qualified_type name: (type_identifier) @member)
(keyed_element key: (literal_element (identifier) @member))

; The keys of a map and the places of a list are.
(composite_literal
  type: [(map_type) (array_type) (implicit_length_array_type) (slice_type)]
  body: (literal_value (keyed_element key: (literal_element (identifier) @variable))))
