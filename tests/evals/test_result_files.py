import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals import result_files
from evals.result_files import ResultFileInvalid, read_result, write_result
from tests.evals.result_factory import (
    a_check,
    a_result,
    a_run,
    rich_result,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results" / "run.json"


def test_a_result_comes_back_as_it_was_in_a_stable_order(path: Path) -> None:
    result = rich_result(notes=("nota",))
    write_result(result, path)
    back = read_result(path)
    assert set(back.runs) == set(result.runs)
    assert back.model_copy(update={"runs": ()}) == result.model_copy(update={"runs": ()})
    first = path.read_bytes()
    write_result(back.model_copy(update={"runs": tuple(reversed(back.runs))}), path)
    assert path.read_bytes() == first
    assert [child.name for child in path.parent.iterdir()] == ["run.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_one_changed_run_is_one_changed_line(path: Path) -> None:
    result = rich_result()
    write_result(result, path)
    before = path.read_text().splitlines()
    write_result(
        result.model_copy(update={"runs": (*result.runs[:-1], result.runs[-1].model_copy(update={"turns": 9}))}), path
    )
    after = path.read_text().splitlines()
    assert len(before) == len(after)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


def test_an_empty_result_is_valid(path: Path) -> None:
    write_result(a_result([]), path)
    assert read_result(path).runs == ()


@given(st.text(max_size=200))
def test_any_text_is_written_and_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "run.json"
    write_result(a_result([a_run(has_passed=False, checks=[a_check(detail=text)], error=text)]), path)
    run = read_result(path).runs[0]
    assert run.error == text.encode("utf-8", "replace").decode()


def test_half_a_character_does_not_lose_the_result(path: Path) -> None:
    write_result(a_result([a_run(error="quebrado \ud83d")]), path)
    assert read_result(path).runs[0].error == "quebrado ?"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b'{"schema_version": 1, "seed": NaN}', "seed: Input should be a finite number"),
        (b"[]", "a JSON object was expected"),
        (b"null", "a JSON object was expected"),
        (b"{}", "schema_version must be 1"),
        (b'{"schema_version": "1"}', "schema_version: Input should be 1"),
        (b'{"schema_version": 0}', "schema_version: Input should be 1"),
        (b'{"schema_version": 2}', "newer than 1, which is read here: update the product"),
        (b'{"schema_version": 1}', "created_at: Field required"),
        (b'{"schema_version": 1, "surprise": 1}', "surprise: Extra inputs are not permitted"),
    ],
)
def test_what_is_no_result_is_said_by_name_and_place(path: Path, content: bytes, problem: str) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ResultFileInvalid) as caught:
        read_result(path)
    assert problem in " ".join(caught.value.problems)
    assert str(caught.value).startswith("run.json: ")


def test_a_result_that_does_not_say_its_version_is_refused(path: Path) -> None:
    write_result(a_result([a_run()]), path)
    path.write_text(path.read_text().replace('  "schema_version": 1,\n', ""))
    with pytest.raises(ResultFileInvalid, match="schema_version must be 1"):
        read_result(path)


def test_a_missing_file_and_a_folder_are_said_to_be_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ResultFileInvalid, match="cannot be read"):
            read_result(path)


def test_a_huge_file_is_refused_before_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_files, "MAX_RESULT_BYTES", 1000)
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(1001)
    with pytest.raises(ResultFileInvalid, match="1001 bytes are more"):
        read_result(path)


def test_what_types_cannot_say_is_checked_too(path: Path) -> None:
    write_result(rich_result(), path)
    data = json.loads(path.read_text())
    data["cells"] = data["cells"][:1]
    data["runs"].append(data["runs"][0])
    data["runs"][1] |= {"cost_brl": -1.0}
    data["runs"][2] |= {"repeat": -1}
    path.write_text(json.dumps(data).replace("[100.0, 200.0]", "[1e999, 200.0]", 1))
    with pytest.raises(ResultFileInvalid) as caught:
        read_result(path)
    text = " ".join(caught.value.problems)
    for problem in ("is not one of the result's", "is there twice", "a negative count", "no number from 0 up"):
        assert problem in text


def test_problems_never_repeat_the_content(path: Path) -> None:
    write_result(a_result([a_run()]), path)
    path.write_text(path.read_text().replace('"has_passed":true', '"has_passed":"CPF 529.982.247-25"', 1))
    with pytest.raises(ResultFileInvalid) as caught:
        read_result(path)
    assert "runs.0.has_passed" in str(caught.value)
    assert "529" not in str(caught.value)


def test_many_problems_are_counted_not_listed(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"schema_version": 1} | {f"x{number}": 1 for number in range(50)}))
    with pytest.raises(ResultFileInvalid, match=r"and \d\d more"):
        read_result(path)


def test_a_result_that_could_not_be_read_back_is_not_written(path: Path) -> None:
    with pytest.raises(ResultFileInvalid, match="is there twice"):
        write_result(a_result([a_run(), a_run()]), path)
    with pytest.raises(ResultFileInvalid, match="no number"):
        write_result(a_result([a_run(cost_brl=float("inf"))]), path)
    assert not path.exists()


def test_a_failed_write_leaves_the_old_file_and_no_scraps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_result(a_result([a_run("old")]), path)

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_result(a_result([a_run("new")]), path)
    assert read_result(path).runs[0].scenario_id == "old"
    assert [child.name for child in path.parent.iterdir()] == ["run.json"]
