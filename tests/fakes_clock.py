"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

# A Friday, 11:00 in São Paulo, and a national holiday: replies go out, contacts do not.
DEFAULT_NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


class FakeClock:
    """Answer `domain.ports.Clock` with a fixed, aware instant."""

    def __init__(self, now: datetime = DEFAULT_NOW) -> None:
        self.set(now)

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        """Jump to an aware instant."""
        if now.tzinfo is None:
            raise ValueError("the clock takes aware instants only")
        self._now = now.astimezone(UTC)

    def advance(
        self, delta: timedelta | None = None, *, seconds: float = 0, minutes: float = 0, days: float = 0
    ) -> None:
        """Move forward by a timedelta, or by the named units."""
        self._now += (delta or timedelta()) + timedelta(seconds=seconds, minutes=minutes, days=days)
