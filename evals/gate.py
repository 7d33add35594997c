"""Whether a result may pass, as an exit code with reasons.

All reasons are collected; the code is that of the first kind in this order, which goes from what no other finding can
undo to what needs a whole and quiet measurement to mean anything:

1. **5 blocking policy break.** A single one, in any repeat, of any run: counted or not, of a known failure or not, in
   an incomplete result too. A debt told to the wrong person was told, whatever else happened.
2. **2 bad input.** A whole result measures nothing, or has nothing in common with the baseline.
3. **6 budget**, when it ended the run early; **1 harness error**, when anything else did. An incomplete result cannot
   pass: the scenarios that are missing might be the ones that break.
4. **7 noise.** More than the allowed share of a cell's runs was spoilt by infrastructure; what is left is a sample
   that the outage chose. It comes before regression and threshold because those are then unknown: run it again.
5. **3 regression**, then **4 threshold missed**: a regression names the scenarios, so it is the more useful to hear.
6. **6 budget** overrun by a run that came to its end.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal

from evals.comparison import Comparison, ComparisonRules, Comparisons, compare
from evals.results import Cell, Interval, ResultFile
from evals.statistics import Figures, cell_figures, suite_figures

Language = Literal["pt", "en"]
_NAMED: Final = 5  # scenarios that a reason names
_ROUNDING: Final = 1e-9  # of a mean of rates: 0.95 is not missed by 0.9499999999


class ExitCode(IntEnum):
    PASS = 0
    HARNESS_ERROR = 1
    BAD_INPUT = 2
    REGRESSION = 3
    THRESHOLD = 4
    BLOCKING = 5
    BUDGET = 6
    NOISE = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """What a cell must reach. Rates are compared as measured, not by the end of their interval."""

    pass_rate: float = 0.95
    suite_pass_rate: Mapping[str, float] = field(default_factory=dict)  # suite -> at least
    pass_hat: Mapping[int, float] = field(default_factory=dict)  # k -> at least
    infrastructure_share: float = 0.05  # at most
    max_p95_ms: float | None = None
    max_cost_brl: float | None = None
    comparison: ComparisonRules = field(default_factory=ComparisonRules)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One thing that stands against passing, in both languages. `rank` orders: lower decides the code."""

    code: ExitCode
    pt: str
    en: str
    rank: int

    def text(self, language: Language = "pt") -> str:
        return self.pt if language == "pt" else self.en


@dataclass(frozen=True, kw_only=True, slots=True)
class GateVerdict:
    exit_code: ExitCode
    reasons: tuple[Reason, ...] = ()
    comparisons: Comparisons | None = None

    @property
    def has_passed(self) -> bool:
        return self.exit_code is ExitCode.PASS


def judge_gate(
    result: ResultFile,
    *,
    baseline: ResultFile | None = None,
    thresholds: Thresholds | None = None,
    spent_brl: float | None = None,
    is_stopped_by_budget: bool = False,
    baseline_cell: Cell | None = None,
    cells: Collection[Cell] | None = None,
) -> GateVerdict:
    """Judge a result, or only `cells` of it. `spent_brl`: what this command paid (default: what all runs cost);
    `is_stopped_by_budget`: the runner began no more talks because the next could have crossed the limit.

    A known failure counts as failed in every rate, so a threshold sees it: a model is no better for admitting what it
    cannot do. It does not make a regression by itself, because its reason stands in the reviewed scenario file, and a
    gate that is always red stops nobody. It does not excuse a blocking break.
    """
    limits = thresholds or Thresholds()
    judged = [cell for cell in result.cells if cells is None or cell in cells]
    by_cell = [each for each in cell_figures(result) if each.cell in judged]
    comparisons = None
    if baseline is not None:
        comparisons = compare(result, baseline, baseline_cell=baseline_cell, cells=judged, rules=limits.comparison)
    spent = math.fsum(run.cost_brl for run in result.runs) if spent_brl is None else spent_brl
    reasons = [
        *_blocking(by_cell),
        *(_nothing_measured(by_cell, limits) if result.is_complete else ()),
        *(_nothing_compared(comparisons) if result.is_complete else ()),
        *_not_finished(result, spent, limits, is_stopped_by_budget),
        *_noise(by_cell, limits),
        *_regressions(comparisons),
        *_thresholds(by_cell, [each for each in suite_figures(result) if each.cell in judged], limits),
    ]
    reasons.sort(key=lambda reason: reason.rank)
    return GateVerdict(
        exit_code=reasons[0].code if reasons else ExitCode.PASS, reasons=tuple(reasons), comparisons=comparisons
    )


def _blocking(by_cell: Iterable[Figures]) -> Iterable[Reason]:
    for each in by_cell:
        for found in each.blocking_breaks:
            turn, repeat = found.check.turn, found.repeat + 1
            yield Reason(
                code=ExitCode.BLOCKING,
                rank=0,
                pt=f"Política bloqueante quebrada: {found.check.id} em {found.scenario_id} ({each.cell.name}), "
                f"repetição {repeat}" + ("." if turn is None else f", turno {turn}."),
                en=f"Blocking policy broken: {found.check.id} in {found.scenario_id} ({each.cell.name}), "
                f"repeat {repeat}" + ("." if turn is None else f", turn {turn}."),
            )


def _nothing_measured(by_cell: Sequence[Figures], limits: Thresholds) -> Iterable[Reason]:
    if not by_cell:
        yield Reason(code=ExitCode.BAD_INPUT, rank=1, pt="Nenhuma célula a julgar.", en="No cell to judge.")
    for each in by_cell:
        if not each.runs:
            yield Reason(
                code=ExitCode.BAD_INPUT,
                rank=1,
                pt=f"Nenhum cenário rodou em {each.cell.name}.",
                en=f"No scenario ran in {each.cell.name}.",
            )
        elif not each.counted and each.infrastructure_share <= limits.infrastructure_share:
            yield Reason(
                code=ExitCode.BAD_INPUT,
                rank=1,
                pt=f"Nenhuma execução conta em {each.cell.name}: os próprios cenários falharam.",
                en=f"No run counts in {each.cell.name}: the scenarios themselves were at fault.",
            )


def _nothing_compared(comparisons: Comparisons | None) -> Iterable[Reason]:
    if comparisons is not None and not comparisons.pairs:
        yield Reason(
            code=ExitCode.BAD_INPUT,
            rank=1,
            pt="A linha de base não tem nada em comum com este resultado.",
            en="The baseline has nothing in common with this result.",
        )


def _not_finished(result: ResultFile, spent: float, limits: Thresholds, is_stopped_by_budget: bool) -> Iterable[Reason]:
    is_over = limits.max_cost_brl is not None and spent > limits.max_cost_brl
    if is_over or (is_stopped_by_budget and not result.is_complete):
        most = "–" if limits.max_cost_brl is None else f"R$ {limits.max_cost_brl:.2f}"
        yield Reason(
            code=ExitCode.BUDGET,
            rank=6 if result.is_complete else 2,
            pt=f"Orçamento: gastos R$ {spent:.2f}, limite {most}".replace(".", ",") + ".",
            en=f"Budget: spent R$ {spent:.2f}, limit {most}.",
        )
    elif not result.is_complete and not result.runs:
        yield Reason(
            code=ExitCode.HARNESS_ERROR,
            rank=2,
            pt="A execução parou antes da primeira conversa: não há o que julgar.",
            en="The run was stopped before its first talk: there is nothing to judge.",
        )
    elif not result.is_complete:
        yield Reason(
            code=ExitCode.HARNESS_ERROR,
            rank=2,
            pt="O resultado está incompleto: a execução parou antes do fim.",
            en="The result is incomplete: the run stopped before its end.",
        )


def _noise(by_cell: Iterable[Figures], limits: Thresholds) -> Iterable[Reason]:
    for each in by_cell:
        if each.infrastructure_share > limits.infrastructure_share:
            shares = each.infrastructure_share, limits.infrastructure_share
            yield Reason(
                code=ExitCode.NOISE,
                rank=3,
                pt=f"Infraestrutura estragou {_pt(shares[0])} das execuções de {each.cell.name} "
                f"(limite {_pt(shares[1])}).",
                en=f"Infrastructure spoilt {_en(shares[0])} of the runs of {each.cell.name} (limit {_en(shares[1])}).",
            )


def _regressions(comparisons: Comparisons | None) -> Iterable[Reason]:
    for each in comparisons.cells if comparisons else ():
        if each.certain_breaks:
            names = _names([flip.scenario_id for flip in each.certain_breaks])
            yield Reason(
                code=ExitCode.REGRESSION,
                rank=4,
                pt=f"Passavam sempre e agora falham sempre ({each.cell.name}): {names}.",
                en=f"Always passed and now always fail ({each.cell.name}): {names}.",
            )
        if each.new_blocking:
            names = _names([f"{found.scenario_id} ({found.check.id})" for found in each.new_blocking])
            yield Reason(
                code=ExitCode.REGRESSION,
                rank=4,
                pt=f"Quebras bloqueantes que a linha de base não tinha ({each.cell.name}): {names}.",
                en=f"Blocking breaks that the baseline did not have ({each.cell.name}): {names}.",
            )
        if each.is_drop and each.difference is not None:
            yield _drop(each, each.difference)


def _drop(each: Comparison, difference: Interval) -> Reason:
    return Reason(
        code=ExitCode.REGRESSION,
        rank=4,
        pt=f"A taxa de sucesso de {each.cell.name} {each.direction.words('pt')}: {_points(difference.value, ',')} p.p. "
        f"(95 %: de {_points(difference.low, ',')} a {_points(difference.high, ',')}).",
        en=f"The pass rate of {each.cell.name} {each.direction.words('en')}: {_points(difference.value, '.')} points "
        f"(95%: {_points(difference.low, '.')} to {_points(difference.high, '.')}).",
    )


def _thresholds(by_cell: Iterable[Figures], by_suite: Iterable[Figures], limits: Thresholds) -> Iterable[Reason]:
    for each in by_cell:
        wanted = {1: limits.pass_rate, **limits.pass_hat}
        for k, floor in sorted(wanted.items()):
            interval = each.pass_hat[k - 1].interval if k <= len(each.pass_hat) else None
            if interval is not None and interval.value < floor - _ROUNDING:
                yield _missed(f"pass^{k}", each.cell.name, interval.value, floor)
            elif interval is None and k > 1:
                yield _unmeasured(k, each.cell.name)
        if limits.max_p95_ms is not None and each.turn_ms is not None and each.turn_ms.p95 > limits.max_p95_ms:
            p95, most = f"{each.turn_ms.p95:.0f} ms", f"{limits.max_p95_ms:.0f} ms"
            yield Reason(
                code=ExitCode.THRESHOLD,
                rank=5,
                pt=f"Turnos lentos em {each.cell.name}: p95 de {p95} (limite {most}).",
                en=f"Slow turns in {each.cell.name}: p95 of {p95} (limit {most}).",
            )
    for each in by_suite:
        rate, least = each.pass_rate, limits.suite_pass_rate.get(each.suite or "")
        if rate is not None and least is not None and rate.value < least - _ROUNDING:
            yield _missed(f"{each.suite}, pass^1", each.cell.name, rate.value, least)


def _missed(what: str, cell: str, value: float, floor: float) -> Reason:
    return Reason(
        code=ExitCode.THRESHOLD,
        rank=5,
        pt=f"Abaixo do mínimo em {cell}: {what} = {_pt(value)} (mínimo {_pt(floor)}).",
        en=f"Below the minimum in {cell}: {what} = {_en(value)} (minimum {_en(floor)}).",
    )


def _unmeasured(k: int, cell: str) -> Reason:
    return Reason(
        code=ExitCode.THRESHOLD,
        rank=5,
        pt=f"pass^{k} não foi medido em {cell}: faltam repetições.",
        en=f"pass^{k} was not measured in {cell}: too few repeats.",
    )


def _names(ids: Sequence[str]) -> str:
    rest = len(ids) - _NAMED
    return ", ".join(ids[:_NAMED]) + (f" (+{rest})" if rest > 0 else "")


def _points(share: float, comma: str) -> str:
    return f"{share * 100:+.1f}".replace(".", comma).replace("-", "−")


def _pt(share: float) -> str:
    return f"{share * 100:.1f} %".replace(".", ",")


def _en(share: float) -> str:
    return f"{share * 100:.1f}%"
