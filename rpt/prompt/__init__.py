"""The soft prompt: its initialisation, its encoder, and its insertion into the input.

This file imports nothing. The config check can therefore find the modules of this package without loading torch.
"""
