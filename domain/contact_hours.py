"""When a person may be contacted: campaign hours ∩ state law ∩ method, in their own local time (compliance.md 1, 2, 7).

Openings are closed-open: 08:00:00 is inside, 20:00:00 is not. Each local day has at most one. What is not known closes:
no place gives no opening, an unknown state the hours that fit every known law.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from domain.campaigns import Method
from domain.holiday_calendar import UFS, TenantHolidays, public_holiday
from domain.local_time import first_instant
from domain.phones import AREA_CODES, area_code, time_zones_of_area_code, uf_of_area_code

__all__ = [
    "ClosedReason", "ContactWindow", "Place", "Purpose", "TenantHolidays", "closed_reason", "closing_after",
    "local_day", "next_opening", "place_of",
]  # fmt: skip

ClosedReason = Literal["outside_hours", "holiday"]
Hours = tuple[time, time]
WeekHours = Mapping[int, Hours]  # ISO weekday -> hours; a day that is not named has none

SEARCH_DAYS = 60
_SATURDAY = 6
_ONE_DAY = timedelta(days=1)
_ALL_DAY: Hours = (time.min, time.max)
_ALL_WEEK: WeekHours = dict.fromkeys(range(1, 8), _ALL_DAY)


class Purpose(StrEnum):
    """What a contact is about. Reminders of a promise keep the hours of collection."""

    COLLECTION = "collection"
    SALES = "sales"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a person is, as far as it decides the hours. A contact must fit every zone and every state."""

    uf: str | None
    zones: tuple[ZoneInfo, ...]
    other_ufs: tuple[str, ...] = ()  # that the area code reaches into, when no address says which it is

    @property
    def ufs(self) -> tuple[str, ...]:
        """Every state whose law and holidays bind; none when the state is not known."""
        return () if self.uf is None else (self.uf, *self.other_ufs)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactWindow:
    """The hours a campaign asks for: wall-clock times in the customer's place, ISO weekdays (Monday is 1)."""

    start: time
    end: time
    weekdays: frozenset[int]
    avoids_optional_holidays: bool = True


def _week(hours: str, saturday: str | None = None) -> WeekHours:
    """Read '08-20' (and Saturday's '08-14') into Monday to Friday (and Saturday); Sundays have none."""
    week = dict.fromkeys(range(1, 6), _hours(hours))
    return week if saturday is None else week | {_SATURDAY: _hours(saturday)}


def _hours(text: str) -> Hours:
    start, end = text.split("-")
    return time(int(start)), time(int(end))


# Collection, by state (compliance.md 2). They bind every method: SP's law speaks of calls and AL's of calls and text
# messages, and a court would hardly see an app message otherwise.
_COLLECTION_BY_UF: Mapping[str, WeekHours] = {
    "SP": _week("08-20", "08-14"),  # Lei SP 15.426/2014 art. 2
    "AL": _week("08-20", "08-14"),  # Lei AL 7.782/2016
    "RJ": _week("09-19"),  # Lei RJ 6.854/2014 as changed by Lei RJ 7.868/2018
    "ES": _week("08-19"),  # Lei ES 10.626/2017
    "AM": _week("08-18"),  # Lei AM 306/2016; sources disagree on the evening and on Saturday: the narrower is taken
    "PR": _week("08-18", "08-13"),  # reported by a trade source, number of the law not confirmed
    "MS": _week("08-18"),  # bill PL MS 130/2025, not known to be law: kept as if it were
}
# Sales: the sector's self-regulation, nationwide, and Lei RJ 4.896/2006 on top of it.
_SALES: WeekHours = _week("09-21", "10-16")
_SALES_BY_UF: Mapping[str, WeekHours] = {"RJ": _week("08-18")}
# An unknown state: Monday to Friday 09-18 fits every row above.
_ANY_STATE: WeekHours = _week("09-18")
# Where no state law was found a phone still rings at nobody's hours of rest (CDC arts. 42 and 71): never longer than
# the widest hours any of the laws grants to a call.
_CALLS: WeekHours = _week("08-20", "08-14")

# Area codes that lie in more than one state, beyond the one domain.phones names.
_ALSO_IN: Mapping[str, tuple[str, ...]] = {"61": ("GO",)}


def place_of(phone: str, *, uf: str | None = None) -> Place | None:
    """Give the place of an E.164 phone; None when it has no Brazilian area code.

    `uf` is the state of the address and beats the area code: numbers are ported and people move. In another state than
    the phone's, the phone's zones say nothing. A `uf` that is no state leaves the state unknown.
    """
    code = area_code(phone)
    return None if code is None else _place(code, None if uf is None else uf.strip().upper())


@lru_cache(maxsize=4096)
def _place(code: str, uf: str | None) -> Place:
    zones = _zones(time_zones_of_area_code(code))
    if not uf:
        return Place(uf=uf_of_area_code(code), zones=zones, other_ufs=_ALSO_IN.get(code, ()))
    if uf not in UFS:
        return Place(uf=None, zones=zones)
    if uf == uf_of_area_code(code):
        return Place(uf=uf, zones=zones)
    # Every zone of that state: AM gives Manaus and Rio Branco, PE gives Recife (Noronha has no area code of its own).
    names = (name for other in AREA_CODES if uf_of_area_code(other) == uf for name in time_zones_of_area_code(other))
    return Place(uf=uf, zones=_zones(tuple(names)))


def _zones(names: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    return tuple(ZoneInfo(name) for name in dict.fromkeys(names))


def closed_reason(
    instant: datetime, *, place: Place, window: ContactWindow, method: Method, tenant_holidays: TenantHolidays,
    purpose: Purpose = Purpose.COLLECTION,
) -> ClosedReason | None:  # fmt: skip
    """Say why no contact may be made at an instant; None means it is open."""
    plan = _day_plan(local_day(instant, place), place, window, method, purpose)
    if plan.opening is None:
        return "outside_hours"
    if not plan.is_free(tenant_holidays):
        return "holiday"
    return None if plan.opening[0] <= instant < plan.opening[1] else "outside_hours"


def next_opening(
    after: datetime, *, place: Place, window: ContactWindow, method: Method, tenant_holidays: TenantHolidays,
    purpose: Purpose = Purpose.COLLECTION,
) -> datetime | None:  # fmt: skip
    """Give the first open instant that is not before `after`, in UTC; None when the next 60 days have none."""
    for plan in _plans(local_day(after, place), place, window, method, purpose):
        if plan.opening is not None and plan.opening[1] > after and plan.is_free(tenant_holidays):
            return max(plan.opening[0], after.astimezone(UTC))
    return None


def closing_after(
    instant: datetime, *, place: Place, window: ContactWindow, method: Method, tenant_holidays: TenantHolidays,
    purpose: Purpose = Purpose.COLLECTION,
) -> datetime:  # fmt: skip
    """Give the end, in UTC, of the opening that an instant lies in; ValueError when it lies in none."""
    plan = _day_plan(local_day(instant, place), place, window, method, purpose)
    if plan.opening is None or not plan.opening[0] <= instant < plan.opening[1] or not plan.is_free(tenant_holidays):
        raise ValueError("no contact may be made at this instant, so there is no opening that would end")
    return plan.opening[1]


def local_day(instant: datetime, place: Place) -> date:
    """Give the day it is there; the earlier one where the zones do not agree."""
    if instant.tzinfo is None:
        raise ValueError("instants are aware")
    return min(instant.astimezone(zone).date() for zone in place.zones)


@dataclass(frozen=True, kw_only=True, slots=True)
class _DayPlan:
    """One local day of a place: its opening as if it were no holiday, and whether it is one by law."""

    day: date
    place: Place
    opening: tuple[datetime, datetime] | None
    is_holiday: bool

    def is_free(self, tenant_holidays: TenantHolidays) -> bool:
        """Tell whether the day is a holiday neither by law nor by the tenant's own table."""
        if self.is_holiday or not tenant_holidays:
            return not self.is_holiday
        return not any((self.day, uf) in tenant_holidays for uf in ("", *(self.place.ufs or UFS)))


def _plans(first: date, place: Place, window: ContactWindow, method: Method, purpose: Purpose) -> Iterator[_DayPlan]:
    for number in range(SEARCH_DAYS + 1):
        yield _day_plan(first + number * _ONE_DAY, place, window, method, purpose)


@lru_cache(maxsize=65_536)
def _day_plan(day: date, place: Place, window: ContactWindow, method: Method, purpose: Purpose) -> _DayPlan:
    """Compute one day; kept, because planning asks for the same few days and places for every target."""
    hours = _hours_of(day.isoweekday(), place, window, method, purpose)
    opening = None if hours is None else _opening(day, hours, place.zones)
    # An address that nobody knows may lie anywhere: a holiday of one state is reason enough to wait.
    name = public_holiday(day, ufs=place.ufs or UFS, includes_optional=window.avoids_optional_holidays)
    return _DayPlan(day=day, place=place, opening=opening, is_holiday=name is not None)


def _hours_of(weekday: int, place: Place, window: ContactWindow, method: Method, purpose: Purpose) -> Hours | None:
    """Intersect the campaign's hours of a weekday with every rule that binds; None when nothing is left."""
    if weekday not in window.weekdays:
        return None
    start, end = window.start, window.end
    for week in _rules(place, method, purpose):
        if weekday not in week:
            return None
        start, end = max(start, week[weekday][0]), min(end, week[weekday][1])
    return (start, end) if start < end else None


def _rules(place: Place, method: Method, purpose: Purpose) -> Iterator[WeekHours]:
    by_uf = _COLLECTION_BY_UF if purpose is Purpose.COLLECTION else _SALES_BY_UF
    if purpose is Purpose.SALES:
        yield _SALES
    elif method is Method.VOICE:
        yield _CALLS
    if not place.ufs:
        yield _ANY_STATE
    for uf in place.ufs:
        yield by_uf.get(uf, _ALL_WEEK)


def _opening(day: date, hours: Hours, zones: tuple[ZoneInfo, ...]) -> tuple[datetime, datetime] | None:
    """Give the instants from the latest start to the earliest end over all zones; None when they do not meet."""
    start = max(first_instant(day, hours[0], zone) for zone in zones)
    end = min(first_instant(day, hours[1], zone) for zone in zones)
    return (start, end) if start < end else None
