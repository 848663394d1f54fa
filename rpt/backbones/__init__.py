"""Backbones: frozen language models, how they are found, checked and loaded, and how they compute."""
