from datetime import UTC, datetime, timedelta

import pytest

from domain.buffering import QuietWindow

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["quero ver minha fatura", "529.982.247-25", "sim", "Pago sexta!", "ok 👍", None, "", "quanto é o de 600 mega?"],
)
def test_complete_text_waits_briefly(text: str | None) -> None:
    assert QuietWindow().seconds_after(text) == 1.5


@pytest.mark.parametrize("text", ["eu queria saber se", "então,", "olha...", "meu cpf é o", "é que", "vou pagar e"])
def test_broken_off_text_waits_longer(text: str) -> None:
    assert QuietWindow().seconds_after(text) == 6.0


@pytest.mark.parametrize("text", ["oi", "Bom dia!", "oi, tudo bem?", "  olá 😊"])
def test_greeting_alone_waits_in_between(text: str) -> None:
    assert 1.5 < QuietWindow().seconds_after(text) < 6.0


def test_enormous_text_is_judged_at_once() -> None:
    assert QuietWindow().seconds_after("a " * 2_000_000) in (1.5, 6.0)


def test_window_is_an_instant() -> None:
    assert QuietWindow(complete_seconds=2).quiet_until("sim", now=NOW) == NOW + timedelta(seconds=2)
