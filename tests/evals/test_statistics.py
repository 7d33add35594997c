import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.results import Cause
from evals.statistics import (
    bootstrap_mean,
    cell_figures,
    figures,
    pass_hat,
    percentiles,
    seed_of,
    suite_figures,
    tallies,
)
from tests.evals.result_factory import DRAFT, OFFLINE, a_blocking_break, a_check, a_result, a_run, repeats

OUTCOMES = st.lists(st.booleans(), min_size=1, max_size=8)


@given(OUTCOMES, st.data())
def test_pass_hat_is_the_share_of_all_draws_of_k_repeats_that_pass_whole(
    outcomes: list[bool], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(outcomes)))
    draws = [all(draw) for draw in combinations(outcomes, k)]
    assert pass_hat(sum(outcomes), len(outcomes), k) == pytest.approx(sum(draws) / len(draws))


def test_pass_hat_is_unbiased() -> None:
    """Over all outcomes of n repeats, weighted by their chance, the estimate is p to the k."""
    n, p = 6, 0.7
    for k in range(1, n + 1):
        expected = sum(
            math.comb(n, passed) * p**passed * (1 - p) ** (n - passed) * pass_hat(passed, n, k)
            for passed in range(n + 1)
        )
        assert expected == pytest.approx(p**k)


@pytest.mark.parametrize(("passed", "counted", "k"), [(0, 0, 1), (1, 2, 3), (1, 2, 0), (3, 2, 1), (-1, 2, 1)])
def test_pass_hat_refuses_what_no_repeats_can_say(passed: int, counted: int, k: int) -> None:
    with pytest.raises(ValueError, match=r"repeats|passed"):
        pass_hat(passed, counted, k)


@given(st.lists(OUTCOMES, min_size=1, max_size=12))
def test_figures_agree_with_counting_by_hand(scenarios: list[list[bool]]) -> None:
    runs = [run for place, outcomes in enumerate(scenarios) for run in repeats(f"s-{place:02}", outcomes)]
    found = figures(runs, cell=OFFLINE, resamples=50)
    assert len(found.pass_hat) == max(map(len, scenarios))
    for each in found.pass_hat:
        values = [
            sum(all(draw) for draw in combinations(outcomes, each.k)) / math.comb(len(outcomes), each.k)
            for outcomes in scenarios
            if len(outcomes) >= each.k
        ]
        assert each.interval is not None
        assert each.interval.value == pytest.approx(sum(values) / len(values))
        assert each.interval.count == len(values)
        assert 0 <= each.interval.low <= each.interval.value <= each.interval.high <= 1
    assert {tally.scenario_id for tally in found.flaky} == {
        f"s-{place:02}" for place, outcomes in enumerate(scenarios) if any(outcomes) and not all(outcomes)
    }
    assert found.counted == sum(map(len, scenarios))
    assert found.passed == sum(map(sum, scenarios))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 99))
def test_an_interval_holds_its_mean_and_is_the_same_for_the_same_seed(values: list[float], seed: int) -> None:
    first = bootstrap_mean(values, seed=(seed,), resamples=100)
    assert first == bootstrap_mean(values, seed=(seed,), resamples=100)
    assert first is not None
    assert min(values) - 1e-12 <= first.low <= first.value <= first.high <= max(values) + 1e-12


def test_an_interval_has_the_width_that_theory_gives() -> None:
    values = [1.0] * 80 + [0.0] * 20
    found = bootstrap_mean(values, seed=(1,))
    assert found is not None
    error = math.sqrt(0.8 * 0.2 / 100)
    assert found.low == pytest.approx(0.8 - 1.96 * error, abs=0.015)
    assert found.high == pytest.approx(0.8 + 1.96 * error, abs=0.015)


def test_resampling_in_parts_draws_the_same_kind_of_interval() -> None:
    """So many scenarios that the resamples do not fit in memory at once."""
    found = bootstrap_mean([0.0, 1.0] * 3_000, seed=(3,), resamples=2_000)
    assert found is not None
    assert found.count == 6_000
    assert 0.48 < found.low < 0.5 < found.high < 0.52


def test_a_seed_depends_on_what_is_drawn() -> None:
    assert seed_of(7, "a") != seed_of(7, "b")
    assert seed_of(7, "a") == seed_of(7, "a")
    assert seed_of(-7, "a")[0] == 7


def test_nothing_gives_no_figures() -> None:
    found = figures([], cell=OFFLINE)
    assert (found.runs, found.counted, found.pass_hat, found.pass_rate, found.turn_ms) == (0, 0, (), None, None)
    assert found.infrastructure_share == 0
    assert found.cost_per_run_brl == 0
    assert bootstrap_mean([], seed=(1,)) is None
    assert percentiles([]) is None


def test_a_single_repeat_gives_pass_1_alone_and_is_never_flaky() -> None:
    found = figures([a_run("a"), a_run("b", has_passed=False)], cell=OFFLINE)
    assert [each.k for each in found.pass_hat] == [1]
    assert found.pass_rate is not None
    assert found.pass_rate.value == 0.5
    assert found.flaky == ()
    assert [tally.scenario_id for tally in found.failing] == ["b"]


def test_spoilt_runs_are_left_out_of_rates_and_counted_beside_them() -> None:
    runs = [
        a_run("a", repeat=0),
        a_run("a", repeat=1, has_passed=False, cause=Cause.INFRASTRUCTURE, turn_ms=(60_000.0,)),
        a_run("a", repeat=2, has_passed=False, cause=Cause.SCENARIO),
        a_run("b", repeat=0, has_passed=False, cause=Cause.USER),
    ]
    found = figures(runs, cell=OFFLINE)
    assert found.pass_rate is not None
    assert found.pass_rate.value == 0.5
    assert len(found.pass_hat) == 1
    assert found.infrastructure_share == 0.25
    assert found.causes == {Cause.INFRASTRUCTURE: 1, Cause.SCENARIO: 1, Cause.USER: 1}
    assert found.flaky == ()
    assert found.turn_ms is not None
    assert found.turn_ms.p99 < 60_000


def test_all_infrastructure_leaves_no_rate_at_all() -> None:
    found = figures([a_run(has_passed=False, cause=Cause.INFRASTRUCTURE)], cell=OFFLINE)
    assert found.pass_hat == ()
    assert found.pass_rate is None
    assert found.infrastructure_share == 1


def test_pass_k_counts_only_scenarios_with_k_counted_repeats() -> None:
    runs = [
        *repeats("a", [True, True, True]),
        *repeats("b", [True, False]),
        a_run("c"),
        a_run("c", repeat=1, has_passed=False, cause=Cause.INFRASTRUCTURE),
    ]
    intervals = [each.interval for each in figures(runs, cell=OFFLINE).pass_hat]
    assert [(each.value, each.count) for each in intervals if each] == [
        (pytest.approx((1 + 0.5 + 1) / 3), 3),
        (pytest.approx(0.5), 2),
        (1, 1),
    ]


def test_a_known_failure_counts_as_failed() -> None:
    runs = [a_run("a", has_passed=False, known_failure="não entende feriado municipal"), a_run("b")]
    found = figures(runs, cell=OFFLINE)
    assert found.pass_rate is not None
    assert found.pass_rate.value == 0.5
    assert [tally.known_failure for tally in found.known_failures] == ["não entende feriado municipal"]


def test_another_version_is_another_scenario() -> None:
    counts = tallies([a_run("a", version=1), a_run("a", version=2, has_passed=False)])
    assert [(tally.key, tally.rate) for tally in counts] == [(("a", 1), 1.0), (("a", 2), 0.0)]


def test_blocking_breaks_are_found_in_any_run_and_only_of_blocking_policies() -> None:
    spoilt = a_run("b", has_passed=False, cause=Cause.INFRASTRUCTURE, checks=[a_blocking_break()])
    known = a_run("c", repeat=3, has_passed=False, known_failure="ainda não", checks=[a_blocking_break("threats")])
    other = a_run("d", has_passed=False, checks=[a_check()])
    found = figures([known, spoilt, other], cell=OFFLINE)
    assert [(each.scenario_id, each.repeat, each.check.id) for each in found.blocking_breaks] == [
        ("b", 0, "policy.identity-before-debt"),
        ("c", 3, "policy.threats"),
    ]


def test_latency_and_cost_are_summed_over_turns_and_runs() -> None:
    runs = [a_run("a", turn_ms=tuple(float(ms) for ms in range(101)), cost_brl=0.1) for _ in range(10)]
    found = figures(runs, cell=OFFLINE)
    assert found.turn_ms is not None
    assert (found.turn_ms.p50, found.turn_ms.p95, found.turn_ms.p99, found.turn_ms.count) == (50, 95, 99, 1010)
    assert found.cost_brl == pytest.approx(1.0)
    assert found.cost_per_run_brl == pytest.approx(0.1)
    assert (found.input_tokens, found.output_tokens) == (100, 50)


def test_each_cell_and_each_suite_has_its_own_figures() -> None:
    result = a_result(
        [
            a_run("a"),
            a_run("v", suite="vendas", has_passed=False),
            a_run("a", cell=DRAFT, has_passed=False),
        ],
        suites=("vendas", "cobranca-datas"),
    )
    assert [(each.cell, each.passed) for each in cell_figures(result)] == [(OFFLINE, 1), (DRAFT, 0)]
    assert [(each.suite, each.cell, each.passed) for each in suite_figures(result)] == [
        ("vendas", OFFLINE, 0),
        ("cobranca-datas", OFFLINE, 1),
        ("cobranca-datas", DRAFT, 0),
    ]


def test_another_suite_does_not_move_a_suites_interval() -> None:
    some = [run for place in range(20) for run in repeats(f"a-{place}", [place % 3 > 0, place % 2 > 0])]
    alone = suite_figures(a_result(some))[0]
    beside = suite_figures(a_result([a_run("v", suite="vendas"), *some]))[1]
    assert alone.pass_hat == beside.pass_hat
