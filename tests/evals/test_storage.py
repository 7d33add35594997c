import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals import storage
from evals.comparison import compare
from evals.events import AgentSaid, Changed, CustomerSaid, ToolCalled, Transcript
from evals.results import Cause, ResultFile
from evals.run_command import kept_talks
from evals.shards import MergeRefused, merge
from evals.storage import (
    BlessRefused,
    ResultFileInvalid,
    TranscriptWriter,
    bless,
    read_history,
    read_result,
    read_talks,
    read_transcripts,
    write_result,
)
from tests.evals.eval_rig import make_job, make_scenario
from tests.evals.result_factory import (
    CREATED_AT,
    DRAFT,
    OFFLINE,
    a_blocking_break,
    a_check,
    a_result,
    a_run,
    repeats,
)


def a_transcript(name: str = "a", text: str = "Oi, Maria!") -> Transcript:
    return Transcript(
        scenario_id=name,
        scenario_version=1,
        events=(
            CustomerSaid(turn=1, at=CREATED_AT, text="oi 😀\u2028\n"),
            ToolCalled(turn=1, at=CREATED_AT, name="consultar_faturas_cpf", arguments={"cpf_cnpj": None}),
            Changed(turn=1, at=CREATED_AT, table="promises", key="1", after={"paid_at": None, "cents": 11990}),
            AgentSaid(turn=1, at=CREATED_AT, text=text),
        ),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results" / "run.json"


def rich_result(**fields: object) -> ResultFile:
    runs = [*repeats("b", [True, False]), *repeats("a", [True, True], suite="vendas"), a_run("b", cell=DRAFT)]
    return a_result(runs, titles={"a": "Promete para o “dia 10”"}, prompt_versions={"draft": {"sales": "v2"}}, **fields)


# --- results


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
    monkeypatch.setattr(storage, "MAX_RESULT_BYTES", 1000)
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


# --- transcripts


def test_transcripts_come_back_whole(path: Path) -> None:
    with TranscriptWriter(path) as writer:
        writer.append(a_run("a", repeat=2), a_transcript("a"))
        writer.append_talk("other-key", 0, a_transcript("b"))
    assert len(path.read_bytes().splitlines()) == 2
    assert read_transcripts(path) == {(a_run("a").key, 2): a_transcript("a"), ("other-key", 0): a_transcript("b")}


def test_of_a_run_made_twice_the_last_transcript_stands(path: Path) -> None:
    for text in ("antes", "depois"):
        with TranscriptWriter(path) as writer:
            writer.append_talk("k", 0, a_transcript(text=text))
    assert read_transcripts(path) == {("k", 0): a_transcript(text="depois")}


def test_a_batch_is_on_the_disk_before_the_writer_is_closed(path: Path) -> None:
    writer = TranscriptWriter(path, lines_a_batch=2)
    for repeat in range(3):
        writer.append_talk("k", repeat, a_transcript())
    assert len(read_transcripts(path)) == 2
    writer.close()
    writer.close()
    assert len(read_transcripts(path)) == 3


def test_ctrl_c_leaves_what_was_talked(path: Path) -> None:
    def stopped() -> None:
        with TranscriptWriter(path) as writer:
            writer.append_talk("k", 0, a_transcript())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(read_transcripts(path)) == [("k", 0)]


@pytest.mark.parametrize("kept", [0, 1, 40, 100_000])
def test_a_torn_last_line_is_left_out_and_then_overwritten(path: Path, kept: int) -> None:
    with TranscriptWriter(path) as writer:
        writer.append_talk("whole", 0, a_transcript(text="x" * 100_000))
        writer.append_talk("torn", 0, a_transcript(text="y" * 200_000))
    first = path.read_bytes().splitlines(keepends=True)[0]
    second = path.read_bytes()[len(first) :]
    path.write_bytes(first + second[:kept])
    assert list(read_transcripts(path)) == [("whole", 0)]
    with TranscriptWriter(path) as writer:
        writer.append_talk("next", 0, a_transcript())
    assert list(read_transcripts(path)) == [("whole", 0), ("next", 0)]


def test_a_file_of_one_torn_line_is_empty(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"key": "k"' * 20_000)
    assert list(read_talks(path)) == []
    with TranscriptWriter(path) as writer:
        writer.append_talk("k", 0, a_transcript())
    assert list(read_transcripts(path)) == [("k", 0)]


def test_a_broken_line_before_the_last_is_an_error_with_its_number(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'\n{"key": "CPF 529.982.247-25"}\n')
    with pytest.raises(ResultFileInvalid, match="line 2: repeat: Field required") as caught:
        list(read_talks(path))
    assert "529" not in str(caught.value)


def test_an_endless_line_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MAX_LINE_BYTES", 1000)
    path.parent.mkdir()
    path.write_bytes(b"x" * 2000)
    with pytest.raises(ResultFileInvalid, match="line 1: longer than 1000 bytes"):
        list(read_talks(path))


def test_missing_transcripts_are_said_to_be_unreadable(path: Path) -> None:
    with pytest.raises(ResultFileInvalid, match="cannot be read"):
        read_transcripts(path)


def test_a_talk_is_written_whatever_a_model_called_a_tool_with(path: Path) -> None:
    odd: dict[str, object] = {"half": "\ud83d", "nan": float("nan"), "on": CREATED_AT.date(), "strange": object()}
    called = ToolCalled(turn=1, at=CREATED_AT, name="x", arguments=odd)
    with TranscriptWriter(path) as writer:
        writer.append_talk("k", 0, Transcript(scenario_id="a", scenario_version=1, events=(called,)))
        writer.append_talk("k", 1, a_transcript())
    (event,) = read_transcripts(path)["k", 0].events
    assert isinstance(event, ToolCalled)
    assert (event.arguments["half"], event.arguments["on"]) == ("?", "2026-11-20")


def test_what_infrastructure_spoilt_is_made_again(path: Path) -> None:
    runs = [a_run("a"), a_run("b", has_passed=False), a_run("c", has_passed=False, cause=Cause.INFRASTRUCTURE)]
    jobs = [replace(make_job(make_scenario()), key=run.key, cell=run.cell) for run in runs]
    with TranscriptWriter(path) as writer:
        for run in runs:
            writer.append(run, a_transcript(run.scenario_id))
    assert [run for run, _ in kept_talks(path, jobs).values()] == runs[:2]


# --- baseline


def test_a_blessed_result_is_a_small_baseline_that_compares_as_the_result_does(path: Path) -> None:
    checks = [a_check("state.promises"), a_check("tools.required", has_passed=True)]
    result = a_result([a_run("a"), a_run("b", has_passed=False, checks=checks)])
    blessed = bless(result, path, "  primeira\nlinha de base  ")
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


# --- shards


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


# --- history


def test_the_history_is_the_pass_rate_of_each_cell_and_suite_over_time(tmp_path: Path) -> None:
    monday = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)
    write_result(rich_result(), tmp_path / "b.json")
    write_result(rich_result(created_at=monday), tmp_path / "a.json")
    write_result(rich_result(is_complete=False), tmp_path / "stopped.json")
    bless(rich_result(), tmp_path / "baseline.json", "linha de base")
    (tmp_path / "wreck.json").write_text("{")
    (tmp_path / "notes.txt").write_text("x")
    history = read_history(tmp_path)
    points = [(point.created_at, point.cell, point.suite, point.pass_rate) for point in history.points]
    assert points == [
        (day, cell, suite, rate)
        for day in (monday, CREATED_AT)
        for cell, suite, rate in (
            (OFFLINE, None, 0.75),
            (OFFLINE, "cobranca-datas", 0.5),
            (OFFLINE, "vendas", 1.0),
            (DRAFT, None, 1.0),
            (DRAFT, "cobranca-datas", 1.0),
        )
    ]
    assert [reason.partition(":")[0] for reason in history.unreadable] == ["wreck.json"]


def test_the_history_keeps_to_the_newest_files(tmp_path: Path) -> None:
    for number in range(5):
        path = tmp_path / f"{number}.json"
        write_result(a_result([a_run()], created_at=CREATED_AT + timedelta(days=number)), path)
        os.utime(path, (number, number))
    history = read_history(tmp_path, limit=2)
    assert {point.created_at.day for point in history.points} == {23, 24}


def test_a_folder_that_is_not_there_has_no_history(tmp_path: Path) -> None:
    assert read_history(tmp_path / "none").points == ()
