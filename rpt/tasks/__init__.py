"""The tasks: rows to examples, what was written to answers, and the majority's answers."""
