"""A promise protects until the first instant of the next local day, whatever the clocks do."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
