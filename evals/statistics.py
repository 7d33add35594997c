"""Figures of a result, per cell and per suite: pass^k with intervals, flaky scenarios, cost, latency, causes.

A scenario is the unit: its repeats are the same customer again, so rates are means over scenarios and intervals are
bootstrapped over scenarios. Runs that infrastructure or the scenario itself spoilt say nothing about the agent: they
are left out of rates and shown beside them.
"""

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from evals.results import Cause, Cell, Check, Interval, Mode, ResultFile, Run

RESAMPLES: Final = 2_000
CONFIDENCE: Final = 0.95
_NUMBERS_AT_ONCE: Final = 4_000_000  # of a resample matrix: 32 MB

ScenarioKey = tuple[str, int]  # id, version: another version is another scenario


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """One scenario in one cell: how often it was run, counted and passed."""

    scenario_id: str
    scenario_version: int
    suite: str
    runs: int
    counted: int
    passed: int
    known_failure: str | None = None

    @property
    def key(self) -> ScenarioKey:
        return self.scenario_id, self.scenario_version

    @property
    def rate(self) -> float | None:
        """Share of the counted repeats that passed; None when none counts."""
        return self.passed / self.counted if self.counted else None

    @property
    def is_flaky(self) -> bool:
        return 0 < self.passed < self.counted


@dataclass(frozen=True, kw_only=True, slots=True)
class PassHat:
    """pass^k: the chance that k talks of the same scenario all pass. `interval` is None where no scenario has k."""

    k: int
    interval: Interval | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Percentiles:
    p50: float
    p95: float
    p99: float
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockingBreak:
    """A policy that must never break, broken in one run."""

    scenario_id: str
    repeat: int
    check: Check


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What one cell did, in one suite or (`suite` None) in all."""

    cell: Cell
    suite: str | None
    scenarios: tuple[Tally, ...]
    runs: int
    counted: int
    passed: int
    pass_hat: tuple[PassHat, ...]  # for k = 1, 2, …
    turn_ms: Percentiles | None
    cost_brl: float
    input_tokens: int
    output_tokens: int
    causes: Mapping[Cause, int]  # of red runs; those without a cause are not in it
    unlabelled: int  # red runs without a cause
    blocking_breaks: tuple[BlockingBreak, ...]

    @property
    def pass_rate(self) -> Interval | None:
        """pass^1; None when no run counts."""
        return self.pass_hat[0].interval if self.pass_hat else None

    @property
    def flaky(self) -> tuple[Tally, ...]:
        return tuple(tally for tally in self.scenarios if tally.is_flaky)

    @property
    def failing(self) -> tuple[Tally, ...]:
        """Scenarios with at least one counted repeat that did not pass, known failures included."""
        return tuple(tally for tally in self.scenarios if tally.passed < tally.counted)

    @property
    def known_failures(self) -> tuple[Tally, ...]:
        return tuple(tally for tally in self.scenarios if tally.known_failure is not None)

    @property
    def infrastructure(self) -> int:
        return self.causes.get(Cause.INFRASTRUCTURE, 0)

    @property
    def infrastructure_share(self) -> float:
        """Share of all runs that infrastructure spoilt; 0 of no run."""
        return self.infrastructure / self.runs if self.runs else 0.0

    @property
    def cost_per_run_brl(self) -> float:
        return self.cost_brl / self.runs if self.runs else 0.0


def pass_hat(passed: int, counted: int, k: int) -> float:
    """Estimate without bias the chance that k independent repeats all pass: C(passed, k) / C(counted, k).

    Chen et al. 2021 use the same counting argument for pass@k; here all k must pass.
    """
    if not 0 <= passed <= counted:
        raise ValueError(f"{passed} of {counted} cannot have passed")
    if not 1 <= k <= counted:
        raise ValueError(f"{counted} repeats say nothing about {k}")
    return math.comb(passed, k) / math.comb(counted, k)


def bootstrap_mean(values: Sequence[float], *, seed: Sequence[int], resamples: int = RESAMPLES) -> Interval | None:
    """Give the mean with its percentile interval over resampled values; None of none.

    Values that are all equal give an interval without width: the bootstrap cannot see what never happened.
    """
    if not values:
        return None
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    means = _resampled_means(array, np.random.default_rng(list(seed)), resamples)
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(edge) for edge in np.quantile(means, [tail, 1 - tail]))
    return Interval(value=mean, low=min(low, mean), high=max(high, mean), count=len(values))


def _resampled_means(
    array: npt.NDArray[np.float64], random: np.random.Generator, resamples: int
) -> npt.NDArray[np.float64]:
    size = len(array)
    rows = max(1, min(resamples, _NUMBERS_AT_ONCE // size))
    parts = [
        array[random.integers(0, size, size=(min(rows, resamples - start), size))].mean(axis=1)
        for start in range(0, resamples, rows)
    ]
    return np.concatenate(parts)


def seed_of(seed: int, *parts: str) -> tuple[int, ...]:
    """Make a seed that depends on what is drawn, not on when: a suite more moves no other suite's interval."""
    return (abs(seed), *(zlib.crc32(part.encode()) for part in parts))


def percentiles(values: Sequence[float]) -> Percentiles | None:
    """Give the linearly interpolated 50th, 95th and 99th percentile; None of none."""
    if not values:
        return None
    p50, p95, p99 = (float(value) for value in np.percentile(np.asarray(values, dtype=np.float64), [50, 95, 99]))
    return Percentiles(p50=p50, p95=p95, p99=p99, count=len(values))


def tallies(runs: Iterable[Run]) -> tuple[Tally, ...]:
    """Count the runs of one cell by scenario and version, in order of id."""
    by_scenario: dict[ScenarioKey, list[Run]] = {}
    for run in runs:
        by_scenario.setdefault((run.scenario_id, run.scenario_version), []).append(run)
    return tuple(
        Tally(
            scenario_id=key[0],
            scenario_version=key[1],
            suite=group[0].suite,
            runs=len(group),
            counted=sum(run.is_counted for run in group),
            passed=sum(run.is_counted and run.has_passed for run in group),
            known_failure=next((run.known_failure for run in group if run.known_failure is not None), None),
        )
        for key, group in sorted(by_scenario.items())
    )


def figures(
    runs: Sequence[Run], *, cell: Cell, suite: str | None = None, seed: int = 0, resamples: int = RESAMPLES
) -> Figures:
    """Count what `runs`, all of one cell, say. pass^k goes as far as any scenario has counted repeats."""
    counts = tallies(runs)
    measured = [run for run in runs if run.cause is not Cause.INFRASTRUCTURE]
    furthest = max((tally.counted for tally in counts), default=0)
    return Figures(
        cell=cell,
        suite=suite,
        scenarios=counts,
        runs=len(runs),
        counted=sum(tally.counted for tally in counts),
        passed=sum(tally.passed for tally in counts),
        pass_hat=tuple(
            PassHat(
                k=k, interval=_pass_hat_interval(counts, k, seed_of(seed, cell.name, suite or "", str(k)), resamples)
            )
            for k in range(1, furthest + 1)
        ),
        turn_ms=percentiles([ms for run in measured for ms in run.turn_ms]),
        cost_brl=math.fsum(run.cost_brl for run in runs),
        input_tokens=sum(run.input_tokens for run in runs),
        output_tokens=sum(run.output_tokens for run in runs),
        causes=dict(sorted(Counter(run.cause for run in runs if not run.has_passed and run.cause is not None).items())),
        unlabelled=sum(not run.has_passed and run.cause is None for run in runs),
        blocking_breaks=tuple(
            BlockingBreak(scenario_id=run.scenario_id, repeat=run.repeat, check=check)
            for run in sorted(runs, key=lambda run: (run.scenario_id, run.repeat))
            for check in run.blocking_breaks
        ),
    )


def _pass_hat_interval(counts: Sequence[Tally], k: int, seed: Sequence[int], resamples: int) -> Interval | None:
    values = [pass_hat(tally.passed, tally.counted, k) for tally in counts if tally.counted >= k]
    return bootstrap_mean(values, seed=seed, resamples=resamples)


def runs_of(result: ResultFile, cell: Cell, suite: str | None = None) -> list[Run]:
    """Give the runs of a cell, of one suite or of all."""
    wanted = _column(cell)
    return [run for run in result.runs if (suite is None or run.suite == suite) and _column(run.cell) == wanted]


def cell_figures(result: ResultFile, *, resamples: int = RESAMPLES) -> tuple[Figures, ...]:
    """Figure each cell over all suites, in the order of the matrix."""
    return tuple(
        figures(runs_of(result, cell), cell=cell, seed=result.seed, resamples=resamples) for cell in result.cells
    )


def suite_figures(result: ResultFile, *, resamples: int = RESAMPLES) -> tuple[Figures, ...]:
    """Figure each suite in each cell that ran it, suites first, then cells, both in the result's order."""
    groups = runs_by_suite(result)
    return tuple(
        figures(runs, cell=cell, suite=suite, seed=result.seed, resamples=resamples)
        for (suite, cell), runs in groups.items()
    )


def runs_by_suite(result: ResultFile) -> dict[tuple[str, Cell], list[Run]]:
    """Give the runs of each suite in each cell that ran it, suites first, then cells, both in the result's order."""
    groups: dict[tuple[str, tuple[str, str, Mode]], list[Run]] = {}
    for run in result.runs:
        groups.setdefault((run.suite, _column(run.cell)), []).append(run)
    suites = dict.fromkeys([*result.suites, *sorted({suite for suite, _ in groups})])
    return {
        (suite, cell): groups[suite, _column(cell)]
        for suite in suites
        for cell in result.cells
        if (suite, _column(cell)) in groups
    }


def _column(cell: Cell) -> tuple[str, str, Mode]:
    """Name a cell by plain values: comparing models costs ten times as much, once for every run and cell."""
    return cell.prompts, cell.model, cell.mode
