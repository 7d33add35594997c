"""The pass rate over past runs, as the geometry of a small chart."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from evals.history import History, TrendPoint, trend_points
from evals.report.figures_text import moment, share
from evals.report.words import Language
from evals.results import ResultFile

WIDTH: Final = 760
HEIGHT: Final = 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 14, 26
_LINES: Final = 6  # colours that can be told apart
_ALIKE: Final = 0.8  # of the scenarios: a run of a few of them is another measurement
_STEPS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dot:
    x: float
    y: float
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    name: str
    colour: int
    path: str
    dots: tuple[Dot, ...]
    last: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    y: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    lines: tuple[Line, ...]
    grid: tuple[Grid, ...]
    first: str
    last: str
    table: tuple[tuple[str, str, str, str], ...]  # when, cell, rate, scenarios; newest first


def chart_of(result: ResultFile, history: History | None, language: Language) -> Chart | None:
    """Draw the runs of the same suites up to this one; None when this one is alone."""
    points = _comparable(result, history.points if history else ())
    moments = sorted({point.created_at for point in points})
    if len(moments) < 2:
        return None
    low, step = _scale([point.pass_rate for point in points])
    places = {at: _LEFT + (WIDTH - _LEFT - _RIGHT) * place / (len(moments) - 1) for place, at in enumerate(moments)}

    def height(rate: float) -> float:
        return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - rate) / (1 - low), 1)

    names = list(dict.fromkeys([*(cell.name for cell in result.cells), *(point.cell.name for point in points)]))
    lines = []
    for place, name in enumerate(names[:_LINES]):
        own = [point for point in points if point.cell.name == name]
        dots = tuple(
            Dot(
                x=round(places[point.created_at], 1), y=height(point.pass_rate),
                title=f"{moment(point.created_at, language)} · {name}: {share(point.pass_rate, language)}",
            )
            for point in own
        )  # fmt: skip
        path = "M" + " L".join(f"{dot.x} {dot.y}" for dot in dots)
        lines.append(Line(name=name, colour=place, path=path, dots=dots, last=share(own[-1].pass_rate, language)))
    return Chart(
        lines=tuple(lines),
        grid=tuple(
            Grid(y=height(low + step * place), text=share(low + step * place, language))
            for place in range(round((1 - low) / step) + 1)
        ),
        first=moment(moments[0], language),
        last=moment(moments[-1], language),
        table=tuple(
            (
                moment(point.created_at, language),
                point.cell.name,
                share(point.pass_rate, language),
                str(point.scenarios),
            )
            for point in reversed(points)
        ),
    )


def _comparable(result: ResultFile, past: Iterable[TrendPoint]) -> list[TrendPoint]:
    """Keep the points over all suites of runs that measured about the same, this one's among them."""
    own = trend_points(result)
    earlier = [point for point in past if point.created_at < result.created_at]
    suites = {point.suite for point in own if point.suite}
    measured: dict[object, set[str]] = {}
    for point in earlier:
        if point.suite:
            measured.setdefault((point.created_at, point.cell.name), set()).add(point.suite)
    least = _ALIKE * max((point.scenarios for point in own if point.suite is None), default=0)
    kept = [
        point
        for point in earlier
        if point.suite is None and measured.get((point.created_at, point.cell.name)) == suites
        and least <= point.scenarios <= least / _ALIKE**2
    ]  # fmt: skip
    kept += [point for point in own if point.suite is None]
    return sorted(kept, key=lambda point: (point.created_at, point.cell.name))


def _scale(rates: Sequence[float]) -> tuple[float, float]:
    """Give the lowest line of the grid and the distance of two, at most six of them."""
    room = max(1 - min(rates), 0.02)
    step = next((step for step in _STEPS if room / step <= 5), _STEPS[-1])
    return 1 - step * math.ceil(round(room / step, 6)), step
