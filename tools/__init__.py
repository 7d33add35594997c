"""Hold what a model may call; each docstring is its contract."""
