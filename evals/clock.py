"""Each talk has its own time: one graph serves many talks at once, and every task asks the same clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from wiring.clock import SystemClock


class TalkTime:
    """The time of one talk. It moves only when the talk says so."""

    def __init__(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)

    @property
    def now(self) -> datetime:
        return self._now

    def advance(self, delta: timedelta) -> None:
        self._now += delta


_time: ContextVar[TalkTime | None] = ContextVar("talk_time", default=None)


class TalkClock:
    """`domain.ports.Clock`: the time of the talk that the running task belongs to, the machine's outside of talks."""

    def now(self) -> datetime:
        time = _time.get()
        return SystemClock().now() if time is None else time.now


@contextmanager
def at_time(time: TalkTime) -> Iterator[None]:
    """Let everything in this block, and the tasks that it starts, live at this time."""
    token = _time.set(time)
    try:
        yield
    finally:
        _time.reset(token)
