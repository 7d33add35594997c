"""A result as one HTML file: opens from disk, asks the network for nothing, reads without a script, talks with one."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined, Template

from evals.events import Transcript
from evals.gate import GateVerdict
from evals.history import History
from evals.masking import Hider
from evals.report import sections
from evals.report.figures_text import number, shown
from evals.report.rows import Hide, Mark, Row, Status, rows_of
from evals.report.talks import MOST_BYTES, RunKey, ScenarioKey, Side, pack
from evals.report.trend import HEIGHT, WIDTH, chart_of
from evals.report.words import CASE, PAGE, Language
from evals.results import ResultFile
from evals.scenario import Scenario, Severity
from evals.statistics import cell_figures, suite_figures

_SCRIPTS: Final = ("page.js", "case.js")


def render_report(
    result: ResultFile,
    transcripts: Mapping[RunKey, Transcript],
    *,
    verdict: GateVerdict | None = None,
    baseline: ResultFile | None = None,
    baseline_transcripts: Mapping[RunKey, Transcript] | None = None,
    history: History | None = None,
    scenarios: Mapping[ScenarioKey, Scenario] | None = None,
    unknown_talks: int = 0,
    language: Language = "pt",
    most_bytes: int = MOST_BYTES,
) -> str:
    """Draw the report; the same input gives the same file.

    Transcripts come masked (evals/masking.py); what personal data has a form of its own is hidden once more here.
    The comparison is the verdict's. `unknown_talks`: talks that could not be masked and so are not here.
    """
    words = PAGE[language]
    cells, suites = cell_figures(result), suite_figures(result)
    comparisons = verdict.comparisons if verdict else None
    known = scenarios or {}
    hide = _hiding(known)
    rows = rows_of(result, comparisons, known, hide)
    partner_of = {each.cell: each.baseline_cell for each in (comparisons.cells if comparisons else ())}
    partners = [sections.cell_place(baseline.cells if baseline else (), partner_of.get(cell)) for cell in result.cells]
    talks = pack(
        [row.key for row in rows], Side(result=result, transcripts=transcripts),
        Side(result=baseline, transcripts=baseline_transcripts or {}) if baseline else None,
        partners=partners, scenarios=known, hide=hide, most_bytes=most_bytes,
    )  # fmt: skip
    tone, verdict_text, reasons = sections.verdict_words(verdict, words, language)
    script = "\n".join(_text(name) for name in _SCRIPTS)
    return _template().render(
        language=language,
        words=words,
        case_words=CASE[language],
        style=_text("page.css"),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        result=result,
        verdict=verdict,
        tone=tone,
        verdict_text=verdict_text,
        reasons=reasons,
        facts=sections.facts_of(result, baseline, words, language),
        tiles=sections.tiles_of(rows, cells, words, language),
        matrix=sections.matrix_of(cells, suites, words, language),
        comparisons=sections.comparisons_of(result, comparisons, words, language, hide),
        unmatched=", ".join(cell.name for cell in comparisons.unmatched) if comparisons else "",
        has_baseline=comparisons is not None,
        has_baseline_talks=bool(baseline_transcripts),
        rows=rows,
        choices=_choices(rows),
        flaky=[row for row in rows if Status.FLAKY in row.statuses],
        known_failures=[row for row in rows if row.known_failure is not None],
        costs=sections.costs_of(cells, words, language),
        chart=chart_of(result, history, language),
        chart_size=(WIDTH, HEIGHT),
        unreadable=len(history.unreadable) if history else 0,
        talks=talks,
        unknown_talks=unknown_talks,
        count=lambda value: number(value, language),
        Mark=Mark,
        Status=Status,
    )


def _hiding(scenarios: Mapping[ScenarioKey, Scenario]) -> Hide:
    """Hide in a text about a scenario who its people are, as far as the scenario is known."""
    hiders = {key: Hider(scenario) for key, scenario in scenarios.items()}

    def hide(key: ScenarioKey, text: str) -> str:
        hider = hiders.get(key) if text else None
        return shown(hider.text(text) if hider else text)

    return hide


def _choices(rows: tuple[Row, ...]) -> dict[str, list[tuple[str, int]]]:
    """Give what the filters offer, with how many scenarios each has."""

    def counted(values: list[str]) -> list[tuple[str, int]]:
        return [(value, values.count(value)) for value in dict.fromkeys(values)]

    statuses = [status.value for row in rows for status in row.statuses]
    severities = [row.severity.value for row in rows]
    return {
        "suite": counted([row.suite for row in rows]),
        "status": [(status.value, statuses.count(status)) for status in Status if status.value in statuses],
        "severity": [(each.value, severities.count(each)) for each in Severity if each.value in severities],
        "tag": sorted(counted([tag for row in rows for tag in row.tags])),
        "check": sorted(counted([check for row in rows for check in row.failing_checks])),
    }


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["shown"] = shown
    return environment.from_string(_text("page.html.j2"))


@cache
def _text(name: str) -> str:
    return files("evals.report").joinpath(name).read_text("utf-8")
