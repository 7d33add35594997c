import re

from hypothesis import given
from hypothesis import strategies as st

from evals.comparison import ComparisonRules, compare
from evals.gate import Thresholds, judge_gate
from evals.markdown_summary import markdown_summary
from evals.results import Cause
from tests.evals.result_factory import (
    DRAFT,
    LIVE,
    OFFLINE,
    a_blocking_break,
    a_check,
    a_result,
    a_run,
    repeats,
)

LIMITS = Thresholds(comparison=ComparisonRules(resamples=200))


def test_a_good_result_in_portuguese() -> None:
    result = a_result([*repeats("a", [True, True]), a_run("v", suite="vendas", cost_brl=1234.5)])
    text = markdown_summary(result, verdict=judge_gate(result, baseline=result, thresholds=LIMITS))
    assert text.startswith("## Avaliação dos prompts\n\n**✅ Aprovado**\n")
    assert "| cobranca-datas | current · offline · offline | 1 | 100,0\u00a0% (100,0\u00a0% – 100,0\u00a0%) |" in text
    assert "| **todas** | current · offline · offline | 2 |" in text
    assert "**sem evidência de diferença** (0,0 p.p., 95 % de 0,0 a 0,0; 2 cenários em comum; p = 1,000)" in text
    assert "1.234,52" in text
    assert "Instáveis (" not in text
    assert text.endswith("Semente 7, 2 repetições, versão 0.1.0, 2026-11-20 13:00+00:00.\n")


def test_a_good_result_in_english() -> None:
    result = a_result([a_run("a", cost_brl=1234.5)])
    text = markdown_summary(result, verdict=judge_gate(result, baseline=result, thresholds=LIMITS), language="en")
    assert "## Prompt evaluation" in text
    assert "**✅ Passed**" in text
    assert "no evidence of a difference** (0.0 points, 95% from 0.0 to 0.0; 1 scenarios in common; p = 1.000)" in text
    assert "1,234.50" in text
    assert "| Suite | Cell | Scenarios | pass^1 (95%) | Flaky | Infra |" in text
    portuguese = re.compile(r"[ãçéí]|Suíte|Célula|Instáveis")
    assert not portuguese.search(text)


def test_a_regression_names_what_broke_with_its_turn() -> None:
    baseline = a_result([a_run("a"), a_run("b", has_passed=False), a_run("gone"), a_run("old", version=1)])
    result = a_result(
        [a_run("a", has_passed=False), a_run("b"), a_run("new"), a_run("old", version=2)],
        titles={"a": "Promete o dia 10"},
    )
    text = markdown_summary(result, verdict=judge_gate(result, baseline=baseline, thresholds=LIMITS))
    assert "**❌ Barrado (código 3)**" in text
    assert "- Passavam sempre e agora falham sempre (current · offline · offline): a." in text
    assert (
        "  - Quebraram (1):\n    - `a` Promete o dia 10: sempre → nunca — `state.promises`, turno 3: esperada" in text
    )
    assert "  - Consertados (1):\n    - `b`: nunca → sempre — `state.promises`, turno 3" in text
    assert "  - Novos: `new`" in text
    assert "  - Removidos: `gone`" in text
    assert "  - Outra versão: `old`" in text
    assert "Cenários que falham" not in text  # the comparison has named it


def test_every_kind_of_trouble_has_its_place() -> None:
    result = a_result(
        [
            a_run("red", has_passed=False),
            *repeats("flaky", [True, True, False, True]),
            a_run("known", has_passed=False, known_failure="feriado municipal"),
            a_run("mended", known_failure="feriado municipal"),
            a_run("spoilt", has_passed=False, cause=Cause.INFRASTRUCTURE),
            a_run("forbidden", has_passed=False, checks=[a_blocking_break()]),
        ],
        is_complete=False,
    )
    text = markdown_summary(result, verdict=judge_gate(result))
    assert "**❌ Barrado (código 5)**" in text
    assert "⚠️ Resultado incompleto" in text
    assert "### Cenários que falham (3)" in text
    assert "- `red` (0 de 1) — `state.promises`, turno 3" in text
    assert "### Falhas conhecidas (2)" in text
    assert "- `known` (0 de 1): feriado municipal\n" in text
    assert "- `mended` (1 de 1): feriado municipal; **já passa: tire da lista**" in text
    assert "### Instáveis (1)\n\n- `flaky` (3 de 4)" in text
    assert "agente: 4, infraestrutura: 1" in text


def test_cells_are_told_apart_and_the_unmatched_named() -> None:
    result = a_result([a_run("a"), a_run("a", cell=DRAFT, has_passed=False)])
    baseline = a_result([a_run("a")], blessed_reason="primeira")
    text = markdown_summary(result, comparisons=compare(result, baseline, baseline_cell=LIVE))
    assert "Sem par na linha de base: draft · offline · offline" in text
    assert "- `a` (draft · offline · offline, 0 de 1)" in text
    against = markdown_summary(result, comparisons=compare(result, baseline))
    assert "- draft · offline · offline contra current · offline · offline: **sem evidência de diferença**" in against
    assert "Linha de base: primeira" in markdown_summary(baseline)


def test_a_difference_is_told_in_points_with_its_sign() -> None:
    good = a_result([a_run(f"s-{place:03}") for place in range(100)])
    bad = a_result([a_run(f"s-{place:03}", has_passed=place % 4 > 0) for place in range(100)])
    worse, better = (markdown_summary(a, comparisons=compare(a, b)) for a, b in ((bad, good), (good, bad)))
    assert "**piorou** (-25,0 p.p., 95 % de -3" in worse
    assert "; 100 cenários em comum; p < 0,001)" in worse
    assert "**melhorou** (+25,0 p.p., 95 % de +" in better


def test_nothing_in_common_is_said() -> None:
    text = markdown_summary(a_result([a_run("a")]), comparisons=compare(a_result([a_run("a")]), a_result([a_run("b")])))
    assert "- current · offline · offline: nada em comum para comparar" in text


def test_an_empty_result_is_a_page_too() -> None:
    for result in (
        a_result([]),
        a_result([], cells=[OFFLINE]),
        a_result([a_run(has_passed=False, cause=Cause.SCENARIO)]),
    ):
        text = markdown_summary(result, verdict=judge_gate(result))
        assert "código 2" in text


def test_a_thousand_broken_scenarios_still_fit_a_comment() -> None:
    detail = "é" * 5_000
    suites = [f"suite-{number}" for number in range(60)]
    runs = [
        a_run(f"s-{place:04}", suite=suites[place % 60], cell=cell, has_passed=False, checks=[a_check(detail=detail)])
        for place in range(1_000)
        for cell in (OFFLINE, DRAFT)
    ]
    baseline = a_result([run.model_copy(update={"has_passed": True, "cause": None, "checks": ()}) for run in runs])
    result = a_result(runs, titles={f"s-{place:04}": "título " * 30 for place in range(1_000)})
    text = markdown_summary(result, verdict=judge_gate(result, baseline=baseline, thresholds=LIMITS))
    assert len(text.encode()) < 65_000
    assert "… e mais 990" in text


@given(st.text())
def test_foreign_text_cannot_break_a_line_or_call_somebody(text: str) -> None:
    result = a_result([a_run("a", has_passed=False, checks=[a_check(detail=text)])], titles={"a": text})
    page = markdown_summary(result)
    (line,) = (line for line in page.split("\n") if line.startswith("- `a`"))
    assert "`state.promises`" in line
    assert not re.search(r"@\w", line)
    assert "<" not in line


def test_markup_is_shown_and_personal_data_masked() -> None:
    detail = "a|b <img src=x> [x](y) **z** `c` @octocat CPF 529.982.247-25 (11) 99999-0001\nfim"
    page = markdown_summary(a_result([a_run("a", has_passed=False, checks=[a_check(detail=detail)])]))
    assert r"a\|b &lt;img src=x&gt; \[x\](y)" in page
    assert "@octocat" not in page
    assert "529" not in page
    assert "99999" not in page
