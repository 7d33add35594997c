"""The parts of the report above and below the list, as text and numbers that the page only has to place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evals.comparison import Comparison, Comparisons, Direction, Flip
from evals.gate import GateVerdict
from evals.report.figures_text import moment, money, number, points, share, shown
from evals.report.rows import Hide, Row, Status
from evals.report.words import Language, Words
from evals.results import Cause, Cell, Check, Interval, ResultFile
from evals.statistics import Figures, Percentiles

_HEATS: Final = ((1.0, 5), (0.95, 4), (0.85, 3), (0.7, 2), (0.5, 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    value: str
    label: str
    small: str
    tone: str  # good, bad, warn, calm


@dataclass(frozen=True, kw_only=True, slots=True)
class Heat:
    """One square of the matrix. `low`, `at`, `high` are percent of its whisker's width."""

    suite: str
    cell: int
    heat: int
    rate: str
    interval: str
    count: str
    low: float
    at: float
    high: float
    passed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HeatRow:
    suite: str
    squares: tuple[Heat | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FlipLine:
    scenario_id: str
    version: int
    title: str
    cell: int
    moved: str
    check: str
    turn: int | None
    detail: str
    known: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CellComparison:
    name: str
    direction: str
    tone: str
    is_regression: bool
    sentence: str
    broke: tuple[FlipLine, ...]
    fixed: tuple[FlipLine, ...]
    new_blocking: tuple[FlipLine, ...]
    left_out: tuple[tuple[str, tuple[str, ...]], ...]
    left_out_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CostLine:
    cell: str
    runs: str
    cost: str
    per_talk: str
    tokens: str
    turn_ms: str
    pass_hat: str
    causes: str


def verdict_words(verdict: GateVerdict | None, words: Words, language: Language) -> tuple[str, str, tuple[str, ...]]:
    """Give the verdict's tone, its words and its reasons."""
    if verdict is None:
        return "calm", words["verdict_none"], ()
    code = int(verdict.exit_code)
    tone = "good" if verdict.has_passed else "warn" if code in {1, 2, 7} else "bad"
    return (
        tone,
        words[f"verdict_{code}"],
        tuple(shown(reason.text(language)).replace(" %", "\u00a0%") for reason in verdict.reasons),
    )


def facts_of(
    result: ResultFile, baseline: ResultFile | None, words: Words, language: Language
) -> tuple[tuple[str, str], ...]:
    """Say what was run, when and with what."""
    measure = words["no_baseline"]
    if baseline is not None:
        measure = moment(baseline.created_at, language)
        measure += f" · {shown(baseline.blessed_reason)}" if baseline.blessed_reason else ""
    versions = sorted(result.prompt_versions.items(), key=lambda item: (item[0] != "current", item[0]))
    facts = [
        (words["when"], words["made_at"].format(date=moment(result.created_at, language))),
        (words["suites"], ", ".join(result.suites) or "–"),
        (words["cells"], ", ".join(cell.name for cell in result.cells) or "–"),
        (words["repeats"], str(result.repeats)),
        (words["baseline"], measure),
        *((f"{words['prompts']}: {name}", _prompts(name, own, versions[0], words)) for name, own in versions),
        (words["seed"], str(result.seed)),
        (words["version"], result.product_version),
    ]
    return tuple((label, shown(value)) for label, value in facts)


def _prompts(name: str, versions: Mapping[str, str], first: tuple[str, Mapping[str, str]], words: Words) -> str:
    """Name the versions of a set of prompts; of a later set those that differ from the first one's."""
    first_name, usual = first
    if name == first_name:
        return ", ".join(versions[key] for key in sorted(versions)) or "–"
    changed = ", ".join(versions[key] for key in sorted(versions) if versions[key] != usual.get(key))
    return words["others_as" if changed else "same_as"].format(changed=changed, name=first_name)


def tiles_of(rows: Sequence[Row], cells: Sequence[Figures], words: Words, language: Language) -> tuple[Tile, ...]:
    runs, counted, passed = (sum(each) for each in zip(*((c.runs, c.counted, c.passed) for c in cells), strict=True)) \
        if cells else (0, 0, 0)  # fmt: skip
    failing = sum(any(box and box.passed < box.counted for box in row.boxes) for row in rows)
    flaky = sum(Status.FLAKY in row.statuses for row in rows)
    blocking = sum(len(each.blocking_breaks) for each in cells)
    cost = sum(each.cost_brl for each in cells)
    of_all = words["of_scenarios"].format(count=number(len(rows), language))
    return (
        Tile(
            value=share(passed / counted, language) if counted else "–", label=words["tile_rate"],
            small=words["of_talks"].format(passed=number(passed, language), counted=number(counted, language)),
            tone="calm",
        ),
        Tile(value=str(failing), label=words["tile_failing"], small=of_all, tone="bad" if failing else "good"),
        Tile(value=str(blocking), label=words["tile_blocking"], small="", tone="bad" if blocking else "good"),
        Tile(value=str(flaky), label=words["tile_flaky"], small=of_all, tone="warn" if flaky else "good"),
        Tile(
            value=str(runs - counted), label=words["tile_infra"], small=words["infra_help"],
            tone="warn" if runs - counted else "good",
        ),
        Tile(value=money(cost, language), label=words["tile_cost"], small="", tone="calm"),
    )  # fmt: skip


def matrix_of(
    cells: Sequence[Figures], suites: Sequence[Figures], words: Words, language: Language
) -> tuple[HeatRow, ...]:
    """Give suites × cells, all suites together last where there are several."""
    found: dict[str, dict[str, Figures]] = {}
    for each in suites:
        found.setdefault(each.suite or "", {})[each.cell.name] = each
    low = min((each.pass_rate.low for each in (*cells, *suites) if each.pass_rate), default=0.0)
    scale = min(0.95, int(low * 20) / 20)

    def row(suite: str, name: str, by_cell: Mapping[str, Figures]) -> HeatRow:
        squares = (_heat(suite, place, by_cell.get(each.cell.name), scale, words, language)
                   for place, each in enumerate(cells))  # fmt: skip
        return HeatRow(suite=name, squares=tuple(squares))

    rows = [row(suite, suite, by_cell) for suite, by_cell in found.items()]
    if len(rows) > 1:
        rows.append(row("", words["all"], {each.cell.name: each for each in cells}))
    return tuple(rows)


def _heat(suite: str, place: int, each: Figures | None, scale: float, words: Words, language: Language) -> Heat | None:
    if each is None or not each.runs:
        return None
    count = (
        words["one_scenario"] if len(each.scenarios) == 1 else words["n_scenarios"].format(count=len(each.scenarios))
    )
    rate = each.pass_rate
    passed = words["of_talks"].format(passed=each.passed, counted=each.counted)
    if rate is None:
        return Heat(
            suite=suite, cell=place, heat=-1, rate=words["no_rate"], interval="", count=count, low=0, at=0, high=0,
            passed=passed,
        )  # fmt: skip
    heat = next((heat for least, heat in _HEATS if rate.value >= least - 1e-9), 0)
    low, at, high = (round(100 * (value - scale) / (1 - scale), 1) for value in (rate.low, rate.value, rate.high))
    return Heat(
        suite=suite, cell=place, heat=heat, rate=share(rate.value, language), count=count, low=low, at=at, high=high,
        interval=_interval(rate, words, language), passed=passed,
    )  # fmt: skip


def _interval(rate: Interval, words: Words, language: Language) -> str:
    if rate.low == rate.high and rate.value in {0, 1}:
        return words["all_pass" if rate.value else "all_fail"]
    return words["interval"].format(low=share(rate.low, language), high=share(rate.high, language))


def comparisons_of(
    result: ResultFile, comparisons: Comparisons | None, words: Words, language: Language, hide: Hide
) -> tuple[CellComparison, ...]:
    """Say each comparison in words, flips listed."""
    return tuple(_compared(result, each, words, language, hide) for each in (comparisons.cells if comparisons else ()))


def _compared(result: ResultFile, each: Comparison, words: Words, language: Language, hide: Hide) -> CellComparison:
    place = result.cells.index(each.cell)
    name = each.cell.name
    if each.cell != each.baseline_cell:
        name = words["against"].format(cell=name, other=each.baseline_cell.name)
    sentence = words["nothing_compared"]
    if each.difference is not None and each.direction is not Direction.NOTHING_TO_COMPARE:
        is_small = each.p_value < 0.001
        sentence = words["compared"].format(
            value=points(each.difference.value, language), low=points(each.difference.low, language),
            high=points(each.difference.high, language), pairs=number(each.pairs, language),
            p=("<\u00a0" if is_small else "=\u00a0") + number(max(each.p_value, 0.001), language, "0.000"),
        )  # fmt: skip
    left_out = tuple(
        (words[word], ids)
        for word, ids in (
            ("added", each.added), ("removed", each.removed), ("changed", each.changed), ("uncounted", each.uncounted),
        )
        if ids
    )  # fmt: skip
    versions = {run.scenario_id: run.scenario_version for run in result.runs}
    return CellComparison(
        name=name,
        direction=each.direction.words(language),
        tone={Direction.WORSE: "bad", Direction.BETTER: "good"}.get(each.direction, "calm"),
        is_regression=each.is_regression,
        sentence=sentence,
        broke=tuple(_flip(flip, place, result, words, hide) for flip in each.broke),
        fixed=tuple(_flip(flip, place, result, words, hide) for flip in each.fixed),
        new_blocking=tuple(
            _line(result, found.scenario_id, versions.get(found.scenario_id, 1), place, found.check, hide,
                  moved=words["repeat_of"].format(repeat=found.repeat + 1))
            for found in each.new_blocking
        ),
        left_out=left_out,
        left_out_count=sum(len(ids) for _, ids in left_out),
    )  # fmt: skip


def _flip(flip: Flip, place: int, result: ResultFile, words: Words, hide: Hide) -> FlipLine:
    moved = " → ".join(
        words["of"].format(passed=side.passed, counted=side.counted) for side in (flip.before, flip.after)
    )
    if flip.is_certain:
        moved = words["certain" if flip.has_broken else "certain_fixed"]
    return _line(
        result, flip.scenario_id, flip.scenario_version, place, flip.check, hide, moved=moved,
        known=flip.after.known_failure or "",
    )  # fmt: skip


def _line(
    result: ResultFile,
    scenario_id: str,
    version: int,
    place: int,
    check: Check | None,
    hide: Hide,
    *,
    moved: str,
    known: str = "",
) -> FlipLine:
    return FlipLine(
        scenario_id=scenario_id, version=version, title=shown(result.titles.get(scenario_id, "")), cell=place,
        moved=moved, check=check.id if check else "", turn=check.turn if check else None,
        detail=hide((scenario_id, version), check.detail) if check else "",
        known=hide((scenario_id, version), known),
    )  # fmt: skip


def costs_of(cells: Iterable[Figures], words: Words, language: Language) -> tuple[CostLine, ...]:
    return tuple(
        CostLine(
            cell=each.cell.name,
            runs=number(each.runs, language),
            cost=money(each.cost_brl, language),
            per_talk=money(each.cost_per_run_brl, language),
            tokens=f"{number(each.input_tokens, language)} / {number(each.output_tokens, language)}",
            turn_ms=_percentiles(each.turn_ms, language),
            pass_hat=" · ".join(
                f"{hat.k}:\u00a0{share(hat.interval.value, language)}" for hat in each.pass_hat[:8] if hat.interval
            ) or "–",
            causes=_causes(each, words),
        )
        for each in cells
    )  # fmt: skip


def _percentiles(found: Percentiles | None, language: Language) -> str:
    if found is None:
        return "–"
    return " / ".join(_duration(value, language) for value in (found.p50, found.p95, found.p99))


def _duration(ms: float, language: Language) -> str:
    return f"{number(ms / 1000, language, '0.0')}\u00a0s" if ms >= 1000 else f"{number(ms, language)}\u00a0ms"


def _causes(each: Figures, words: Words) -> str:
    named = [f"{words[f'cause_{cause}']}: {each.causes[cause]}" for cause in Cause if each.causes.get(cause)]
    return ", ".join([*named, *([f"{words['cause_none']}: {each.unlabelled}"] if each.unlabelled else [])]) or "–"


def cell_place(cells: Sequence[Cell], cell: Cell | None) -> int:
    """Give a cell's place in a matrix, -1 where it has none."""
    return cells.index(cell) if cell in cells else -1
