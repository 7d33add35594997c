"""Until when a promise protects its maker (compliance.md 7)."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.local_time import first_instant


def protected_until(day: date, tz: ZoneInfo) -> datetime:
    """Give, in UTC, the first instant that exists of the local day after `day`: protection holds while now < it."""
    return first_instant(day + timedelta(days=1), time.min, tz)
