"""Where the sentences of a text end."""

import re
from functools import lru_cache

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+|(?<=[^\s\d]);\s*")


@lru_cache(maxsize=256)
def split_sentences(text: str) -> tuple[str, ...]:
    """Cut a text at the ends of sentences; amounts and dates stay whole."""
    return tuple(part.strip() for part in _SENTENCE_END.split(text) if part.strip())
