"""The command line: `python -m evals …`, also reached as `master-ia eval …`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from evals import result_commands, scenario_commands
from evals.cells import Access, ModeUnavailable
from evals.composer import compose
from evals.gate import ExitCode, Thresholds
from evals.loading import load_file, load_suites
from evals.prompt_sets import PromptSetInvalid, prompts_folder, read_prompt_set
from evals.reports import ReportLanguage, write_reports
from evals.result_files import read_result, result_path
from evals.results import Mode, ResultFile
from evals.run_command import RunOptions, default_processes, new_folder, run
from evals.scenario import Scenario
from evals.talk_files import TALKS, TalkRecord, read_talks
from evals.terminal import error_console, note, out_console, refuse, told
from evals.verdict_view import show
from evals.watching import watch_prompts
from wiring.settings import load_settings

RUNS: Final = Path(".data") / "evals"
app = typer.Typer(
    help="Let simulated customers talk to the assistant and judge what comes of it.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip
app.command("validate")(scenario_commands.validate)
app.command("list")(scenario_commands.list_suites)
app.command("compose")(scenario_commands.compose_scenarios)
app.command("from-conversation")(scenario_commands.from_conversation)
app.command("schema")(scenario_commands.show_schema)
app.command("report")(result_commands.report)
app.command("bless")(result_commands.bless_result)
app.command("merge")(result_commands.merge_shards)
app.command("rescore")(result_commands.rescore)
app.command("upload")(result_commands.upload_result)

Suites = Annotated[list[str] | None, typer.Option("--suite", "-s", help="Suite or group: cobranca, all. Repeatable.")]
Files = Annotated[list[Path] | None, typer.Option("--scenarios", help="Scenarios of your own, YAML or JSONL.")]
Only = Annotated[list[str] | None, typer.Option("--id", help="These scenarios only (an id, or its beginning and *).")]


@app.command("run")
def run_suites(
    suites: Suites = None,
    files: Files = None,
    ids: Only = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="Scenarios with this tag only.")] = None,
    composed: Annotated[
        int, typer.Option(min=0, max=100_000, help="So many scenarios more, put together from blocks.")
    ] = 0,
    prompts: Annotated[
        str, typer.Option(help="Versions, by commas: current, NAME, NAME=FOLDER, NAME=git:REV.")
    ] = "current",
    models: Annotated[str, typer.Option(help="By commas: offline, wire, replay:NAME, openai:NAME.")] = "offline",
    repeats: Annotated[int, typer.Option(min=1, max=1000, help="Talks of each scenario in each cell.")] = 1,
    baseline: Annotated[
        Path | None, typer.Option(help="Result to compare with: a baseline, or the folder of a run.")
    ] = None,
    max_cost: Annotated[float | None, typer.Option(min=0, help="Stop before more than so many BRL are spent.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random: the same seed, the same talks.")] = 0,
    shard: Annotated[str | None, typer.Option(help="i/n: only the i-th of n parts of the scenarios, from 1.")] = None,
    only_failed: Annotated[
        Path | None, typer.Option(help="Only scenarios that failed in this run: its folder or result file.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="An earlier run (folder or result): talks that would be the same are kept.")
    ] = None,
    pass_rate: Annotated[float, typer.Option(min=0, max=1, help="The gate's threshold for each cell.")] = 0.95,
    recording: Annotated[Path | None, typer.Option(help="File that mode replay plays.")] = None,
    record: Annotated[Path | None, typer.Option(help="File to write the answers of live models to.")] = None,
    judge: Annotated[
        str | None, typer.Option(help="openai:NAME that answers the scenarios' own questions; its votes fail nothing.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for results and reports.")] = None,
    database_url: Annotated[
        str | None, typer.Option(help="PostgreSQL server to make a throw-away database on, instead of an embedded one.")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, max=256, help="Default: one for each core.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=200, help="Talks at once in each process.")] = 6,
    language: Annotated[ReportLanguage, typer.Option(help="Of the reports.")] = ReportLanguage.PT,
) -> None:  # fmt: skip
    """Talk scenarios through, judge them, write reports; the exit code is the gate's."""
    with told():
        scenarios = _part(_chosen(suites, files, ids, tags, composed=compose(composed, seed=seed)), shard, only_failed)
        cells = [_model(name.strip()) for name in models.split(",") if name.strip()]
        options = RunOptions(
            scenarios=scenarios, prompts=[read_prompt_set(name.strip()) for name in prompts.split(",") if name.strip()],
            models=cells, repeats=repeats, seed=seed, out=out or new_folder(RUNS),
            access=_access(cells, recording=recording, record=record, judge=judge), resume=resume,
            thresholds=Thresholds(pass_rate=pass_rate, max_cost_brl=max_cost), server_url=database_url,
            processes=processes or default_processes(), concurrency=concurrency,
        )  # fmt: skip
        if not options.prompts or not cells:
            refuse("name at least one version of the prompts and one model")
        measure_path = result_path(baseline) if baseline else None
        measure = read_result(measure_path) if measure_path else None
        result, verdict = run(options, baseline=measure, console=error_console)
        trouble = write_reports(
            result, verdict, options.out, scenarios=scenarios, baseline=measure, baseline_path=measure_path,
            language=language,
        )  # fmt: skip
        if trouble:
            note(trouble)
        show(result, verdict, console=out_console, out=options.out)
    raise typer.Exit(int(verdict.exit_code))


@app.command()
def watch(
    suites: Suites = None,
    files: Files = None,
    ids: Only = None,
    prompts: Annotated[str, typer.Option(help="The version that is edited: current, NAME or NAME=FOLDER.")] = "current",
    models: Annotated[str, typer.Option(help="offline, wire, openai:NAME, by commas.")] = "offline",
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    concurrency: Annotated[int, typer.Option(min=1, max=200, help="Talks at once in each process.")] = 6,
) -> None:
    """Run scenarios, and again those that a prompt touches each time it is saved."""
    with told():
        scenarios = _chosen(suites, files, ids, None)
        cells = [_model(name.strip()) for name in models.split(",") if name.strip()]
        folder = prompts_folder(prompts)
        read_prompt_set(prompts)
        last: list[ResultFile] = []

        def run_again(chosen: Sequence[Scenario]) -> list[TalkRecord]:
            try:
                options = RunOptions(
                    scenarios=chosen, prompts=[read_prompt_set(prompts)], models=cells, repeats=1, seed=seed,
                    out=new_folder(RUNS / "watch"), access=_access(cells, recording=None, record=None),
                    processes=default_processes(), concurrency=concurrency,
                )  # fmt: skip
            except PromptSetInvalid as error:  # half-written: the next save may be whole
                error_console.print(str(error), style="red", markup=False)
                return []
            result, verdict = run(options, baseline=last[0] if last else None, console=error_console)
            last[:] = last or [result]
            show(result, verdict, console=out_console, out=options.out)
            return list(read_talks(options.out / TALKS))

        watch_prompts(scenarios, [folder], run=run_again, say=lambda text: out_console.print(text, highlight=False))


def _chosen(
    suites: Sequence[str] | None, files: Sequence[Path] | None, ids: Sequence[str] | None, tags: Sequence[str] | None,
    *, composed: Sequence[Scenario] = (),
) -> list[Scenario]:  # fmt: skip
    found = [*load_suites(suites or ([] if files or composed else ["all"])), *composed]
    for path in files or ():
        found += load_file(path)
    if ids:
        found = [item for item in found if any(_fits(item.id, wanted) for wanted in ids)]
    if tags:
        found = [item for item in found if set(tags) & set(item.tags)]
    if not found:
        refuse("no scenario fits; `python -m evals list` shows the suites")
    repeated = {item.id for item in found if sum(other.id == item.id for other in found) > 1} if files else set()
    if repeated:
        refuse(f"scenario ids stand twice: {', '.join(sorted(repeated))}")
    return found


def _fits(scenario_id: str, wanted: str) -> bool:
    return scenario_id.startswith(wanted[:-1]) if wanted.endswith("*") else scenario_id == wanted


def _part(scenarios: list[Scenario], shard: str | None, only_failed: Path | None) -> list[Scenario]:
    if only_failed is not None:
        failed = {item.scenario_id for item in read_result(result_path(only_failed)).runs if not item.has_passed}
        scenarios = [item for item in scenarios if item.id in failed]
        if not scenarios:
            refuse(f"nothing of this failed in {only_failed}")
    if shard is None:
        return scenarios
    part, _, parts = shard.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        refuse(f"--shard {shard}: write it as 1/4")
    kept = sorted(scenarios, key=lambda item: item.id)[int(part) - 1 :: int(parts)]
    if not kept:
        refuse(f"--shard {shard} holds no scenario")
    return kept


def _model(name: str) -> tuple[str, Mode]:
    match name.partition(":"):
        case ("offline", "", ""):
            return "offline", Mode.OFFLINE
        case ("wire", "", ""):
            return "offline", Mode.WIRE
        case ("replay", _, model) if model:
            return f"openai:{model}", Mode.REPLAY
        case ("openai", _, model) if model:
            return name, Mode.LIVE
    refuse(f"unknown model {name!r}: there are offline, wire, openai:NAME and replay:NAME")


def _access(
    cells: Sequence[tuple[str, Mode]], *, recording: Path | None, record: Path | None, judge: str | None = None
) -> Access:
    modes = {mode for _, mode in cells}
    provider, _, judge_model = (judge or "").partition(":")
    if judge is not None and (provider != "openai" or not judge_model):
        refuse(f"unknown judge {judge!r}: write openai:NAME")
    if Mode.REPLAY in modes and (recording is None or not recording.is_file()):
        raise ModeUnavailable("mode replay needs --recording FILE, written by an earlier run with --record")
    if Mode.LIVE not in modes and judge is None:
        return Access(recording=recording)
    if Mode.LIVE in modes and Mode.REPLAY in modes:
        raise ModeUnavailable("live and replay in one run would write and read one recording; make two runs")
    settings = load_settings()
    key = settings.openai_api_key
    if key is None:
        raise ModeUnavailable("openai:… needs OPENAI_API_KEY; without a key there are offline, wire and replay")
    base_url = str(settings.openai_base_url) if settings.openai_base_url else None
    return Access(
        openai_api_key=key.get_secret_value(), openai_base_url=base_url,
        recording=recording if Mode.REPLAY in modes else record, judge_model=judge_model or None,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code: 0 to 7 as evals/gate.py says."""
    try:
        ended = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        error_console.print("Stopped.", style="red")
        return ExitCode.HARNESS_ERROR
    except Exception as error:  # the outermost of the command: what breaks here is code 1, never a verdict
        if type(error).__module__.startswith(("click", "typer")):
            in_full = getattr(error, "format_message", error.__str__)  # names the option
            error_console.print(in_full(), style="red", markup=False)
            return ExitCode.BAD_INPUT
        if os.environ.get("MASTER_IA_EVALS_TRACEBACK"):
            raise
        error_console.print(f"The harness broke: {type(error).__name__}: {error}", style="red", markup=False)
        return ExitCode.HARNESS_ERROR
    return int(ended) if isinstance(ended, int) else ExitCode.PASS  # what typer.Exit was raised with
