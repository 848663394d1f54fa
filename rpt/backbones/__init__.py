"""Backbones, which are frozen language models: find, check and load them, and run their forward passes."""
