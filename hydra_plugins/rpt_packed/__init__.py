"""The packed launcher; see `launcher`."""
