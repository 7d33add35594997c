"""The harness computes and judges what it prints; the speed itself is never tested."""

import pytest

from bench.figures import Figure, median, paired_ratio, quantile, table


def _figure(judged: float, *, better: str = "lower", bar: float = 5, goal: float = 2) -> Figure:
    return Figure(
        key="P2", what="a turn", measured="4.00 ms", baseline="2.00 ms", judged=judged, unit="x", bar=bar, goal=goal,
        better="higher" if better == "higher" else "lower",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("judged", "better", "bar", "goal", "verdict"),
    [
        (1.9, "lower", 5, 2, "goal"),
        (2.0, "lower", 5, 2, "goal"),
        (2.004, "lower", 5, 2, "goal"),  # prints as 2.00
        (2.1, "lower", 5, 2, "ok"),
        (5.1, "lower", 5, 2, "over"),
        (0.81, "higher", 0.5, 0.8, "goal"),
        (0.6, "higher", 0.5, 0.8, "ok"),
        (0.49, "higher", 0.5, 0.8, "over"),
    ],
)
def test_a_figure_is_judged_by_its_bar_and_goal(
    judged: float, better: str, bar: float, goal: float, verdict: str
) -> None:
    assert _figure(judged, better=better, bar=bar, goal=goal).verdict == verdict


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert (quantile(values, 0.95), quantile(values, 0.99), quantile(values, 1.0), median(values)) == (95, 99, 100, 50)
    assert median([3.0, 1.0, 2.0]) == 2
    assert quantile([7.0], 0.99) == 7


def test_quantile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        quantile([], 0.5)


def test_a_ratio_is_taken_between_neighbours() -> None:
    # The machine became five times slower in the middle; each pair saw the same machine.
    assert paired_ratio([2.0, 2.0, 10.0, 10.0, 11.0], [1.0, 1.0, 5.0, 5.0, 5.0]) == 2.0


def test_a_ratio_needs_a_baseline_for_each_measurement() -> None:
    with pytest.raises(ValueError, match="needs its baseline"):
        paired_ratio([1.0, 2.0], [1.0])


def test_table_shows_bar_goal_and_baseline_beside_the_figure() -> None:
    heading, row = table([_figure(2.5)]).splitlines()
    assert heading.split() == ["what", "figure", "baseline", "judged", "bar", "goal"]
    assert row.split() == ["P2", "a", "turn", "4.00", "ms", "2.00", "ms", "2.50x", "≤", "5.00x", "≤", "2.00x", "ok"]
    assert row.index("4.00 ms") == heading.index("figure")


def test_json_has_the_numbers_and_the_verdict() -> None:
    written = _figure(2.5).as_json()
    assert (written["judged"], written["bar"], written["goal"], written["verdict"]) == (2.5, 5, 2, "ok")


def test_a_rate_is_written_as_one() -> None:
    figure = Figure(
        key="P4", what="contacts", measured="412/s", baseline="900/s", judged=412.4, unit="/s", bar=200, goal=830,
        better="higher",
    )  # fmt: skip
    assert figure.cells()[4:] == ("412/s", "≥ 200/s", "≥ 830/s", "ok")
