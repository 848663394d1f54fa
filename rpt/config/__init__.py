"""Configuration of a run: schema, composition, checks, and messages for wrong values."""
