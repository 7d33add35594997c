"""Speak each provider's wire format behind one Protocol."""
