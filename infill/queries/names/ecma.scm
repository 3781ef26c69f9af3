; Where a name that is brought there is seen.
(function_declaration) @scope
(function_expression) @scope
(generator_function_declaration) @scope
(generator_function) @scope
(arrow_function) @scope
(method_definition) @scope
(class_body) @members
(statement_block) @scope
(switch_body) @scope
(for_statement) @scope
(for_in_statement) @scope
(catch_clause) @scope

; What brings a name: to the scope around it, or to the one around what it is the name of.
(function_declaration name: (identifier) @name)
(generator_function_declaration name: (identifier) @name)
(function_expression name: (identifier) @definition)
(generator_function name: (identifier) @definition)
(arrow_function parameter: (identifier) @definition)
(assignment_pattern left: (identifier) @definition)
(rest_pattern (identifier) @definition)
(array_pattern (identifier) @definition)
(pair_pattern value: (identifier) @definition)
(shorthand_property_identifier_pattern) @definition
(lexical_declaration (variable_declarator name: (identifier) @definition))
(variable_declaration (variable_declarator name: (identifier) @hoisted))
(for_in_statement kind: _ left: (identifier) @definition)
(catch_clause parameter: (identifier) @definition)
(import_clause (identifier) @import)
(namespace_import (identifier) @import)
(import_specifier name: (identifier) @import !alias)
(import_specifier alias: (identifier) @import)

; In all of its block.
(lexical_declaration (variable_declarator name: (identifier) @early))

; What an object has of its own: what brings it, and what uses it.
(method_definition name: (property_identifier) @method)
(assignment_expression left: (member_expression object: (this) property: (property_identifier) @field))
(member_expression object: (this) property: (property_identifier) @own)

; What is no variable.
(import_specifier name: (identifier) @member alias: _)
(export_specifier alias: (identifier) @member)
(export_statement (export_clause (export_specifier name: (identifier) @member)) source: _)

; What is called so where it comes from.
(import_specifier name: (identifier) @imported !alias)
