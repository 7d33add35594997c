"""The history: how the pass rates of the results in a folder moved over time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from evals.result_files import ResultFileInvalid, read_result
from evals.results import Cell, ResultFile, Run
from evals.statistics import runs_by_suite, runs_of, tallies


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendPoint:
    """The pass rate (pass^1) of one cell at one time, over all suites (`suite` None) or in one."""

    created_at: datetime
    cell: Cell
    suite: str | None
    pass_rate: float
    scenarios: int
    product_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    points: tuple[TrendPoint, ...] = ()
    unreadable: tuple[str, ...] = ()  # what was left out, and why


def read_history(folder: Path, *, limit: int = 60) -> History:
    """Read the pass rates of the newest `limit` results in a folder and in its folders of runs, oldest first.

    Baselines and wrecks are no trend; what never was a result is passed over.
    """
    if not folder.is_dir():
        return History()
    found = [(path.stat().st_mtime_ns, str(path), path) for path in _result_files(folder)]
    newest = [path for *_, path in sorted(found, reverse=True)[:limit]]
    points: list[TrendPoint] = []
    unreadable: list[str] = []
    for path in newest:
        try:
            result = read_result(path, with_checks=False)
        except ResultFileInvalid as error:
            if not error.problems[0].startswith("not a result"):
                unreadable.append(str(error))
            continue
        if result.is_complete and result.blessed_reason is None:
            points.extend(trend_points(result))
    points.sort(key=lambda point: (point.created_at, point.cell.name, point.suite or ""))
    return History(points=tuple(points), unreadable=tuple(sorted(unreadable)))


def _result_files(folder: Path) -> Iterator[Path]:
    """Give what may be a result: files of the folder, and what a run leaves in a folder of its own."""
    for pattern in ("*.json", "*/result.json"):
        yield from (path for path in folder.glob(pattern) if path.is_file())


def trend_points(result: ResultFile) -> list[TrendPoint]:
    """Give a result's place in the trend: a point for each cell, and for each of its suites."""
    groups: list[tuple[str | None, Cell, list[Run]]] = [(None, cell, runs_of(result, cell)) for cell in result.cells]
    groups += [(suite, cell, runs) for (suite, cell), runs in runs_by_suite(result).items()]
    points: list[TrendPoint] = []
    for suite, cell, runs in groups:
        rates = [tally.rate for tally in tallies(runs) if tally.rate is not None]
        if rates:
            points.append(
                TrendPoint(
                    created_at=result.created_at,
                    cell=cell,
                    suite=suite,
                    pass_rate=math.fsum(rates) / len(rates),
                    scenarios=len(rates),
                    product_version=result.product_version,
                )
            )
    return points
