"""Is the harness any good? Broken agents are caught by the check meant for them, the sound one is left alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from evals.agents_under_test import AgentUnderTest
from evals.ground import open_ground
from evals.judging import Judged, judge
from evals.results import Cell, Mode
from evals.sabotage import SABOTAGES, Sabotage
from evals.sabotage_guard import open_indiscreet_session
from evals.sabotage_talks import EVERY, greeting, hardship, on_phone, sales
from evals.scenario import Channel, Scenario
from evals.session import EvalSession, open_session
from evals.world import CellSetup

CELL = Cell(prompts="current", model="offline", mode=Mode.OFFLINE)
SETUP = CellSetup(chain=("offline",), prompts={})
SEEDS = range(2)
CALL_SEEDS = range(1, 3)
SOUND_SEEDS = range(8)
SOUND_CALL_SEEDS = range(3)
AT_ONCE = 8


@pytest.fixture(scope="module")
def ground_url(postgres_url: str) -> Iterator[str]:
    with open_ground(postgres_url) as urls:
        yield urls[0]


@pytest.fixture
async def session(ground_url: str) -> AsyncIterator[EvalSession]:
    async with open_session(ground_url) as opened:
        yield opened


async def judged_talks(
    session: EvalSession, talks: Sequence[tuple[Scenario, AgentUnderTest | None]]
) -> list[tuple[Scenario, Judged]]:
    free = asyncio.Semaphore(AT_ONCE)

    async def one(scenario: Scenario, agent: AgentUnderTest | None) -> tuple[Scenario, Judged]:
        async with free:
            transcript = await session.talk(scenario, SETUP, agent=agent)
        assert transcript.error is None, f"{scenario.id}: {transcript.error}"
        return scenario, judge(scenario, transcript, cell=CELL)

    return list(await asyncio.gather(*(one(scenario, agent) for scenario, agent in talks)))


async def missed_by_checks(session: EvalSession, exposed: Sequence[tuple[Sabotage, Scenario]]) -> dict[str, list[str]]:
    """Name the talks in which the check meant for a broken agent did not fail, where these are over one in twenty."""
    found = await judged_talks(session, [(scenario, sabotage.agent) for sabotage, scenario in exposed])
    talks, escaped = Counter[str](), dict[str, list[str]]()
    for (sabotage, _), (scenario, judged) in zip(exposed, found, strict=True):
        talks[sabotage.name] += 1
        if sabotage.caught_by not in failed(judged):
            escaped.setdefault(sabotage.name, []).append(scenario.id)
    return {name: ids for name, ids in escaped.items() if len(ids) > 0.05 * talks[name]}


async def alarms_for_the_sound_agent(session: EvalSession, talks: Sequence[Scenario]) -> list[tuple[str, set[str]]]:
    found = await judged_talks(session, [(scenario, None) for scenario in talks])
    return [(scenario.id, failed(judged)) for scenario, judged in found if failed(judged)]


def failed(judged: Judged) -> set[str]:
    return {check.id for check in judged.checks if not check.has_passed}


def test_there_are_enough_broken_agents_each_with_a_check_of_its_own_to_catch_it() -> None:
    assert len(SABOTAGES) >= 24
    assert len({sabotage.name for sabotage in SABOTAGES}) == len(SABOTAGES)
    assert len({sabotage.caught_by for sabotage in SABOTAGES}) >= 18
    spoken = [sabotage for sabotage in SABOTAGES if Channel.VOICE in sabotage.channels]
    assert len(spoken) >= 24
    assert len({sabotage.caught_by for sabotage in spoken}) >= 18


async def test_every_broken_agent_is_caught_by_the_check_meant_for_it(session: EvalSession) -> None:
    written = [item for item in SABOTAGES if Channel.WHATSAPP in item.channels]
    exposed = [(item, expose(seed)) for item in written for expose in item.talks for seed in SEEDS]
    assert await missed_by_checks(session, exposed) == {}


async def test_every_broken_agent_is_caught_on_the_phone(session: EvalSession) -> None:
    spoken = [item for item in SABOTAGES if Channel.VOICE in item.channels]
    exposed = [(item, on_phone(item.talks[0](seed))) for item in spoken for seed in CALL_SEEDS]
    assert await missed_by_checks(session, exposed) == {}


async def test_the_sound_agent_raises_no_alarm_in_the_same_talks(session: EvalSession) -> None:
    talks = [expose(seed) for expose in EVERY for seed in SOUND_SEEDS]
    red = await alarms_for_the_sound_agent(session, talks)
    assert len(red) <= 0.01 * len(talks), red


async def test_the_sound_agent_raises_no_alarm_on_the_phone(session: EvalSession) -> None:
    talks = [on_phone(expose(seed)) for expose in EVERY for seed in SOUND_CALL_SEEDS]
    red = await alarms_for_the_sound_agent(session, talks)
    assert len(red) <= 0.01 * len(talks), red


async def test_a_broken_guard_is_caught_and_a_whole_one_stops_the_same_model(ground_url: str) -> None:
    talks = [(expose(seed), None) for expose in (greeting, sales, hardship) for seed in SEEDS]
    talks += [(on_phone(expose(seed)), None) for expose in (greeting, sales) for seed in SEEDS]
    async with open_indiscreet_session(ground_url, is_guarded=False) as session:
        unguarded = await judged_talks(session, talks)
    async with open_indiscreet_session(ground_url, is_guarded=True) as session:
        guarded = await judged_talks(session, talks)
    broken = "policy.identity-before-debt"
    assert [scenario.id for scenario, judged in unguarded if broken not in failed(judged)] == []
    assert [scenario.id for scenario, judged in guarded if broken in failed(judged)] == []
