"""Days without contact: national, state and optional holidays of Brazil (compliance.md 2 and 7).

The `holidays` library knows most of it. What state laws add is written here with its source. Days that it lists though
their law has lapsed stay closed: one quiet day too many costs nobody anything, one too few is a contact on a holiday.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType

import holidays
from holidays.constants import OPTIONAL, PUBLIC

from domain.phones import AREA_CODES, uf_of_area_code

UFS: frozenset[str] = frozenset(uf for code in AREA_CODES if (uf := uf_of_area_code(code)) is not None)

TenantHolidays = Mapping[tuple[date, str], str]  # (day, uf, or "" for everywhere) -> name

_OCTOBER = 10
_TUESDAY, _THURSDAY, _FRIDAY, _SATURDAY, _SUNDAY = 1, 3, 4, 5, 6
_ONE_DAY = timedelta(days=1)

# State holidays that the library lacks, as (month, day, name).
_MISSING: Mapping[str, tuple[tuple[int, int, str], ...]] = {
    "AM": ((12, 8, "Nossa Senhora da Conceição"),),  # kept in the whole state; the law found is Manaus's (496/1999)
    "AP": ((5, 15, "Dia de Cabralzinho"),),  # Lei AP 2.213/2017
    "GO": ((10, 28, "Dia do Servidor Público"),),  # Lei GO 20.756/2020 art. 269 II: a state holiday, not optional
}
# States where Corpus Christi is a holiday of their own: Lei DF 72/1989 art. 1; Lei MA 11.539/2021 (upheld 2024).
_KEEP_CORPUS_CHRISTI = frozenset({"DF", "MA"})
# Leis AC 3.137/2016, 1.538/2004, 1.411/2001, 243/1968 and 57/1965: those that Lei AC 2.126/2009 may move.
_MOVABLE_IN_ACRE: tuple[tuple[int, int, str], ...] = (
    (1, 23, "Dia do Evangélico"),
    (1, 20, "Dia do Católico"),
    (3, 8, "Dia Internacional da Mulher"),
    (9, 5, "Dia da Amazônia"),
    (11, 17, "Assinatura do Tratado de Petrópolis"),
)


def public_holiday(day: date, *, ufs: Iterable[str], includes_optional: bool) -> str | None:
    """Name the national, state or (when wanted) optional holiday that a day is in any of these states; None if none."""
    for uf in ufs:
        name = state_calendar(day.year, uf).get(day)
        if name is not None:
            return name
    return optional_holidays(day.year).get(day) if includes_optional else None


@cache
def state_calendar(year: int, uf: str) -> Mapping[date, str]:
    """Give the national and state holidays that bind in a state, with their Portuguese names."""
    calendar = dict(_from_library(year, uf, PUBLIC))
    extra = {date(year, month, day): name for month, day, name in _MISSING.get(uf, ())}
    if uf in _KEEP_CORPUS_CHRISTI:
        extra |= {day: name for day, name in optional_holidays(year).items() if name == "Corpus Christi"}
    if uf == "AL":
        extra |= _evangelicals_day_of_alagoas(year)
    if uf == "SC":
        extra |= _saturdays_of_santa_catarina(year)
    if uf == "AC":
        extra |= _moved_in_acre(year, frozenset(_from_library(year, None, PUBLIC)))
    return MappingProxyType(_election_days(year) | extra | calendar)


@cache
def optional_holidays(year: int) -> Mapping[date, str]:
    """Give the days that are free for many and working days by law: Carnival, Corpus Christi, 28 October, two eves.

    Banks and public offices are closed on most of them, so campaigns leave them out unless told otherwise.
    """
    return MappingProxyType(_from_library(year, None, OPTIONAL))


def _from_library(year: int, uf: str | None, category: str) -> dict[date, str]:
    # The language is named because holidays otherwise follows the locale of the process.
    found = holidays.country_holidays("BR", subdiv=uf, years=year, language="pt_BR", categories=category)
    return dict(found.items())


def _election_days(year: int) -> dict[date, str]:
    """Both rounds, in even years: a national holiday (Código Eleitoral art. 380; Constituição arts. 28, 29 and 77).

    The second round is not held everywhere; a Sunday is closed for it all the same.
    """
    if year % 2:
        return {}
    sundays = [day for number in range(1, 32) if (day := date(year, _OCTOBER, number)).weekday() == _SUNDAY]
    return {sundays[0]: "Eleições", sundays[-1]: "Eleições"}


def _evangelicals_day_of_alagoas(year: int) -> dict[date, str]:
    """Lei AL 7.530/2013 art. 2: from a Tuesday it goes to Monday, from a Thursday to Friday. Both days stay closed."""
    day = date(year, 11, 30)
    moved = {_TUESDAY: day - _ONE_DAY, _THURSDAY: day + _ONE_DAY}.get(day.weekday(), day)
    return {moved: "Dia do Evangélico"}


def _saturdays_of_santa_catarina(year: int) -> dict[date, str]:
    """Lei SC 18.531/2022 moves 11 August and 25 November from working days to Sunday.

    The library moves Saturdays too; whether Saturday is a working day here is open, so it stays closed as well.
    """
    days = {date(year, 8, 11): "Dia do Estado de Santa Catarina", date(year, 11, 25): "Santa Catarina de Alexandria"}
    return {day: name for day, name in days.items() if day.weekday() == _SATURDAY}


def _moved_in_acre(year: int, national: frozenset[date]) -> dict[date, str]:
    """Lei AC 2.126/2009: from midweek to Friday, and by each year's decree to Thursday when Friday is a holiday.

    Nobody can tell from the year alone whether a decree moves one, so the day itself and where it would go are closed.
    """
    closed: dict[date, str] = {}
    for month, number, name in _MOVABLE_IN_ACRE:
        day = date(year, month, number)
        moved = day + timedelta(days=max(0, _FRIDAY - day.weekday()))
        if moved != day and (moved in national or moved in closed):
            moved -= _ONE_DAY
        closed |= {day: name, moved: name}
    return closed
