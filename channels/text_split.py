"""Cut a long text into messages at natural places, never inside a payment code."""

import re
from collections.abc import Iterator

# What must stay in one piece as long as one message can hold it: a Pix BR Code (it may hold spaces), the line of a
# boleto (groups of digits), a link.
_PROTECTED = re.compile(
    r"000201[0-9].{0,600}?6304[0-9A-Fa-f]{4}"
    r"|(?<![0-9])[0-9](?:[ .\-]{0,2}[0-9]){42,50}(?![0-9])"
    r"|https?://\S+"
)
_PLACES = (re.compile(r"\n[ \t]*\n\s*"), re.compile(r"\s*\n\s*"), re.compile(r"(?<=[.!?…])\s+"), re.compile(r"\s+"))
_SHORTEST_SHARE = 3  # a piece is at least a third full when a natural place allows it


def size(text: str) -> int:
    """Return the length as phones count it: an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split_text(text: str, limit: int) -> list[str]:
    """Return the pieces in order, none longer than `limit` and none blank; only blanks at the cuts are lost."""
    pieces = []
    rest = text.strip()
    while rest:
        cut = len(rest) if size(rest) <= limit else _cut(rest, limit)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return pieces


def _cut(text: str, limit: int) -> int:
    room = _longest_prefix(text, limit)
    protected = [match.span() for match in _PROTECTED.finditer(text)]
    for least in (room // _SHORTEST_SHARE, 0):
        for place in _PLACES:
            found = [at for at in _starts(place, text, room) if at > least and not _is_inside(at, protected)]
            if found:
                return found[-1]
    # One word without an end: only what no message could hold is ever cut inside.
    return room


def _starts(place: re.Pattern[str], text: str, room: int) -> Iterator[int]:
    for match in place.finditer(text):
        if match.start() > room:
            return
        yield match.start()


def _is_inside(at: int, spans: list[tuple[int, int]]) -> bool:
    return any(start < at < end for start, end in spans)


def _longest_prefix(text: str, limit: int) -> int:
    units = 0
    for index, character in enumerate(text):
        units += 2 if ord(character) > 0xFFFF else 1
        if units > limit:
            return index
    return len(text)
