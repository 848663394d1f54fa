"""Our numbers beside the paper's: what was run, whether it is the setting of a published row, and what follows."""
