"""Build the HTML page of a report, and write the report's folder."""
