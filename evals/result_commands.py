"""Commands about results: draw them again, judge them again, put shards together, bless, send."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from evals.baseline import bless
from evals.baseline_talks import talks_path
from evals.gate import ExitCode, GateVerdict, judge_gate
from evals.judging import judge
from evals.langsmith_upload import upload
from evals.loading import load_file, load_suites
from evals.reports import BASELINE, ReportLanguage, masked_talks, write_reports
from evals.result_files import RESULT, read_result, result_path, write_result
from evals.results import ResultFile, Run
from evals.scenario import Scenario
from evals.shards import merge
from evals.talk_files import TALKS, TranscriptWriter, read_talks
from evals.terminal import note, out_console, refuse, told
from evals.verdict_view import show
from wiring.settings import load_settings

Given = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or its result file.")]
Files = Annotated[list[Path] | None, typer.Option("--scenarios", help="Files of its scenarios that are in no suite.")]
Against = Annotated[
    Path | None, typer.Option("--baseline", help="Result to compare with: a baseline, or the folder of a run.")
]
In = Annotated[ReportLanguage, typer.Option("--language", help="Of the reports.")]


def report(
    given: Given,
    baseline: Against = None,
    files: Files = None,
    language: In = ReportLanguage.PT,
    out: Annotated[Path | None, typer.Option(help="Folder for the reports; without it, that of the result.")] = None,
) -> None:
    """Draw the reports of a run again; the exit code is the gate's."""
    with told():
        path = result_path(given)
        result = read_result(path)
        verdict = _reported(
            result, out or path.parent, path=path, baseline=baseline, scenarios=_scenarios(files), language=language
        )
    show(result, verdict, console=out_console, out=out or path.parent)
    raise typer.Exit(int(verdict.exit_code))


def bless_result(
    given: Given,
    reason: Annotated[str, typer.Option(help="Why this is the new measure; it stands in the file.")],
    out: Annotated[Path, typer.Option(help="The baseline to write, and its talks beside it; commit both.")] = BASELINE,
    files: Files = None,
) -> None:
    """Make a run the baseline that later ones are compared with."""
    with told():
        path = result_path(given)
        result = read_result(path)
        talks, unknown = masked_talks(path, result, _by_version(_scenarios(files)))
        blessed = bless(result, out, reason, talks=talks)
    out_console.print(f"{len(blessed.result.runs)} runs are the baseline now: {out}", highlight=False)
    if blessed.talks:
        kept = talks_path(out)
        size = kept.stat().st_size / 1024
        out_console.print(f"{blessed.talks} of their talks, masked: {kept} ({size:.0f} KB)", highlight=False)
    else:
        note("their talks are not kept: none lie beside the result that can be masked")
    if unknown:
        note(f"{unknown} talks are not kept: their scenario is in no suite; name its file with --scenarios")


def merge_shards(
    given: Annotated[list[Path], typer.Argument(metavar="RUN…", help="Folders of the shards, or their result files.")],
    out: Annotated[Path, typer.Option(help="Folder for the whole.")],
    files: Files = None,
) -> None:
    """Put the shards of one run together; the exit code is the gate's."""
    with told():
        paths = [result_path(each) for each in given]
        _not_into_its_own(paths, out)
        result = merge([read_result(path) for path in paths])
        kept = frozenset(result.runs)
        out.mkdir(parents=True, exist_ok=True)
        (out / TALKS).unlink(missing_ok=True)
        with TranscriptWriter(out / TALKS) as talks:
            for path in paths:
                for talk in read_talks(path.parent / TALKS):
                    if talk.run in kept:
                        talks.append(talk.run, talk.transcript)
        write_result(result, out / RESULT)
        verdict = _reported(result, out, scenarios=_scenarios(files))
    show(result, verdict, console=out_console, out=out)
    raise typer.Exit(int(verdict.exit_code))


def rescore(
    given: Given,
    out: Annotated[Path, typer.Option(help="Folder for the new result.")],
    files: Files = None,
    baseline: Against = None,
) -> None:
    """Judge the talks of a run by today's expectations and policies, without talking again."""
    with told():
        path = result_path(given)
        _not_into_its_own([path], out)
        old = read_result(path)
        scenarios = _by_version(_scenarios(files))
        out.mkdir(parents=True, exist_ok=True)
        result = _judged_again(old, path.parent / TALKS, out, scenarios)
        write_result(result, out / RESULT)
        verdict = _reported(result, out, baseline=baseline, scenarios=scenarios.values())
    show(result, verdict, console=out_console, out=out)
    raise typer.Exit(int(verdict.exit_code))


def _scenarios(files: list[Path] | None) -> list[Scenario]:
    return [*load_suites(["all"]), *(item for path in files or () for item in load_file(path))]


def _by_version(scenarios: Iterable[Scenario]) -> dict[tuple[str, int], Scenario]:
    return {(item.id, item.version): item for item in scenarios}


def _not_into_its_own(paths: Sequence[Path], out: Path) -> None:
    """Refuse to write over what is read."""
    if any(path.parent.resolve() == out.resolve() for path in paths):
        refuse(f"--out {out} is the folder that is read; name another one")


def _reported(
    result: ResultFile,
    out: Path,
    *,
    scenarios: Iterable[Scenario],
    path: Path | None = None,
    baseline: Path | None = None,
    language: ReportLanguage = ReportLanguage.PT,
) -> GateVerdict:
    """Judge a result, write its reports, and tell what is wrong with the talks of its baseline."""
    measure_path = result_path(baseline) if baseline else None
    measure = read_result(measure_path) if measure_path else None
    verdict = judge_gate(result, baseline=measure)
    trouble = write_reports(
        result, verdict, out, scenarios=scenarios, baseline=measure, baseline_path=measure_path, result_path=path,
        language=language,
    )  # fmt: skip
    if trouble:
        note(trouble)
    return verdict


def _judged_again(
    old: ResultFile, old_talks: Path, out: Path, scenarios: Mapping[tuple[str, int], Scenario]
) -> ResultFile:
    """Judge talk by talk; one whose scenario is gone or has another version now is left out, and said so."""
    runs: list[Run] = []
    gone: set[str] = set()
    (out / TALKS).unlink(missing_ok=True)
    with TranscriptWriter(out / TALKS) as talks:
        for talk in read_talks(old_talks):
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


def upload_result(given: Given, files: Files = None) -> None:
    """Send a finished run to LangSmith, masked; needs LANGSMITH_API_KEY."""
    with told():
        key = load_settings().langsmith_api_key
        if key is None:
            refuse("LANGSMITH_API_KEY is not set")
        result = read_result(result_path(given))
        scenarios = _scenarios(files)
        names = {customer.name for scenario in scenarios for customer in scenario.seed.customers}
        names |= {scenario.seed.contact.name for scenario in scenarios if scenario.seed.contact.name}
        sent = upload(result, api_key=key.get_secret_value(), names=names)
    for item in sent:
        words = "sent" if item.is_new else "was there"
        out_console.print(f"{item.dataset} · {item.experiment}: {item.rows} rows {words}", highlight=False)
    raise typer.Exit(ExitCode.PASS)
