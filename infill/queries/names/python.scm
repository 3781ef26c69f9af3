; Where a name that is brought there is seen.
(function_definition) @scope
(lambda) @scope
(class_definition) @members
(list_comprehension) @scope
(set_comprehension) @scope
(dictionary_comprehension) @scope
(generator_expression) @scope

; What brings a name: to the scope around it, or to the one around what it is the name of.
(function_definition name: (identifier) @name)
(class_definition name: (identifier) @name)
(parameters (identifier) @definition)
(parameters (default_parameter name: (identifier) @definition))
(parameters (typed_parameter . (identifier) @definition))
(parameters (typed_default_parameter name: (identifier) @definition))
(lambda_parameters (identifier) @definition)
(lambda_parameters (default_parameter name: (identifier) @definition))
(assignment left: (identifier) @definition)
(pattern_list (identifier) @definition)
(tuple_pattern (identifier) @definition)
(list_pattern (identifier) @definition)
(list_splat_pattern (identifier) @definition)
(dictionary_splat_pattern (identifier) @definition)
(named_expression name: (identifier) @definition)
(for_statement left: (identifier) @definition)
(for_in_clause left: (identifier) @definition)
(as_pattern_target (identifier) @definition)
(case_pattern (dotted_name . (identifier) @definition .))
(import_statement name: (aliased_import alias: (identifier) @definition))
(import_from_statement name: (aliased_import alias: (identifier) @definition))
(import_statement name: (dotted_name . (identifier) @definition .))
(import_from_statement name: (dotted_name . (identifier) @definition .))

; What an object has of its own: what brings it, and what uses it.
(assignment left: (attribute object: (identifier) @_self attribute: (identifier) @field (#eq? @_self "self")))
(attribute object: (identifier) @_self attribute: (identifier) @own (#any-of? @_self "self" "cls"))

; What is no variable.
(attribute attribute: (identifier) @member)
(keyword_argument name: (identifier) @member)
(keyword_pattern . (identifier) @member)
(import_statement name: (dotted_name (identifier) @member))
(import_from_statement module_name: (dotted_name (identifier) @member))
(relative_import (dotted_name (identifier) @member))
(aliased_import name: (dotted_name (identifier) @member))

; What calls say which parameter they give something to.
(call arguments: (argument_list (keyword_argument name: (identifier) @given)))

; What is called so where it comes from.
(import_from_statement name: (dotted_name . (identifier) @imported .))

; What is of a scope farther out.
(global_statement (identifier) @foreign)
(nonlocal_statement (identifier) @foreign)

; What a field is declared as: there it is no name yet.
(class_definition body: (block (expression_statement (assignment type: (type) @annotation))))
