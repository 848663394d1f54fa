"""Programs that made what the package ships. They are no part of the wheel, and no run needs them."""
