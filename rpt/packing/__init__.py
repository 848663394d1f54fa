"""A sweep as few trainings: which points go together, who trains them, and what became of each."""
