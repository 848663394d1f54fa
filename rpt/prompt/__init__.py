"""The soft prompt: its initialisation, its encoder, and how it gets in front of the text.

Nothing is imported here: the config check looks up leaves in this package without loading torch.
"""
