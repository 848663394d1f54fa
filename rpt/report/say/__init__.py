"""Generate the sentences of a report from its numbers."""
