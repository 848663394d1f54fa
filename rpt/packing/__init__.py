"""Train the points of a sweep in packs: group the points, hand the packs to an executor, report each point's result."""
