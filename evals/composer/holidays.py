"""National holidays of 2026 to 2028, written down by hand (Lei 662/1949, 6.802/1980, 14.759/2023)."""

from datetime import date, timedelta
from typing import Final

NATIONAL: Final = frozenset(
    {
        date(2026, 1, 1), date(2026, 4, 3), date(2026, 4, 21), date(2026, 5, 1), date(2026, 9, 7),
        date(2026, 10, 12), date(2026, 11, 2), date(2026, 11, 15), date(2026, 11, 20), date(2026, 12, 25),
        date(2027, 1, 1), date(2027, 3, 26), date(2027, 4, 21), date(2027, 5, 1), date(2027, 9, 7),
        date(2027, 10, 12), date(2027, 11, 2), date(2027, 11, 15), date(2027, 11, 20), date(2027, 12, 25),
        date(2028, 1, 1), date(2028, 4, 14), date(2028, 4, 21), date(2028, 5, 1), date(2028, 9, 7),
        date(2028, 10, 12), date(2028, 11, 2), date(2028, 11, 15), date(2028, 11, 20), date(2028, 12, 25),
    }
)  # fmt: skip
_SATURDAY: Final = 5


def is_working_day(day: date) -> bool:
    """Tell whether banks and offices of the whole country work: Monday to Friday, no national holiday."""
    return day.weekday() < _SATURDAY and day not in NATIONAL


def working_day_after(day: date, count: int) -> date:
    """Give the working day that comes `count` working days later."""
    while count:
        day += timedelta(days=1)
        count -= is_working_day(day)
    return day


def working_days_of_month(year: int, month: int) -> list[date]:
    """List the working days of a month."""
    first = date(year, month, 1)
    days = (first + timedelta(days=offset) for offset in range(31))
    return [day for day in days if day.month == month and is_working_day(day)]
