"""Programs that made tables and figures in docs/. The wheel does not contain them, and no run needs them."""
