"""`run`: make the matrix, judge it, write the result and its reports, and end with the gate's code."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from evals.cells import Access
from evals.gate import GateVerdict, Thresholds, judge_gate
from evals.ground import open_ground
from evals.progress import shown_progress
from evals.prompt_sets import PromptSet
from evals.result_files import RESULT, write_result
from evals.results import Cause, Cell, Mode, ResultFile, Run
from evals.runner import BATCH, Job, Limits, Made, Plan, RunStopped, product_digest, run_plan
from evals.scenario import Scenario
from evals.talk_files import TALKS, TranscriptWriter, read_talks
from wiring.clock import SystemClock


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """What a run was asked for, checked."""

    scenarios: Sequence[Scenario]
    prompts: Sequence[PromptSet]
    models: Sequence[tuple[str, Mode]]
    repeats: int
    seed: int
    out: Path
    access: Access
    resume: Path | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    server_url: str | None = None
    processes: int = 2
    concurrency: int = 6


def run(options: RunOptions, *, baseline: ResultFile | None, console: Console) -> tuple[ResultFile, GateVerdict]:
    """Make all runs that are not there yet; write result and talks; judge against the baseline."""
    plan = _plan(options)
    jobs = list(plan.jobs())
    kept = kept_talks(options.resume, jobs) if options.resume else {}
    wanted = [job for job in jobs if (job.key, job.repeat) not in kept]
    if kept:
        console.print(f"{len(jobs) - len(wanted)} of {len(jobs)} talks are as they were and are not made again.")
    options.out.mkdir(parents=True, exist_ok=True)
    runs: list[Run] = [made[0] for made in kept.values()]
    limits = Limits(max_cost_brl=options.thresholds.max_cost_brl)
    notes = _make(options, wanted, kept.values(), runs, limits, console)
    result = _result(options, plan, runs, notes)
    write_result(result, options.out / RESULT)
    verdict = judge_gate(
        result, baseline=baseline, thresholds=options.thresholds, spent_brl=limits.spent_brl,
        is_stopped_by_budget=limits.is_spent() and not result.is_complete,
    )  # fmt: skip
    return result, verdict


def _plan(options: RunOptions) -> Plan:
    return Plan(
        scenarios=options.scenarios, prompts={item.name: item for item in options.prompts},
        cells=[
            Cell(prompts=prompts.name, model=model, mode=mode)
            for prompts in options.prompts for model, mode in options.models
        ],
        repeats=options.repeats, seed=options.seed,
    )  # fmt: skip


def kept_talks(folder: Path, jobs: Iterable[Job]) -> dict[tuple[str, int], Made]:
    """Find the talks of an earlier run that would come out the same. What infrastructure spoilt is made again."""
    if folder.name == RESULT:
        folder = folder.parent
    path = folder / TALKS if folder.is_dir() else folder
    wanted = {(job.key, job.repeat): job.cell for job in jobs}
    found: dict[tuple[str, int], Made] = {}
    for talk in read_talks(path):
        place = (talk.key, talk.repeat)
        if place not in wanted or talk.run.cause is Cause.INFRASTRUCTURE:
            continue
        found[place] = (talk.run.model_copy(update={"cell": wanted[place]}), talk.transcript)
    return found


def _make(
    options: RunOptions, wanted: Sequence[Job], kept: Iterable[Made], runs: list[Run], limits: Limits, console: Console
) -> tuple[str, ...]:
    """Make the runs and write each down as it comes; give what stopped them."""
    path = options.out / TALKS
    path.unlink(missing_ok=True)
    with TranscriptWriter(path) as talks, shown_progress(len(wanted), console=console) as board:
        for made in kept:
            talks.append(*made)

        def note(made: Made) -> None:
            run, transcript = made
            runs.append(run)
            talks.append(run, transcript)
            board.count(run)

        if not wanted:
            return ()
        try:
            processes = min(options.processes, -(-len(wanted) // BATCH))
            with open_ground(options.server_url, databases=processes) as database_urls:
                run_plan(
                    wanted, database_urls=database_urls, access=options.access, concurrency=options.concurrency,
                    limits=limits, on_made=note,
                )  # fmt: skip
        except RunStopped as stop:
            return (str(stop),)
        except KeyboardInterrupt:  # before the first talk or for the second time; what was made is kept all the same
            return ("stopped by Ctrl-C",)
    return ()


def _result(options: RunOptions, plan: Plan, runs: Sequence[Run], notes: tuple[str, ...]) -> ResultFile:
    return ResultFile(
        created_at=SystemClock().now(), product_version=f"{version('master-ia')}+{product_digest()}", seed=options.seed,
        suites=tuple(dict.fromkeys(scenario.suite for scenario in options.scenarios)), cells=tuple(plan.cells),
        repeats=options.repeats, prompt_versions={item.name: item.versions() for item in options.prompts},
        titles={scenario.id: scenario.title for scenario in options.scenarios}, runs=tuple(runs),
        is_complete=len(runs) == len(plan.scenarios) * len(plan.cells) * plan.repeats, notes=notes,
    )  # fmt: skip


def new_folder(base: Path) -> Path:
    """Name the folder of a new run."""
    return base / f"{SystemClock().now():%Y%m%d-%H%M%S}-{os.getpid()}"


def default_processes() -> int:
    """Use every core of this machine that the process may."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
