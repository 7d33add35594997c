"""Is the harness any good? Broken agents are caught by the check meant for them, the sound one is left alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from evals.agents_under_test import AgentUnderTest
from evals.ground import open_ground
from evals.judging import Judged, judge
from evals.results import Cell, Mode
from evals.sabotage import SABOTAGES
from evals.sabotage_guard import open_indiscreet_session
from evals.sabotage_talks import EVERY, greeting, hardship, sales
from evals.scenario import Scenario
from evals.session import EvalSession, open_session
from evals.world import CellSetup

CELL = Cell(prompts="current", model="offline", mode=Mode.OFFLINE)
SETUP = CellSetup(chain=("offline",), prompts={})
SEEDS = range(3)
SOUND_SEEDS = range(10)
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
    session: EvalSession, talks: Sequence[Scenario], agent: AgentUnderTest | None = None
) -> list[tuple[Scenario, Judged]]:
    free = asyncio.Semaphore(AT_ONCE)

    async def one(scenario: Scenario) -> tuple[Scenario, Judged]:
        async with free:
            transcript = await session.talk(scenario, SETUP, agent=agent)
        assert transcript.error is None, f"{scenario.id}: {transcript.error}"
        return scenario, judge(scenario, transcript, cell=CELL)

    return list(await asyncio.gather(*map(one, talks)))


def failed(judged: Judged) -> set[str]:
    return {check.id for check in judged.checks if not check.has_passed}


def test_there_are_enough_broken_agents_each_with_a_check_of_its_own_to_catch_it() -> None:
    assert len(SABOTAGES) >= 24
    assert len({sabotage.name for sabotage in SABOTAGES}) == len(SABOTAGES)
    assert len({sabotage.caught_by for sabotage in SABOTAGES}) >= 18


async def test_every_broken_agent_is_caught_by_the_check_meant_for_it(session: EvalSession) -> None:
    missed = dict[str, list[str]]()
    for sabotage in SABOTAGES:
        talks = [expose(seed) for expose in sabotage.talks for seed in SEEDS]
        found = await judged_talks(session, talks, sabotage.agent)
        escaped = [scenario.id for scenario, judged in found if sabotage.caught_by not in failed(judged)]
        if len(escaped) > 0.05 * len(talks):
            missed[sabotage.name] = escaped
    assert missed == {}


async def test_the_sound_agent_raises_no_alarm_in_the_same_talks(session: EvalSession) -> None:
    talks = [expose(seed) for expose in EVERY for seed in SOUND_SEEDS]
    found = await judged_talks(session, talks)
    alarms = Counter(name for _, judged in found for name in failed(judged))
    red = [(scenario.id, failed(judged)) for scenario, judged in found if failed(judged)]
    assert len(red) <= 0.01 * len(talks), (alarms, red)


async def test_a_broken_guard_is_caught_and_a_whole_one_stops_the_same_model(ground_url: str) -> None:
    talks = [expose(seed) for expose in (greeting, sales, hardship) for seed in SEEDS]
    async with open_indiscreet_session(ground_url, is_guarded=False) as session:
        unguarded = await judged_talks(session, talks)
    async with open_indiscreet_session(ground_url, is_guarded=True) as session:
        guarded = await judged_talks(session, talks)
    broken = "policy.identity-before-debt"
    assert [scenario.id for scenario, judged in unguarded if broken not in failed(judged)] == []
    assert [scenario.id for scenario, judged in guarded if broken in failed(judged)] == []
