from datetime import timedelta

import pytest

from evals.results import Cause, ResultFile
from evals.shards import MergeRefused, merge
from tests.evals.result_factory import (
    CREATED_AT,
    DRAFT,
    OFFLINE,
    a_result,
    a_run,
    rich_result,
)


def test_shards_become_the_result_of_the_whole_run() -> None:
    whole = rich_result()
    shards = [
        whole.model_copy(update={"runs": whole.runs[::2], "created_at": CREATED_AT + timedelta(minutes=1)}),
        whole.model_copy(update={"runs": whole.runs[1::2], "notes": ("nota",)}),
    ]
    merged = merge(shards)
    assert set(merged.runs) == set(whole.runs)
    assert merged.created_at == CREATED_AT
    assert merged.notes == ("nota",)
    assert merged.is_complete
    assert not merge([shards[0], shards[1].model_copy(update={"is_complete": False})]).is_complete


def test_shards_by_suite_and_by_cell_unite_what_they_ran() -> None:
    merged = merge([a_result([a_run("a")]), a_result([a_run("v", suite="vendas")]), a_result([a_run("a", cell=DRAFT)])])
    assert merged.suites == ("cobranca-datas", "vendas")
    assert merged.cells == (OFFLINE, DRAFT)


def test_of_a_run_in_two_shards_the_unspoilt_one_is_taken() -> None:
    spoilt, good = a_run(has_passed=False, cause=Cause.INFRASTRUCTURE), a_run(turn_ms=(5.0,))
    for shards in ([spoilt, good], [good, spoilt], [good, good]):
        assert merge([a_result([run]) for run in shards]).runs == (good,)


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (a_result([a_run("b")], seed=8), "seed differs: 7, 8"),
        (a_result([a_run("b")], product_version="0.2.0"), r"product version differs: 0\.1\.0, 0\.2\.0"),
        (a_result([a_run("b", repeat=1)]), "repeats differs: 1, 2"),
        (a_result([a_run("b")], blessed_reason="ok"), "a baseline is not a shard"),
        (a_result([a_run("a", has_passed=False)]), "a, repeat 0: two different runs"),
        (a_result([a_run("b")], titles={"a": "outro"}), "title of a differs"),
        (a_result([a_run("b")], prompt_versions={"current": {"sales": "v2"}}), "prompts current differs"),
    ],
)
def test_what_does_not_fit_is_not_merged(other: ResultFile, problem: str) -> None:
    first = a_result([a_run("a")], titles={"a": "um"}, prompt_versions={"current": {"sales": "v1"}})
    with pytest.raises(MergeRefused, match=problem):
        merge([first, other])


def test_nothing_is_not_merged() -> None:
    with pytest.raises(MergeRefused, match="nothing to merge"):
        merge([])
