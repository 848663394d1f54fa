"""The frozen language models."""
