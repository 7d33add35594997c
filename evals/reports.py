"""The files that a run leaves for people and for other programs."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from evals.baseline_talks import read_baseline_talks, talks_path
from evals.events import Transcript
from evals.gate import GateVerdict
from evals.history import read_history
from evals.html_report import render_report
from evals.junit import junit_xml
from evals.markdown_summary import markdown_summary
from evals.masking import masked
from evals.result_files import RESULT, ResultFileInvalid
from evals.results import ResultFile
from evals.scenario import Scenario
from evals.talk_files import TALKS, RunKey, read_talks

JUNIT: Final = "junit.xml"
SUMMARY: Final = "summary.md"
REPORT: Final = "report.html"
BASELINE: Final = Path("evals") / "baseline.json"
_PAST_RUNS: Final = 20  # of the trend

ScenarioKey = tuple[str, int]


class ReportLanguage(StrEnum):
    PT = "pt"
    EN = "en"


def write_reports(
    result: ResultFile,
    verdict: GateVerdict,
    folder: Path,
    *,
    scenarios: Iterable[Scenario],
    baseline: ResultFile | None = None,
    baseline_path: Path | None = None,
    result_path: Path | None = None,
    language: ReportLanguage = ReportLanguage.PT,
) -> str | None:
    """Write JUnit XML, a summary in Markdown and the page for people into a folder; give what to tell of them.

    `scenarios` are those of the talks: they say whose names to hide. A talk without its scenario is not shown. The
    talks are those beside `result_path`, or in the folder; the baseline's are beside `baseline_path`, and what is wrong
    with them is told and stops nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {(scenario.id, scenario.version): scenario for scenario in scenarios}
    spoken: Literal["pt", "en"] = "pt" if language is ReportLanguage.PT else "en"
    (folder / JUNIT).write_text(junit_xml(result, language=spoken), "utf-8")
    summary = markdown_summary(result, verdict=verdict, language=spoken)
    (folder / SUMMARY).write_text(summary, "utf-8", errors="replace")
    result_path = result_path or folder / RESULT
    transcripts, unknown = masked_talks(result_path, result, known)
    before: Mapping[RunKey, Transcript] = {}
    trouble: str | None = None
    if baseline is not None and baseline_path is not None:
        before, trouble = _talks_before(baseline_path, baseline, known)
    page = render_report(
        result, transcripts, verdict=verdict, baseline=baseline, baseline_transcripts=before, scenarios=known,
        history=read_history(result_path.resolve().parent.parent, limit=_PAST_RUNS), unknown_talks=unknown,
        language=spoken,
    )  # fmt: skip
    (folder / REPORT).write_text(page, "utf-8", errors="replace")
    return trouble


def masked_talks(
    path: Path, result: ResultFile, scenarios: Mapping[ScenarioKey, Scenario]
) -> tuple[dict[RunKey, Transcript], int]:
    """Give the talks that lie beside a result, masked, and count those that cannot be: their scenario is unknown."""
    if talks_path(path).is_file():
        return read_baseline_talks(talks_path(path), result), 0  # masked when it was blessed
    if not (path.parent / TALKS).is_file():
        return {}, 0
    wanted = {(run.key, run.repeat) for run in result.runs}
    found: dict[RunKey, Transcript] = {}
    unknown: set[RunKey] = set()
    for talk in read_talks(path.parent / TALKS):
        place = (talk.key, talk.repeat)
        if place not in wanted:
            continue
        scenario = scenarios.get((talk.transcript.scenario_id, talk.transcript.scenario_version))
        if scenario is None:
            unknown.add(place)
        else:
            found[place] = masked(talk.transcript, scenario)
    return found, len(unknown)


def _talks_before(
    path: Path, baseline: ResultFile, scenarios: Mapping[ScenarioKey, Scenario]
) -> tuple[dict[RunKey, Transcript], str | None]:
    """Give the baseline's talks, masked, or why there are none: the verdict needs only its results."""
    try:
        found, unknown = masked_talks(path, baseline, scenarios)
    except ResultFileInvalid as error:
        return {}, f"the page compares results only, without the baseline's talks: {error}"
    if not found and not unknown:
        return {}, f"the page compares results only: no talks lie beside {path.name} ({talks_path(path).name})"
    return found, None
