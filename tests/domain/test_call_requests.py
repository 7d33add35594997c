"""When a call is wanted, in customers' words, and what follows an attempt."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.call_requests import RETRY_AFTER, after_attempt, is_cancelling, not_reached_text, read_wanted, when_words
from domain.campaigns import TargetOutcome

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)  # Wednesday, 11:00


def _local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", _local(18, 11, 2)), ("agora", _local(18, 11, 2)), ("já", _local(18, 11, 2)),
        ("assim que puder", _local(18, 11, 2)), ("hoje", _local(18, 11, 2)), ("em 2 minutos", _local(18, 11, 2)),
        ("daqui a 10 minutos", _local(18, 11, 10)), ("em meia hora", _local(18, 11, 30)),
        ("em duas horas", _local(18, 13)), ("daqui uma hora", _local(18, 12)), ("às 15h", _local(18, 15)),
        ("15h30", _local(18, 15, 30)), ("hoje às 15:30", _local(18, 15, 30)), ("às 14 e meia", _local(18, 14, 30)),
        ("às 3 da tarde", _local(18, 15)), ("às 3", _local(18, 15)), ("ao meio-dia", _local(18, 12)),
        ("meio-dia e meia", _local(18, 12, 30)), ("depois das 14h", _local(18, 14)), ("de tarde", _local(18, 14)),
        ("às 9h", _local(19, 9)), ("hoje às 9h", _local(18, 9)), ("amanhã às 8h", _local(19, 8)),
        ("amanhã de manhã", _local(19, 9)), ("amanhã cedo", _local(19, 9)), ("amanhã", _local(19, 0)),
        ("sexta às 10h", _local(20, 10)), ("dia 23 às 14h", _local(23, 14)), ("23/11 às 14h", _local(23, 14)),
        ("segunda-feira, 23/11, às 8 horas", _local(23, 8)), ("segunda-feira, 23/11, às 8h30", _local(23, 8, 30)),
        ("2026-11-19T10:00", _local(19, 10)), ("2026-11-19T13:00:00Z", _local(19, 10)),
        ("ontem às 10h", _local(17, 10)),
    ],
)  # fmt: skip
def test_hours_as_customers_say_them(text: str, wanted: datetime) -> None:
    assert read_wanted(text, now=NOW, zone=ZONE) == wanted


@pytest.mark.parametrize("text", ["quando der", "sei lá", "mais tarde", "31/02 às 10h", "semana que vem", "2026-99-99"])
def test_what_cannot_be_understood_is_not_guessed(text: str) -> None:
    assert read_wanted(text, now=NOW, zone=ZONE) is None


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    wanted = read_wanted(text, now=NOW, zone=ZONE)
    assert wanted is None or wanted.tzinfo is not None
    is_cancelling(text)


# Any hour at which a phone may ring.
_TOLD = st.builds(
    lambda day, minutes: _local(18 + day, minutes // 60, minutes % 60), st.integers(0, 6), st.integers(480, 1199)
)


@given(_TOLD.filter(lambda at: at > NOW + timedelta(minutes=15)))
def test_hour_that_was_told_reads_back_as_the_same(at: datetime) -> None:
    assert read_wanted(when_words(at, now=NOW, zone=ZONE), now=NOW, zone=ZONE) == at


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NOW + timedelta(minutes=2), "em 2 minutos"), (NOW, "em 2 minutos"), (_local(18, 15), "hoje, às 15 horas"),
        (_local(19, 8), "amanhã, às 8 horas"), (_local(19, 8, 30), "amanhã, às 8h30"),
        (_local(23, 8), "segunda-feira, 23/11, às 8 horas"),
    ],
)  # fmt: skip
def test_words_for_the_customer(at: datetime, words: str) -> None:
    assert when_words(at, now=NOW, zone=ZONE) == words


@pytest.mark.parametrize("text", ["cancelar", "não precisa mais ligar", "Cancela por favor", "desisti", "deixa pra lá"])
def test_withdrawing_is_told_from_an_hour(text: str) -> None:
    assert is_cancelling(text)
    assert not is_cancelling("amanhã às 15h")


@pytest.mark.parametrize(
    ("outcome", "attempts", "minutes", "kind"),
    [
        (TargetOutcome.ANSWERED, 1, 5, "done"), (TargetOutcome.CANCELED, 1, 5, "done"),
        (TargetOutcome.NO_ANSWER, 1, 5, "retry"), (TargetOutcome.BUSY, 1, 5, "retry"),
        (TargetOutcome.VOICEMAIL, 1, 5, "retry"), (TargetOutcome.FAILED, 1, 5, "retry"),
        (TargetOutcome.NO_ANSWER, 2, 5, "text"), (TargetOutcome.NO_ANSWER, 1, 600, "text"),
        (TargetOutcome.NO_ANSWER, 1, None, "text"),
    ],
)  # fmt: skip
def test_what_follows_an_attempt(outcome: TargetOutcome, attempts: int, minutes: int | None, kind: str) -> None:
    next_try = None if minutes is None else NOW + timedelta(minutes=minutes)
    step = after_attempt(outcome, attempts=attempts, next_try=next_try, now=NOW)
    assert (step.kind, step.due_at) == (kind, NOW + RETRY_AFTER if kind == "retry" else None)


def test_texts_begin_with_the_name_or_with_a_capital() -> None:
    assert not_reached_text("Maria").startswith("Maria, tentei")
    assert not_reached_text(None).startswith("Tentei")
