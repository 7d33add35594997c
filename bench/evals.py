"""P8: the reviewed suites talked through and judged, against as many turns of the bare graph."""

import asyncio
import time
from collections.abc import Sequence
from uuid import uuid4

from bench.bare_graph import BareGraph, bare_turn, open_bare_graph
from bench.figures import Figure
from bench.ground import BenchBroken, Ground, sentence
from bench.turns import AT_ONCE
from evals.cells import Access
from evals.ground import open_ground
from evals.loading import load_suites
from evals.prompt_sets import CURRENT, read_prompt_set
from evals.results import Cause, Cell, Mode, Run
from evals.run_command import default_processes
from evals.runner import Job, Limits, Plan, run_plan

_SCENARIOS = 400
_REPEATS = 4
_BAR_SECONDS = 60.0
_GOAL_SECONDS = 20.0
# Of the bare graph, 50 at once, on the machine that bar and goal were set for: with it they are ratios.
_BARE_TURNS_A_SECOND = 526.0
_CONCURRENCY = 6  # talks at once in each process, as `python -m evals run` has them


async def measure_evals(_ground: Ground, *, is_quick: bool) -> list[Figure]:
    """P8: from the start of the processes to the last verdict; half of the bare turns before, half after."""
    jobs = _jobs(40 if is_quick else _SCENARIOS, 2 if is_quick else _REPEATS)
    with open_ground(databases=default_processes()) as urls:
        async with open_bare_graph(urls[0]) as bare:
            expected = 4 * len(jobs)
            bare_seconds, bare_turns = await _bare(bare, expected // 2), 2 * (expected // 2)
            started = time.perf_counter()
            runs = await asyncio.to_thread(_made, jobs, urls)
            seconds = time.perf_counter() - started
            bare_seconds += await _bare(bare, expected // 2)
    turns = sum(run.turns for run in runs)
    return [_figure(len(jobs), turns, seconds, bare_seconds * turns / bare_turns)]


def _jobs(scenarios: int, repeats: int) -> list[Job]:
    suites = load_suites(["all"])[:scenarios]
    if len(suites) < scenarios:
        raise BenchBroken(f"there are only {len(suites)} scenarios")
    cell = Cell(prompts=CURRENT, model="offline", mode=Mode.OFFLINE)
    plan = Plan(scenarios=suites, cells=[cell], prompts={CURRENT: read_prompt_set(CURRENT)}, repeats=repeats)
    return list(plan.jobs())


def _made(jobs: Sequence[Job], urls: Sequence[str]) -> list[Run]:
    runs: list[Run] = []
    run_plan(
        jobs, database_urls=urls, access=Access(), concurrency=_CONCURRENCY, limits=Limits(),
        on_made=lambda made: runs.append(made[0]),
    )  # fmt: skip
    spoilt = [run for run in runs if run.cause in {Cause.INFRASTRUCTURE, Cause.SCENARIO}]
    if spoilt or len(runs) != len(jobs):
        raise BenchBroken(f"{len(runs)} of {len(jobs)} talks, {len(spoilt)} of them spoilt")
    return runs


async def _bare(graph: BareGraph, turns: int) -> float:
    """Run so many turns, a crowd at a time, three in each thread; give the seconds."""
    await asyncio.gather(*(bare_turn(graph, uuid4().hex, sentence(0)) for _ in range(AT_ONCE)))
    started = time.perf_counter()
    threads: list[str] = []
    for number in range(turns // AT_ONCE):
        if number % 3 == 0:
            threads = [uuid4().hex for _ in range(AT_ONCE)]
        await asyncio.gather(*(bare_turn(graph, thread, sentence(number)) for thread in threads))
    return (time.perf_counter() - started) * turns / (turns // AT_ONCE * AT_ONCE)


def _figure(talks: int, turns: int, seconds: float, bare_seconds: float) -> Figure:
    """Judge by the ratio that the bar's seconds are on a quiet machine, for as many talks."""
    share, bare_there = talks / (_SCENARIOS * _REPEATS), turns / _BARE_TURNS_A_SECOND
    bar, goal = _BAR_SECONDS * share, _GOAL_SECONDS * share
    return Figure(
        key="P8", what=f"{talks:,} eval talks, {turns:,} turns (bar {bar:.0f} s, goal {goal:.0f} s)",
        measured=f"{seconds:.1f} s", baseline=f"{bare_seconds:.1f} s", judged=seconds / bare_seconds, unit="x",
        bar=bar / bare_there, goal=goal / bare_there, better="lower",
    )  # fmt: skip
