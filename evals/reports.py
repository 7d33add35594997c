"""The files that a run leaves for people and for other programs."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from evals.events import Transcript
from evals.gate import GateVerdict
from evals.html_report import render_report
from evals.junit import junit_xml
from evals.markdown_summary import markdown_summary
from evals.masking import masked
from evals.results import ResultFile
from evals.scenario import Scenario
from evals.storage import read_history, read_talks

RESULT: Final = "result.json"
TALKS: Final = "talks.jsonl"
JUNIT: Final = "junit.xml"
SUMMARY: Final = "summary.md"
REPORT: Final = "report.html"
BASELINE: Final = Path("evals") / "baseline.json"
_PAST_RUNS: Final = 20  # of the trend

RunKey = tuple[str, int]
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
    baseline_folder: Path | None = None,
    language: ReportLanguage = ReportLanguage.PT,
) -> None:
    """Write JUnit XML, a summary in Markdown and the page for people beside the result.

    `scenarios` are those of the talks: they say whose names to hide. A talk without its scenario is not shown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {(scenario.id, scenario.version): scenario for scenario in scenarios}
    spoken: Literal["pt", "en"] = "pt" if language is ReportLanguage.PT else "en"
    (folder / JUNIT).write_text(junit_xml(result, language=spoken), "utf-8")
    summary = markdown_summary(result, verdict=verdict, language=spoken)
    (folder / SUMMARY).write_text(summary, "utf-8", errors="replace")
    transcripts, unknown = masked_talks(folder, result, known)
    before: Mapping[RunKey, Transcript] = {}
    if baseline is not None and baseline_folder is not None:
        before, _ = masked_talks(baseline_folder, baseline, known)
    page = render_report(
        result, transcripts, verdict=verdict, baseline=baseline, baseline_transcripts=before, scenarios=known,
        history=read_history(folder.resolve().parent, limit=_PAST_RUNS), unknown_talks=unknown, language=spoken,
    )  # fmt: skip
    (folder / REPORT).write_text(page, "utf-8", errors="replace")


def masked_talks(
    folder: Path, result: ResultFile, scenarios: Mapping[ScenarioKey, Scenario]
) -> tuple[dict[RunKey, Transcript], int]:
    """Give the talks of a result's runs that lie in its folder, masked, and count those whose scenario is unknown."""
    path = folder / TALKS
    if not path.is_file():
        return {}, 0
    wanted = {(run.key, run.repeat) for run in result.runs}
    found: dict[RunKey, Transcript] = {}
    unknown: set[RunKey] = set()
    for talk in read_talks(path):
        place = (talk.key, talk.repeat)
        if place not in wanted:
            continue
        scenario = scenarios.get((talk.transcript.scenario_id, talk.transcript.scenario_version))
        if scenario is None:
            unknown.add(place)
        else:
            found[place] = masked(talk.transcript, scenario)
    return found, len(unknown)
