"""The observer over whole drafts, and what it learns."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from agents.models import Factory
from agents.observer import check_draft, learn, room_left, sentence_check
from agents.talk import Talk
from agents.turn_context import hear
from domain.effects import MoveCard
from domain.messages import Medium
from domain.turns import AgentName, Evidence, Identity
from tests.agents.scripted_model import ScriptedModel, calls
from tests.agents.test_router import turn
from tests.graphs.rig import open_rig, spoken

CONFIRMED: Identity = {"status": "confirmada", "document": "52998224725", "customer_name": "Maria da Silva"}
PENDING: Identity = {"status": "pendente"}


def said(text: str = "", *, identity: Identity = PENDING, agent: AgentName = "cobranca", **more: Any) -> Talk:
    return Talk(agent=agent, text=text, identity=identity, proposal=None, promise=None, **more)


def reasons(draft: str, *texts: str, identity: Identity = PENDING, evidence: tuple[Evidence, ...] = ()) -> set[str]:
    context = turn()
    heard = hear([HumanMessage(content=text) for text in texts], today=context.today)
    found = check_draft(draft, heard=heard, talk=said(draft, identity=identity), turn=context, evidence=evidence)
    return {finding.reason for finding in found}


def test_customers_document_is_never_repeated() -> None:
    assert "full_document" in reasons("Confirmo o CPF 529.982.247-25!", "meu cpf é 529.982.247-25")
    assert "full_document" in reasons("É o que começa com 529.982?", "meu cpf é 529.982.247-25")


def test_debt_is_told_only_to_the_holder() -> None:
    known: tuple[Evidence, ...] = ({"kind": "amount", "value": "11990", "source": "consultar_faturas_cpf"},)
    draft = "Você tem uma fatura em aberto de R$ 119,90."
    assert "debt_before_identity" in reasons(draft, "oi", evidence=known)
    assert reasons(draft, "oi", identity=CONFIRMED, evidence=known) == set()


def test_price_of_a_product_may_be_told_to_anybody() -> None:
    known: tuple[Evidence, ...] = ({"kind": "amount", "value": "12990", "source": "buscar_produtos"},)
    assert reasons("O Fibra 600 Mega custa R$ 129,90 por mês.", "quanto custa?", evidence=known) == set()


def test_business_hours_may_be_told() -> None:
    assert reasons("Atendemos de segunda a sexta, das 8h às 20h.", "que horas abre?") == set()


def test_customer_cannot_make_the_bot_confirm_an_amount_as_debt() -> None:
    assert "unsupported_amount" in reasons("O total em aberto é R$ 50,00.", "devo só 50 reais né?", identity=CONFIRMED)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400))
def test_no_draft_breaks_the_rules(draft: str) -> None:
    assert isinstance(reasons(draft, "oi"), set)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("isso é um absurdo, que palhaçada", {"sentiment": "irritado"}),
        ("estou desempregado, nao tenho como", {"sentiment": "aflito"}),
        ("muito obrigada!", {"sentiment": "satisfeito"}),
        ("pode me ligar?", {"prefers": "ligação"}),
    ],
)
def test_sentiment_is_noted_once(text: str, facts: dict[str, str]) -> None:
    heard = hear([HumanMessage(content=text)], today=turn().today)
    noted = learn(heard, said(), known={})
    assert noted is not None
    assert noted.facts == facts
    assert learn(heard, said(), known=facts) is None


def test_stage_of_the_lead_follows_the_card() -> None:
    heard = hear([HumanMessage(content="gostaria de ver")], today=turn().today)
    moved = MoveCard(stage="Proposta enviada", reason="r", moved_by="agent")
    noted = learn(heard, said(agent="sales", effects=(moved,)), known={})
    assert noted is not None
    assert noted.facts["lead_stage"] == "Proposta enviada"


def scripted(*script: Any) -> dict[str, Factory]:
    model = ScriptedModel(script=list(script))
    return {"offline": lambda name, temperature: model}


async def test_critique_is_asked_only_where_configured_and_can_hand_over(database_url: str) -> None:
    opinion = calls(("Critica", {"veredito": "transferir", "motivos": ["cliente em sofrimento"]}))
    async with open_rig(database_url, factories=scripted("Que dia?", opinion), is_critique_enabled=True) as rig:
        outcome = await rig.run("bom dia")
        assert outcome.verdict == "held"
        assert [usage.feature for usage in outcome.usage] == ["reply", "critique"]
    async with open_rig(database_url, factories=scripted("Que dia?", opinion)) as rig:
        assert (await rig.run("bom dia")).verdict == "approved"


async def test_critique_that_asks_for_revision_is_followed(database_url: str) -> None:
    revise = calls(("Critica", {"veredito": "revisar", "motivos": ["seja mais gentil"]}))
    approve = calls(("Critica", {"veredito": "aprovar", "motivos": []}))
    script = scripted("Que dia?", revise, "Que dia fica bom para você?", approve)
    async with open_rig(database_url, factories=script, is_critique_enabled=True) as rig:
        outcome = await rig.run("bom dia")
        assert (outcome.verdict, spoken(outcome)) == ("refined", "Que dia fica bom para você?")


def spoken_reasons(sentence: str, *before: str, identity: Identity = PENDING, text: str = "oi") -> set[str]:
    context = replace(turn(), medium=Medium.VOICE)
    heard = hear([HumanMessage(content=text)], today=context.today, medium=Medium.VOICE)
    check = sentence_check(heard=heard, talk=said(identity=identity), turn=context, evidence=())
    return {finding.reason for finding in check(sentence, before)}


def test_sentence_is_held_against_the_same_rules_as_a_draft() -> None:
    assert spoken_reasons("Tudo bem?") == set()
    assert "unsupported_amount" in spoken_reasons("São R$ 50,00.", identity=CONFIRMED)
    assert "debt_before_identity" in spoken_reasons("Você tem uma fatura em aberto.")
    assert "unsupported_claim" in spoken_reasons("Registrei sua promessa.", identity=CONFIRMED)
    assert "wrong_language" in spoken_reasons("Please hold on, we have your invoice here.")


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("O total é duzentos e trinta e nove reais e oitenta centavos.", "unsupported_amount"),
        ("Fica para o dia vinte e nove de dezembro.", "unsupported_date"),
        ("Fica para vinte e nove do doze.", "unsupported_date"),
    ],
)
def test_amounts_and_days_in_words_need_backing_too(sentence: str, reason: str) -> None:
    assert reason in spoken_reasons(sentence, identity=CONFIRMED)


def test_document_that_was_dictated_is_never_repeated() -> None:
    dictated = "meu cpf é cinco dois nove nove oito dois dois quatro sete dois cinco"
    assert "full_document" in spoken_reasons("É o que começa com cinco dois nove nove oito dois?", text=dictated)


def test_document_spread_over_sentences_is_seen() -> None:
    text = "meu cpf é 529.982.247-25"
    assert spoken_reasons("Começa com 529.", text=text) == set()
    assert "full_document" in spoken_reasons("982.", "Começa com 529.", text=text)


def test_claim_spread_over_the_pieces_of_one_sentence_is_seen() -> None:
    assert spoken_reasons("fatura em aberto", identity=CONFIRMED) == set()
    begun = "Olha só, depois de ver tudo com muita calma aqui no nosso sistema, você deve,"
    assert "debt_before_identity" in spoken_reasons("desde ontem, um débito", begun)


def test_piece_before_excuses_no_claim() -> None:
    assert "unsupported_claim" in spoken_reasons("registrei sua promessa", "Assim que possível", identity=CONFIRMED)


def test_length_counts_over_the_whole_reply() -> None:
    assert spoken_reasons("Certo?", "a" * 480 + ".") == set()
    assert spoken_reasons("Certo, então vamos lá?", "a" * 480 + ".") == {"too_long"}


def test_spoken_reply_may_always_come_to_its_end() -> None:
    assert room_left((), medium=Medium.VOICE) == 500
    assert room_left(("a" * 300,), medium=Medium.VOICE) == 200
    assert room_left(("a" * 490,), medium=Medium.VOICE) == 160


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=200), max_size=5))
def test_no_sentence_breaks_the_rules(pieces: list[str]) -> None:
    assert isinstance(spoken_reasons("e então", *pieces), set)
    assert isinstance(spoken_reasons("".join(pieces)), set)
