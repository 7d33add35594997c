from dataclasses import replace
from pathlib import Path

import pytest

from evals import talk_files
from evals.events import AgentSaid, Changed, CustomerSaid, ToolCalled, Transcript
from evals.result_files import ResultFileInvalid
from evals.results import Cause
from evals.run_command import kept_talks
from evals.talk_files import TranscriptWriter, read_talks
from tests.evals.eval_rig import make_job, make_scenario
from tests.evals.result_factory import (
    CREATED_AT,
    a_run,
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


def transcripts(path: Path) -> dict[tuple[str, int], Transcript]:
    return {(talk.run.scenario_id, talk.repeat): talk.transcript for talk in read_talks(path)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results" / "run.json"


def test_transcripts_come_back_whole(path: Path) -> None:
    with TranscriptWriter(path) as writer:
        writer.append(a_run("a", repeat=2), a_transcript("a"))
        writer.append(a_run("b", repeat=0), a_transcript("b"))
    assert len(path.read_bytes().splitlines()) == 2
    assert transcripts(path) == {("a", 2): a_transcript("a"), ("b", 0): a_transcript("b")}


def test_of_a_run_made_twice_the_last_transcript_stands(path: Path) -> None:
    for text in ("antes", "depois"):
        with TranscriptWriter(path) as writer:
            writer.append(a_run("k", repeat=0), a_transcript(text=text))
    assert transcripts(path) == {("k", 0): a_transcript(text="depois")}


def test_a_batch_is_on_the_disk_before_the_writer_is_closed(path: Path) -> None:
    writer = TranscriptWriter(path, lines_a_batch=2)
    for repeat in range(3):
        writer.append(a_run("k", repeat=repeat), a_transcript())
    assert len(transcripts(path)) == 2
    writer.close()
    writer.close()
    assert len(transcripts(path)) == 3


def test_ctrl_c_leaves_what_was_talked(path: Path) -> None:
    def stopped() -> None:
        with TranscriptWriter(path) as writer:
            writer.append(a_run("k", repeat=0), a_transcript())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(transcripts(path)) == [("k", 0)]


@pytest.mark.parametrize("kept", [0, 1, 40, 100_000])
def test_a_torn_last_line_is_left_out_and_then_overwritten(path: Path, kept: int) -> None:
    with TranscriptWriter(path) as writer:
        writer.append(a_run("whole", repeat=0), a_transcript(text="x" * 100_000))
        writer.append(a_run("torn", repeat=0), a_transcript(text="y" * 200_000))
    first = path.read_bytes().splitlines(keepends=True)[0]
    second = path.read_bytes()[len(first) :]
    path.write_bytes(first + second[:kept])
    assert list(transcripts(path)) == [("whole", 0)]
    with TranscriptWriter(path) as writer:
        writer.append(a_run("next", repeat=0), a_transcript())
    assert list(transcripts(path)) == [("whole", 0), ("next", 0)]


def test_a_file_of_one_torn_line_is_empty(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"key": "k"' * 20_000)
    assert list(read_talks(path)) == []
    with TranscriptWriter(path) as writer:
        writer.append(a_run("k", repeat=0), a_transcript())
    assert list(transcripts(path)) == [("k", 0)]


def test_a_broken_line_before_the_last_is_an_error_with_its_number(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'\n{"key": "CPF 529.982.247-25"}\n')
    with pytest.raises(ResultFileInvalid, match="line 2: repeat: Field required") as caught:
        list(read_talks(path))
    assert "529" not in str(caught.value)


def test_an_endless_line_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk_files, "MAX_LINE_BYTES", 1000)
    path.parent.mkdir()
    path.write_bytes(b"x" * 2000)
    with pytest.raises(ResultFileInvalid, match="line 1: longer than 1000 bytes"):
        list(read_talks(path))


def test_missing_transcripts_are_said_to_be_unreadable(path: Path) -> None:
    with pytest.raises(ResultFileInvalid, match="cannot be read"):
        list(read_talks(path))


def test_a_talk_is_written_whatever_a_model_called_a_tool_with(path: Path) -> None:
    odd: dict[str, object] = {"half": "\ud83d", "nan": float("nan"), "on": CREATED_AT.date(), "strange": object()}
    called = ToolCalled(turn=1, at=CREATED_AT, name="x", arguments=odd)
    with TranscriptWriter(path) as writer:
        writer.append(a_run("k", repeat=0), Transcript(scenario_id="a", scenario_version=1, events=(called,)))
        writer.append(a_run("k", repeat=1), a_transcript())
    (event,) = transcripts(path)["k", 0].events
    assert isinstance(event, ToolCalled)
    assert (event.arguments["half"], event.arguments["on"]) == ("?", "2026-11-20")


def test_what_infrastructure_spoilt_is_made_again(path: Path) -> None:
    runs = [a_run("a"), a_run("b", has_passed=False), a_run("c", has_passed=False, cause=Cause.INFRASTRUCTURE)]
    jobs = [replace(make_job(make_scenario()), key=run.key, cell=run.cell) for run in runs]
    with TranscriptWriter(path) as writer:
        for run in runs:
            writer.append(run, a_transcript(run.scenario_id))
    assert [run for run, _ in kept_talks(path, jobs).values()] == runs[:2]
