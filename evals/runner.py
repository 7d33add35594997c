"""Runs the matrix: scenarios × cells × repeats, spread over processes, each talk in a world of its own."""

import asyncio
import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from multiprocessing import get_context, parent_process
from multiprocessing.queues import Queue
from threading import Thread, current_thread, main_thread
from types import FrameType
from typing import Final

import uvloop
from langchain_core.language_models import BaseChatModel

from evals.agents_under_test import AgentUnderTest
from evals.cells import Access, named_models, open_judge, open_mode, setup_of
from evals.events import Transcript
from evals.judge_model import ask_judge
from evals.judging import judge, with_votes
from evals.prompt_sets import PromptSet
from evals.recording import recorded_talk
from evals.results import Cell, Mode, Run
from evals.scenario import Scenario
from evals.session import EvalSession, eval_settings
from wiring.garbage import set_startup_aside
from wiring.logging import configure_logging

_PACKAGES: Final = ("agents", "domain", "evals", "graphs", "services", "store", "tools")
_SOURCES: Final = frozenset({".py", ".md", ".sql"})
BATCH: Final = 12  # runs handed to a process at once
_LOOK_SECONDS: Final = 0.2  # between two looks for Ctrl-C
_SEED_STEP: Final = 1_000_003
_STOPS: Final = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}

Made = tuple[Run, Transcript]


class RunStopped(Exception):
    """The run was stopped before its end; what was made is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One run to make."""

    scenario: Scenario
    cell: Cell
    prompts: PromptSet
    repeat: int
    seed: int
    key: str

    @property
    def talk_name(self) -> str:
        """Name the talk the same in the run that records it and in the one that plays it again."""
        return f"{self.scenario.id}@{self.scenario.version}#{self.repeat}/{self.cell.prompts}/{self.cell.model}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The matrix of a command."""

    scenarios: Sequence[Scenario]
    cells: Sequence[Cell]
    prompts: Mapping[str, PromptSet]
    repeats: int = 1
    seed: int = 0

    def jobs(self) -> Iterator[Job]:
        """List the runs: first repeats first, so that an early stop has seen every scenario."""
        once = [
            (scenario, cell, run_key(scenario, cell, self.prompts[cell.prompts], self.seed))
            for scenario in self.scenarios
            for cell in self.cells
        ]
        for repeat in range(self.repeats):
            for scenario, cell, key in once:
                yield Job(
                    scenario=scenario, cell=cell, prompts=self.prompts[cell.prompts], repeat=repeat,
                    seed=self.seed + repeat * _SEED_STEP, key=key,
                )  # fmt: skip


@dataclass(kw_only=True)
class Limits:
    """When to stop early."""

    max_cost_brl: float | None = None
    spent_brl: float = 0.0

    def is_spent(self) -> bool:
        return self.max_cost_brl is not None and self.spent_brl >= self.max_cost_brl


def run_key(scenario: Scenario, cell: Cell, prompts: PromptSet, seed: int) -> str:
    """Hash all that decides a run: the scenario, the prompts, the model, the seed and the product's own sources."""
    parts = [
        scenario.model_dump_json(), cell.name, str(seed), product_digest(),
        json.dumps(prompts.versions(), sort_keys=True),
    ]  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


@cache
def product_digest() -> str:
    """Hash the sources that a talk runs through."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted(_sources_of(package)):
            digest.update(path.encode() + b"\0" + _sources_of(package)[path])
    return digest.hexdigest()[:16]


@cache
def _sources_of(package: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def walk(folder: Traversable, prefix: str) -> None:
        for item in folder.iterdir():
            if item.is_dir():
                walk(item, f"{prefix}{item.name}/")
            elif any(item.name.endswith(ending) for ending in _SOURCES):
                found[f"{prefix}{item.name}"] = item.read_bytes()

    walk(files(package), f"{package}/")
    return found


class Bench:
    """The modes of one process, opened when first needed. Belongs to one event loop; close it at the end."""

    def __init__(self, database_url: str, access: Access, *, concurrency: int) -> None:
        self._database_url = database_url
        self._access = access
        self._concurrency = concurrency
        self._stack = AsyncExitStack()
        self._sessions: dict[Mode, EvalSession] = {}
        self._opening = asyncio.Lock()
        self._named: set[str] = set()
        self._judge: BaseChatModel | None = None

    async def session(self, mode: Mode) -> EvalSession:
        async with self._opening:
            if mode not in self._sessions:
                opened = open_mode(mode, self._database_url, self._access, connections=min(self._concurrency, 10))
                session = await self._stack.enter_async_context(opened)
                if self._sessions:  # whoever claims takes the turns of all talks in this database
                    session.claims = next(iter(self._sessions.values())).claims
                self._sessions[mode] = session
            return self._sessions[mode]

    async def judge_model(self) -> BaseChatModel | None:
        async with self._opening:
            if self._judge is None and self._access.judge_model is not None:
                self._judge = await self._stack.enter_async_context(open_judge(self._access))
            return self._judge

    async def aclose(self) -> None:
        await self._stack.aclose()

    async def make(self, jobs: Sequence[Job], *, agent: AgentUnderTest | None = None) -> list[Made]:
        """Make these runs, `concurrency` at once; the result is in the order of the jobs."""
        free = asyncio.Semaphore(self._concurrency)

        async def one(job: Job) -> Made:
            async with free:
                return await self.make_one(job, agent=agent)

        return list(await asyncio.gather(*(one(job) for job in jobs)))

    async def make_one(self, job: Job, *, agent: AgentUnderTest | None = None) -> Made:
        """Talk one scenario through and judge it."""
        transcript = await self._talk(job, agent)
        transcript = transcript.model_copy(update={"models_used": named_models(job.cell, transcript.models_used)})
        judged = judge(job.scenario, transcript, cell=job.cell)
        if job.scenario.expect.judge and (model := await self.judge_model()) is not None:
            judged = with_votes(judged, await ask_judge(model, job.scenario, transcript))
        run = Run(
            scenario_id=job.scenario.id, scenario_version=job.scenario.version, suite=job.scenario.suite,
            severity=job.scenario.severity, cell=job.cell, repeat=job.repeat, key=job.key,
            has_passed=judged.has_passed, cause=judged.cause, known_failure=judged.known_failure,
            checks=judged.checks, turns=len(transcript.turn_ms), turn_ms=transcript.turn_ms,
            input_tokens=transcript.input_tokens, output_tokens=transcript.output_tokens,
            cost_brl=round(transcript.cost_brl, 6), error=transcript.error,
        )  # fmt: skip
        return run, transcript

    def _name(self, job: Job) -> str | None:
        """Name a talk once in this database; what has a twin in it goes by new ids."""
        if job.talk_name in self._named:
            return None
        self._named.add(job.talk_name)
        return job.talk_name

    async def _talk(self, job: Job, agent: AgentUnderTest | None) -> Transcript:
        session = await self.session(job.cell.mode)
        try:
            with recorded_talk(job.talk_name):
                return await session.talk(
                    job.scenario, setup_of(job.cell, job.prompts), seed=job.seed, agent=agent, name=self._name(job)
                )
        except Exception as error:
            # The world could not be made, so there was no talk: the scenario's fault, or the database's.
            return Transcript(
                scenario_id=job.scenario.id, scenario_version=job.scenario.version, ended_by="error",
                error=f"seed: {type(error).__name__}: {error}",
            )  # fmt: skip


def run_plan(
    jobs: Sequence[Job], *, database_urls: Sequence[str], access: Access, concurrency: int, limits: Limits,
    on_made: Callable[[Made], None],
) -> None:  # fmt: skip
    """Make all jobs, in one process for each database, and hand each run over as it comes.

    Raises RunStopped on Ctrl-C, on SIGTERM or when the budget is spent; what was handed over until then is all that
    there is.
    """
    batches = [jobs[start : start + BATCH] for start in range(0, len(jobs), BATCH)]
    processes, context = len(database_urls), get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])  # all of them share one import, which takes seconds
    unused = context.Queue()
    for url in database_urls:
        unused.put(url)
    pool = ProcessPoolExecutor(
        max_workers=processes, mp_context=context, initializer=_begin_process, initargs=(unused, access, concurrency)
    )
    waiting: set[Future[list[Made]]] = set()
    with _stop_noticed() as reason_to_stop, _closing(pool):
        left = iter(batches)
        while True:
            # Few batches ahead: a stop waits for little, and a budget is not overrun by much.
            for batch in left:
                with _stops_held():  # the first one starts the processes
                    waiting.add(pool.submit(_make_batch, batch))
                if len(waiting) >= 2 * processes:
                    break
            if not waiting:
                return
            done, waiting = wait(waiting, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                for made in future.result():
                    limits.spent_brl += made[0].cost_brl
                    on_made(made)
            if done and limits.is_spent() and (waiting or next(left, None) is not None):
                raise RunStopped(f"the budget of R$ {limits.max_cost_brl:.2f} is spent")
            if (reason := reason_to_stop()) is not None:
                raise RunStopped(reason)


@contextmanager
def _closing(pool: ProcessPoolExecutor) -> Iterator[None]:
    try:
        yield
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _stop_noticed() -> Iterator[Callable[[], str | None]]:
    """Notice the first Ctrl-C or SIGTERM instead of breaking off wherever it comes: what is being written is written
    whole. The second one breaks off. Gives how to ask for the reason to stop."""
    reasons: list[str] = []
    before = {number: signal.getsignal(number) for number in _STOPS}

    def notice(number: int, frame: FrameType | None) -> None:
        reasons.append(f"stopped by {_STOPS[signal.Signals(number)]}")
        put_back()

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    is_heeded = current_thread() is main_thread() and before[signal.SIGINT] is signal.default_int_handler
    if is_heeded:
        for number in _STOPS:
            signal.signal(number, notice)
    try:
        yield lambda: reasons[0] if reasons else None
    finally:
        if is_heeded:
            put_back()


@contextmanager
def _stops_held() -> Iterator[None]:
    """Keep Ctrl-C and SIGTERM from processes that are started in this block: they are ours to answer, after it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Process:
    """What one process of the pool keeps between batches."""

    def __init__(self, database_url: str, access: Access, concurrency: int) -> None:
        self.loop = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.bench = self.loop.run(_new_bench(database_url, access, concurrency))


_process: list[_Process] = []


async def _new_bench(database_url: str, access: Access, concurrency: int) -> Bench:
    return Bench(database_url, access, concurrency=concurrency)


def _begin_process(unused: "Queue[str]", access: Access, concurrency: int) -> None:
    for number in _STOPS:  # the parent's to answer
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    database_url = unused.get()
    configure_logging(eval_settings(database_url, connections=1), process="evals")
    _process.append(_Process(database_url, access, concurrency))
    set_startup_aside()


def _end_with_parent() -> None:
    """Do not outlive a run that was killed: nobody would take what is made, and its database is gone."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make_batch(jobs: Sequence[Job]) -> list[Made]:
    process = _process[0]
    return process.loop.run(process.bench.make(jobs))
