"""Benchmarks: time and memory of rpt, compared with other libraries and with a lower bound."""
