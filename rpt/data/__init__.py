"""Data: sources of rows, splits, tokenisation and batches."""
