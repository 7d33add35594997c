"""Compose the process: settings, resources, logging, supervision."""
