; All of a package.
(import_spec name: (package_identifier)? @local path: (interpreted_string_literal (interpreted_string_literal_content) @module))
