"""Many runs: the points of a sweep are checked, grouped into packs, trained by an executor, and listed."""
