"""The tasks: rows to examples, metrics, majority scores."""
