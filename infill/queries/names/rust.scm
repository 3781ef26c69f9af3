; Where a name that is brought there is seen.
(function_item) @scope
(closure_expression) @scope
(block) @scope
(for_expression) @scope
(if_expression) @scope
(while_expression) @scope
(match_arm) @scope
(mod_item) @scope
(impl_item) @members
(trait_item) @members

; What brings a name: to the scope around it, or to the one around what it is the name of.
(function_item name: (identifier) @name)
(const_item name: (identifier) @definition)
(static_item name: (identifier) @definition)
(struct_item name: (type_identifier) @type)
(enum_item name: (type_identifier) @type)
(type_item name: (type_identifier) @type)
(trait_item name: (type_identifier) @type)
(type_parameter name: (type_identifier) @type)
(parameter pattern: (identifier) @definition)
(closure_parameters (identifier) @definition)
(let_declaration pattern: (identifier) @definition)
(for_expression pattern: (identifier) @definition)
(mut_pattern (identifier) @definition)
(ref_pattern (identifier) @definition)
(captured_pattern . (identifier) @definition)
(field_pattern name: (shorthand_field_identifier) @definition)
(use_as_clause alias: (identifier) @import)
(use_declaration argument: (scoped_identifier name: (identifier) @import))
(use_list (identifier) @import)

; In a pattern, too; by the language's convention capitals are a constant that stands there, or a variant.
((tuple_pattern (identifier) @definition) (#match? @definition "^[^A-Z]"))
((slice_pattern (identifier) @definition) (#match? @definition "^[^A-Z]"))
((reference_pattern (identifier) @definition) (#match? @definition "^[^A-Z]"))
((field_pattern pattern: (identifier) @definition) (#match? @definition "^[^A-Z]"))
((match_pattern (identifier) @definition) (#match? @definition "^[^A-Z]"))
((tuple_struct_pattern type: _ (identifier) @definition) (#match? @definition "^[^A-Z]"))

; What is no variable.
(tuple_struct_pattern type: (identifier) @member)
(scoped_identifier name: (identifier) @member)
(use_as_clause path: (identifier) @member)
(enum_variant name: (identifier) @member)
(lifetime (identifier) @member)
(label (identifier) @member)

; What is called so where it comes from.
(use_declaration argument: (scoped_identifier name: (identifier) @imported))
(use_list (identifier) @imported)
