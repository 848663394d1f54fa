"""What a run may be asked for: schema, composition, checks, and messages for wrong values."""
