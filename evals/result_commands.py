"""Commands about results: draw them again, judge them again, put shards together, bless, send."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from evals.gate import ExitCode, judge_gate
from evals.judging import judge
from evals.langsmith_upload import upload
from evals.loading import load_file, load_suites
from evals.reports import BASELINE, RESULT, TALKS, ReportLanguage, write_reports
from evals.results import ResultFile, Run
from evals.scenario import Scenario
from evals.shards import merge
from evals.storage import TranscriptWriter, bless, read_result, read_talks, write_result
from evals.terminal import out_console, refuse, told
from evals.verdict_view import show
from wiring.settings import load_settings

Folder = Annotated[Path, typer.Argument(help="Folder of a run.")]
Files = Annotated[list[Path] | None, typer.Option("--scenarios", help="Files of its scenarios that are in no suite.")]
Against = Annotated[Path | None, typer.Option("--baseline", help="Result file to compare with.")]
In = Annotated[ReportLanguage, typer.Option("--language", help="Of the reports.")]


def report(folder: Folder, baseline: Against = None, files: Files = None, language: In = ReportLanguage.PT) -> None:
    """Draw the reports of a run again; the exit code is the gate's."""
    with told():
        result = read_result(folder / RESULT)
        measure = read_result(baseline) if baseline else None
        verdict = judge_gate(result, baseline=measure)
        write_reports(
            result, verdict, folder, scenarios=_scenarios(files), baseline=measure,
            baseline_folder=baseline.parent if baseline else None, language=language,
        )  # fmt: skip
    show(result, verdict, console=out_console, out=folder)
    raise typer.Exit(int(verdict.exit_code))


def bless_result(
    folder: Folder,
    reason: Annotated[str, typer.Option(help="Why this is the new measure; it stands in the file.")],
    out: Annotated[Path, typer.Option(help="The baseline to write; commit it.")] = BASELINE,
) -> None:
    """Make a run the baseline that later ones are compared with."""
    with told():
        blessed = bless(read_result(folder / RESULT), out, reason)
    out_console.print(f"{len(blessed.runs)} talks are the baseline now: {out}", highlight=False)


def merge_shards(
    folders: Annotated[list[Path], typer.Argument(help="Folders of the shards of one run.")],
    out: Annotated[Path, typer.Option(help="Folder for the whole.")],
    files: Files = None,
) -> None:
    """Put the shards of one run together; the exit code is the gate's."""
    with told():
        result = merge([read_result(folder / RESULT) for folder in folders])
        kept = frozenset(result.runs)
        out.mkdir(parents=True, exist_ok=True)
        (out / TALKS).unlink(missing_ok=True)
        with TranscriptWriter(out / TALKS) as talks:
            for folder in folders:
                for talk in read_talks(folder / TALKS):
                    if talk.run is not None and talk.run in kept:
                        talks.append(talk.run, talk.transcript)
        write_result(result, out / RESULT)
        verdict = judge_gate(result)
        write_reports(result, verdict, out, scenarios=_scenarios(files))
    show(result, verdict, console=out_console, out=out)
    raise typer.Exit(int(verdict.exit_code))


def rescore(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="Folder for the new result.")],
    files: Files = None,
    baseline: Against = None,
) -> None:
    """Judge the talks of a run by today's expectations and policies, without talking again."""
    with told():
        old = read_result(folder / RESULT)
        scenarios = {(item.id, item.version): item for item in _scenarios(files)}
        out.mkdir(parents=True, exist_ok=True)
        result = _judged_again(old, folder, out, scenarios)
        write_result(result, out / RESULT)
        measure = read_result(baseline) if baseline else None
        verdict = judge_gate(result, baseline=measure)
        write_reports(
            result, verdict, out, scenarios=scenarios.values(), baseline=measure,
            baseline_folder=baseline.parent if baseline else None,
        )  # fmt: skip
    show(result, verdict, console=out_console, out=out)
    raise typer.Exit(int(verdict.exit_code))


def _scenarios(files: list[Path] | None) -> list[Scenario]:
    return [*load_suites(["all"]), *(item for path in files or () for item in load_file(path))]


def _judged_again(
    old: ResultFile, folder: Path, out: Path, scenarios: Mapping[tuple[str, int], Scenario]
) -> ResultFile:
    """Judge talk by talk; one whose scenario is gone or has another version now is left out, and said so."""
    runs: list[Run] = []
    gone: set[str] = set()
    (out / TALKS).unlink(missing_ok=True)
    with TranscriptWriter(out / TALKS) as talks:
        for talk in read_talks(folder / TALKS):
            if talk.run is None:
                continue
            scenario = scenarios.get((talk.run.scenario_id, talk.run.scenario_version))
            if scenario is None:
                gone.add(talk.run.scenario_id)
                continue
            judged = judge(scenario, talk.transcript, cell=talk.run.cell)
            changes = {
                "has_passed": judged.has_passed, "cause": judged.cause, "checks": judged.checks,
                "known_failure": judged.known_failure, "severity": scenario.severity,
            }  # fmt: skip
            runs.append(talk.run.model_copy(update=changes))
            talks.append(runs[-1], talk.transcript)
    if not runs:
        refuse("none of these talks belongs to a scenario that there is; name the file with --scenarios")
    notes = [*old.notes, *([f"left out, changed since: {', '.join(sorted(gone))}"] if gone else [])]
    return old.model_copy(update={"runs": tuple(runs), "notes": tuple(notes)})


def upload_result(folder: Folder, files: Files = None) -> None:
    """Send a finished run to LangSmith, masked; needs LANGSMITH_API_KEY."""
    with told():
        key = load_settings().langsmith_api_key
        if key is None:
            refuse("LANGSMITH_API_KEY is not set")
        result = read_result(folder / RESULT)
        scenarios = _scenarios(files)
        names = {customer.name for scenario in scenarios for customer in scenario.seed.customers}
        names |= {scenario.seed.contact.name for scenario in scenarios if scenario.seed.contact.name}
        sent = upload(result, api_key=key.get_secret_value(), names=names)
    for item in sent:
        words = "sent" if item.is_new else "was there"
        out_console.print(f"{item.dataset} · {item.experiment}: {item.rows} rows {words}", highlight=False)
    raise typer.Exit(ExitCode.PASS)
