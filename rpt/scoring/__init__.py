"""How rows become scores."""
