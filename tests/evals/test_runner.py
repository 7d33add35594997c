"""The matrix: jobs, keys, modes, processes, and what becomes of a run that is cut short."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.offline import create_openai_app
from evals.cells import FALLEN_BACK, Access, ModeUnavailable, named_models
from evals.ground import open_ground
from evals.prompt_sets import PromptSet
from evals.recording import RecordingInvalid, RecordingTransport, fingerprint, read_recording, recorded_talk
from evals.results import Cause, Cell, CheckKind, Mode, Run
from evals.runner import Bench, Limits, Made, Plan, RunStopped, run_key, run_plan
from tests.agents.test_models_over_http import broken, serve
from tests.evals.eval_rig import CURRENT, OFFLINE, make_job, make_scenario

pytestmark = pytest.mark.usefixtures("loaded_processes")

WIRE = Cell(prompts="current", model="offline", mode=Mode.WIRE)
LIVE = Cell(prompts="current", model="openai:offline-ptbr-1", mode=Mode.LIVE)
REPLAY = Cell(prompts="current", model="openai:offline-ptbr-1", mode=Mode.REPLAY)
PROMISE = {"state": {"promises": [{"amount_cents": 23980, "due_on": "2026-11-27"}], "identity": "confirmada"}}


@pytest.fixture
async def openai_url() -> AsyncIterator[str]:
    async with serve(create_openai_app()) as url:
        yield url


async def made_by(database_url: str, access: Access, *cells: Cell, **changes: Any) -> list[Made]:
    bench = Bench(database_url, access, concurrency=4)
    try:
        scenario = make_scenario(expect=PROMISE, **changes)
        return await bench.make([make_job(scenario, cell=cell) for cell in cells])
    finally:
        await bench.aclose()


def test_key_changes_with_what_decides_a_run_and_with_nothing_else() -> None:
    scenario, draft = make_scenario(), PromptSet(name="draft", bodies={"persona": "Você é {{assistant.name}}."})
    key = run_key(scenario, OFFLINE, CURRENT, 0)

    assert run_key(make_scenario(), OFFLINE, CURRENT, 0) == key
    others = {
        run_key(make_scenario(title="Outro título"), OFFLINE, CURRENT, 0), run_key(scenario, WIRE, CURRENT, 0),
        run_key(scenario, OFFLINE, draft, 0), run_key(scenario, OFFLINE, CURRENT, 1),
    }  # fmt: skip
    assert len(others | {key}) == 5


def test_plan_begins_with_every_scenario_once() -> None:
    scenarios = [make_scenario(id=f"teste-{number}") for number in range(3)]
    plan = Plan(scenarios=scenarios, cells=[OFFLINE, WIRE], prompts={"current": CURRENT}, repeats=2, seed=7)

    jobs = list(plan.jobs())

    assert [job.scenario.id for job in jobs[:6:2]] == ["teste-0", "teste-1", "teste-2"]
    assert [job.repeat for job in jobs] == [0] * 6 + [1] * 6
    assert len({(job.key, job.repeat) for job in jobs}) == 12
    assert {job.seed for job in jobs if job.repeat == 0}.isdisjoint(job.seed for job in jobs if job.repeat == 1)


async def test_offline_and_wire_end_alike(database_url: str) -> None:
    made = await made_by(database_url, Access(), OFFLINE, WIRE)

    assert [(run.has_passed, run.cause) for run, _ in made] == [(True, None)] * 2
    assert [transcript.models_used for _, transcript in made] == [("offline",)] * 2


@pytest.fixture
def other_database(postgres_url: str) -> Iterator[str]:
    """Give a second empty database, as a second run has."""
    with open_ground(postgres_url) as (url,):
        yield url


async def test_modes_do_not_take_each_others_turns(database_url: str) -> None:
    bench = Bench(database_url, Access(), concurrency=8)
    jobs = [
        make_job(make_scenario(id=f"teste-{number}", expect=PROMISE), cell=cell)
        for number in range(8)
        for cell in (OFFLINE, WIRE)
    ]
    made = await bench.make(jobs)
    await bench.aclose()

    assert [(run.scenario_id, run.error) for run, _ in made if not run.has_passed] == []


async def test_live_is_recorded_and_played_again_without_the_provider(
    database_url: str, other_database: str, openai_url: str, tmp_path: Path
) -> None:
    recording = tmp_path / "recording.jsonl"
    live = Access(openai_api_key="test", openai_base_url=openai_url, recording=recording)
    [(first, said)] = await made_by(database_url, live, LIVE)
    [(again, repeated)] = await made_by(other_database, Access(recording=recording), REPLAY)

    assert (first.has_passed, again.has_passed) == (True, True)
    assert said.models_used == repeated.models_used == ("openai:offline-ptbr-1",)
    talks = read_recording(recording)
    assert [len(exchanges) for exchanges in talks.values()] == [len(next(iter(talks.values())))]


async def test_talk_that_leaves_its_recording_counts_as_infrastructure(
    database_url: str, other_database: str, openai_url: str, tmp_path: Path
) -> None:
    recording = tmp_path / "recording.jsonl"
    live = Access(openai_api_key="test", openai_base_url=openai_url, recording=recording)
    await made_by(database_url, live, LIVE)
    other = {"kind": "script", "turns": ["oi, quero ver minha fatura", "111.444.777-35", "pago tudo dia 27", "sim"]}
    [(run, transcript)] = await made_by(other_database, Access(recording=recording), REPLAY, user=other)

    assert FALLEN_BACK in transcript.models_used
    assert (run.has_passed, run.cause) == (False, Cause.INFRASTRUCTURE)


@pytest.mark.parametrize("status", [401, 500])
async def test_provider_in_trouble_counts_as_infrastructure_not_as_the_agent(database_url: str, status: int) -> None:
    async with serve(broken(status, b'{"error": {"message": "no"}}')) as url:
        [(run, _)] = await made_by(database_url, Access(openai_api_key="test", openai_base_url=url), LIVE)

    assert (run.has_passed, run.cause, run.is_counted) == (False, Cause.INFRASTRUCTURE, False)


@pytest.mark.parametrize(("cell", "words"), [(LIVE, "OPENAI_API_KEY"), (REPLAY, "--recording")])
async def test_mode_that_lacks_something_says_what(database_url: str, cell: Cell, words: str) -> None:
    bench = Bench(database_url, Access(), concurrency=1)
    with pytest.raises(ModeUnavailable, match=words):
        await bench.session(cell.mode)
    await bench.aclose()


def test_fallback_is_named_apart_from_the_cells_own_model() -> None:
    assert named_models(OFFLINE, ("offline",)) == ("offline",)
    assert named_models(WIRE, ("openai:offline-ptbr-1", "offline")) == ("offline", FALLEN_BACK)
    assert named_models(LIVE, ("offline",)) == (FALLEN_BACK,)


async def test_seed_that_cannot_exist_is_the_scenarios_fault(database_url: str) -> None:
    twice = {"number": "F1", "amount_cents": 100, "days_late": 1}
    seed = {"customers": [{"document": d, "name": "X", "invoices": [twice]} for d in ("52998224725", "11144477735")]}
    [(run, transcript)] = await made_by(database_url, Access(), OFFLINE, seed=seed)

    assert transcript.error is not None
    assert (run.has_passed, run.cause) == (False, Cause.SCENARIO)


def test_processes_share_the_work_and_each_has_its_own_database(postgres_url: str) -> None:
    jobs = [make_job(make_scenario(id=f"teste-{n}", expect=PROMISE)) for n in range(26)]
    made: list[Run] = []
    with open_ground(postgres_url, databases=2) as urls:
        assert len(set(urls)) == 2
        run_plan(
            jobs, database_urls=urls, access=Access(), concurrency=4, limits=Limits(),
            on_made=lambda one: made.append(one[0]),
        )  # fmt: skip

    assert sorted(run.scenario_id for run in made) == sorted(job.scenario.id for job in jobs)
    assert all(run.has_passed for run in made)


def test_spent_budget_stops_and_keeps_what_was_made(postgres_url: str) -> None:
    jobs = [make_job(make_scenario("oi", id=f"teste-{n}")) for n in range(60)]
    made: list[Run] = []

    def note(one: Made) -> None:
        made.append(one[0])
        limits.spent_brl += 1

    limits = Limits(max_cost_brl=5)
    with open_ground(postgres_url) as urls, pytest.raises(RunStopped, match="budget"):
        run_plan(jobs, database_urls=urls, access=Access(), concurrency=4, limits=limits, on_made=note)

    assert 5 <= len(made) < 60


def test_fingerprint_sees_what_was_said_and_not_the_prompts() -> None:
    def body(system: str, said: str) -> bytes:
        return json.dumps(
            {"messages": [{"role": "system", "content": system}, {"role": "user", "content": said}], "temperature": 1}
        ).encode()

    assert fingerprint(body("a", "oi")) == fingerprint(body("b", "oi"))
    assert fingerprint(body("a", "oi")) != fingerprint(body("a", "olá"))
    for hostile in (b"", b"\xff\xfe", b"[1]", b'{"messages": [1, null]}', b'{"messages": 7}'):
        assert fingerprint(hostile)


@pytest.mark.parametrize("content", ["{}\n{}\n", "nope\n{}\n", '{"talk": 1}\n\n{}\n'])
def test_recording_that_is_none_is_refused_by_its_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_text(content)
    with pytest.raises(RecordingInvalid, match="line 1"):
        read_recording(path)


async def test_torn_last_line_of_a_recording_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    inner = httpx.MockTransport(lambda request: httpx.Response(200, json={"ok": True}))
    async with httpx.AsyncClient(transport=RecordingTransport(inner, path)) as client:
        with recorded_talk("t"):
            await asyncio.gather(*(client.post("http://127.0.0.1/x", json={"n": n}) for n in range(3)))
    with path.open("a") as lines:
        lines.write('{"talk": "t", "pla')

    assert sorted(read_recording(path)["t"]) == [0, 1, 2]


async def test_judge_answers_the_scenarios_questions_and_fails_nothing(database_url: str) -> None:
    votes = {"respostas": [{"sim": False, "turno": 1, "motivo": "não perguntou"}]}
    message = {"role": "assistant", "content": json.dumps(votes)}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    said = {"id": "1", "object": "chat.completion", "created": 1, "model": "j", "choices": [choice]}
    async with serve(broken(200, json.dumps(said).encode())) as url:
        access = Access(openai_api_key="test", openai_base_url=url, judge_model="j")
        expect = {**PROMISE, "judge": ["Foi cordial?"]}
        bench = Bench(database_url, access, concurrency=1)
        [(run, _)] = await bench.make([make_job(make_scenario(expect=expect))])
        await bench.aclose()

    [vote] = [check for check in run.checks if check.kind is CheckKind.JUDGE]
    assert (vote.has_passed, vote.turn, run.has_passed) == (False, 1, True)
