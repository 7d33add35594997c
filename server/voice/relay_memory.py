"""What outlives a socket of a ConversationRelay call, and how what is told twice is recognised (protocols 4.5)."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

REMEMBERED: Final = 50  # of what was heard last

Heard = tuple[str, str]
"""What a frame told, as replays are recognised by: its type and its words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Utterance:
    """What the customer said, under the name that the session knows it by."""

    key: str
    text: str


@dataclass(slots=True)
class Memory:
    """What outlives a socket of a call: Twilio may come back on another one, and tell again what it told."""

    heard: deque[Heard] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    unanswered: Utterance | None = None  # the newest utterance, while its answer is not complete
    ending: str | None = None  # the frame that was about to end the session


class Replays:
    """Recognise what is told a second time after a reconnect: the last things heard, in their order."""

    def __init__(self, heard: Sequence[Heard], *, until: float) -> None:
        self._heard = heard
        self._until = until
        self._places: list[int] | None = None

    def is_repeat(self, item: Heard, *, now: float) -> bool:
        """Tell whether this goes on repeating what was heard before; the first new thing ends it."""
        if now > self._until or self._places == []:
            return False
        places = range(-1, len(self._heard) - 1) if self._places is None else self._places
        following = [place + 1 for place in places]
        self._places = [place for place in following if place < len(self._heard) and self._heard[place] == item]
        return bool(self._places)
