; Where a name that is brought there is seen.
(class_declaration) @class
(interface_declaration) @class
(enum_declaration) @class
(record_declaration) @class
(object_creation_expression (class_body) @class)
(method_declaration) @scope
(constructor_declaration) @scope
(lambda_expression) @scope
(block) @scope
(for_statement) @scope
(enhanced_for_statement) @scope
(try_with_resources_statement) @scope
(catch_clause) @scope
(switch_block) @scope

; What brings a name: to the scope around it, or to the one around what it is the name of.
(class_declaration name: (identifier) @type)
(interface_declaration name: (identifier) @type)
(enum_declaration name: (identifier) @type)
(record_declaration name: (identifier) @type)
(method_declaration name: (identifier) @procedure)
(formal_parameter name: (identifier) @definition)
(spread_parameter (variable_declarator name: (identifier) @definition))
(local_variable_declaration (variable_declarator name: (identifier) @definition))
(enhanced_for_statement name: (identifier) @definition)
(resource name: (identifier) @definition)
(catch_formal_parameter name: (identifier) @definition)
(inferred_parameters (identifier) @definition)
(lambda_expression parameters: (identifier) @definition)

; What an object has of its own: what brings it, and what uses it.
(field_declaration (variable_declarator name: (identifier) @field))
(enum_constant name: (identifier) @field)
(field_access object: (this) field: (identifier) @own)
(method_invocation object: (this) name: (identifier) @own)
(method_invocation name: (identifier) @call)

; What patterns bring is seen wherever they must have matched.
(instanceof_expression name: (identifier) @foreign)
(type_pattern (identifier) @foreign)
(record_pattern_component (identifier) @foreign)

; What is no variable.
(field_access field: (identifier) @member)
(method_invocation object: (_) name: (identifier) @member)
(method_reference . (_) (identifier) @member)
(element_value_pair key: (identifier) @member)
(switch_label (identifier) @member)
(scoped_identifier name: (identifier) @member)
(labeled_statement (identifier) @member)
(break_statement (identifier) @member)
(continue_statement (identifier) @member)
