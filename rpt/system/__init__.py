"""Files, locks, pipes, signals and memory: what every other package needs of the machine."""
