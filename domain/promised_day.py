"""Until when a promise protects its maker (compliance.md 7)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def protected_until(day: date, tz: ZoneInfo) -> datetime:
    """Give, in UTC, the first instant that exists of the local day after `day`: protection holds while now < it."""
    following = day + timedelta(days=1)
    midnight = datetime.combine(following, time.min, tzinfo=tz)
    # fold=0 is the earlier of two midnights. Of a midnight that a clock change skips, fold=1 gives the instant
    # before the change by the length of the gap, so the change itself lies between the two readings.
    earlier = midnight.replace(fold=0).astimezone(UTC)
    later = midnight.replace(fold=1).astimezone(UTC)
    if earlier <= later:
        return earlier
    return _first_instant_of(following, tz, low=later, high=earlier)


def _first_instant_of(day: date, tz: ZoneInfo, *, low: datetime, high: datetime) -> datetime:
    """Search to the second for the change between an instant before `day` and one inside it."""
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (low, middle) if middle.astimezone(tz).date() >= day else (middle, high)
    return high
