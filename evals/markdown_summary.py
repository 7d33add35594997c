"""A result in a page of Markdown: what a pull request shows. Portuguese unless asked for English."""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, TypeVar

from babel.numbers import format_decimal

from domain.masking import mask_text
from evals.comparison import Comparison, Comparisons, Direction, Flip, first_failing
from evals.gate import GateVerdict
from evals.results import Cause, Check, Interval, ResultFile, Run
from evals.statistics import Figures, Percentiles, Tally, cell_figures, runs_of, suite_figures

Language = Literal["pt", "en"]
_Item = TypeVar("_Item")
_LISTED: Final = 10  # entries of one list; the rest is counted
_DETAIL: Final = 200  # characters of a check's detail
# GitHub refuses a comment over 65,536 characters; a check's summary has the same limit in bytes.
_MOST: Final = 60_000
_MARKUP: Final = re.compile(r"([\\`*_\[\]|~#])")

_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "pt": {
        "title": "Avaliação dos prompts",
        "passed": "✅ Aprovado",
        "stopped": "❌ Barrado (código {code})",
        "incomplete": "⚠️ Resultado incompleto: a execução parou antes do fim.",
        "baseline": "Linha de base: {reason}",
        "table": "| Suíte | Célula | Cenários | pass^1 (95 %) |{last} Instáveis | Infra |",
        "all": "**todas**",
        "comparison": "Comparação com a linha de base",
        "compared": "{cell}: **{words}** ({value} p.p., 95 % de {low} a {high}; {pairs} cenários em comum; p {p})",
        "nothing": "{cell}: {words}",
        "against": "{cell} contra {other}",
        "unmatched": "Sem par na linha de base: {cells}",
        "broke": "Quebraram",
        "fixed": "Consertados",
        "added": "Novos: {ids}",
        "removed": "Removidos: {ids}",
        "changed": "Outra versão: {ids}",
        "uncounted": "Sem repetição que conte: {ids}",
        "certain": "sempre → nunca",
        "certain_fixed": "nunca → sempre",
        "failing": "Cenários que falham",
        "known": "Falhas conhecidas",
        "known_fixed": "já passa: tire da lista",
        "flaky": "Instáveis",
        "turn": "turno {turn}",
        "of": "{passed} de {counted}",
        "more": "… e mais {count}",
        "cost": "Custo e tempo",
        "cost_table": "| Célula | Execuções | Custo (R$) | Tokens (ent. / saída) "
        "| Turno p50 / p95 / p99 (ms) | Falhas por causa |",
        "cut": "… resumo cortado; o resto está no relatório completo.",
        "seed": "Semente {seed}, {repeats} repetições, versão {version}, {date}.",
        "agent": "agente",
        "user": "cliente simulado",
        "infrastructure": "infraestrutura",
        "scenario": "cenário",
        "unlabelled": "sem causa",
    },
    "en": {
        "title": "Prompt evaluation",
        "passed": "✅ Passed",
        "stopped": "❌ Stopped (code {code})",
        "incomplete": "⚠️ Incomplete result: the run stopped before its end.",
        "baseline": "Baseline: {reason}",
        "table": "| Suite | Cell | Scenarios | pass^1 (95%) |{last} Flaky | Infra |",
        "all": "**all**",
        "comparison": "Comparison with the baseline",
        "compared": "{cell}: **{words}** ({value} points, 95% from {low} to {high}; {pairs} scenarios in common; "
        "p {p})",
        "nothing": "{cell}: {words}",
        "against": "{cell} against {other}",
        "unmatched": "No partner in the baseline: {cells}",
        "broke": "Broke",
        "fixed": "Fixed",
        "added": "New: {ids}",
        "removed": "Removed: {ids}",
        "changed": "Another version: {ids}",
        "uncounted": "No repeat that counts: {ids}",
        "certain": "always → never",
        "certain_fixed": "never → always",
        "failing": "Failing scenarios",
        "known": "Known failures",
        "known_fixed": "passes now: take it off the list",
        "flaky": "Flaky",
        "turn": "turn {turn}",
        "of": "{passed} of {counted}",
        "more": "… and {count} more",
        "cost": "Cost and time",
        "cost_table": "| Cell | Runs | Cost (R$) | Tokens (in / out) | Turn p50 / p95 / p99 (ms) | Failures by cause |",
        "cut": "… summary cut; the rest is in the full report.",
        "seed": "Seed {seed}, {repeats} repeats, version {version}, {date}.",
        "agent": "agent",
        "user": "simulated user",
        "infrastructure": "infrastructure",
        "scenario": "scenario",
        "unlabelled": "no cause",
    },
}


def markdown_summary(
    result: ResultFile,
    *,
    verdict: GateVerdict | None = None,
    comparisons: Comparisons | None = None,
    language: Language = "pt",
) -> str:
    """Draw the summary: verdict first, then rates, what changed, what fails, and what it cost."""
    page = _Page(result, language)
    comparisons = comparisons or (verdict.comparisons if verdict else None)
    lines = [
        *page.head(verdict),
        *page.rates(),
        *page.comparisons(comparisons),
        *page.failing(comparisons),
        *page.known_failures(),
        *page.flaky(),
        *page.costs(),
    ]
    return _within(lines, page.words["cut"])


def _within(lines: Sequence[str], cut: str) -> str:
    """Keep whole lines up to what a comment may hold."""
    kept, size = list[str](), 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > _MOST:
            kept += ["", cut]
            break
        kept.append(line)
    return "\n".join(kept).rstrip() + "\n"


class _Page:
    """The parts of the summary, each a list of lines."""

    def __init__(self, result: ResultFile, language: Language) -> None:
        self.result = result
        self.language: Language = language
        self.words = _WORDS[language]
        self._locale = {"pt": "pt_BR", "en": "en_US"}[language]
        self._cells = cell_figures(result)

    def head(self, verdict: GateVerdict | None) -> Iterator[str]:
        yield f"## {self.words['title']}"
        yield ""
        if verdict is not None:
            state = self.words["passed"] if verdict.has_passed else self.words["stopped"]
            yield f"**{state.format(code=int(verdict.exit_code))}**"
            yield ""
            if verdict.reasons:
                yield from self._items(verdict.reasons, lambda reason: _text(reason.text(self.language)))
                yield ""
        if not self.result.is_complete:
            yield from (self.words["incomplete"], "")
        if self.result.blessed_reason is not None:
            yield from (self.words["baseline"].format(reason=_text(self.result.blessed_reason)), "")

    def rates(self) -> Iterator[str]:
        furthest = max((len(each.pass_hat) for each in self._cells), default=1) or 1
        has_repeats = furthest > 1
        yield self.words["table"].format(last=f" pass^{furthest} |" if has_repeats else "")
        yield f"|---|---|--:|---|{'---|' if has_repeats else ''}--:|--:|"
        for each in suite_figures(self.result):
            yield self._rate_row(_text(each.suite or ""), each, furthest)
        for each in self._cells:
            yield self._rate_row(self.words["all"], each, furthest)
        yield ""

    def _rate_row(self, suite: str, each: Figures, furthest: int) -> str:
        last = each.pass_hat[furthest - 1].interval if furthest <= len(each.pass_hat) else None
        values = (
            suite,
            _text(each.cell.name),
            str(len(each.scenarios)),
            self._interval(each.pass_rate),
            *([self._share(last.value) if last else "–"] if furthest > 1 else []),
            str(len(each.flaky)),
            str(each.infrastructure),
        )
        return "| " + " | ".join(values) + " |"

    def comparisons(self, comparisons: Comparisons | None) -> Iterator[str]:
        if comparisons is None:
            return
        yield f"### {self.words['comparison']}"
        yield ""
        for each in comparisons.cells:
            yield from self._comparison(each)
        if comparisons.unmatched:
            cells = ", ".join(_text(cell.name) for cell in comparisons.unmatched)
            yield from (self.words["unmatched"].format(cells=cells), "")

    def _comparison(self, each: Comparison) -> Iterator[str]:
        yield "- " + self._direction(each)
        for word in ("broke", "fixed"):
            flips: tuple[Flip, ...] = getattr(each, word)
            if flips:
                yield f"  - {self.words[word]} ({len(flips)}):"
                yield from self._items(flips, self._flip, indent="    ")
        for word in ("added", "removed", "changed", "uncounted"):
            ids: tuple[str, ...] = getattr(each, word)
            if ids:
                yield f"  - {self.words[word].format(ids=self._ids(ids))}"
        yield ""

    def _direction(self, each: Comparison) -> str:
        cell = _text(each.cell.name)
        if each.cell != each.baseline_cell:
            cell = self.words["against"].format(cell=cell, other=_text(each.baseline_cell.name))
        words = each.direction.words(self.language)
        if each.difference is None or each.direction is Direction.NOTHING_TO_COMPARE:
            return self.words["nothing"].format(cell=cell, words=words)
        return self.words["compared"].format(
            cell=cell,
            words=words,
            value=self._points(each.difference.value),
            low=self._points(each.difference.low),
            high=self._points(each.difference.high),
            pairs=each.pairs,
            p=f"= {self._number(each.p_value, '0.000')}"
            if each.p_value >= 0.001
            else f"< {self._number(0.001, '0.000')}",
        )

    def _flip(self, flip: Flip) -> str:
        if flip.is_certain:
            moved = self.words["certain" if flip.has_broken else "certain_fixed"]
        else:
            moved = f"{self._of(flip.before)} → {self._of(flip.after)}"
        known = f"; {self.words['known']}: {_text(flip.after.known_failure)}" if flip.after.known_failure else ""
        return f"{self._scenario(flip.scenario_id)}: {moved}{self._check(flip.check)}{known}"

    def failing(self, comparisons: Comparisons | None) -> Iterator[str]:
        """List the failing scenarios that the comparison has not named and that no reason explains."""
        named = {
            (each.cell, flip.scenario_id) for each in (comparisons.cells if comparisons else ()) for flip in each.broke
        }
        found = [
            (each, tally)
            for each in self._cells
            for tally in each.failing
            if tally.known_failure is None and (each.cell, tally.scenario_id) not in named
        ]
        red = {each.cell: _red_runs(runs_of(self.result, each.cell)) for each in self._cells}

        def entry(each: Figures, tally: Tally) -> str:
            return self._named(each, tally) + self._check(first_failing(red[each.cell].get(tally.key, ())))

        yield from self._section("failing", found, entry)

    def known_failures(self) -> Iterator[str]:
        found = [(each, tally) for each in self._cells for tally in each.known_failures]

        def entry(each: Figures, tally: Tally) -> str:
            fixed = f"; **{self.words['known_fixed']}**" if tally.counted and tally.passed == tally.counted else ""
            return f"{self._named(each, tally)}: {_text(tally.known_failure or '')}{fixed}"

        yield from self._section("known", found, entry)

    def flaky(self) -> Iterator[str]:
        found = [(each, tally) for each in self._cells for tally in each.flaky]
        yield from self._section("flaky", found, self._named)

    def costs(self) -> Iterator[str]:
        yield f"### {self.words['cost']}"
        yield ""
        yield self.words["cost_table"]
        yield "|---|--:|--:|--:|---|---|"
        for each in self._cells:
            values = (
                _text(each.cell.name),
                str(each.runs),
                self._number(each.cost_brl, "#,##0.00"),
                f"{self._number(each.input_tokens, '#,##0')} / {self._number(each.output_tokens, '#,##0')}",
                self._percentiles(each.turn_ms),
                self._causes(each),
            )
            yield "| " + " | ".join(values) + " |"
        yield ""
        yield self.words["seed"].format(
            seed=self.result.seed,
            repeats=self.result.repeats,
            version=_text(self.result.product_version),
            date=self.result.created_at.isoformat(sep=" ", timespec="minutes"),
        )

    def _section(
        self, word: str, found: Sequence[tuple[Figures, Tally]], entry: Callable[[Figures, Tally], str]
    ) -> Iterator[str]:
        if found:
            yield from (f"### {self.words[word]} ({len(found)})", "")
            yield from self._items(found, lambda pair: entry(*pair))
            yield ""

    def _items(self, found: Sequence[_Item], entry: Callable[[_Item], str], *, indent: str = "") -> Iterator[str]:
        for item in found[:_LISTED]:
            yield f"{indent}- {entry(item)}"
        if len(found) > _LISTED:
            yield f"{indent}- {self.words['more'].format(count=len(found) - _LISTED)}"

    def _named(self, each: Figures, tally: Tally) -> str:
        return f"{self._scenario(tally.scenario_id)} ({self._where(each, tally)})"

    def _scenario(self, scenario_id: str) -> str:
        title = self.result.titles.get(scenario_id, "")
        return f"`{scenario_id}`" + (f" {_text(title)}" if title else "")

    def _where(self, each: Figures, tally: Tally) -> str:
        return f"{_text(each.cell.name)}, {self._of(tally)}" if len(self._cells) > 1 else self._of(tally)

    def _of(self, tally: Tally) -> str:
        return self.words["of"].format(passed=tally.passed, counted=tally.counted)

    def _check(self, check: Check | None) -> str:
        if check is None:
            return ""
        turn = "" if check.turn is None else f", {self.words['turn'].format(turn=check.turn)}"
        return f" — `{check.id}`{turn}" + (f": {_text(check.detail)}" if check.detail else "")

    def _ids(self, ids: Sequence[str]) -> str:
        rest = len(ids) - _LISTED
        shown = ", ".join(f"`{scenario_id}`" for scenario_id in ids[:_LISTED])
        return shown + (f" {self.words['more'].format(count=rest)}" if rest > 0 else "")

    def _interval(self, interval: Interval | None) -> str:
        if interval is None:
            return "–"
        return f"{self._share(interval.value)} ({self._share(interval.low)} – {self._share(interval.high)})"

    def _share(self, share: float) -> str:
        return self._number(share * 100, "0.0") + ("%" if self.language == "en" else "\u00a0%")

    def _points(self, difference: float) -> str:
        points = round(difference * 100, 1)
        return self._number(points, "+0.0;-0.0") if points else self._number(0, "0.0")

    def _number(self, number: float, pattern: str) -> str:
        return format_decimal(number, format=pattern, locale=self._locale)

    def _percentiles(self, found: Percentiles | None) -> str:
        if found is None:
            return "–"
        return " / ".join(self._number(value, "#,##0") for value in (found.p50, found.p95, found.p99))

    def _causes(self, each: Figures) -> str:
        named = [f"{self.words[cause]}: {each.causes[cause]}" for cause in Cause if each.causes.get(cause)]
        return (
            ", ".join([*named, *([f"{self.words['unlabelled']}: {each.unlabelled}"] if each.unlabelled else [])]) or "–"
        )


def _red_runs(runs: Iterable[Run]) -> dict[tuple[str, int], list[Run]]:
    red: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        if not run.has_passed:
            red.setdefault((run.scenario_id, run.scenario_version), []).append(run)
    return red


def _text(text: str) -> str:
    """Make foreign text harmless: masked, on one line, short, without markup, HTML or mentions."""
    # Masked before the cut that counts: half a document would not be known for one.
    line = " ".join(mask_text(text[: 8 * _DETAIL]).split())
    short = line if len(line) <= _DETAIL else line[:_DETAIL].rstrip() + "…"
    # An @ before a name would call somebody to the pull request.
    plain = html.escape(_MARKUP.sub(r"\\\1", short), quote=False)
    return plain.replace("@", "@\u200b")
