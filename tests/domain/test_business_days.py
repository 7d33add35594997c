"""Business days against known calendars."""

from datetime import date

import pytest

from domain.business_days import add_business_days, good_friday, is_business_day, national_holidays, nth_business_day


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 11, 19), True),
        (date(2026, 11, 20), False),  # Consciência Negra
        (date(2026, 11, 21), False),
        (date(2026, 12, 25), False),
        (date(2026, 4, 3), False),  # Sexta-feira Santa
        (date(2026, 2, 17), True),  # Carnival is no national holiday
    ],
)
def test_business_day_is_a_weekday_without_national_holiday(day: date, expected: bool) -> None:
    assert is_business_day(day) is expected


@pytest.mark.parametrize(
    ("year", "month", "number", "expected"),
    [
        (2026, 12, 5, date(2026, 12, 7)),
        (2027, 1, 5, date(2027, 1, 8)),
        (2026, 11, 5, date(2026, 11, 9)),
        (2026, 11, -1, date(2026, 11, 30)),
        (2026, 12, 30, None),
    ],
)
def test_nth_business_day(year: int, month: int, number: int, expected: date | None) -> None:
    assert nth_business_day(year, month, number) == expected


def test_holidays_are_jumped_over() -> None:
    assert add_business_days(date(2026, 11, 19), 1) == date(2026, 11, 23)
    assert add_business_days(date(2026, 12, 24), 1) == date(2026, 12, 28)


def test_holiday_names_are_portuguese_and_the_feast_moves() -> None:
    assert national_holidays(2026)[date(2026, 11, 20)].startswith("Dia Nacional de Zumbi")
    assert [good_friday(year) for year in (2024, 2025, 2026)] == [
        date(2024, 3, 29),
        date(2025, 4, 18),
        date(2026, 4, 3),
    ]
