"""The files that a run leaves for people and for other programs."""

from pathlib import Path
from typing import Final

from evals.gate import GateVerdict
from evals.junit import junit_xml
from evals.markdown_summary import markdown_summary
from evals.results import ResultFile

RESULT: Final = "result.json"
TALKS: Final = "talks.jsonl"
JUNIT: Final = "junit.xml"
SUMMARY: Final = "summary.md"
BASELINE: Final = Path("evals") / "baseline.json"


def write_reports(
    result: ResultFile, verdict: GateVerdict, folder: Path, *, baseline: ResultFile | None = None,
    baseline_folder: Path | None = None,
) -> None:  # fmt: skip
    """Write JUnit XML and a summary in Markdown beside the result."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JUNIT).write_text(junit_xml(result), "utf-8")
    (folder / SUMMARY).write_text(markdown_summary(result, verdict=verdict), "utf-8")
