"""From a wall clock to the instants that really exist (compliance.md 7: clocks may change again)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def first_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Give, in UTC, the first instant that exists whose wall clock shows `at` or later on `day`.

    Of a time that happens twice it is the first pass; of one that a clock change skips, the change itself.
    """
    wall = datetime.combine(day, at)
    earlier = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    later = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if earlier <= later:
        return earlier
    # Inside a gap fold=1 reads as before the change and fold=0 as after it. Changes fall on whole seconds.
    low, high = later.replace(microsecond=0), earlier
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (low, middle) if middle.astimezone(zone).replace(tzinfo=None) >= wall else (middle, high)
    return high
