"""Working days of Brazil: Monday to Friday minus national holidays (compliance.md 7 and 9)."""

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache

import holidays

_SATURDAY = 5


@cache
def national_holidays(year: int) -> Mapping[date, str]:
    """Give the national public holidays of a year with their Portuguese names."""
    # The language is named because holidays otherwise follows the locale of the process.
    return dict(holidays.country_holidays("BR", years=year, language="pt_BR").items())


def is_business_day(day: date) -> bool:
    """Tell whether a day is a Monday to Friday that is no national holiday."""
    return day.weekday() < _SATURDAY and day not in national_holidays(day.year)


def nth_business_day(year: int, month: int, number: int) -> date | None:
    """Give the nth business day of a month, None when it has fewer; -1 is the last."""
    last = calendar.monthrange(year, month)[1]
    days = [day for day in (date(year, month, number) for number in range(1, last + 1)) if is_business_day(day)]
    if number == -1:
        return days[-1]
    return days[number - 1] if 1 <= number <= len(days) else None


def add_business_days(day: date, count: int) -> date:
    """Give the business day that is `count` business days after a day."""
    while count > 0:
        day += timedelta(days=1)
        count -= is_business_day(day)
    return day


def good_friday(year: int) -> date:
    """Give Good Friday, from which the movable feasts are counted."""
    return next(day for day, name in national_holidays(year).items() if "Sexta-feira Santa" in name)
