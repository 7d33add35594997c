"""What rules hear in the new messages, and the block that tells the models."""

import json
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage

from agents.turn_context import context_block, hear
from domain.turns import Agreement, Identity
from tests.agents.test_router import turn

TODAY = date(2026, 11, 20)
# docs/tools.md, "The context of a turn"
KEYS = {
    "agente", "assistente", "empresa", "agora", "data", "dia_semana", "canal", "horario_atendimento", "contato.nome",
    "primeira_resposta", "origem", "identidade", "primeiro_nome", "documento_informado", "documento_com_erro",
    "proposta", "promessa",
    "datas", "valores", "pediu_humano", "pediu_ligacao", "diz_que_pagou", "diz_que_nao_e_a_pessoa",
    "afirmativo", "negativo", "campos", "colunas",
}  # fmt: skip


def said(*texts: str) -> list[HumanMessage]:
    return [HumanMessage(content=text) for text in texts]


def test_only_messages_since_the_last_reply_are_new() -> None:
    heard = hear([*said("meu cpf é 529.982.247-25"), AIMessage(content="Oi!"), *said("pago", "dia 27")], today=TODAY)
    assert heard.new_texts == ("pago", "dia 27")
    assert heard.has_document
    assert [reading.date for reading in heard.dates] == [date(2026, 11, 27)]


def test_bare_number_is_a_day_only_after_a_question_for_one() -> None:
    asked = AIMessage(content="Combinado. Em que dia você consegue pagar?")
    assert [r.date for r in hear([asked, *said("27")], today=TODAY).dates] == [date(2026, 11, 27)]
    assert hear([AIMessage(content="Quantas pessoas usam?"), *said("27")], today=TODAY).dates == ()


def test_wrong_digits_are_told_from_a_document() -> None:
    wrong = hear(said("cpf 529.982.247-24"), today=TODAY)
    assert (wrong.has_document, wrong.has_wrong_document) == (False, True)


def test_wish_to_be_left_alone_is_heard_in_a_flood() -> None:
    flood = ["bla " * 2000] * 30 + ["PARE"] + ["bla " * 2000] * 5
    assert hear(said(*flood), today=TODAY).asks_opt_out


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=300), max_size=5))
def test_nothing_a_customer_writes_breaks_the_reading(texts: list[str]) -> None:
    heard = hear(said(*texts), today=TODAY)
    identity: Identity = {"status": "pendente"}
    block = context_block(turn(), agent="persona", heard=heard, identity=identity, proposal=None, promise=None)
    assert set(json.loads(json.dumps(block))) == KEYS


def test_block_tells_agreements_and_the_holders_first_name_once_confirmed() -> None:
    promise: Agreement = {"amount_cents": 11990, "due_on": "2026-11-27", "protocol": "P7F3K2"}
    confirmed: Identity = {"status": "confirmada", "document": "52998224725", "customer_name": "Maria da Silva"}
    heard = hear(said("oi"), today=TODAY)
    block = context_block(turn(), agent="cobranca", heard=heard, identity=confirmed, proposal=None, promise=promise)
    assert block["primeiro_nome"] == "Maria"
    assert block["promessa"] == {
        "valor": "R$ 119,90", "data": "27/11/2026", "dia_semana": "sexta-feira", "protocolo": "P7F3K2",
    }  # fmt: skip
    assert "52998224725" not in json.dumps(block)
    pending: Identity = {"status": "pendente", "customer_name": "Maria da Silva"}
    block = context_block(turn(), agent="cobranca", heard=heard, identity=pending, proposal=None, promise=None)
    assert block["primeiro_nome"] is None
