"""A talk that was really held, made into a scenario, ends the same way when it is held again."""

from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID, uuid4

import pytest
import yaml

from evals.from_life import ConversationUnusable, as_yaml, scenario_of
from evals.judging import judge
from evals.lint import Level, lint
from evals.loading import load_file
from evals.scenario import Channel, Scenario
from evals.session import EvalSession, open_session
from evals.world import CellSetup
from tests.evals.eval_rig import MARIA, OFFLINE, make_scenario, with_seed

SETUP = CellSetup(chain=("offline",), prompts={})
PRIVATE = ("529.982", MARIA, "Maria", "Silva", "999990077", "99999-0077", "maria@")


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[EvalSession]:
    async with open_session(database_url) as opened:
        yield opened


async def newest_conversation(session: EvalSession) -> UUID:
    async with session.deps.database.platform() as connection:
        cursor = await connection.execute("SELECT id FROM conversations ORDER BY last_turn_at DESC NULLS LAST LIMIT 1")
        row = await cursor.fetchone()
    assert row
    return UUID(str(row["id"]))


async def retold(session: EvalSession, scenario: Scenario) -> Scenario:
    """Hold a talk, take it from the database as a scenario."""
    transcript = await session.talk(scenario, SETUP)
    assert transcript.error is None
    conversation_id = await newest_conversation(session)
    return await scenario_of(session.deps.database, conversation_id, suite="da-vida", scenario_id="da-vida-1")


async def test_talk_held_again_ends_the_same_and_names_nobody(session: EvalSession) -> None:
    told = make_scenario(
        ["oi, aqui é a Maria Silva", "quero ver minha fatura"], "529.982.247-25",
        "pago tudo dia 27. meu zap é 11 99999-0077, maria@exemplo.com", "sim",
    )  # fmt: skip
    told = with_seed(told, contact={"name": "Maria da Silva", "phone": "+5511999990077"})
    scenario = await retold(session, told)

    assert [problem for problem in lint([scenario]) if problem.level is Level.ERROR] == []
    text = as_yaml(scenario)
    assert [word for word in PRIVATE if word in text] == []
    assert scenario.now.date() == date(2026, 11, 20)
    assert [invoice.amount_cents for invoice in scenario.seed.customers[0].invoices] == [11990, 11990]
    again = await session.talk(scenario, SETUP)
    judged = judge(scenario, again, cell=OFFLINE)
    assert judged.has_passed, [check for check in judged.checks if not check.has_passed]
    assert [promise.due_on for promise in again.end.promises] == [date(2026, 11, 27)]


async def test_yaml_is_a_file_that_loads_as_the_same_scenario(session: EvalSession, tmp_path: object) -> None:
    scenario = await retold(session, make_scenario("oi", {"media": "image"}, {"wait_minutes": 45}, "tchau"))
    path = tmp_path / "vida.yaml"  # type: ignore[operator]
    path.write_text(as_yaml(scenario), "utf-8")

    assert load_file(path) == [scenario]
    assert yaml.safe_load(path.read_text("utf-8"))["suite"] == "da-vida"
    assert any(getattr(turn, "wait_minutes", 0) >= 45 for turn in scenario.user.turns)  # type: ignore[union-attr]


async def test_campaign_policy_zone_and_earlier_promise_are_pinned(session: EvalSession) -> None:
    told = with_seed(
        make_scenario("oi"), campaign=True, campaign_text="Oi, Maria! Podemos falar?",
        policy={"promise_horizon_days": 12},
        time_zone="America/Manaus", state="AM", contact={"name": "Maria da Silva", "document": MARIA},
        promises=[{"document": MARIA, "amount_cents": 7000, "due_on": "2026-11-24"}],
    )  # fmt: skip
    seed = (await retold(session, told)).seed

    assert (seed.campaign, "Maria" in seed.campaign_text, "Marina" in seed.campaign_text) == (True, False, True)
    assert (seed.policy, seed.time_zone, seed.state) == ({"promise_horizon_days": 12}, "America/Manaus", "AM")
    assert [(p.amount_cents, p.due_on) for p in seed.promises] == [(7000, date(2026, 11, 24))]
    assert seed.contact.document == seed.customers[0].document


async def test_call_becomes_a_call(session: EvalSession) -> None:
    scenario = await retold(session, make_scenario("sim, sou eu", "quero falar da minha fatura", channel="voice"))
    assert scenario.channel is Channel.VOICE


@pytest.mark.parametrize(("can_transfer", "handler"), [(True, "human"), (False, "bot")])
async def test_call_can_be_passed_on_where_it_could_be(session: EvalSession, can_transfer: bool, handler: str) -> None:
    call = make_scenario("quero falar com um atendente", channel="voice")
    scenario = await retold(session, with_seed(call, can_transfer=can_transfer))
    assert (scenario.seed.can_transfer, scenario.expect.state.handler) == (can_transfer, handler)


async def test_conversation_that_is_not_there_is_refused(session: EvalSession) -> None:
    with pytest.raises(ConversationUnusable, match="there is no conversation"):
        await scenario_of(session.deps.database, uuid4(), suite="x", scenario_id="x-1")
