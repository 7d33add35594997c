"""When a reminder of a promise may be sent, and how it reads."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.campaigns import Method
from domain.contact_hours import Place, closed_reason, local_day, place_of
from domain.promise_reminders import REMINDER_HOURS, promised_day_words, reminder_at, reminder_text
from domain.reply_rules import find_debt_told

MADE = datetime(2026, 11, 16, 14, 0, tzinfo=UTC)  # a Monday, 11:00 in São Paulo


def place(phone: str = "+5511999990001") -> Place:
    found = place_of(phone)
    assert found is not None
    return found


def at(due_on: date, *, made_at: datetime = MADE, phone: str = "+5511999990001", **holidays: str) -> datetime | None:
    days = {(date.fromisoformat(day.removeprefix("d").replace("_", "-")), ""): name for day, name in holidays.items()}
    return reminder_at(due_on, made_at=made_at, place=place(phone), method=Method.WHATSAPP, tenant_holidays=days)


@pytest.mark.parametrize(
    ("due_on", "moment"),
    [
        (date(2026, 11, 19), datetime(2026, 11, 18, 13, tzinfo=UTC)),  # Thursday: Wednesday at ten
        (date(2026, 11, 23), datetime(2026, 11, 19, 13, tzinfo=UTC)),  # Monday: over the weekend and Friday's holiday
        (date(2026, 11, 21), datetime(2026, 11, 19, 13, tzinfo=UTC)),  # Saturday: Friday is the 20th of November
        (date(2026, 11, 17), datetime(2026, 11, 16, 16, tzinfo=UTC)),  # tomorrow: two hours from now
        (date(2026, 11, 16), None),  # today
        (date(2026, 11, 15), None),
    ],
)
def test_reminder_comes_in_the_last_opening_before_the_day(due_on: date, moment: datetime | None) -> None:
    assert at(due_on) == moment


def test_promise_of_the_evening_for_tomorrow_gets_none() -> None:
    evening = datetime(2026, 11, 16, 21, 0, tzinfo=UTC)  # 18:00
    assert at(date(2026, 11, 17), made_at=evening) is None
    assert at(date(2026, 11, 17), made_at=evening - timedelta(seconds=1)) == evening + timedelta(hours=2, seconds=-1)


def test_promise_made_at_night_for_the_day_after_tomorrow_is_reminded_tomorrow() -> None:
    night = datetime(2026, 11, 17, 2, 59, 59, tzinfo=UTC)  # 23:59:59 of the 16th
    assert at(date(2026, 11, 18), made_at=night) == datetime(2026, 11, 17, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("phone", "hour"),
    [
        ("+5511999990001", 13),  # -3, opens at 8
        ("+5568999990001", 15),  # -5
        ("+5597999990001", 15),  # -4 and -5, AM: 08-18
        ("+5521999990001", 14),  # RJ opens at 9
    ],
)
def test_place_of_the_customer_decides(phone: str, hour: int) -> None:
    assert at(date(2026, 11, 19), phone=phone) == datetime(2026, 11, 18, hour, tzinfo=UTC)


def test_tenants_own_holiday_is_passed_over() -> None:
    assert at(date(2026, 11, 19), d2026_11_18="aniversário da cidade") == datetime(2026, 11, 17, 13, tzinfo=UTC)


@given(
    made_at=st.integers(0, 12 * 365 * 86_400).map(lambda s: datetime(2017, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
    days=st.integers(0, 30),
    phone=st.sampled_from(["+5511999990001", "+5568999990001", "+5597999990001", "+5581999990001", "+5565999990001"]),
)
def test_moment_is_always_open_after_the_promise_and_before_the_day(made_at: datetime, days: int, phone: str) -> None:
    where = place(phone)
    due_on = local_day(made_at, where) + timedelta(days=days)
    moment = at(due_on, made_at=made_at, phone=phone)
    if moment is not None:
        assert moment >= made_at + timedelta(hours=2)
        assert all(moment.astimezone(zone).date() < due_on for zone in where.zones)
        assert (
            closed_reason(moment, place=where, window=REMINDER_HOURS, method=Method.WHATSAPP, tenant_holidays={})
            is None
        )


def test_tomorrow_is_called_so_and_other_days_are_not() -> None:
    assert promised_day_words(date(2026, 11, 27), date(2026, 11, 26)) == "amanhã, sexta-feira, 27/11"
    assert promised_day_words(date(2026, 11, 30), date(2026, 11, 27)) == "segunda-feira, 30/11"


@pytest.mark.parametrize(
    ("name", "greeting"), [("MARIA APARECIDA", "Oi, Maria!"), ("João", "Oi, João!"), ("", "Oi!"), ("  ", "Oi!")]
)
def test_words_greet_and_tell_nobody_of_a_debt(name: str, greeting: str) -> None:
    text = reminder_text(
        client_name=name, document="52998224725", assistant_name="Lia", tenant_name="TR Telecom",
        due_on=date(2026, 11, 27), today=date(2026, 11, 26),
    )  # fmt: skip
    assert text == (
        f"{greeting} Sou Lia, assistente virtual da TR Telecom. Passando para lembrar do combinado para amanhã, "
        "sexta-feira, 27/11. Se já resolveu, pode desconsiderar. Qualquer coisa, é só responder por aqui."
    )
    assert not find_debt_told(text, customer_texts=(), known_texts=(), known_amounts=set())
