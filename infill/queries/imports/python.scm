; A name of a module, and what it is called here.
(import_from_statement module_name: (_) @module name: (dotted_name . (identifier) @name @local .))
(import_from_statement module_name: (_) @module
  name: (aliased_import name: (dotted_name . (identifier) @name .) alias: (identifier) @local))

; All of a module.
(import_statement name: (dotted_name . (identifier) @local) @module)
(import_statement name: (aliased_import name: (dotted_name) @module alias: (identifier) @local))
