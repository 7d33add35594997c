"""Talks over the product's own inbox, graph and commits, in worlds of their own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from evals.events import AgentSaid, Changed, CustomerSaid, ToolCalled, Transcript
from evals.scenario import Scenario
from evals.session import EvalSession, open_session
from evals.world import CellSetup
from tests.evals.eval_rig import COURSE, MARIA, make_scenario, with_seed

SETUP = CellSetup(chain=("offline",), prompts={})


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[EvalSession]:
    async with open_session(database_url) as opened:
        yield opened


def replies(transcript: Transcript, turn: int | None = None) -> list[str]:
    return [e.text for e in transcript.events if isinstance(e, AgentSaid) and turn in (None, e.turn)]


async def test_negotiation_ends_in_a_promise_and_every_step_stands_in_the_transcript(session: EvalSession) -> None:
    transcript = await session.talk(make_scenario(), SETUP)

    assert transcript.error is None
    assert [e.text for e in transcript.events if isinstance(e, CustomerSaid)] == list(COURSE)
    [promise] = transcript.end.promises
    assert (promise.document, promise.amount_cents, promise.due_on) == (MARIA, 23980, date(2026, 11, 27))
    assert (transcript.end.identity, transcript.end.identity_document) == ("confirmada", MARIA)
    assert [e.name for e in transcript.events if isinstance(e, ToolCalled)] == [
        "consultar_faturas_cpf", "registrar_promessa_pagamento", "registrar_promessa_pagamento",
    ]  # fmt: skip
    [stored] = [e for e in transcript.events if isinstance(e, Changed) and e.table == "promises"]
    assert (stored.turn, stored.before, stored.after and stored.after["amount_cents"]) == (4, None, 23980)
    assert len(transcript.turn_ms) == 4
    assert transcript.models_used == ("offline",)


async def test_talks_at_once_live_in_their_own_time_and_see_nothing_of_each_other(session: EvalSession) -> None:
    days = [date(2026, 3, 2) + timedelta(days=17 * number) for number in range(12)]
    scenarios = [
        make_scenario(
            "oi", "529.982.247-25", "pago tudo amanhã", "sim", id=f"dia-{number}", now=f"{day}T10:00:00-03:00"
        )
        for number, day in enumerate(days)
    ]

    transcripts = await asyncio.gather(*(session.talk(scenario, SETUP) for scenario in scenarios))

    assert [t.error for t in transcripts] == [None] * len(days)
    assert [[p.due_on for p in t.end.promises] for t in transcripts] == [[day + timedelta(days=1)] for day in days]


async def test_call_is_talked_through_with_the_greeting_first(session: EvalSession) -> None:
    scenario = make_scenario("sim", "529.982.247-25", "pago tudo dia 27", "sim", channel="voice")
    transcript = await session.talk(
        with_seed(scenario, campaign=True, contact={"name": "Maria", "document": MARIA}), SETUP
    )

    assert transcript.error is None
    assert "assistente virtual" in replies(transcript, 0)[0]
    assert [p.due_on for p in transcript.end.promises] == [date(2026, 11, 27)]
    assert "vinte e sete de novembro" in replies(transcript, 4)[0]


async def test_campaign_stands_before_the_first_word_and_assigns_the_agent(session: EvalSession) -> None:
    scenario = with_seed(make_scenario("oi, tudo bem?"), campaign=True, campaign_text="Oi, Maria! Podemos conversar?")
    transcript = await session.talk(scenario, SETUP)

    first = next(e for e in transcript.events if isinstance(e, AgentSaid))
    assert (first.turn, first.author, first.text) == (0, "campaign", "Oi, Maria! Podemos conversar?")
    assert {e.agent for e in transcript.events if isinstance(e, AgentSaid) and e.turn == 1} == {"cobranca"}


async def test_seed_is_what_the_agent_meets(session: EvalSession) -> None:
    scenario = make_scenario("oi, quero ver minha fatura", "529.982.247-25", "já tenho alguma promessa?")
    seeded = with_seed(
        scenario,
        promises=[{"document": MARIA, "amount_cents": 5000, "due_on": "2026-11-25"}],
        catalogue=[{"sku": "X", "name": "Fibra 700 Mega", "description": "Plano de 700 Mega", "price_cents": 7700}],
        knowledge=[{"title": "Horário", "source": "h.md", "text": "Atendemos das 9h às 17h na loja azul."}],
    )
    transcript = await session.talk(seeded, SETUP)

    [promise] = transcript.end.promises
    assert (promise.is_seeded, promise.amount_cents, promise.status) == (True, 5000, "pending")
    own = await session.talk(
        with_seed(make_scenario("qual o horário da loja?"), **seeded.seed.model_dump(mode="json")), SETUP
    )
    assert "loja azul" in " ".join(replies(own))
    sold = await session.talk(
        with_seed(make_scenario("quanto custa o plano de 700 mega?"), **seeded.seed.model_dump(mode="json")), SETUP
    )
    assert "R$ 77,00" in " ".join(replies(sold))


async def test_crm_that_is_down_is_down_for_this_talk_only(session: EvalSession) -> None:
    scenario = make_scenario("oi, quero ver minha fatura", "529.982.247-25")
    down, up = await asyncio.gather(
        session.talk(with_seed(scenario, is_crm_down=True), SETUP), session.talk(scenario, SETUP)
    )

    assert "239,80" not in " ".join(replies(down))
    assert "239,80" in " ".join(replies(up))
    assert not session.deps.without_crm


async def test_person_takes_over_and_the_bot_is_silent(session: EvalSession) -> None:
    transcript = await session.talk(make_scenario("quero falar com um atendente", "alô?"), SETUP)

    assert transcript.end.handler == "human"
    assert replies(transcript, 2) == []


async def test_bubbles_media_and_time_reach_the_agent(session: EvalSession) -> None:
    turns = (
        ["oi", {"audio": True}, {"media": "image"}],
        {"wait_minutes": 90},
        {"audio": True, "transcript": "quero minha fatura"},
    )
    transcript = await session.talk(make_scenario(*turns), SETUP)

    said = [e for e in transcript.events if isinstance(e, CustomerSaid)]
    assert [e.kind for e in said] == ["text", "audio", "image", "text"]
    assert said[3].at - said[0].at > timedelta(minutes=90)
    assert replies(transcript, 1)
    assert "CPF" in " ".join(replies(transcript, 2))


async def test_prompts_of_a_cell_are_the_tenants_own(session: EvalSession) -> None:
    setup = CellSetup(chain=("offline",), prompts={"persona": "Você é {{assistant.name}}. Responda curto."})
    transcript = await session.talk(make_scenario("oi, tudo bem?"), setup)

    [version] = {e.prompt_version for e in transcript.events if isinstance(e, AgentSaid)}
    assert version
    assert version.startswith("persona@t1+")


async def test_talk_that_goes_on_ends_by_its_budget(session: EvalSession) -> None:
    scenario = make_scenario(*["oi"] * 6, budget={"turns": 3})
    transcript = await session.talk(scenario, SETUP)

    assert transcript.ended_by == "budget"
    assert max(e.turn for e in transcript.events) == 3


async def test_agent_that_breaks_ends_the_talk_and_says_so(session: EvalSession) -> None:
    class Breaking:
        async def answer(self, turn: object, run: object) -> object:
            raise RuntimeError("broken on purpose")

    transcript = await session.talk(make_scenario(), SETUP, agent=Breaking())  # type: ignore[arg-type]

    assert (transcript.ended_by, transcript.error) == ("error", "RuntimeError: broken on purpose")


@pytest.mark.parametrize(
    "hostile", ["\x00", "a" * 60_000, "'; DROP TABLE promises; --", "😀" * 4000, "\u202e\u200b", "{{now}} {%raw%}"]
)
async def test_hostile_words_are_answered_and_break_nothing(session: EvalSession, hostile: str) -> None:
    transcript = await session.talk(make_scenario("oi", hostile, "529.982.247-25"), SETUP)

    assert transcript.error is None
    assert replies(transcript, 3)


async def test_seed_that_cannot_exist_is_refused(session: EvalSession) -> None:
    double = {"document": MARIA, "name": "Maria", "invoices": [{"number": "A", "amount_cents": 1, "days_late": 1}] * 2}
    scenario: Scenario = with_seed(make_scenario(), customers=[double, {**double, "document": "11144477735"}])
    with pytest.raises(Exception, match="A"):
        await session.talk(scenario, SETUP)
