"""The page of a report and the folder that holds it."""
