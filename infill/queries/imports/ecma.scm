; A name of a module, and what it is called here.
(import_statement
  (import_clause (named_imports (import_specifier name: (identifier) @name @local !alias)))
  source: (string (string_fragment) @module))
(import_statement
  (import_clause (named_imports (import_specifier name: (identifier) @name alias: (identifier) @local)))
  source: (string (string_fragment) @module))

; A name that is passed on.
(export_statement
  (export_clause (export_specifier name: (identifier) @name))
  source: (string (string_fragment) @module))

; All of a module.
(import_statement
  (import_clause (namespace_import (identifier) @local))
  source: (string (string_fragment) @module))
