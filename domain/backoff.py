"""How long to wait before trying again: the provider's word first, else steps with full jitter (faults, rule 7)."""

from collections.abc import Callable
from datetime import datetime, timedelta

STEPS_SECONDS = (2.0, 8.0, 30.0, 120.0, 600.0)
MAX_ATTEMPTS = 5
PAIR_HOLD_SECONDS = 6.0  # Meta: about one message in six seconds to one person


def retry_at(
    *, attempts: int, now: datetime, random: Callable[[], float], retry_after_seconds: float | None = None
) -> datetime | None:
    """Give the instant of the next try after `attempts` tries, or None when they are used up.

    `random` returns 0.0 to 1.0. A Retry-After is kept to, up to an hour.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    if retry_after_seconds is not None:
        return now + timedelta(seconds=min(max(retry_after_seconds, 0.5), 3600))
    step = STEPS_SECONDS[min(max(attempts, 1), len(STEPS_SECONDS)) - 1]
    return now + timedelta(seconds=max(0.2, step * random()))
