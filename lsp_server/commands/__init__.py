"""The commands of the shell: each module has `add_arguments(parser)` and `run(arguments, choice) -> exit status`."""
