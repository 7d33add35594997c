"""A clock that stands still until the simulation moves it."""

from datetime import UTC, datetime


class VirtualClock:
    """The `Clock` of a simulation. Time only goes forward."""

    def __init__(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance_to(self, instant: datetime) -> None:
        """Move to an instant; one that is past changes nothing."""
        self._now = max(self._now, instant.astimezone(UTC))
