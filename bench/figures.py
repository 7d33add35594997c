"""Figures and their bars: medians, ratios, and the table that shows them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]
_HEADINGS = ("", "what", "figure", "baseline", "judged", "bar", "goal", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One measured thing. `judged` is what bar and goal are about: a ratio, milliseconds or a rate."""

    key: str
    what: str
    measured: str
    baseline: str
    judged: float
    unit: Literal["x", "ms", "/s"]
    bar: float
    goal: float
    better: Better

    @property
    def is_within_bar(self) -> bool:
        return self._reaches(self.bar)

    @property
    def is_at_goal(self) -> bool:
        return self._reaches(self.goal)

    @property
    def verdict(self) -> Literal["goal", "ok", "over"]:
        """Say where it stands: at the goal, within the bar, or over it."""
        if self.is_at_goal:
            return "goal"
        return "ok" if self.is_within_bar else "over"

    def _reaches(self, limit: float) -> bool:
        # As it is printed: nobody should read "1.00x, goal 1.00x, missed".
        judged = round(self.judged, 2)
        return judged >= limit if self.better == "higher" else judged <= limit

    def as_json(self) -> dict[str, object]:
        return {
            "key": self.key, "what": self.what, "measured": self.measured, "baseline": self.baseline,
            "judged": round(self.judged, 4), "unit": self.unit, "bar": self.bar, "goal": self.goal,
            "better": self.better, "verdict": self.verdict,
        }  # fmt: skip

    def cells(self) -> tuple[str, ...]:
        """Give the row of the table."""
        sign = "≥" if self.better == "higher" else "≤"
        return (
            self.key, self.what, self.measured, self.baseline, self._written(self.judged),
            f"{sign} {self._written(self.bar)}", f"{sign} {self._written(self.goal)}", self.verdict,
        )  # fmt: skip

    def _written(self, value: float) -> str:
        if self.unit == "/s":
            return per_second(value)
        return f"{value:.2f}x" if self.unit == "x" else f"{value:.0f} ms"


def quantile(values: Sequence[float], share: float) -> float:
    """Give the value that `share` of the values do not exceed (nearest rank)."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)


def paired_ratio(ours: Sequence[float], bare: Sequence[float]) -> float:
    """Give the median of the ratios of neighbours: both of a pair met the same noise of the machine."""
    if len(ours) != len(bare):
        raise ValueError("every measurement needs its baseline")
    return median([one / other for one, other in zip(ours, bare, strict=True)])


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def per_second(rate: float) -> str:
    return f"{rate:,.0f}/s"


def table(figures: Sequence[Figure]) -> str:
    """Write the figures as an aligned table."""
    rows = [_HEADINGS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEADINGS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
