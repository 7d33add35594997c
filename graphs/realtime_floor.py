"""Who speaks in a Realtime call, and which answers are still to be asked for: the server makes one at a time."""

from collections import deque
from dataclasses import dataclass

from channels.openai_realtime import ResponseStarted

_UNKNOWN = "unknown"  # a response under way that nobody told us of
_TAKEN = "conversation_already_has_active_response"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """An answer to ask for: by these instructions, or whatever the talk asks for."""

    name: str
    instructions: str | None = None


class Floor:
    """Keeps the order of answers. `patience` is how long one that was asked for may take to begin."""

    def __init__(self, *, patience: float) -> None:
        self._patience = patience
        self._asked: Wish | None = None
        self._wishes: deque[Wish] = deque()
        self._wished = 0
        self.active: str | None = None
        self.asked_by: float | None = None
        self.is_customer_speaking = False

    @property
    def is_idle(self) -> bool:
        """Tell whether nobody speaks and nothing is to be said."""
        return not (self.active or self._asked or self._wishes or self.is_customer_speaking)

    def wish(self, instructions: str | None = None) -> None:
        """Have an answer asked for, after those that are wished for already."""
        self._wished += 1
        self._wishes.append(Wish(name=f"w{self._wished}", instructions=instructions))

    def forget_wishes(self) -> None:
        self._wishes.clear()

    def next_wish(self, *, now: float) -> Wish | None:
        """Give what to ask for now; None while somebody speaks, or nothing is wished for."""
        is_free = self.active is None and self._asked is None and not self.is_customer_speaking
        if not is_free or not self._wishes:
            return None
        self._asked = self._wishes.popleft()
        self.asked_by = now + self._patience
        return self._asked

    def begin(self, started: ResponseStarted) -> None:
        """An answer has begun, asked for or by itself."""
        self.active = started.response_id
        if self._asked is not None and started.wish in (None, self._asked.name):
            self._asked, self.asked_by = None, None
        if self._wishes and self._wishes[0].instructions is None:
            self._wishes.popleft()  # this one answers what we wanted answered

    def end(self, response_id: str) -> None:
        if self.active in (response_id, _UNKNOWN):
            self.active = None

    def be_refused(self, code: str, *, now: float) -> None:
        """What was asked for comes after the answer that is under way."""
        if self._asked is not None and code == _TAKEN:
            self._wishes.appendleft(self._asked)
            self._asked, self.active = None, self.active or _UNKNOWN
            self.asked_by = now + self._patience

    def give_up_waiting(self, *, now: float) -> None:
        """An answer that never begins takes the floor no longer."""
        if self.asked_by is not None and now >= self.asked_by:
            self._asked, self.active, self.asked_by = None, None, None
