"""Remembering what was read in a text: some thirty rules read the same message, one after the other."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

_Result = TypeVar("_Result")
_LONGEST = 2000  # characters; longer texts are rare and would only fill the memory


def cached_by_text(*, texts: int) -> Callable[[Callable[[str], _Result]], Callable[[str], _Result]]:
    """Keep a pure function's results for so many texts. What it gives must not be changed by anybody."""

    def decorate(read: Callable[[str], _Result]) -> Callable[[str], _Result]:
        remembered = lru_cache(maxsize=texts)(read)

        @wraps(read)
        def give(text: str) -> _Result:
            return remembered(text) if len(text) <= _LONGEST else read(text)

        return give

    return decorate
