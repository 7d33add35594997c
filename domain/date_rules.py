"""What each form of the pt-BR date grammar means on a given day; the forms are in domain/date_grammar.py."""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from domain import date_vocabulary as words
from domain.business_days import add_business_days, good_friday, nth_business_day
from domain.number_words import read_number_words

Status = Literal["certain", "ask", "invalid"]
Kind = Literal["weekday", "day", "relative", "vague", "income"]

_RECENT_DAYS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one rule makes of one match."""

    status: Status
    kind: Kind
    day: date | None = None
    reason: str | None = None
    candidates: tuple[date, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """The day of speaking, and whether the words before speak of the past ('paguei dia 5')."""

    today: date
    in_past: bool


Resolve = Callable[[re.Match[str], Moment], Outcome | None]


def _certain(day: date, kind: Kind = "day") -> Outcome:
    return Outcome(status="certain", kind=kind, day=day)


def _ask(reason: str, *candidates: date, kind: Kind = "day") -> Outcome:
    return Outcome(status="ask", kind=kind, reason=reason, candidates=tuple(dict.fromkeys(candidates)))


_NO_SUCH_DATE = Outcome(status="invalid", kind="day", reason="no_such_date")


def make_date(year: int, month: int, day: int) -> date | None:
    """Build a date, None when the calendar has no such day."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month_after(year: int, month: int, count: int = 1) -> tuple[int, int]:
    index = year * 12 + month - 1 + count
    return index // 12, index % 12 + 1


def _last_day(year: int, month: int) -> date:
    return date(year, month, calendar.monthrange(year, month)[1])


def _number(text: str) -> int:
    if text == "primeiro":
        return 1
    digits = text.rstrip("o°")
    return int(digits) if digits.isdigit() else read_number_words(" ".join(text.split()))


def day_in_month(day: int, year: int, month: int) -> Outcome:
    """Resolve a day of a month that was named; ask when that month is too short for it."""
    found = make_date(year, month, day)
    if found is not None:
        return _certain(found)
    if not 1 <= day <= 31:
        return _NO_SUCH_DATE
    return _ask("no_such_date", _last_day(year, month), _next_with_day(day, *_month_after(year, month)))


def _next_with_day(day: int, year: int, month: int) -> date:
    while (found := make_date(year, month, day)) is None:
        year, month = _month_after(year, month)
    return found


def day_alone(day: int, moment: Moment) -> Outcome:
    """Resolve 'dia 20': today when it is the 20th, next month when it has passed (compliance.md 9)."""
    today = moment.today
    if not 1 <= day <= 31:
        return _NO_SUCH_DATE
    if moment.in_past:
        year, month = (today.year, today.month) if day <= today.day else _month_after(today.year, today.month, -1)
        return day_in_month(day, year, month)
    year, month = (today.year, today.month) if day >= today.day else _month_after(today.year, today.month)
    return day_in_month(day, year, month)


def day_and_month(day: int, month: int, moment: Moment) -> Outcome:
    """Resolve a day and month without year: this year, asked when lately past, next year when long past."""
    today = moment.today
    here = make_date(today.year, month, day)
    if here is None:
        leap = next((d for y in range(1, 4) if (d := make_date(today.year + y, month, day))), None)
        return _NO_SUCH_DATE if leap is None else _ask("no_such_date", leap)
    if moment.in_past:
        return _certain(here if here <= today else here.replace(year=today.year - 1, day=min(day, 28)))
    if here >= today:
        return _certain(here)
    following = make_date(today.year + 1, month, day) or _last_day(today.year + 1, month)
    if (today - here).days <= _RECENT_DAYS:
        return _ask("past_date", here, following)
    return _certain(following)


def full_date(day: int, month: int, year: int, moment: Moment) -> Outcome:
    """Resolve a date with its year; two digits mean this century."""
    found = make_date(year + 2000 if year < 100 else year, month, day)
    if found is None:
        return _NO_SUCH_DATE
    if found < moment.today and not moment.in_past:
        return _ask("past_date", found)
    return _certain(found)


def weekday_after(day: date, weekday: int) -> date:
    """Give the next such weekday after a day; the same weekday is a week later (compliance.md 9)."""
    return day + timedelta(days=(weekday - day.weekday() - 1) % 7 + 1)


def read_iso(match: re.Match[str], moment: Moment) -> Outcome:
    return full_date(int(match["day"]), int(match["month"]), int(match["year"]), moment)


def read_numeric(match: re.Match[str], moment: Moment) -> Outcome | None:
    day, month, sign = int(match["day"]), int(match["month"]), match["sign"]
    if match["year"]:
        return full_date(day, month, int(match["year"]), moment)
    real = make_date(2024, month, day) is not None
    if sign == "." and not (real and len(match["month"]) == 2):
        return None
    if sign == "-" and day < month and len(match["month"]) == 2 and real:
        # '10-12' may be the 10th of December or from the 10th to the 12th.
        read = (day_and_month(day, month, moment), day_alone(day, moment), day_alone(month, moment))
        return _ask("ambiguous_range", *(o.day for o in read if o.day))
    if not real and (sign != "/" or day > 39 or month > 31 or month == 0 or day == 0):
        return None
    return day_and_month(day, month, moment)


def read_named_month(match: re.Match[str], moment: Moment) -> Outcome:
    day, month = _number(match["day"]), words.month_number(match["month"])
    year = match["year"] or match["short"]
    return full_date(day, month, int(year), moment) if year else day_and_month(day, month, moment)


def read_numbered_month(match: re.Match[str], moment: Moment) -> Outcome | None:
    month = int(match["month"])
    return day_and_month(_number(match["day"]), month, moment) if 1 <= month <= 12 else None


def read_day_of_next_month(match: re.Match[str], moment: Moment) -> Outcome:
    return day_in_month(_number(match["day"]), *_month_after(moment.today.year, moment.today.month))


def read_day_of_this_month(match: re.Match[str], moment: Moment) -> Outcome:
    outcome = day_in_month(_number(match["day"]), moment.today.year, moment.today.month)
    if outcome.day is not None and outcome.day < moment.today and not moment.in_past:
        return _ask("past_date", outcome.day)
    return outcome


def read_range(match: re.Match[str], moment: Moment) -> Outcome:
    outcomes = []
    for name in ("first", "second"):
        day = _number(match[name])
        if match["month"]:
            month = match["month"]
            number = int(month) if month.isdigit() else words.month_number(month)
            outcomes.append(day_and_month(day, number, moment))
        else:
            outcomes.append(day_alone(day, moment))
    return _ask("ambiguous_range", *(o.day for o in outcomes if o.day))


def read_day(match: re.Match[str], moment: Moment) -> Outcome:
    return day_alone(_number(match["day"]), moment)


def read_business_day(match: re.Match[str], moment: Moment) -> Outcome | None:
    number = -1 if match["last"] else words.ordinal_number(match["ordinal"])
    year, month = moment.today.year, moment.today.month
    if match["month"]:
        month = words.month_number(match["month"])
        year += month < moment.today.month
    elif match["next"]:
        year, month = _month_after(year, month)
    found = nth_business_day(year, month, number)
    if found is not None and found < moment.today and not match["month"]:
        found = nth_business_day(*_month_after(year, month), number)
    return _NO_SUCH_DATE if found is None else _certain(found)


def read_next_business_day(_: re.Match[str], moment: Moment) -> Outcome:
    return _certain(add_business_days(moment.today, 1), "relative")


def read_in_business_days(match: re.Match[str], moment: Moment) -> Outcome:
    return _certain(add_business_days(moment.today, _number(match["count"])), "relative")


def read_last_day_of_month(match: re.Match[str], moment: Moment) -> Outcome:
    year, month = moment.today.year, moment.today.month
    if match["month"]:
        month = words.month_number(match["month"])
        year += month < moment.today.month
    elif match["next"]:
        year, month = _month_after(year, month)
    return _certain(_last_day(year, month))


def read_edge_of_month(match: re.Match[str], moment: Moment) -> Outcome:
    year, month = moment.today.year, moment.today.month
    if match["month"]:
        month = words.month_number(match["month"])
        year += month < moment.today.month
    elif match["next"]:
        year, month = _month_after(year, month)
    if match["edge"].startswith(("fim", "final", "vira")):
        return _ask("vague_period", _last_day(year, month), kind="vague")
    return _ask("vague_period", kind="vague")


def read_in_time(match: re.Match[str], moment: Moment) -> Outcome | None:
    count, unit = _number(match["count"]), match["unit"]
    if unit.startswith("d"):
        return _certain(moment.today + timedelta(days=count), "relative")
    if unit.startswith("s"):
        return _certain(moment.today + timedelta(weeks=count), "relative")
    if unit.startswith("h"):
        return _certain(moment.today + timedelta(days=count // 24), "relative") if count % 24 == 0 else None
    year, month = _month_after(moment.today.year, moment.today.month, count)
    return _certain(make_date(year, month, moment.today.day) or _last_day(year, month), "relative")


def read_bare_time(match: re.Match[str], moment: Moment) -> Outcome | None:
    if match["count"] == "um":  # 'um dia eu pago' counts nothing
        return None
    outcome = read_in_time(match, moment)
    if outcome is None or outcome.day is None or match.string.strip(" \n.,!?") == match[0].strip():
        return outcome
    return _ask("unclear_start", outcome.day, kind="relative")


def read_ago(match: re.Match[str], moment: Moment) -> Outcome:
    return _certain(moment.today - timedelta(days=_number(match["count"])), "relative")


def read_today_to_eight(match: re.Match[str], moment: Moment) -> Outcome:
    # Idiom: 'de hoje a oito' counts today, so it is one week; 'a quinze' two.
    return _certain(moment.today + timedelta(days=7 if match["count"] in ("8", "oito") else 14), "relative")


def read_weekday_of_next_week(match: re.Match[str], moment: Moment) -> Outcome:
    weekday, today = words.weekday_number(match["weekday"]), moment.today
    monday = today + timedelta(days=7 - today.weekday())
    found = monday + timedelta(days=weekday)
    if weekday == 6:  # for many the week begins on Sunday
        return _ask("ambiguous_week", found - timedelta(days=7), found, kind="weekday")
    if today.weekday() == 6:
        return _ask("ambiguous_week", found, found + timedelta(days=7), kind="weekday")
    return _certain(found, "weekday")


def _weekday_with_day(found: date, day: Outcome) -> Outcome:
    """Check 'sexta 27' against the calendar."""
    if day.day is None or day.day.weekday() == found.weekday():
        return day
    return _ask("weekday_mismatch", day.day, found)


def read_weekday(match: re.Match[str], moment: Moment) -> Outcome:
    weekday, today = words.weekday_number(match["weekday"]), moment.today
    before, after = match["before"] or "", match["after"] or ""
    last = today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1)
    if after.startswith("passad") or (moment.in_past and not after):
        return _certain(last, "weekday")
    if after.startswith("retrasad"):
        return _certain(last - timedelta(days=7), "weekday")
    found = weekday_after(today, weekday)
    if match["number"]:
        return _weekday_with_day(found, day_alone(int(match["number"]), moment))
    if "outra" in after:
        return _certain(found + timedelta(days=7), "weekday")
    if today.weekday() == weekday and (before.startswith(("nes", "es")) or after.startswith("agora")):
        return _ask("ambiguous_weekday", today, found, kind="weekday")
    return _certain(found, "weekday")


def read_shift(days: int) -> Resolve:
    return lambda match, moment: _certain(moment.today + timedelta(days=days), "relative")


def read_weekend(match: re.Match[str], moment: Moment) -> Outcome:
    saturday = weekday_after(moment.today - timedelta(days=1), 5)
    if match["next"]:
        saturday = weekday_after(moment.today, 5)
    return _ask("vague_period", saturday, saturday + timedelta(days=1), kind="vague")


def read_holiday(month: int, day: int) -> Resolve:
    def resolve(match: re.Match[str], moment: Moment) -> Outcome:
        found = date(moment.today.year, month, day)
        return _certain(found if found >= moment.today else found.replace(year=found.year + 1))

    return resolve


def read_from_good_friday(days: int) -> Resolve:
    def resolve(match: re.Match[str], moment: Moment) -> Outcome:
        found = good_friday(moment.today.year) + timedelta(days=days)
        if found < moment.today:
            found = good_friday(moment.today.year + 1) + timedelta(days=days)
        return _certain(found)

    return resolve


def read_next_week(match: re.Match[str], moment: Moment) -> Outcome:
    monday = moment.today + timedelta(days=7 - moment.today.weekday())
    return _ask("vague_period", *(monday + timedelta(days=n) for n in range(5)), kind="vague")


def read_this_week(match: re.Match[str], moment: Moment) -> Outcome:
    left = [moment.today + timedelta(days=n) for n in range(max(1, 5 - moment.today.weekday()))]
    return _ask("vague_period", *left, kind="vague")


def read_asking(reason: str, kind: Kind = "vague") -> Resolve:
    return lambda match, moment: _ask(reason, kind=kind)


def read_asking_today(match: re.Match[str], moment: Moment) -> Outcome:
    return _ask("vague_period", moment.today, kind="vague")
