"""Programs that measure: each prints a table for people and, last, a line of JSON. `python -m benchmarks.NAME`."""
