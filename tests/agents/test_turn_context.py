"""What the models are told of a turn's dates and of messages without words."""

from datetime import date
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from langchain_core.messages import HumanMessage

from agents.turn_context import WITHOUT_WORDS, context_block, hear
from domain.messages import Medium
from domain.tenants import Tenant
from domain.turns import ContactProfile, TurnContext
from graphs.runner import _WITHOUT_WORDS
from tests.fakes_clock import DEFAULT_NOW

TODAY = date(2026, 11, 20)


def dates_told(text: str) -> list[dict[str, object]]:
    tenant = Tenant(
        id=uuid4(), slug="t", name="TR Telecom", time_zone=ZoneInfo("America/Sao_Paulo"), state_code="SP",
        assistant_name="Lia", is_bot_enabled=True,
    )  # fmt: skip
    turn = TurnContext(
        tenant=tenant, contact=ContactProfile(id=uuid4()), conversation_id=uuid4(), turn_seq=1,
        medium=Medium.WHATSAPP, now=DEFAULT_NOW,
    )  # fmt: skip
    heard = hear([HumanMessage(content=text)], today=TODAY)
    block = context_block(
        turn, agent="cobranca", heard=heard, identity={"status": "pendente"}, proposal=None, promise=None
    )
    told = block["datas"]
    assert isinstance(told, list)
    return told


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("pago dia 10/11", "esse dia já passou"),
        ("dia 5 nao da", "o cliente disse que nesse dia não pode"),
        ("dia 31/11", "esse dia não existe no calendário"),
        ("sexta 28", "o dia da semana não bate com a data"),
        ("quando cair meu salario", "depende de quando o dinheiro entrar"),
    ],
)
def test_reason_of_an_unclear_day_is_told(text: str, reason: str) -> None:
    [read] = dates_told(text)
    assert read["motivo"] == reason


def test_days_to_choose_from_are_told_only_when_there_is_a_choice() -> None:
    [read] = dates_told("sexta 28")
    assert read["opcoes"] == ["sábado, 28/11/2026", "sexta-feira, 27/11/2026"]
    [certain] = dates_told("dia 27")
    assert "opcoes" not in certain


@pytest.mark.parametrize("text", _WITHOUT_WORDS.values())
def test_what_stands_for_media_is_known_as_such(text: str) -> None:
    assert WITHOUT_WORDS.fullmatch(text)
    heard = hear([HumanMessage(content=text), HumanMessage(content="segue")], today=TODAY)
    assert heard.words == "segue"
    assert len(heard.new_texts) == 2
