"""Functions of the machine that every other package uses: files, locks, pipes, signals and memory."""
