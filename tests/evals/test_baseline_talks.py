import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from evals.baseline import bless
from evals.baseline_talks import read_baseline_talks, talks_path, write_baseline_talks
from evals.events import Transcript
from evals.loading import load_suites
from evals.result_files import ResultFileInvalid, read_result
from evals.results import Cause, ResultFile
from evals.talk_files import RunKey
from tests.evals.report_samples import a_talk
from tests.evals.result_factory import CREATED_AT, DRAFT, OFFLINE, a_result, a_run, repeats


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "baseline.json"


def talks_of(result: ResultFile) -> dict[RunKey, Transcript]:
    return {
        (run.key, run.repeat): a_talk(run.scenario_id, protocol=f"PAAA{run.repeat:03}") for run in result.runs
    }  # fmt: skip


def a_measure() -> ResultFile:
    """Of "a" some repeats pass and some fail; "b" is in two cells."""
    return a_result([*repeats("a", [True, False, True, False]), a_run("b"), a_run("b", cell=DRAFT)])


def test_one_passing_and_one_failing_talk_of_each_scenario_and_cell_lie_beside_the_baseline(path: Path) -> None:
    result = a_measure()
    blessed = bless(result, path, "primeira", talks=talks_of(result))
    found = read_baseline_talks(talks_path(path), read_result(path))
    kept = [run for run in result.runs if (run.key, run.repeat) in found]
    assert [(run.scenario_id, run.cell, run.repeat) for run in kept] == [
        ("a", OFFLINE, 0), ("a", OFFLINE, 1), ("b", OFFLINE, 0), ("b", DRAFT, 0)
    ]  # fmt: skip
    assert blessed.talks == 4


def test_talks_come_back_as_they_were_but_for_their_times(path: Path) -> None:
    result = a_measure()
    talks = talks_of(result)
    bless(result, path, "primeira", talks=talks)
    for place, talk in read_baseline_talks(talks_path(path), read_result(path)).items():
        assert talk == talks[place].model_copy(update={"turn_ms": ()})


def test_the_same_talks_are_the_same_bytes_in_any_order(path: Path) -> None:
    result = a_measure()
    talks = talks_of(result)
    write_baseline_talks(path, result, talks)
    first = path.read_bytes()
    turned = result.model_copy(update={"runs": result.runs[::-1]})
    write_baseline_talks(path, turned, dict(reversed(talks.items())))
    assert path.read_bytes() == first


def test_a_run_that_does_not_count_keeps_no_talk(path: Path) -> None:
    result = a_result([a_run("a"), a_run("b", has_passed=False, cause=Cause.SCENARIO)])
    assert write_baseline_talks(path, result, talks_of(result)) == 1


def test_a_baseline_without_talks_does_not_keep_those_of_the_one_before(path: Path) -> None:
    result = a_measure()
    bless(result, path, "primeira", talks=talks_of(result))
    assert bless(result, path, "segunda").talks == 0
    assert not talks_path(path).exists()


def test_another_reason_does_not_part_a_baseline_from_its_talks(path: Path) -> None:
    result = a_measure()
    bless(result, path, "primeira", talks=talks_of(result))
    reworded = read_result(path).model_copy(update={"blessed_reason": "outra", "titles": {"a": "b"}})
    assert len(read_baseline_talks(talks_path(path), reworded)) == 4


@pytest.mark.parametrize(
    "other",
    [
        a_measure().model_copy(update={"created_at": CREATED_AT + timedelta(seconds=1)}),
        a_result([*a_measure().runs, a_run("c")]),
        a_result([]),
    ],
    ids=["made at another time", "with another run", "empty"],
)
def test_talks_of_another_run_are_not_taken_for_the_baselines(path: Path, other: ResultFile) -> None:
    write_baseline_talks(path, a_measure(), talks_of(a_measure()))
    with pytest.raises(ResultFileInvalid, match="talks of another run"):
        read_baseline_talks(path, other)


def rewritten(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(change(lines))))


def damaged(path: Path, how: str) -> None:
    content = path.read_bytes()
    match how:
        case "plain text":
            path.write_bytes(b"not gzip at all")
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "flipped":
            middle = len(content) // 2
            path.write_bytes(
                content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 8]) + content[middle + 8 :]
            )
        case "trailing":
            path.write_bytes(content + b"garbage")
        case "empty":
            path.write_bytes(b"")
        case "nothing in it":
            rewritten(path, lambda lines: [])
        case "no head":
            rewritten(path, lambda lines: lines[1:])
        case "newer":
            rewritten(path, lambda lines: [lines[0].replace(b'"format":1', b'"format":2'), *lines[1:]])
        case "broken line":
            rewritten(path, lambda lines: [lines[0], b'{"key":\n', *lines[2:]])
        case "foreign line":
            rewritten(path, lambda lines: [lines[0], json.dumps({"key": 7, "cpf": "52998224725"}).encode() + b"\n"])
        case "folder":
            path.unlink()
            path.mkdir()
        case "missing":
            path.unlink()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("plain text", "not a whole gzip"), ("cut", "not a whole gzip"), ("flipped", "damaged|line|another run"),
        ("trailing", "not a whole gzip"), ("empty", "line 1"), ("nothing in it", "line 1"), ("no head", "line 1"),
        ("newer", "line 1: format"), ("broken line", "line 2"), ("foreign line", "line 2: key"),
        ("folder", "cannot be read"), ("missing", "cannot be read"),
    ],
)  # fmt: skip
def test_damage_is_said_by_the_files_name_without_its_content(path: Path, how: str, words: str) -> None:
    write_baseline_talks(path, a_measure(), talks_of(a_measure()))
    damaged(path, how)
    with pytest.raises(ResultFileInvalid, match=words) as caught:
        read_baseline_talks(path, a_measure())
    assert str(caught.value).startswith("baseline.json: ")
    assert "52998224725" not in str(caught.value)


@pytest.mark.parametrize("limit", ["MAX_UNPACKED_BYTES", "MAX_LINE_BYTES"])
def test_what_unpacks_to_more_than_a_baseline_may_have_is_refused(
    path: Path, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_baseline_talks(path, a_measure(), talks_of(a_measure()))
    monkeypatch.setattr(f"evals.baseline_talks.{limit}", 1000)
    with pytest.raises(ResultFileInvalid, match="larger than"):
        read_baseline_talks(path, a_measure())


# --- what is committed


def test_the_committed_baseline_has_a_talk_of_each_scenario_without_its_people() -> None:
    baseline = Path(str(files("evals"))) / "baseline.json"
    result = read_result(baseline)
    found = read_baseline_talks(talks_path(baseline), result)
    shown = {run.scenario_id for run in result.runs if (run.key, run.repeat) in found}
    assert shown == {run.scenario_id for run in result.runs if run.is_counted}
    assert talks_path(baseline).stat().st_size < 500_000
    text = gzip.decompress(talks_path(baseline).read_bytes()).decode()
    people = {customer.name for scenario in load_suites(["all"]) for customer in scenario.seed.customers}
    documents = {item.document for scenario in load_suites(["all"]) for item in scenario.seed.customers}
    assert not [name for name in people | documents if name in text]
