"""The calendar of all states from 2024 to 2032 against tables written by hand: laws and feasts, not the library."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest

from domain.campaigns import Method
from domain.contact_hours import ContactWindow, closed_reason, place_of
from domain.holiday_calendar import UFS, optional_holidays, public_holiday, state_calendar

YEARS = range(2024, 2033)

# Lei 662/1949, Lei 6.802/1980, Lei 14.759/2023 (20 November, from 2024).
NATIONAL = ((1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (11, 20), (12, 25))
GOOD_FRIDAY = -2
OPTIONAL_FIXED = ((10, 28), (12, 24), (12, 31))
OPTIONAL_FROM_EASTER = (-48, -47, -46, 60)  # Carnival Monday and Tuesday, Ash Wednesday, Corpus Christi
CARNIVAL_TUESDAY, CORPUS_CHRISTI = -47, 60
EASTER = {
    2024: date(2024, 3, 31), 2025: date(2025, 4, 20), 2026: date(2026, 4, 5), 2027: date(2027, 3, 28),
    2028: date(2028, 4, 16), 2029: date(2029, 4, 1), 2030: date(2030, 4, 21), 2031: date(2031, 4, 13),
    2032: date(2032, 3, 28),
}  # fmt: skip

# State laws with a fixed date; 21 April (DF, MG) and 15 November (PR) are national too.
STATE_FIXED: dict[str, tuple[tuple[int, int], ...]] = {
    "AC": ((6, 15),),  # Lei 14/1964
    "AL": ((6, 24), (6, 29), (9, 16), (11, 30)),  # Leis 5.508/1993, 5.509/1993, 9.358/2024, 7.530/2013
    "AM": ((9, 5), (12, 8)),  # Lei 25/1977; Nossa Senhora da Conceição
    "AP": ((3, 19), (5, 15), (9, 13)),  # Leis 667/2002, 2.213/2017; Constituição art. 355
    "BA": ((7, 2),),  # Constituição art. 6
    "CE": ((3, 25),),  # Constituição art. 18
    "DF": ((11, 30),),  # Lei 963/1995
    "ES": (),
    "GO": ((7, 26), (10, 24), (10, 28)),  # Lei 20.756/2020 art. 269
    "MA": ((7, 28),),  # Lei 2.457/1964
    "MG": (),
    "MS": ((10, 11),),  # Lei 10/1979
    "MT": (),
    "PA": ((8, 15),),  # Lei 5.999/1996
    "PB": ((8, 5),),  # Lei 10.601/2015
    "PE": ((3, 6),),  # Lei 16.241/2017 art. 49
    "PI": ((10, 19),),  # Lei 176/1937
    "PR": (),
    "RJ": ((4, 23),),  # Lei 5.198/2008
    "RN": ((10, 3),),  # Lei 8.913/2006
    "RO": ((1, 4),),  # Lei 2.291/2010
    "RR": ((10, 5),),  # Constituição art. 9
    "RS": ((9, 20),),  # Constituição art. 6
    "SC": (),
    "SE": ((7, 8),),  # Constituição art. 269
    "SP": ((7, 9),),  # Lei 9.497/1997
    "TO": ((9, 8), (10, 5)),  # Leis 627/1993 and 98/1989
}
STATE_FROM_EASTER = {
    "DF": (CORPUS_CHRISTI,),  # Lei 72/1989
    "ES": (8,),  # Nossa Senhora da Penha, Lei 11.010/2019
    "MA": (CORPUS_CHRISTI,),  # Lei 11.539/2021
    "RJ": (CARNIVAL_TUESDAY,),  # Lei 5.243/2008
}
# No holiday by law any more, or only in the capital; widely kept or listed, so we keep quiet.
KEPT_IN_DOUBT: dict[str, tuple[tuple[int, int], ...]] = {
    "AP": ((7, 25),), "CE": ((3, 19), (8, 15)), "RN": ((8, 7),), "RO": ((6, 18),), "TO": ((3, 18),),
}  # fmt: skip
# Lei AC 2.126/2009: the day itself and where it is moved to. 2026 has 22 January by that year's decree.
ACRE = {
    2024: ((1, 20), (1, 23), (1, 26), (3, 8), (9, 5), (9, 6), (11, 17)),
    2025: ((1, 20), (1, 23), (1, 24), (3, 8), (9, 5), (11, 17), (11, 21)),
    2026: ((1, 20), (1, 22), (1, 23), (3, 8), (9, 5), (11, 17), (11, 19)),
    2027: ((1, 20), (1, 22), (1, 23), (3, 8), (3, 12), (9, 5), (11, 17), (11, 19)),
    2028: ((1, 20), (1, 21), (1, 23), (3, 8), (3, 10), (9, 5), (9, 8), (11, 17)),
    2029: ((1, 20), (1, 23), (1, 26), (3, 8), (3, 9), (9, 5), (9, 6), (11, 17)),
    2030: ((1, 20), (1, 23), (1, 25), (3, 8), (9, 5), (9, 6), (11, 17)),
    2031: ((1, 20), (1, 23), (1, 24), (3, 8), (9, 5), (11, 17), (11, 21)),
    2032: ((1, 20), (1, 22), (1, 23), (3, 8), (3, 12), (9, 5), (11, 17), (11, 19)),
}
# Lei AL 7.530/2013: 30 November from Tuesday to Monday, from Thursday to Friday.
ALAGOAS_MOVED = {2027: (11, 29), 2028: (12, 1), 2032: (11, 29)}
# Lei SC 18.531/2022: the Sunday after 11 August and 25 November; Saturdays stay closed too.
SANTA_CATARINA = {
    2024: ((8, 11), (12, 1)), 2025: ((8, 17), (11, 30)), 2026: ((8, 16), (11, 29)), 2027: ((8, 15), (11, 28)),
    2028: ((8, 13), (11, 25), (11, 26)), 2029: ((8, 11), (8, 12), (11, 25)), 2030: ((8, 11), (12, 1)),
    2031: ((8, 17), (11, 30)), 2032: ((8, 15), (11, 28)),
}  # fmt: skip
# First and last Sunday of October of even years.
ELECTIONS = {
    2024: ((10, 6), (10, 27)), 2026: ((10, 4), (10, 25)), 2028: ((10, 1), (10, 29)), 2030: ((10, 6), (10, 27)),
    2032: ((10, 3), (10, 31)),
}  # fmt: skip

PHONES = {
    "AC": "68", "AL": "82", "AM": "92", "AP": "96", "BA": "71", "CE": "85", "DF": "61", "ES": "27", "GO": "62",
    "MA": "98", "MG": "31", "MS": "67", "MT": "65", "PA": "91", "PB": "83", "PE": "81", "PI": "86", "PR": "41",
    "RJ": "21", "RN": "84", "RO": "69", "RR": "95", "RS": "51", "SC": "48", "SE": "79", "SP": "11", "TO": "63",
}  # fmt: skip


def computed_easter(year: int) -> date:
    """Compute Easter by the lunar tables of the Gregorian reform (golden number, epact, Sunday)."""
    golden = year % 19 + 1
    century = year // 100 + 1
    skipped_leap_years = 3 * century // 4 - 12
    moon_correction = (8 * century + 5) // 25 - 5
    sunday = 5 * year // 4 - skipped_leap_years - 10
    epact = (11 * golden + 20 + moon_correction - skipped_leap_years) % 30
    if (epact == 25 and golden > 11) or epact == 24:
        epact += 1
    full_moon = 44 - epact
    if full_moon < 21:
        full_moon += 30
    return date(year, 3, 1) + timedelta(days=full_moon + 7 - (sunday + full_moon) % 7 - 1)


def expected_holidays(year: int, uf: str) -> set[date]:
    fixed = [*NATIONAL, *STATE_FIXED[uf], *KEPT_IN_DOUBT.get(uf, ()), *ELECTIONS.get(year, ())]
    if uf == "AC":
        fixed += ACRE[year]
    if uf == "SC":
        fixed += SANTA_CATARINA[year]
    if uf == "AL" and year in ALAGOAS_MOVED:
        fixed.append(ALAGOAS_MOVED[year])
    moving = (GOOD_FRIDAY, *STATE_FROM_EASTER.get(uf, ()))
    return {date(year, *day) for day in fixed} | {EASTER[year] + timedelta(days=days) for days in moving}


def expected_optional(year: int) -> set[date]:
    moving = {EASTER[year] + timedelta(days=days) for days in OPTIONAL_FROM_EASTER}
    return moving | {date(year, *day) for day in OPTIONAL_FIXED}


def days_of(year: int) -> Iterator[date]:
    day = date(year, 1, 1)
    while day.year == year:
        yield day
        day += timedelta(days=1)


def test_the_tables_of_this_test_name_all_states_and_the_right_easters() -> None:
    assert len(STATE_FIXED) == 27
    assert set(STATE_FIXED) == set(PHONES) == UFS
    assert {year: computed_easter(year) for year in YEARS} == EASTER


@pytest.mark.parametrize("uf", sorted(STATE_FIXED))
def test_state_calendar_is_the_table(uf: str) -> None:
    for year in YEARS:
        assert set(state_calendar(year, uf)) == expected_holidays(year, uf), year


def test_optional_days_are_the_table() -> None:
    for year in YEARS:
        assert set(optional_holidays(year)) == expected_optional(year)


@pytest.mark.parametrize("uf", sorted(STATE_FIXED))
@pytest.mark.parametrize("avoids_optional", [True, False])
def test_contacts_are_made_on_business_days_only(uf: str, avoids_optional: bool) -> None:
    window = ContactWindow(
        start=time(8), end=time(20), weekdays=frozenset(range(1, 6)), avoids_optional_holidays=avoids_optional
    )
    place = place_of(f"+55{PHONES[uf]}999990001", uf=uf)
    assert place is not None
    for year in YEARS:
        closed = expected_holidays(year, uf) | (expected_optional(year) if avoids_optional else set())
        for day in days_of(year):
            instant = datetime.combine(day, time(11), place.zones[0]).astimezone(UTC)
            reason = closed_reason(instant, place=place, window=window, method=Method.WHATSAPP, tenant_holidays={})
            if day.weekday() > 4:
                assert reason == "outside_hours", day
            else:
                assert reason == ("holiday" if day in closed else None), day


def test_names_are_portuguese() -> None:
    assert public_holiday(date(2026, 11, 20), ufs=("SP",), includes_optional=False) == (
        "Dia Nacional de Zumbi e da Consciência Negra"
    )
    assert public_holiday(date(2026, 7, 9), ufs=("SP",), includes_optional=False) == "Revolução Constitucionalista"
    assert public_holiday(date(2026, 2, 17), ufs=("SP",), includes_optional=True) == "Carnaval"
    assert public_holiday(date(2026, 2, 17), ufs=("SP",), includes_optional=False) is None
    assert public_holiday(date(2026, 2, 17), ufs=("RJ",), includes_optional=False) == "Carnaval"
    assert public_holiday(date(2026, 7, 8), ufs=("SP", "SE"), includes_optional=False) is not None
