"""Speak plain SQL to PostgreSQL, one module per aggregate."""
