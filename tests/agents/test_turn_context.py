"""What the models are told of a turn's dates and of messages without words."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from agents.turn_context import WITHOUT_WORDS, Heard, context_block, hear
from domain.messages import Medium
from domain.tenants import Tenant
from domain.turns import CallContext, ContactProfile, Identity, TurnContext
from graphs.runner import _WITHOUT_WORDS
from services.identity import typed_documents
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


# --- in a call

ASKED = AIMessage(content="Pode me dizer os três primeiros números do CPF do titular?")


def said(*texts: str, asked: str = "Certo. E os números seguintes?") -> list[BaseMessage]:
    """Give a call's messages: the document asked for, each utterance answered by a question for more."""
    messages: list[BaseMessage] = [ASKED]
    for text in texts:
        messages += [HumanMessage(content=text), AIMessage(content=asked)]
    return messages[:-1]


def test_document_said_in_groups_is_authorised_like_a_typed_one() -> None:
    heard = hear(said("cinco dois nove", "nove oito dois", "dois quatro sete", "25"), today=TODAY, medium=Medium.VOICE)
    assert heard.spoken_documents == ("529.982.247-25",)
    assert typed_documents(heard.customer_texts) == {"52998224725"}
    assert heard.has_document
    assert heard.has_new_document
    assert heard.document_digits == 0
    assert heard.new_texts == ("25",)


def test_new_utterances_are_told_without_hesitation_and_noise() -> None:
    heard = hear([HumanMessage(content="ééé… sim, [ruído] pode registrar")], today=TODAY, medium=Medium.VOICE)
    assert heard.new_texts == ("sim, pode registrar",)
    assert heard.is_yes


@pytest.mark.parametrize(
    ("texts", "digits", "is_wrong"),
    [
        (("cinco dois nove",), 3, False), (("529", "982"), 6, False), (("529 982 247 24",), 0, True),
        (("não tenho aqui",), 0, False),
    ],
)  # fmt: skip
def test_incomplete_document_is_counted(texts: tuple[str, ...], digits: int, is_wrong: bool) -> None:
    heard = hear(said(*texts), today=TODAY, medium=Medium.VOICE)
    assert heard.document_digits == digits
    assert heard.has_wrong_document is is_wrong
    assert not heard.has_document


def test_document_stays_known_in_later_turns_and_is_new_only_once() -> None:
    messages = [*said("529 982 247 25"), AIMessage(content="Em que dia?"), HumanMessage(content="dia cinco")]
    heard = hear(messages, today=TODAY, medium=Medium.VOICE)
    assert heard.has_document
    assert not heard.has_new_document
    assert heard.document_digits == 0
    assert [reading.date for reading in heard.dates] == [date(2026, 12, 5)]


@pytest.mark.parametrize(
    ("text", "asked", "amounts"),
    [
        ("cento e vinte", "Quanto fica bom para você?", (12000,)),
        ("cento e dezenove e noventa", "Quanto fica bom para você?", (11990,)),
        ("cento e dezenove reais e noventa", "Em que dia?", (11990,)),
        ("cento e vinte", "Em que dia você consegue pagar?", ()),
        ("só uma", "Quer pagar o total ou a mais antiga?", ()),
    ],
)
def test_amounts_are_heard_as_they_are_said(text: str, asked: str, amounts: tuple[int, ...]) -> None:
    messages: list[BaseMessage] = [AIMessage(content=asked), HumanMessage(content=text)]
    assert hear(messages, today=TODAY, medium=Medium.VOICE).amounts == amounts


@pytest.mark.parametrize(
    ("text", "day"),
    [("vinte e sete do onze", date(2026, 11, 27)), ("é… dia vinte e... sete", date(2026, 11, 27)),
     ("ah, dia dez do mês doze", date(2026, 12, 10))],
)  # fmt: skip
def test_days_are_heard_as_they_are_said(text: str, day: date) -> None:
    heard = hear([HumanMessage(content=text)], today=TODAY, medium=Medium.VOICE)
    assert [reading.date for reading in heard.dates] == [day]


@pytest.mark.parametrize("text", ["(inaudible speech)", "[ruído]", "(unintelligible audio)", "...", "<noise>"])
def test_noise_is_not_understood(text: str) -> None:
    assert hear([HumanMessage(content=text)], today=TODAY, medium=Medium.VOICE).is_unintelligible
    assert not hear([HumanMessage(content=f"{text} sim")], today=TODAY, medium=Medium.VOICE).is_unintelligible


def call_turn(call: CallContext | None) -> TurnContext:
    tenant = Tenant(
        id=uuid4(), slug="t", name="TR Telecom", time_zone=ZoneInfo("America/Sao_Paulo"), state_code="SP",
        assistant_name="Lia", is_bot_enabled=True,
    )  # fmt: skip
    return TurnContext(
        tenant=tenant,
        contact=ContactProfile(id=uuid4()),
        conversation_id=uuid4(),
        turn_seq=1,
        medium=Medium.VOICE,
        now=DEFAULT_NOW,
        call=call,
    )


def block_of(turn: TurnContext, heard: Heard, identity: Identity) -> dict[str, object]:
    return context_block(turn, agent="cobranca", heard=heard, identity=identity, proposal=None, promise=None)


def test_context_of_a_call_tells_what_only_a_call_has() -> None:
    turn = call_turn(CallContext(direction="out", purpose="campaign", can_transfer=True))
    heard = hear(said("529 982"), today=TODAY, medium=Medium.VOICE)
    block = block_of(turn, heard, {"status": "pendente"})
    assert block["canal"] == "voice"
    assert block["digitos_ditos"] == 6
    assert block["nao_entendi"] is False
    assert block["documento_ouvido"] is None
    assert block["ligacao"] == {
        "direcao": "feita", "motivo": "campanha", "pode_transferir": True, "tem_mensagem": False
    }  # fmt: skip


def test_heard_document_is_told_until_the_holder_is_confirmed() -> None:
    heard = hear(said("529 982 247 25"), today=TODAY, medium=Medium.VOICE)
    turn = call_turn(None)
    assert block_of(turn, heard, {"status": "pendente"})["documento_ouvido"] == "529.982.247-25"
    confirmed: Identity = {"status": "confirmada", "document": "52998224725", "customer_name": "Maria"}
    assert block_of(turn, heard, confirmed)["documento_ouvido"] is None


def test_text_has_no_keys_of_a_call() -> None:
    turn = replace(call_turn(None), medium=Medium.WHATSAPP)
    heard = hear([HumanMessage(content="cinco dois nove nove oito dois dois quatro sete dois cinco")], today=TODAY)
    assert not heard.has_document
    assert {"ligacao", "digitos_ditos", "nao_entendi", "documento_ouvido"}.isdisjoint(
        block_of(turn, heard, {"status": "pendente"})
    )


@pytest.mark.parametrize(
    ("keys", "day"),
    [((), date(2026, 11, 21)), (("1199990001",), date(2026, 11, 21)), (("9299990001",), date(2026, 11, 20))],
)
def test_today_is_the_customers_day(keys: tuple[str, ...], day: date) -> None:
    past_midnight = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)  # half past midnight in São Paulo, 23:30 in Manaus
    turn = replace(
        call_turn(None), now=past_midnight, contact=ContactProfile(id=uuid4(), phone_match_keys=keys)
    )  # fmt: skip
    assert turn.today == day
    assert block_of(turn, hear([HumanMessage(content="hoje")], today=turn.today), {"status": "pendente"})["data"] == (
        f"{day:%d/%m/%Y}"
    )


def test_question_before_each_message_is_kept() -> None:
    said: list[BaseMessage] = [
        HumanMessage(content="oi"), AIMessage(content="Falo com Maria?"), HumanMessage(content="não"),
        HumanMessage(content="é a irmã dela"), AIMessage(content=""), AIMessage(content="Falo agora com a titular?"),
        HumanMessage(content="sim"),
    ]  # fmt: skip
    for medium in (Medium.WHATSAPP, Medium.VOICE):
        heard = hear(said, today=TODAY, medium=medium)
        assert heard.asked == ("", "Falo com Maria?", "Falo com Maria?", "Falo agora com a titular?")
        assert heard.customer_texts == ("oi", "não", "é a irmã dela", "sim")
