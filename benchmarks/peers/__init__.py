"""Compare rpt with PEFT, with the habits of the published code and with a plain PyTorch loop: `make bench`."""
