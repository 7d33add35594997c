"""Text without case and accents that still knows where each letter came from."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from domain.text_cache import cached_by_text

_INVISIBLE = frozenset({"Mn", "Me", "Cf"})


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldedText:
    """Lower-case, unaccented text with the offset of every letter in the original."""

    original: str
    text: str
    offsets: tuple[int, ...]

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Translate a non-empty span of the folded text into one of the original."""
        first, last = self.offsets[start], self.offsets[end - 1] + 1
        while last < len(self.original) and unicodedata.category(self.original[last]) in _INVISIBLE:
            last += 1
        return first, last


@cached_by_text(texts=256)
def fold(text: str) -> FoldedText:
    """Fold case, accents, full-width forms and ordinal signs; drop invisible characters."""
    letters: list[str] = []
    offsets: list[int] = []
    for offset, character in enumerate(text):
        for letter in _letters(character):
            letters.append(letter)
            offsets.append(offset)
    return FoldedText(original=text, text="".join(letters), offsets=tuple(offsets))


def folded(text: str) -> str:
    """Give the folded text alone."""
    return fold(text).text


@lru_cache(maxsize=1024)
def _letters(character: str) -> str:
    """Give the letters that one character folds to, often one, sometimes none or several."""
    folded = unicodedata.normalize("NFKD", character).lower()
    kept = (letter for letter in folded if unicodedata.category(letter) not in _INVISIBLE)
    return "".join(" " if letter.isspace() and letter != "\n" else letter for letter in kept)
