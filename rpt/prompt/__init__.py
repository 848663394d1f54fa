"""The soft prompt: its initialisation, its encoder, and how it gets in front of the text.

This file imports nothing. The config check can therefore find the modules of this package without loading torch.
"""
