"""Reports on finished runs: an HTML page, figures and tables. Code that trains does not import this package."""
