import math
import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.comparison import (
    Comparison,
    ComparisonRules,
    Direction,
    chance_of_flips,
    compare,
    compare_cells,
    first_failing,
    sign_test,
)
from evals.results import Cause, Cell, CheckKind, Mode, ResultFile
from evals.scenario import Severity
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

RULES = ComparisonRules(resamples=500)


def compared(candidate: ResultFile, baseline: ResultFile, rules: ComparisonRules = RULES) -> Comparison:
    (found,) = compare(candidate, baseline, rules=rules).cells
    return found


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_sign_test_sums_the_binomial(worse: int, better: int) -> None:
    moved = worse + better
    as_uneven = [k for k in range(moved + 1) if abs(2 * k - moved) >= abs(worse - better)]
    assert sign_test(worse, better) == pytest.approx(sum(math.comb(moved, k) for k in as_uneven) / 2**moved)
    assert sign_test(worse, better) == sign_test(better, worse)


def test_the_sign_test_bears_thousands_of_flips() -> None:
    assert sign_test(0, 2_000) == 0.0
    assert sign_test(1_000, 1_000) == 1.0


def test_the_same_result_shows_no_difference() -> None:
    result = a_result([*repeats("a", [True, False]), *repeats("b", [True, True]), *repeats("c", [False, False])])
    found = compared(result, result)
    assert found.direction is Direction.NO_EVIDENCE
    assert found.direction.words() == "sem evidência de diferença"
    assert found.direction.words("en") == "no evidence of a difference"
    assert (found.pairs, found.broke, found.fixed, found.is_regression, found.p_value) == (3, (), (), False, 1.0)


def test_flips_are_listed_both_ways_with_the_first_failing_check() -> None:
    state, words = a_check(), a_check("words.said.1", kind=CheckKind.WORDS)
    before = a_result([a_run("a"), a_run("b", has_passed=False, checks=[words])])
    after = a_result([a_run("a", has_passed=False, checks=[words, state]), a_run("b")])
    found = compared(after, before)
    assert [(flip.scenario_id, flip.check, flip.is_certain, flip.has_broken) for flip in found.broke] == [
        ("a", state, True, True)
    ]
    assert [(flip.scenario_id, flip.check, flip.is_certain, flip.has_broken) for flip in found.fixed] == [
        ("b", words, True, False)
    ]
    assert found.is_regression


def test_a_judges_vote_is_not_the_reason_of_a_flip() -> None:
    judge = a_check("judge.0", kind=CheckKind.JUDGE)
    assert first_failing([a_run(has_passed=False, checks=[judge])]) is None
    assert first_failing([]) is None


def test_the_first_failing_check_is_of_the_earliest_red_repeat_that_counts() -> None:
    runs = [
        a_run(repeat=3, has_passed=False, checks=[a_check("late")]),
        a_run(repeat=0, has_passed=False, cause=Cause.INFRASTRUCTURE, checks=[a_check("spoilt")]),
        a_run(repeat=1, has_passed=False, checks=[a_check("early")]),
    ]
    found = first_failing(runs)
    assert found is not None
    assert found.id == "early"


def test_one_flip_of_a_deterministic_model_is_a_regression() -> None:
    before, after = a_result([a_run("a")]), a_result([a_run("a", has_passed=False)])
    assert [flip.scenario_id for flip in compared(after, before).certain_breaks] == ["a"]


def test_one_flip_is_nothing_where_chance_plays() -> None:
    live = compared(a_result([a_run("a", has_passed=False, cell=LIVE)]), a_result([a_run("a", cell=LIVE)]))
    other_seed = compared(a_result([a_run("a", has_passed=False)], seed=8), a_result([a_run("a")], seed=7))
    for found in (live, other_seed):
        assert [flip.scenario_id for flip in found.broke] == ["a"]
        assert found.certain_breaks == ()
        assert not found.is_regression


def test_four_repeats_each_are_certain_where_chance_plays() -> None:
    before = a_result(repeats("a", [True] * 4, cell=LIVE))
    assert compared(a_result(repeats("a", [False] * 4, cell=LIVE)), before).is_regression
    assert not compared(a_result(repeats("a", [False] * 3, cell=LIVE)), before).is_regression
    assert not compared(a_result(repeats("a", [False] * 3 + [True], cell=LIVE)), before).is_regression


def test_one_whole_flip_among_many_torn_scenarios_is_chance() -> None:
    torn = [run for place in range(6) for run in repeats(f"t-{place}", [True, False, True, False], cell=LIVE)]
    before = a_result([*repeats("a", [True] * 4, cell=LIVE), *torn])
    assert not compared(a_result([*repeats("a", [False] * 4, cell=LIVE), *torn]), before).certain_breaks
    two = [*repeats("a", [False] * 4, cell=LIVE), *repeats("t-0", [False] * 4, cell=LIVE), *torn[4:]]
    of_two = a_result([*repeats("a", [True] * 4, cell=LIVE), *repeats("t-0", [True] * 4, cell=LIVE), *torn[4:]])
    assert [flip.scenario_id for flip in compared(a_result(two), of_two).certain_breaks] == ["a", "t-0"]


def test_eight_repeats_tell_one_whole_flip_from_many_torn_scenarios() -> None:
    torn = [run for place in range(40) for run in repeats(f"t-{place}", [True, False] * 4, cell=LIVE)]
    before = a_result([*repeats("a", [True] * 8, cell=LIVE), *torn])
    found = compared(a_result([*repeats("a", [False] * 8, cell=LIVE), *torn]), before)
    assert [flip.scenario_id for flip in found.certain_breaks] == ["a"]


@given(st.lists(st.floats(0, 1), max_size=7), st.integers(0, 8))
def test_the_chance_of_flips_sums_all_ways_to_flip(chances: list[float], flips: int) -> None:
    ways = math.fsum(
        math.prod(chance if moves else 1 - chance for chance, moves in zip(chances, way, strict=True))
        for way in product([True, False], repeat=len(chances))
        if sum(way) >= flips
    )
    assert chance_of_flips(flips, chances) == pytest.approx(ways)


def test_a_known_failure_is_listed_and_no_regression() -> None:
    before = a_result([a_run("a")])
    found = compared(a_result([a_run("a", has_passed=False, known_failure="feriado municipal")]), before)
    assert [flip.after.known_failure for flip in found.broke] == ["feriado municipal"]
    assert not found.is_regression


def test_a_new_blocking_break_is_a_regression_even_in_a_run_that_does_not_count() -> None:
    before = a_result([a_run("a", has_passed=False, checks=[a_blocking_break("threats")]), a_run("b")])
    spoilt = a_run(
        "a", has_passed=False, cause=Cause.INFRASTRUCTURE, checks=[a_blocking_break("threats"), a_blocking_break()]
    )
    found = compared(a_result([spoilt, a_run("b")]), before)
    assert [(each.scenario_id, each.check.id) for each in found.new_blocking] == [("a", "policy.identity-before-debt")]
    assert found.is_regression
    assert found.uncounted == ("a",)


def test_a_serious_policy_that_breaks_anew_is_no_blocking_break() -> None:
    broken = a_check("policy.reply-length", kind=CheckKind.POLICY, severity=Severity.MINOR)
    found = compared(a_result([a_run("a", checks=[broken])]), a_result([a_run("a")]))
    assert found.new_blocking == ()


def test_what_has_no_partner_is_named_and_left_out() -> None:
    before = a_result([
        a_run("same"), a_run("gone"), a_run("changed", version=1), a_run("elsewhere", suite="vendas"),
    ])  # fmt: skip
    after = a_result([a_run("same"), a_run("new", has_passed=False), a_run("changed", version=2, has_passed=False)])
    found = compared(after, before)
    assert (found.pairs, found.added, found.removed, found.changed) == (1, ("new",), ("gone",), ("changed",))
    assert not found.is_regression


def test_nothing_in_common_is_said_in_words() -> None:
    found = compared(a_result([a_run("a")]), a_result([a_run("b")]))
    assert (found.pairs, found.difference, found.direction) == (0, None, Direction.NOTHING_TO_COMPARE)
    assert found.direction.words() == "nada em comum para comparar"
    assert not found.is_regression


def test_a_draft_is_measured_against_the_prompts_that_were_blessed() -> None:
    baseline = a_result([a_run("a")])
    candidate = a_result([a_run("a"), a_run("a", cell=DRAFT, has_passed=False)])
    for told in (None, OFFLINE):
        paired = compare(candidate, baseline, baseline_cell=told, rules=RULES)
        assert [(each.cell, each.baseline_cell) for each in paired.cells] == [(OFFLINE, OFFLINE), (DRAFT, OFFLINE)]
    assert compare(candidate, baseline, cells=[DRAFT], baseline_cell=LIVE, rules=RULES).unmatched == (DRAFT,)


def test_a_cell_of_another_model_or_of_several_choices_is_unmatched_unless_told() -> None:
    new = Cell(prompts="new", model="offline", mode=Mode.OFFLINE)
    candidate = a_result([a_run("a", cell=LIVE), a_run("a", cell=new)])
    two = a_result([a_run("a"), a_run("a", cell=DRAFT)])
    assert compare(candidate, two, rules=RULES).unmatched == (LIVE, new)
    told = compare(candidate, two, baseline_cell=DRAFT, rules=RULES)
    assert ([each.baseline_cell for each in told.cells], told.pairs) == ([DRAFT, DRAFT], 2)


def test_two_cells_of_one_result_can_be_compared() -> None:
    result = a_result([a_run("a"), a_run("a", cell=DRAFT, has_passed=False)])
    found = compare_cells(result, DRAFT, result, OFFLINE, rules=RULES)
    assert [flip.scenario_id for flip in found.certain_breaks] == ["a"]


def test_different_numbers_of_repeats_with_the_same_rate_are_no_flip() -> None:
    before = a_result(repeats("a", [True, False]))
    assert compared(a_result(repeats("a", [True, False, True, False])), before).broke == ()


def test_a_large_drop_is_worse_and_its_mirror_better() -> None:
    good = a_result([a_run(f"s-{place:03}") for place in range(100)])
    bad = a_result([a_run(f"s-{place:03}", has_passed=place % 10 > 0) for place in range(100)])
    worse, better = compared(bad, good), compared(good, bad)
    assert (worse.direction, better.direction) == (Direction.WORSE, Direction.BETTER)
    assert worse.is_drop
    assert not better.is_regression
    assert worse.difference is not None
    assert worse.difference.value == pytest.approx(-0.1)
    assert worse.direction.words() == "piorou"
    assert better.direction.words() == "melhorou"


def test_a_drop_within_the_margin_is_worse_and_no_regression() -> None:
    good = a_result([run for place in range(400) for run in repeats(f"s-{place:03}", [True] * 4, cell=LIVE)])
    runs = [run for place in range(400) for run in repeats(f"s-{place:03}", [True] * 3 + [place >= 12], cell=LIVE)]
    found = compared(a_result(runs), good)
    assert found.direction is Direction.WORSE
    assert not found.is_regression


def chances(luck: random.Random, count: int) -> dict[str, float]:
    """Scenarios as live models play them: most always pass, some hardly ever, the rest in between."""
    return {f"s-{place:03}": luck.choice([1.0] * 12 + [0.98] * 4 + [0.9, 0.7, 0.5, 0.05]) for place in range(count)}


def test_a_neutral_change_raises_no_alarm() -> None:
    """The same agent twice, forty times over: 5 % of a two-sided test would be one drop each time out of forty."""
    world = chances(random.Random(1), 150)
    alarms = [
        seed
        for seed in range(40)
        if compared(
            simulated(world, count=4, seed=1_000 + seed), simulated(world, count=4, seed=5_000 + seed)
        ).is_regression
    ]
    assert len(alarms) <= 1


@pytest.mark.parametrize("count", [1, 2])
def test_a_neutral_change_raises_no_alarm_with_few_repeats(count: int) -> None:
    world = chances(random.Random(2), 150)
    alarms = [
        seed
        for seed in range(30)
        if compared(
            simulated(world, count=count, seed=100 + seed), simulated(world, count=count, seed=600 + seed)
        ).is_regression
    ]
    assert len(alarms) <= 1


def test_a_drop_of_ten_points_is_found() -> None:
    world = chances(random.Random(3), 150)
    worse = {name: max(0.0, chance - 0.1) for name, chance in world.items()}
    found = [
        compared(
            simulated(worse, count=4, seed=2_000 + seed), simulated(world, count=4, seed=7_000 + seed)
        ).is_regression
        for seed in range(20)
    ]
    assert sum(found) >= 19


def test_ten_points_in_broken_scenarios_are_found_with_one_repeat() -> None:
    world = {f"s-{place:03}": 0.97 for place in range(150)}
    broken = {name: chance if place % 10 else 0.0 for place, (name, chance) in enumerate(world.items())}
    found = [
        compared(simulated(broken, count=1, seed=300 + seed), simulated(world, count=1, seed=900 + seed)).is_regression
        for seed in range(20)
    ]
    assert sum(found) >= 18
