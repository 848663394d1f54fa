"""Functions around the operating system, for all packages: files, locks, pipes, signals, memory and modules."""
