"""A candidate against a baseline, scenario by scenario: the same scenario and version in a matching cell.

Means hide what a changed prompt broke and mended, so the flips are the result and the mean is the summary. What must
not happen is an alarm at a neutral change: where chance plays (a live model, other seeds), a flip of one repeat proves
nothing.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final, Literal

from evals.results import Cell, Check, CheckKind, Interval, Mode, ResultFile, Run
from evals.statistics import RESAMPLES, ScenarioKey, Tally, bootstrap_mean, runs_of, seed_of, tallies

SIGNIFICANCE: Final = 0.05
Pair = tuple[Tally, Tally]  # one scenario before and after
_CHECK_ORDER: Final = {kind: place for place, kind in enumerate(CheckKind)}


class Direction(StrEnum):
    """What the pairs say of the candidate."""

    WORSE = "worse"
    BETTER = "better"
    NO_EVIDENCE = "no_evidence"
    NOTHING_TO_COMPARE = "nothing_to_compare"

    def words(self, language: Literal["pt", "en"] = "pt") -> str:
        """Say it to a prompt engineer."""
        return _WORDS[self][language]


_WORDS: Final[Mapping[Direction, Mapping[str, str]]] = {
    Direction.WORSE: {"pt": "piorou", "en": "got worse"},
    Direction.BETTER: {"pt": "melhorou", "en": "got better"},
    Direction.NO_EVIDENCE: {"pt": "sem evidência de diferença", "en": "no evidence of a difference"},
    Direction.NOTHING_TO_COMPARE: {"pt": "nada em comum para comparar", "en": "nothing in common to compare"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonRules:
    """When a difference is one.

    `margin`: the whole interval must lie further below zero than this (0.01 = one point of the pass rate).
    `flip_chance`: where chance plays, how likely it may be at most that chance alone made as many scenarios go from
    always passing to always failing (`chance_of_flips`). One scenario of four repeats each is 1 in 70, and believed
    when no other is as torn; of one repeat each it takes seven that broke and none that is fixed.
    """

    margin: float = 0.01
    flip_chance: float = 0.015
    resamples: int = RESAMPLES


@dataclass(frozen=True, kw_only=True, slots=True)
class Flip:
    """A scenario whose pass rate moved. `check` is the first failing one: of the candidate if it broke, of the
    baseline if it is fixed."""

    scenario_id: str
    scenario_version: int
    suite: str
    before: Tally
    after: Tally
    check: Check | None
    is_certain: bool  # all repeats passed on one side, none on the other, and chance does not explain it

    @property
    def has_broken(self) -> bool:
        return _rate(self.after) < _rate(self.before)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewBreak:
    """A blocking policy that broke in the candidate and not, in this scenario, in the baseline."""

    scenario_id: str
    repeat: int
    check: Check


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One cell against its partner in the baseline."""

    cell: Cell
    baseline_cell: Cell
    pairs: int
    difference: Interval | None  # of per-scenario pass rates, candidate minus baseline
    p_value: float  # exact two-sided sign test over the scenarios whose rate moved
    broke: tuple[Flip, ...]
    fixed: tuple[Flip, ...]
    new_blocking: tuple[NewBreak, ...]
    direction: Direction
    is_drop: bool  # worse, and by more than the margin
    added: tuple[str, ...] = ()  # scenario ids, left out of the pairs, as are the next three
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()  # another version of the same id
    uncounted: tuple[str, ...] = ()  # in both, and without a counted repeat in one

    @property
    def certain_breaks(self) -> tuple[Flip, ...]:
        """Flips that are regressions by themselves. A known failure is listed and explained, not a regression."""
        return tuple(flip for flip in self.broke if flip.is_certain and flip.after.known_failure is None)

    @property
    def is_regression(self) -> bool:
        return bool(self.new_blocking or self.certain_breaks) or self.is_drop


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparisons:
    """All cells of a result against a baseline; `unmatched` are those without a partner."""

    cells: tuple[Comparison, ...] = ()
    unmatched: tuple[Cell, ...] = ()
    pairs: int = 0


def compare(
    candidate: ResultFile,
    baseline: ResultFile,
    *,
    baseline_cell: Cell | None = None,
    cells: Iterable[Cell] | None = None,
    rules: ComparisonRules | None = None,
) -> Comparisons:
    """Compare each cell (or `cells`) with its partner in the baseline.

    That is the cell of the same prompts, model and mode; else `baseline_cell`; else the baseline's only cell of that
    model and mode: a draft is measured against the prompts that were blessed.
    """
    found: list[Comparison] = []
    unmatched: list[Cell] = []
    for cell in candidate.cells if cells is None else cells:
        partner = _partner(cell, baseline, baseline_cell)
        if partner is None:
            unmatched.append(cell)
        else:
            found.append(compare_cells(candidate, cell, baseline, partner, rules=rules))
    return Comparisons(cells=tuple(found), unmatched=tuple(unmatched), pairs=sum(each.pairs for each in found))


def _partner(cell: Cell, baseline: ResultFile, given: Cell | None) -> Cell | None:
    if cell in baseline.cells:
        return cell
    if given is not None:
        return given if given in baseline.cells else None
    alike = [each for each in baseline.cells if (each.model, each.mode) == (cell.model, cell.mode)]
    return alike[0] if len(alike) == 1 else None


def compare_cells(
    candidate: ResultFile,
    cell: Cell,
    baseline: ResultFile,
    baseline_cell: Cell,
    *,
    rules: ComparisonRules | None = None,
) -> Comparison:
    """Compare one cell with one cell, of another result or of the same one (draft against current)."""
    rules = rules or ComparisonRules()
    after_runs, before_runs = runs_of(candidate, cell), runs_of(baseline, baseline_cell)
    after, before = _by_key(after_runs), _by_key(before_runs)
    both = sorted(after.keys() & before.keys())
    pairs = [(before[key], after[key]) for key in both if before[key].counted and after[key].counted]
    difference = bootstrap_mean(
        [_rate(new) - _rate(old) for old, new in pairs],
        seed=seed_of(candidate.seed, "difference", cell.name, baseline_cell.name),
        resamples=rules.resamples,
    )
    has_chance = Mode.LIVE in {cell.mode, baseline_cell.mode} or candidate.seed != baseline.seed
    certain = _certain_flips(pairs, rules) if has_chance else _whole_flips(pairs)
    broke, fixed = _flips(pairs, before_runs, after_runs, certain)
    p_value = sign_test(len(broke), len(fixed))
    direction = _direction(difference, p_value)
    return Comparison(
        cell=cell,
        baseline_cell=baseline_cell,
        pairs=len(pairs),
        difference=difference,
        p_value=p_value,
        broke=broke,
        fixed=fixed,
        new_blocking=_new_blocking(before_runs, after_runs),
        direction=direction,
        is_drop=direction is Direction.WORSE and difference is not None and difference.high < -rules.margin,
        uncounted=tuple(key[0] for key in both if not (before[key].counted and after[key].counted)),
        **_left_out(after, before),
    )


def sign_test(worse: int, better: int) -> float:
    """Give the exact two-sided chance that a fair coin splits the moved scenarios at least as unevenly.

    With one repeat a side this is McNemar's exact test.
    """
    moved = worse + better
    tail = sum(math.comb(moved, count) for count in range(min(worse, better) + 1))
    return float(min(Fraction(1), Fraction(2 * tail, 1 << moved)))


def chance_of_flips(flips: int, chances: Sequence[float]) -> float:
    """Give the chance of at least `flips` whole flips among scenarios that flip wholly with these chances."""
    exactly = [1.0]  # by number of flips
    for chance in chances:
        stays, moves = [*exactly, 0.0], [0.0, *exactly]
        exactly = [stay * (1 - chance) + move * chance for stay, move in zip(stays, moves, strict=True)]
    return math.fsum(exactly[flips:])


def _whole_flips(pairs: Sequence[Pair]) -> frozenset[ScenarioKey]:
    return frozenset(new.key for old, new in pairs if abs(_rate(new) - _rate(old)) == 1)


def _certain_flips(pairs: Sequence[Pair], rules: ComparisonRules) -> frozenset[ScenarioKey]:
    """Give the whole flips of each direction if chance does not make so many of them.

    Fisher's exact argument: with as many passes in a pair as one side has repeats, chance puts them all on that side
    once in C(repeats of both, repeats of one). Pairs with other sums cannot flip wholly and are no trials.
    """
    certain: set[ScenarioKey] = set()
    for side in (0, 1):
        torn = [pair for pair in pairs if pair[0].passed + pair[1].passed == pair[side].counted]
        flips = {pair[1].key for pair in torn if pair[side].passed == pair[side].counted}
        chances = [1 / math.comb(old.counted + new.counted, new.counted) for old, new in torn]
        if flips and chance_of_flips(len(flips), chances) <= rules.flip_chance:
            certain |= flips
    return frozenset(certain)


def first_failing(runs: Iterable[Run]) -> Check | None:
    """Give the failing check that counts most (state, tools, route, words, policy, …) of the earliest red repeat."""
    red = sorted((run for run in runs if run.is_counted and not run.has_passed), key=lambda run: run.repeat)
    for run in red:
        failed = [check for check in run.checks if not check.has_passed and check.kind is not CheckKind.JUDGE]
        if failed:
            return min(failed, key=lambda check: _CHECK_ORDER[check.kind])
    return None


def _by_key(runs: Sequence[Run]) -> dict[ScenarioKey, Tally]:
    return {tally.key: tally for tally in tallies(runs)}


def _red(runs: Sequence[Run]) -> dict[ScenarioKey, list[Run]]:
    red: dict[ScenarioKey, list[Run]] = defaultdict(list)
    for run in runs:
        if not run.has_passed:
            red[run.scenario_id, run.scenario_version].append(run)
    return red


def _rate(tally: Tally) -> float:
    return tally.passed / tally.counted


def _flips(
    pairs: Sequence[Pair], before_runs: Sequence[Run], after_runs: Sequence[Run], certain: frozenset[ScenarioKey]
) -> tuple[tuple[Flip, ...], tuple[Flip, ...]]:
    """Give what broke and what is fixed, certain flips first, then by how far the rate moved."""
    red_before, red_after = _red(before_runs), _red(after_runs)
    moved = [
        Flip(
            scenario_id=new.scenario_id,
            scenario_version=new.scenario_version,
            suite=new.suite,
            before=old,
            after=new,
            check=first_failing((red_after if _rate(new) < _rate(old) else red_before)[new.key]),
            is_certain=new.key in certain,
        )
        for old, new in pairs
        if old.passed * new.counted != new.passed * old.counted
    ]
    moved.sort(key=lambda flip: (not flip.is_certain, -abs(_rate(flip.after) - _rate(flip.before)), flip.scenario_id))
    return tuple(flip for flip in moved if flip.has_broken), tuple(flip for flip in moved if not flip.has_broken)


def _new_blocking(before_runs: Sequence[Run], after_runs: Sequence[Run]) -> tuple[NewBreak, ...]:
    """Find each blocking policy that broke in a scenario where the baseline kept it, once, at its first repeat."""
    known = {(run.scenario_id, check.id) for run in before_runs for check in run.blocking_breaks}
    found: dict[tuple[str, str], NewBreak] = {}
    for run in sorted(after_runs, key=lambda run: (run.scenario_id, run.repeat)):
        for check in run.blocking_breaks:
            key = (run.scenario_id, check.id)
            if key not in known:
                found.setdefault(key, NewBreak(scenario_id=run.scenario_id, repeat=run.repeat, check=check))
    return tuple(found.values())


def _direction(difference: Interval | None, p_value: float) -> Direction:
    """Ask both the interval and the sign test: each alone calls some neutral changes a change."""
    if difference is None:
        return Direction.NOTHING_TO_COMPARE
    if p_value <= SIGNIFICANCE and difference.high < 0:
        return Direction.WORSE
    if p_value <= SIGNIFICANCE and difference.low > 0:
        return Direction.BETTER
    return Direction.NO_EVIDENCE


def _left_out(
    after: Mapping[ScenarioKey, Tally], before: Mapping[ScenarioKey, Tally]
) -> dict[Literal["added", "removed", "changed"], tuple[str, ...]]:
    """Name what has no partner. Gone is only what the candidate's suites had: it may have run fewer suites."""
    new_ids, old_ids = {key[0] for key in after}, {key[0] for key in before}
    suites = {tally.suite for tally in after.values()}
    return {
        "added": tuple(sorted(new_ids - old_ids)),
        "removed": tuple(sorted({key[0] for key, old in before.items() if old.suite in suites} - new_ids)),
        "changed": tuple(sorted({key[0] for key in after.keys() - before.keys()} & old_ids)),
    }
