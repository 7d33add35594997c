"""The reviewed suites as tests: `pytest evals`, with `-k` for some of them, talks with the offline model.

A test fails with the broken expectations and the talk. What is known to fail must fail: once it passes, its scenario's
`known_failure` is out of date, and its test says so.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeGuard

import pytest

from domain.masking import mask_text
from evals.cells import Access
from evals.conftest import KNOWN
from evals.events import AgentSaid, Changed, CustomerSaid, Event, Observed, Routed, ToolCalled
from evals.ground import open_ground
from evals.loading import ScenarioFileInvalid, load_file, load_suites
from evals.masking import masked
from evals.prompt_sets import CURRENT, read_prompt_set
from evals.results import Cell, CheckKind, Mode, Run
from evals.runner import Bench, Job, Made, Plan
from evals.scenario import Scenario, Severity

CELL: Final = Cell(prompts=CURRENT, model="offline", mode=Mode.OFFLINE)
_AT_ONCE: Final = 6
_SHOWN: Final = 300  # characters of what a tool answered


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each scenario."""
    try:
        scenarios = _scenarios(metafunc.config)
    except ScenarioFileInvalid as error:
        raise pytest.UsageError(str(error)) from error
    metafunc.parametrize("scenario", [pytest.param(item, id=item.id) for item in scenarios], indirect=True)


def _scenarios(config: pytest.Config) -> list[Scenario]:
    files = config.getoption("--eval-scenarios", default=[])
    return [item for path in files for item in load_file(path)] if files else load_suites(["all"])


@pytest.fixture
def scenario(request: pytest.FixtureRequest) -> Scenario:
    found = request.param
    if not isinstance(found, Scenario):
        raise TypeError(f"{type(found).__name__} is no scenario")
    return found


@pytest.fixture
def scenario_id(scenario: Scenario) -> str:
    return scenario.id


@pytest.fixture(scope="session")
def talks(request: pytest.FixtureRequest) -> Mapping[str, Made]:
    """Talk all chosen scenarios through, several at once, outside of any test: no tracing sees them."""
    given = [item.callspec.params["scenario"] for item in request.session.items if _is_ours(item)]
    chosen = [item for item in given if isinstance(item, Scenario)]
    plan = Plan(scenarios=chosen, cells=[CELL], prompts={CURRENT: read_prompt_set(CURRENT)})
    with open_ground(os.environ.get("TEST_DATABASE_URL")) as [database_url]:
        # Not on uvloop, whose connections nothing in Python sees.
        made = asyncio.run(_talked(database_url, list(plan.jobs())))
    return {run.scenario_id: (run, transcript) for run, transcript in made}


def _is_ours(item: pytest.Item) -> TypeGuard[pytest.Function]:
    return isinstance(item, pytest.Function) and item.function is test_scenario


async def _talked(database_url: str, jobs: Sequence[Job]) -> list[Made]:
    bench = Bench(database_url, Access(), concurrency=_AT_ONCE)
    try:
        return await bench.make(jobs)
    finally:
        await bench.aclose()


@pytest.fixture
def complaint(request: pytest.FixtureRequest, scenario: Scenario, talks: Mapping[str, Made]) -> str:
    """Say what is wrong with the talk, documents masked; nothing when nothing is."""
    run, transcript = talks[scenario.id]
    if run.has_passed:
        reason = scenario.known_failure.get(CELL.model)
        return f"{scenario.id} passes now; remove its known_failure: {reason}" if reason else ""
    if run.known_failure and not run.blocking_breaks:
        request.node.user_properties.append((KNOWN, run.known_failure))
        return ""
    told = [line for event in masked(transcript, scenario).events for line in _lines(event)]
    return "\n".join([f"{scenario.id}: {scenario.title}", *_broken(run), "", *told])


def _broken(run: Run) -> Iterator[str]:
    """Name what fails the talk, as evals/judging.py counts."""
    if run.error:
        yield f"✗ {run.cause}: {mask_text(run.error)}"
    for check in run.checks:
        is_advice = check.kind is CheckKind.JUDGE or (
            check.kind is CheckKind.POLICY and check.severity is Severity.MINOR
        )
        if not check.has_passed and not is_advice:
            where = f" (turno {check.turn})" if check.turn is not None else ""
            yield f"✗ {check.id}{where}: {check.detail}" + (f" [{check.ground}]" if check.ground else "")


def _lines(event: Event) -> Iterator[str]:
    match event:
        case CustomerSaid():
            yield f"{event.turn:3} cliente: {event.text or f'({event.kind})'}"
        case AgentSaid():
            yield f"{event.turn:3} {event.agent or event.author}: {event.text}"
        case ToolCalled():
            yield f"{event.turn:3}   → {event.name} {event.arguments} {event.result[:_SHOWN]}"
        case Observed() if event.reasons:
            yield f"{event.turn:3}   observador: {event.verdict} {', '.join(event.reasons)}"
        case Changed():
            yield f"{event.turn:3}   {event.table}: {event.before} → {event.after}"
        case Routed() | Observed():
            return


@pytest.mark.langsmith
def test_scenario(scenario_id: str, complaint: str) -> None:
    if complaint:
        pytest.fail(complaint, pytrace=False)
