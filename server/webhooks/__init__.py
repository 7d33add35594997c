"""Webhooks of the providers: verify, parse, store, answer. They decide nothing."""
