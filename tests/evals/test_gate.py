from dataclasses import replace

import pytest

from evals.comparison import ComparisonRules
from evals.gate import ExitCode, GateVerdict, Thresholds, judge_gate
from evals.results import Cause, ResultFile, Run
from tests.evals.result_factory import (
    DRAFT,
    LIVE,
    OFFLINE,
    a_blocking_break,
    a_check,
    a_result,
    a_run,
    repeats,
    simulated,
)

LIMITS = Thresholds(comparison=ComparisonRules(resamples=200))


def good_runs(count: int = 40) -> list[Run]:
    return [a_run(f"s-{place:03}") for place in range(count)]


def codes(verdict: GateVerdict) -> list[int]:
    return [int(reason.code) for reason in verdict.reasons]


def test_a_good_result_passes_without_and_with_a_baseline() -> None:
    result = a_result(good_runs())
    for verdict in (judge_gate(result), judge_gate(result, baseline=result, thresholds=LIMITS)):
        assert verdict.exit_code == 0
        assert verdict.has_passed
        assert verdict.reasons == ()


def test_the_codes_are_the_published_ones() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "PASS": 0, "HARNESS_ERROR": 1, "BAD_INPUT": 2, "REGRESSION": 3,
        "THRESHOLD": 4, "BLOCKING": 5, "BUDGET": 6, "NOISE": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    "broken",
    [
        a_run("x", repeat=7, has_passed=False, checks=[a_blocking_break()]),
        a_run("x", has_passed=False, known_failure="ainda não sabe", checks=[a_blocking_break()]),
        a_run("x", has_passed=False, cause=Cause.INFRASTRUCTURE, checks=[a_blocking_break()]),
        a_run("x", has_passed=True, checks=[a_blocking_break()]),
    ],
    ids=["one repeat", "known failure", "uncounted run", "run said to have passed"],
)
def test_a_single_blocking_break_is_code_5(broken: Run) -> None:
    verdict = judge_gate(a_result([*good_runs(), broken]))
    assert verdict.exit_code == 5
    assert "policy.identity-before-debt" in verdict.reasons[0].text()
    assert "turno 3" in verdict.reasons[0].text("pt")
    assert "turn 3" in verdict.reasons[0].text("en")


def test_a_blocking_break_comes_before_everything_else() -> None:
    runs = [
        a_run("x", has_passed=False, checks=[a_blocking_break()], cost_brl=9.0),
        a_run("y", has_passed=False, cause=Cause.INFRASTRUCTURE),
        a_run("z", has_passed=False),
    ]
    verdict = judge_gate(
        a_result(runs, is_complete=False),
        baseline=a_result([a_run("x"), a_run("z")]),
        thresholds=replace(LIMITS, max_cost_brl=1.0),
    )
    assert verdict.exit_code == 5
    assert sorted(set(codes(verdict))) == [3, 4, 5, 6, 7]


def test_an_incomplete_result_cannot_pass() -> None:
    verdict = judge_gate(a_result(good_runs(), is_complete=False))
    assert verdict.exit_code == 1
    assert "incompleto" in verdict.reasons[0].text()


@pytest.mark.parametrize("baseline", [None, a_result([a_run("a")])], ids=["alone", "against a baseline"])
def test_a_run_that_was_stopped_before_its_first_talk_is_code_1(baseline: ResultFile | None) -> None:
    verdict = judge_gate(a_result([], cells=[OFFLINE], is_complete=False), baseline=baseline)
    assert codes(verdict) == [1]
    assert "antes da primeira conversa" in verdict.reasons[0].text("pt")
    assert "before its first talk" in verdict.reasons[0].text("en")


def test_a_cell_that_a_stopped_run_did_not_reach_is_no_bad_input() -> None:
    result = a_result([a_run("a")], cells=[OFFLINE, DRAFT], is_complete=False)
    assert codes(judge_gate(result)) == [1]
    assert codes(judge_gate(result, is_stopped_by_budget=True)) == [6]


def test_a_result_that_the_budget_ended_is_code_6() -> None:
    result = a_result(good_runs(), is_complete=False)
    assert judge_gate(result, is_stopped_by_budget=True).exit_code == 6
    limits = replace(LIMITS, max_cost_brl=5.0)
    assert judge_gate(result, thresholds=limits, spent_brl=5.01).exit_code == 6
    assert judge_gate(result, thresholds=limits, spent_brl=4.99).exit_code == 1
    text = judge_gate(result, thresholds=limits, spent_brl=5.01).reasons[0]
    assert text.text() == "Orçamento: gastos R$ 5,01, limite R$ 5,00."
    assert text.text("en") == "Budget: spent R$ 5.01, limit R$ 5.00."


def test_what_all_runs_cost_is_the_default_of_what_was_spent() -> None:
    runs = [a_run("a", cost_brl=0.6), a_run("b", cost_brl=0.6)]
    assert judge_gate(a_result(runs), thresholds=replace(LIMITS, max_cost_brl=1.0)).exit_code == 6
    assert judge_gate(a_result(runs), thresholds=replace(LIMITS, max_cost_brl=1.0), spent_brl=0.0).exit_code == 0


def test_an_overrun_of_a_whole_run_does_not_hide_a_regression() -> None:
    result, baseline = a_result([a_run("a", has_passed=False)]), a_result([a_run("a")])
    verdict = judge_gate(result, baseline=baseline, thresholds=replace(LIMITS, max_cost_brl=0.001))
    assert verdict.exit_code == 3
    assert codes(verdict) == [3, 4, 6]


def test_noise_is_judged_by_cell_and_comes_before_regression() -> None:
    spoilt = [a_run(f"s-{place:03}", cell=LIVE, has_passed=False, cause=Cause.INFRASTRUCTURE) for place in range(6)]
    rest = [a_run(f"s-{place:03}", cell=LIVE) for place in range(6, 100)]
    quiet = a_result([*good_runs(1000), *spoilt[:5], *rest])
    noisy = a_result([*good_runs(1000), *spoilt, *rest])
    assert judge_gate(quiet).exit_code == 7  # 5 of 99
    assert judge_gate(noisy).exit_code == 7
    assert judge_gate(noisy, thresholds=Thresholds(infrastructure_share=0.06)).exit_code == 0
    assert judge_gate(noisy, cells=[OFFLINE]).exit_code == 0
    assert "6,0 %" in judge_gate(noisy).reasons[0].text()
    baseline = a_result([a_run("s-099", cell=LIVE)], seed=7)
    red = a_result([*spoilt, *rest[:-1], a_run("s-099", cell=LIVE, has_passed=False)])
    verdict = judge_gate(
        red, baseline=baseline, thresholds=replace(LIMITS, comparison=ComparisonRules(flip_chance=0.5))
    )
    assert codes(verdict) == [7, 3]


def test_exactly_the_allowed_noise_passes() -> None:
    runs = [a_run("s-000", has_passed=False, cause=Cause.INFRASTRUCTURE), *good_runs(20)[1:]]
    assert judge_gate(a_result(runs)).exit_code == 0


def test_all_noise_is_code_7_and_nothing_else() -> None:
    verdict = judge_gate(a_result([a_run("a", has_passed=False, cause=Cause.INFRASTRUCTURE)]))
    assert codes(verdict) == [7]


@pytest.mark.parametrize(
    "result",
    [
        a_result([]),
        a_result([], cells=[OFFLINE]),
        a_result([a_run("a")], cells=[OFFLINE, DRAFT]),
        a_result([a_run("a", has_passed=False, cause=Cause.SCENARIO)]),
    ],
    ids=["no cell", "no run", "a cell without runs", "every scenario at fault"],
)
def test_a_measurement_of_nothing_is_bad_input(result: ResultFile) -> None:
    assert judge_gate(result).exit_code == 2


def test_a_baseline_without_anything_in_common_is_bad_input() -> None:
    result = a_result(good_runs())
    for baseline in (a_result([a_run("other")]), a_result([a_run("s-000", cell=LIVE)]), a_result([])):
        assert judge_gate(result, baseline=baseline, thresholds=LIMITS).exit_code == 2


def test_a_draft_is_judged_against_the_baselines_current_prompts() -> None:
    baseline = a_result(good_runs())
    draft = a_result([a_run(f"s-{place:03}", cell=DRAFT, has_passed=place > 0) for place in range(40)])
    verdict = judge_gate(draft, baseline=baseline, thresholds=LIMITS)
    assert verdict.exit_code == 3
    assert "s-000" in verdict.reasons[0].text()
    assert verdict.comparisons is not None
    assert verdict.comparisons.pairs == 40


def test_a_seeded_bad_prompt_is_stopped_and_its_mending_is_not() -> None:
    good = a_result(good_runs(400))
    bad = a_result([a_run(f"s-{place:03}", has_passed=place % 10 > 0) for place in range(400)])
    verdict = judge_gate(bad, baseline=good, thresholds=replace(LIMITS, pass_rate=0.5))
    assert codes(verdict) == [3, 3]
    assert "(+35)" in verdict.reasons[0].text()
    assert "piorou" in verdict.reasons[1].text()
    assert "got worse" in verdict.reasons[1].text("en")
    assert judge_gate(good, baseline=bad, thresholds=LIMITS).exit_code == 0


def test_a_neutral_change_passes_over_many_seeds() -> None:
    world = {f"s-{place:03}": 1.0 if place % 8 else 0.85 for place in range(120)}
    verdicts = [
        judge_gate(
            simulated(world, count=4, seed=seed), baseline=simulated(world, count=4, seed=99 + seed), thresholds=LIMITS
        )
        for seed in range(20)
    ]
    assert [verdict.exit_code for verdict in verdicts] == [0] * 20


def test_a_threshold_missed_is_code_4_and_one_reached_exactly_is_not() -> None:
    runs = [a_run(f"s-{place:03}", has_passed=place > 0) for place in range(20)]
    assert judge_gate(a_result(runs)).exit_code == 0
    verdict = judge_gate(a_result(runs[:-1]))
    assert verdict.exit_code == 4
    assert "pass^1 = 94,7 % (mínimo 95,0 %)" in verdict.reasons[0].text()


def test_thresholds_of_suites_of_pass_k_and_of_time() -> None:
    runs = [*repeats("a", [True, True]), *repeats("b", [True, False], suite="vendas")]
    loose = Thresholds(pass_rate=0.5)
    assert judge_gate(a_result(runs), thresholds=loose).exit_code == 0
    for limits in (
        replace(loose, suite_pass_rate={"vendas": 0.6}),
        replace(loose, pass_hat={2: 0.6}),
        replace(loose, pass_hat={3: 0.1}),  # asked for, not measured
        replace(loose, max_p95_ms=150.0),
    ):
        assert judge_gate(a_result(runs), thresholds=limits).exit_code == 4
    met = replace(loose, suite_pass_rate={"vendas": 0.5, "absent": 1.0}, pass_hat={2: 0.5}, max_p95_ms=200.0)
    assert judge_gate(a_result(runs), thresholds=met).exit_code == 0


def test_known_failures_count_in_rates_and_are_no_regression() -> None:
    known = a_run("s-000", has_passed=False, known_failure="não lê áudio", checks=[a_check()])
    baseline = a_result(good_runs())
    assert judge_gate(a_result([known, *good_runs()[1:]]), baseline=baseline, thresholds=LIMITS).exit_code == 0
    many = [a_run(f"s-{place:03}", has_passed=place > 9, known_failure="não lê áudio") for place in range(40)]
    verdict = judge_gate(a_result(many), thresholds=LIMITS)
    assert codes(verdict) == [4]
