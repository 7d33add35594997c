from pathlib import Path

import pytest

from evals.baseline import BlessRefused, bless
from evals.comparison import compare
from evals.result_files import read_result, write_result
from evals.results import Cause, ResultFile
from tests.evals.result_factory import (
    a_blocking_break,
    a_check,
    a_result,
    a_run,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results" / "run.json"


def test_a_blessed_result_is_a_small_baseline_that_compares_as_the_result_does(path: Path) -> None:
    checks = [a_check("state.promises"), a_check("tools.required", has_passed=True)]
    result = a_result([a_run("a"), a_run("b", has_passed=False, checks=checks)])
    blessed = bless(result, path, "  primeira\nlinha de base  ").result
    assert read_result(path) == blessed
    assert blessed.blessed_reason == "primeira linha de base"
    assert [[check.id for check in run.checks] for run in blessed.runs] == [[], ["state.promises"]]
    assert all(run.turn_ms == () for run in blessed.runs)
    assert compare(result, blessed).cells[0].difference == compare(result, result).cells[0].difference


@pytest.mark.parametrize(
    ("result", "reason", "problem"),
    [
        (a_result([a_run()]), " \n", "a reason must be given"),
        (a_result([a_run()], is_complete=False), "ok", "incomplete"),
        (a_result([a_run(has_passed=False, checks=[a_blocking_break()])]), "ok", "policy.identity-before-debt"),
        (a_result([a_run("a"), a_run("b", has_passed=False, cause=Cause.INFRASTRUCTURE)]), "ok", "1 of 2 runs"),
        (a_result([]), "ok", "no run counts"),
    ],
)
def test_what_must_not_be_the_measure_is_not_blessed(path: Path, result: ResultFile, reason: str, problem: str) -> None:
    write_result(a_result([a_run("old")]), path)
    with pytest.raises(BlessRefused, match=problem):
        bless(result, path, reason)
    assert read_result(path).runs[0].scenario_id == "old"
