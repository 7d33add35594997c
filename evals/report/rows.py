"""Scenario by scenario, cell by cell: how each repeat ended, and what that makes of the scenario."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from evals.comparison import Comparisons, first_failing
from evals.report.figures_text import shown
from evals.results import Cell, Check, CheckKind, ResultFile, Run
from evals.scenario import Scenario, Severity
from evals.statistics import ScenarioKey, Tally, runs_of, tallies


class Mark(StrEnum):
    """How one repeat ended."""

    PASS = "pass"  # noqa: S105 - how a repeat ended, no password
    FAIL = "fail"
    BLOCK = "block"
    VOID = "void"


class Status(StrEnum):
    """What a scenario is, most pressing first; it may be several."""

    BLOCKING = "blocking"
    BROKEN = "broken"
    FAILED = "failed"
    FLAKY = "flaky"
    UNCOUNTED = "uncounted"
    KNOWN = "known"
    FIXED = "fixed"
    PASSED = "passed"


Hide = Callable[[ScenarioKey, str], str]  # makes a text about a scenario safe to show
_PLACES: Final = {status: place for place, status in enumerate(Status)}
_SEVERITIES: Final = {severity: place for place, severity in enumerate(Severity)}


def mark_of(run: Run) -> Mark:
    """Say how a run ended. A broken blocking policy shows whatever else happened."""
    if run.blocking_breaks:
        return Mark.BLOCK
    if not run.is_counted:
        return Mark.VOID
    return Mark.PASS if run.has_passed else Mark.FAIL


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """One scenario in one cell: its repeats, and its rate in the baseline."""

    cell: int
    marks: tuple[tuple[int, Mark], ...]  # repeat, how it ended
    passed: int
    counted: int
    before: tuple[int, int] | None  # passed and counted in the baseline
    statuses: frozenset[Status]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One scenario over all cells. `boxes` has None where a cell did not run it."""

    scenario_id: str
    version: int
    title: str
    suite: str
    severity: Severity
    tags: tuple[str, ...]
    boxes: tuple[Box | None, ...]
    statuses: tuple[Status, ...]
    first: Check | None  # the failing check that counts most
    detail: str  # of that check
    failing_checks: tuple[str, ...]
    known_failure: str | None

    @property
    def key(self) -> ScenarioKey:
        return self.scenario_id, self.version

    @property
    def is_known_no_more(self) -> bool:
        """Whether a known failure passes everywhere: its entry can go."""
        return self.known_failure is not None and all(
            box is None or 0 < box.counted == box.passed for box in self.boxes
        )


def rows_of(
    result: ResultFile, comparisons: Comparisons | None, scenarios: Mapping[ScenarioKey, Scenario], hide: Hide
) -> tuple[Row, ...]:
    """Give the scenarios, the most pressing first, then by suite and id."""
    columns = [_column(result, cell, comparisons) for cell in result.cells]
    runs: dict[ScenarioKey, list[Run]] = {}
    for run in result.runs:
        runs.setdefault((run.scenario_id, run.scenario_version), []).append(run)
    rows = [
        _row(key, group, [column.get(key) for column in columns], result, scenarios.get(key), hide)
        for key, group in runs.items()
    ]
    suites = {suite: place for place, suite in enumerate(dict.fromkeys([*result.suites, *(row.suite for row in rows)]))}
    rows.sort(
        key=lambda row: (
            _PLACES[row.statuses[0]], _SEVERITIES[row.severity], suites[row.suite], row.scenario_id, row.version
        )
    )  # fmt: skip
    return tuple(rows)


def _row(
    key: ScenarioKey, runs: Sequence[Run], boxes: Sequence[Box | None], result: ResultFile, scenario: Scenario | None,
    hide: Hide,
) -> Row:  # fmt: skip
    found = {status for box in boxes if box for status in box.statuses}
    failed = [
        check.id for run in runs for check in run.checks if not check.has_passed and check.kind is not CheckKind.JUDGE
    ]
    first = first_failing(runs)
    return Row(
        scenario_id=key[0],
        version=key[1],
        title=shown(result.titles.get(key[0], "")),
        suite=runs[0].suite,
        severity=runs[0].severity,
        tags=scenario.tags if scenario else (),
        boxes=tuple(boxes),
        statuses=tuple(sorted(found if len(found) == 1 else found - {Status.PASSED}, key=_PLACES.__getitem__)),
        first=first,
        detail=hide(key, first.detail) if first else "",
        failing_checks=tuple(dict.fromkeys(failed)),
        known_failure=next((hide(key, run.known_failure) for run in runs if run.known_failure), None),
    )


def _column(result: ResultFile, cell: Cell, comparisons: Comparisons | None) -> dict[ScenarioKey, Box]:
    runs = runs_of(result, cell)
    by_key: dict[ScenarioKey, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.repeat):
        by_key.setdefault((run.scenario_id, run.scenario_version), []).append(run)
    compared = [each for each in (comparisons.cells if comparisons else ()) if each.cell == cell]
    broke = {(flip.scenario_id, flip.scenario_version) for each in compared for flip in each.broke}
    fixed = {(flip.scenario_id, flip.scenario_version) for each in compared for flip in each.fixed}
    before = {
        (flip.scenario_id, flip.scenario_version): (flip.before.passed, flip.before.counted)
        for each in compared for flip in (*each.broke, *each.fixed)
    }  # fmt: skip
    place = result.cells.index(cell)
    boxes: dict[ScenarioKey, Box] = {}
    for tally in tallies(runs):
        marks = tuple((run.repeat, mark_of(run)) for run in by_key[tally.key])
        statuses = set(_statuses(tally, marks))
        statuses |= {Status.BROKEN} if tally.key in broke else set()
        statuses |= {Status.FIXED} if tally.key in fixed else set()
        boxes[tally.key] = Box(
            cell=place, marks=marks, passed=tally.passed, counted=tally.counted, before=before.get(tally.key),
            statuses=frozenset(statuses - {Status.PASSED} if len(statuses) > 1 else statuses),
        )  # fmt: skip
    return boxes


def _statuses(tally: Tally, marks: Iterable[tuple[int, Mark]]) -> Iterable[Status]:
    if any(mark is Mark.BLOCK for _, mark in marks):
        yield Status.BLOCKING
    if tally.known_failure is not None:
        yield Status.KNOWN
    if not tally.counted:
        yield Status.UNCOUNTED
    elif tally.is_flaky:
        yield Status.FLAKY
    elif tally.passed < tally.counted:
        if tally.known_failure is None:
            yield Status.FAILED
    else:
        yield Status.PASSED
