"""From run folders to a page, figures and tables. Nothing here trains, and nothing that trains knows of it."""
