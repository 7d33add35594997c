"""A promise protects until the first instant of the next local day, whatever the clocks do."""

import time as process_time
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.campaigns import Method
from domain.contact_hours import ContactWindow, Place, local_day, next_opening
from domain.local_time import first_instant
from domain.phones import AREA_CODES, time_zones_of_area_code
from domain.promised_day import protected_until

SAO_PAULO = ZoneInfo("America/Sao_Paulo")


@pytest.mark.parametrize(
    ("day", "until"),
    [
        (date(2026, 11, 27), datetime(2026, 11, 28, 3, tzinfo=UTC)),
        (date(2018, 11, 3), datetime(2018, 11, 4, 3, tzinfo=UTC)),  # 2018-11-04 00:00 does not exist: 01:00 is first
        (date(2018, 11, 4), datetime(2018, 11, 5, 2, tzinfo=UTC)),
        (date(2018, 2, 16), datetime(2018, 2, 17, 2, tzinfo=UTC)),
        (date(2018, 2, 17), datetime(2018, 2, 18, 3, tzinfo=UTC)),  # 23:00-23:59 happens twice, both protect
    ],
)
def test_protection_ends_at_the_first_instant_of_the_next_day(day: date, until: datetime) -> None:
    assert protected_until(day, SAO_PAULO) == until


def test_both_passes_of_the_repeated_hour_are_protected() -> None:
    until = protected_until(date(2018, 2, 17), SAO_PAULO)
    for fold in (0, 1):
        assert datetime(2018, 2, 17, 23, 59, 59, tzinfo=SAO_PAULO, fold=fold).astimezone(UTC) < until


def test_gap_over_midnight_is_found_to_the_second() -> None:
    # Toronto 1919-03-30: 23:30 became 00:30, so the 31st began at half past midnight.
    toronto = ZoneInfo("America/Toronto")
    until = protected_until(date(1919, 3, 30), toronto)
    assert until.astimezone(toronto).date() == date(1919, 3, 31)
    assert (until - timedelta(seconds=1)).astimezone(toronto).date() == date(1919, 3, 30)


@given(
    day=st.dates(min_value=date(1990, 1, 1), max_value=date(2040, 12, 31)),
    zone=st.sampled_from(
        sorted({zone for ddd in AREA_CODES for zone in time_zones_of_area_code(ddd)} | {"America/Noronha"})
    ),
)
def test_last_protected_second_is_on_the_day_and_the_next_is_not(day: date, zone: str) -> None:
    tz = ZoneInfo(zone)
    until = protected_until(day, tz)
    assert until.astimezone(tz).date() == day + timedelta(days=1)
    assert (until - timedelta(seconds=1)).astimezone(tz).date() == day
    assert until == first_instant(day + timedelta(days=1), time.min, tz)


# Zone, its state, and midnight there in hours of UTC.
ZONES = [
    ("America/Noronha", "PE", 2),
    ("America/Sao_Paulo", "SP", 3),
    ("America/Manaus", "AM", 4),
    ("America/Rio_Branco", "AC", 5),
]
THURSDAY, FRIDAY, MONDAY = date(2026, 5, 14), date(2026, 5, 15), date(2026, 5, 18)


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def server_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the process live in another zone: nothing of a promise may follow it."""
    zone: str = request.param
    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        process_time.tzset()
        yield zone
    process_time.tzset()


@pytest.mark.usefixtures("server_zone")
@pytest.mark.parametrize(("zone", "uf", "hours"), ZONES)
def test_promises_for_today_made_around_midnight_protect_their_own_day(zone: str, uf: str, hours: int) -> None:
    tz = ZoneInfo(zone)
    where = Place(uf=uf, zones=(tz,))
    midnight = datetime(2026, 5, 15, hours, tzinfo=UTC)  # as Thursday becomes Friday there
    made_before, made_at = midnight - timedelta(seconds=1), midnight
    assert made_before.astimezone(tz).time() == time(23, 59, 59)
    assert made_at.astimezone(tz).time() == time(0)

    assert local_day(made_before, where) == THURSDAY
    assert protected_until(local_day(made_before, where), tz) == midnight
    assert local_day(made_at, where) == FRIDAY
    assert protected_until(local_day(made_at, where), tz) == midnight + timedelta(days=1)


@pytest.mark.usefixtures("server_zone")
@pytest.mark.parametrize(("zone", "uf", "hours"), ZONES)
def test_contact_resumes_at_the_first_opening_after_the_protection(zone: str, uf: str, hours: int) -> None:
    where = Place(uf=uf, zones=(ZoneInfo(zone),))
    window = ContactWindow(start=time(8), end=time(20), weekdays=frozenset(range(1, 6)))
    for promised_on, resumes_on in ((THURSDAY, FRIDAY), (FRIDAY, MONDAY)):
        until = protected_until(promised_on, ZoneInfo(zone))
        opening = next_opening(until, place=where, window=window, method=Method.WHATSAPP, tenant_holidays={})
        expected = datetime.combine(resumes_on, time(8 + hours), tzinfo=UTC)
        assert opening == expected
