"""Hold the use cases, one transaction each."""
