"""Who answers, by rule (spec 1.2)."""

from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from agents.router import decide_by_rule
from agents.turn_context import hear
from domain.effects import HandOff, MarkWrongPerson, OptOut
from domain.messages import Medium
from domain.tenants import Tenant
from domain.turns import AgentName, ContactProfile, TurnContext
from tests.fakes_clock import DEFAULT_NOW


def turn(*, source: str = "customer", assigned: AgentName | None = None) -> TurnContext:
    tenant = Tenant(
        id=uuid4(), slug="t", name="TR Telecom", time_zone=ZoneInfo("America/Sao_Paulo"), state_code="SP",
        assistant_name="Lia", is_bot_enabled=True,
    )  # fmt: skip
    return TurnContext(
        tenant=tenant, contact=ContactProfile(id=uuid4()), conversation_id=uuid4(), turn_seq=1, medium=Medium.WHATSAPP,
        now=DEFAULT_NOW, source=source, assigned_agent=assigned,
    )  # fmt: skip


def decide(*texts: str, current: AgentName | None = None, context: TurnContext | None = None) -> Any:
    context = context or turn()
    heard = hear([HumanMessage(content=text) for text in texts], today=context.today)
    return decide_by_rule(heard, context, current=current)


@pytest.mark.parametrize("text", ["PARE", "sair", "não me mande mais mensagem", "me tira dessa lista"])
@pytest.mark.parametrize("assigned", [None, "cobranca"])
def test_opt_out_comes_before_everything(text: str, assigned: AgentName | None) -> None:
    route = decide(text, context=turn(assigned=assigned))
    assert [type(effect) for effect in route.effects] == [OptOut]
    assert route.agent is None


def test_opt_out_and_person_in_one_burst_are_both_heard() -> None:
    route = decide("quero falar com um atendente", "e parem de me mandar mensagem")
    assert {type(effect) for effect in route.effects} == {OptOut, HandOff}


def test_person_is_called_before_the_assigned_agent_speaks() -> None:
    route = decide("quero falar com uma pessoa", context=turn(assigned="cobranca"))
    assert [type(effect) for effect in route.effects] == [HandOff]


def test_wrong_person_counts_only_in_collection() -> None:
    text = "não sou essa pessoa"
    assert [type(effect) for effect in decide(text, context=turn(source="campaign")).effects] == [MarkWrongPerson]
    persona = decide(text, current="persona")
    assert persona is None or not persona.effects


@pytest.mark.parametrize(
    ("text", "current", "assigned", "agent"),
    [
        ("quanto custa o plano de 600 mega", None, None, "sales"),
        ("quero minha fatura", None, None, "cobranca"),
        ("minha internet ta lenta", None, None, "persona"),
        ("ja paguei", None, None, "cobranca"),
        ("oi", None, None, "persona"),
        ("oi", None, "cobranca", "cobranca"),
        ("quanto custa o plano de 600 mega", None, "cobranca", "cobranca"),
        ("quero contratar um plano", "cobranca", "cobranca", "sales"),
        ("ta bom então", "cobranca", None, "cobranca"),
        ("dia 27", "cobranca", None, "cobranca"),
        ("sim", "sales", None, "sales"),
        ("11144477735", None, None, "cobranca"),
        ("11144477735", "persona", None, "cobranca"),
        ("meu cpf é 123.456.789-00", "persona", None, "cobranca"),
        ("11144477735", "sales", None, "sales"),
        ("sim, pode registrar", "sales", None, "cobranca"),
        ("quero pagar minha conta", "sales", None, "cobranca"),
        ("minha internet ta cara", "sales", None, "sales"),
        ("eu cancelei faz meses essa internet", "cobranca", None, "cobranca"),
        ("mudei de ideia, nao vou pagar mais", "cobranca", None, "cobranca"),
        ("quero cancelar meu plano", "sales", None, "persona"),
        ("cancela minha internet pf", None, None, "persona"),
        ("vcs vao negativar meu nome?", None, None, "cobranca"),
        ("conta uma piada", "persona", None, "persona"),
        ("[O cliente enviou um pedido do catálogo]", "cobranca", None, "cobranca"),
        ("[O cliente enviou uma localização]", None, None, "persona"),
        ("quero ir para o setor de pagamentos", "sales", None, "cobranca"),
        ("o endereço é Rua das Palmeiras, 120", "sales", None, "sales"),
        ("Av. Brasil, 1500", "sales", None, "sales"),
        ("meu email é a@exemplo.com.br", "sales", None, "sales"),
        ("como faço pra mudar de endereço?", "sales", None, "persona"),
        ("qual é o endereço da loja?", "sales", None, "persona"),
    ],
)  # fmt: skip
def test_rules_choose_the_agent(text: str, current: AgentName | None, assigned: AgentName | None, agent: str) -> None:
    route = decide(text, current=current, context=turn(assigned=assigned))
    assert route is not None
    assert route.agent == agent
    assert route.reason


def test_document_after_talk_of_a_bill_leaves_sales() -> None:
    route = decide("me manda o boleto e o preço do plano", "11144477735", current="sales")
    assert route.agent == "cobranca"


def test_confirmed_holder_is_never_a_wrong_number() -> None:
    heard = hear([HumanMessage(content="não sou essa pessoa que deve isso")], today=turn().today)
    route = decide_by_rule(heard, turn(), current="cobranca", is_confirmed=True)
    assert route is not None
    assert not route.effects


def test_wrong_number_in_a_first_message_is_noted() -> None:
    assert [type(effect) for effect in decide("número errado, não conheço essa pessoa").effects] == [MarkWrongPerson]


@pytest.mark.parametrize("text", ["quero falar com a cobrança", "quero falar com o financeiro"])
def test_department_asked_for_is_a_person(text: str) -> None:
    assert [type(effect) for effect in decide(text).effects] == [HandOff]


def test_campaigns_answer_goes_to_collection() -> None:
    route = decide("quem é?", context=turn(source="campaign"))
    assert route.agent == "cobranca"


def test_only_reading_can_tell_an_unclear_first_message() -> None:
    assert decide("é sobre aquilo de ontem") is None


def test_nothing_new_needs_no_answer() -> None:
    context = turn()
    heard = hear([HumanMessage(content="oi"), AIMessage(content="Oi!")], today=context.today)
    route = decide_by_rule(heard, context, current=None)
    assert route is not None
    assert (route.agent, route.reply) == (None, None)


def test_megabytes_of_text_are_routed_in_no_time() -> None:
    assert decide("a" * 1_000_000, current="persona").agent == "persona"


@pytest.mark.parametrize("assigned", [None, "cobranca"])
def test_bare_no_to_the_name_asked_for_is_a_wrong_number(assigned: AgentName | None) -> None:
    context = turn(source="campaign", assigned=assigned)
    heard = hear([HumanMessage(content="nao")], today=context.today)
    denied = decide_by_rule(heard, context, current="cobranca", last_reply="Oi! Falo com Maria?")
    assert denied is not None
    assert [type(effect) for effect in denied.effects] == [MarkWrongPerson]
    other = decide_by_rule(heard, context, current="cobranca", last_reply="Posso registrar?")
    assert other is not None
    assert not other.effects


def test_family_of_the_dead_is_told_no_cheerful_words() -> None:
    route = decide("a Maria era minha mãe", "ela faleceu", context=turn(source="campaign"))
    assert [type(effect) for effect in route.effects] == [MarkWrongPerson]
    assert "Sinto muito" in route.reply
    assert "ótimo dia" not in route.reply


@pytest.mark.parametrize("text", ["não quero mais viver, me deixem em paz", "vou me matar, quero falar com alguém"])
def test_danger_of_life_is_heard_in_an_opt_out_and_in_a_wish_for_a_person(text: str) -> None:
    route = decide(text, context=turn(source="campaign"))
    assert "188" in route.reply
    assert HandOff in {type(effect) for effect in route.effects}


def test_opt_out_in_several_bubbles_is_one() -> None:
    route = decide("oi", "eu nao quero", "receber mais", "mensagem de vcs")
    assert [type(effect) for effect in route.effects] == [OptOut]


@pytest.mark.parametrize(
    "bubbles",
    [
        ("nao", "me manda mensagem amanha"), ("não quero", "me manda mensagem mais tarde"),
        ("nao recebi mais", "mensagem com o boleto"), ("agora nao", "pode me mandar o boleto?"),
    ],
)  # fmt: skip
def test_bubbles_that_say_other_things_make_no_opt_out(bubbles: tuple[str, ...]) -> None:
    route = decide(*bubbles, current="cobranca")
    assert route is None or not route.effects
