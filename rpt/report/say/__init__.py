"""Sentences of a report, generated from its numbers."""
