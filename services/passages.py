"""Cut a document into passages: whole paragraphs where they fit, whole sentences where not."""

import re
from collections.abc import Iterator

_LONGEST = 700
_SHORT = 250
_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")


def split_passages(text: str) -> list[str]:
    """Give passages of at most 700 characters; short paragraphs that follow each other share one."""
    passages: list[str] = []
    for piece in _pieces(text):
        if passages and len(passages[-1]) < _SHORT and len(passages[-1]) + len(piece) + 2 <= _LONGEST:
            passages[-1] += "\n\n" + piece
        else:
            passages.append(piece)
    return passages


def _pieces(text: str) -> Iterator[str]:
    for paragraph in filter(None, map(str.strip, _PARAGRAPH.split(text))):
        if len(paragraph) <= _LONGEST:
            yield paragraph
        else:
            yield from _of_sentences(paragraph)


def _of_sentences(paragraph: str) -> Iterator[str]:
    held = ""
    for sentence in filter(None, map(str.strip, _SENTENCE.split(paragraph))):
        if held and len(held) + len(sentence) + 1 > _LONGEST:
            yield held
            held = ""
        held = f"{held} {sentence}".strip()
        while len(held) > _LONGEST:
            cut = held.rfind(" ", 0, _LONGEST)
            cut = cut if cut > 0 else _LONGEST
            yield held[:cut].rstrip()
            held = held[cut:].lstrip()
    if held:
        yield held
