"""Serve webhooks, REST, websockets, pages and the command line."""
