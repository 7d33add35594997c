"""Text from models and customers made fit to store: bounded, no control characters."""

import unicodedata

_KEPT = frozenset("\n\t")


def tidy(text: str, *, limit: int) -> str:
    """Cut to `limit` characters, drop what PostgreSQL refuses (NUL, lone surrogates) and what hides (controls)."""
    cut = text[: limit * 2]
    kept = (c for c in cut if c in _KEPT or unicodedata.category(c) not in {"Cc", "Cs", "Cf", "Co", "Cn"})
    return "".join(kept).strip()[:limit].rstrip()


def tidy_line(text: str, *, limit: int) -> str:
    """The same on one line."""
    return " ".join(tidy(text, limit=limit).split())
