"""Programs that measure: each prints a table for people and, last, one line of JSON. Run with `python -m benchmarks.NAME`."""
