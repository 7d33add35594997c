"""The command line as its users call it: what it writes, what it says, and the code it ends with."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from evals.baseline_talks import talks_path
from evals.command import main
from evals.gate import ExitCode
from evals.loading import load_file
from evals.result_files import MAX_RESULT_BYTES, read_result, write_result
from evals.results import Cause, ResultFile
from evals.scenario import Scenario
from evals.talk_files import read_talks
from tests.evals.eval_rig import make_scenario
from tests.evals.obedient_model import ObedientModel, served

PROMISE = {"state": {"promises": [{"amount_cents": 23980, "due_on": "2026-11-27"}]}}
IMPOSSIBLE = {"state": {"promises": [{"amount_cents": 1, "due_on": "2026-11-27"}]}}
pytestmark = pytest.mark.usefixtures("loaded_processes")

MASTER_IA = Path(sys.executable).with_name("master-ia")


def written(path: Path, scenarios: Sequence[Scenario]) -> Path:
    """Write scenarios as programs do."""
    path.write_text("".join(f"{item.model_dump_json(exclude_defaults=True)}\n" for item in scenarios), "utf-8")
    return path


def small_talks(count: int) -> list[Scenario]:
    return [make_scenario("oi", id=f"teste-{number:03d}", expect={}) for number in range(count)]


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with two talks that pass and one that must fail."""
    talks = [
        make_scenario(id="teste-promessa", expect=PROMISE), make_scenario("oi", id="teste-oi"),
        make_scenario(id="teste-impossivel", expect=IMPOSSIBLE),
    ]  # fmt: skip
    return written(tmp_path_factory.mktemp("scenarios") / "teste.jsonl", talks)


@pytest.fixture(scope="module")
def made(scenarios: Path, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a run of these scenarios."""
    out = tmp_path_factory.mktemp("made") / "run"
    code = main(["run", "--scenarios", str(scenarios), "--out", str(out), "--database-url", postgres_url,
                 "--processes", "2"])  # fmt: skip
    assert code == ExitCode.THRESHOLD
    return out


def again(scenarios: Path, made: Path, out: Path, *more: str) -> int:
    """Run with all talks kept; a server that nobody can reach shows that none is made."""
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    return main(["run", "--scenarios", str(scenarios), "--resume", str(made), "--out", str(out),
                 "--database-url", nowhere, *more])  # fmt: skip


def outcomes(result: ResultFile) -> dict[str, bool]:
    return {run.scenario_id: run.has_passed for run in result.runs}


# --- run


def test_run_leaves_its_result_talks_and_reports(made: Path) -> None:
    result = read_result(made / "result.json")

    assert outcomes(result) == {"teste-promessa": True, "teste-oi": True, "teste-impossivel": False}
    assert result.is_complete
    assert {talk.transcript.scenario_id for talk in read_talks(made / "talks.jsonl")} == set(outcomes(result))
    assert "teste-impossivel" in (made / "junit.xml").read_text("utf-8")
    assert "teste-impossivel" in (made / "summary.md").read_text("utf-8")


def test_suite_and_ids_choose_what_runs(postgres_url: str, tmp_path: Path) -> None:
    chosen = ["--suite", "suporte", "--suite", "vendas", "--id", "suporte-00*", "--id", "vendas-001"]
    main(["run", *chosen, "--out", str(tmp_path), "--database-url", postgres_url, "--processes", "1"])

    ran = outcomes(read_result(tmp_path / "result.json"))
    assert sorted(ran) == [*(f"suporte-00{number}" for number in range(1, 10)), "vendas-001"]


def test_second_run_makes_no_talk_again(
    scenarios: Path, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert again(scenarios, made, tmp_path) == ExitCode.THRESHOLD
    assert "3 of 3 talks are as they were" in capsys.readouterr().err
    assert read_result(tmp_path / "result.json").runs == read_result(made / "result.json").runs


def test_changed_scenario_is_talked_again(
    made: Path, postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talks = [make_scenario(id="teste-promessa", expect=PROMISE), make_scenario("olá", id="teste-oi")]
    file = written(tmp_path / "outro.jsonl", talks)
    code = main(["run", "--scenarios", str(file), "--resume", str(made), "--out", str(tmp_path / "out"),
                 "--database-url", postgres_url])  # fmt: skip

    assert code == ExitCode.PASS
    assert "1 of 2 talks are as they were" in capsys.readouterr().err


def test_threshold_is_what_the_caller_says(scenarios: Path, made: Path, tmp_path: Path) -> None:
    assert again(scenarios, made, tmp_path, "--pass-rate", "0.6") == ExitCode.PASS


def test_only_failed_runs_what_failed(scenarios: Path, made: Path, tmp_path: Path) -> None:
    assert again(scenarios, made, tmp_path, "--only-failed", str(made / "result.json")) == ExitCode.THRESHOLD
    assert outcomes(read_result(tmp_path / "result.json")) == {"teste-impossivel": False}


def test_only_failed_of_what_did_not_fail_is_told(scenarios: Path, made: Path, tmp_path: Path) -> None:
    code = again(scenarios, made, tmp_path, "--only-failed", str(made / "result.json"), "--id", "teste-oi")
    assert code == ExitCode.BAD_INPUT


def test_shards_are_parts_and_merge_to_the_whole(scenarios: Path, made: Path, tmp_path: Path) -> None:
    shards = [tmp_path / str(number) for number in (1, 2)]
    for number, folder in enumerate(shards, 1):
        again(scenarios, made, folder, "--shard", f"{number}/2")
    parts = [set(outcomes(read_result(folder / "result.json"))) for folder in shards]
    assert not parts[0] & parts[1]

    assert main(["merge", *map(str, shards), "--out", str(tmp_path / "whole")]) == ExitCode.THRESHOLD
    whole = read_result(tmp_path / "whole" / "result.json")
    assert (outcomes(whole), whole.is_complete) == (outcomes(read_result(made / "result.json")), True)
    assert len(list(read_talks(tmp_path / "whole" / "talks.jsonl"))) == 3


def test_shards_of_different_runs_are_not_merged(made: Path, tmp_path: Path) -> None:
    other = read_result(made / "result.json").model_copy(update={"seed": 5})
    write_result(other, tmp_path / "other" / "result.json")
    assert main(["merge", str(made), str(tmp_path / "other"), "--out", str(tmp_path / "x")]) == ExitCode.BAD_INPUT


def test_results_go_to_a_folder_of_their_own_when_none_is_named(
    scenarios: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--scenarios", str(scenarios), "--resume", str(made)]) == ExitCode.THRESHOLD
    assert len(list((tmp_path / ".data" / "evals").glob("*/result.json"))) == 1


# --- baseline


def test_blessed_run_is_the_measure_and_a_break_is_a_regression(scenarios: Path, made: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    assert main(["bless", str(made), "--reason", "a primeira medida", "--out", str(baseline)]) == ExitCode.PASS
    assert read_result(baseline).blessed_reason == "a primeira medida"
    same = again(scenarios, made, tmp_path / "a", "--baseline", str(baseline), "--pass-rate", "0.6")
    assert same == ExitCode.PASS

    result = read_result(baseline)
    better = [run.model_copy(update={"has_passed": True, "cause": None, "checks": ()}) for run in result.runs]
    write_result(result.model_copy(update={"runs": tuple(better)}), baseline)
    worse = again(scenarios, made, tmp_path / "b", "--baseline", str(baseline), "--pass-rate", "0.6")
    assert worse == ExitCode.REGRESSION


@pytest.mark.parametrize(("reason", "is_complete"), [("  ", True), ("bom", False)])
def test_what_must_not_be_the_measure_is_not_blessed(
    made: Path, tmp_path: Path, reason: str, is_complete: bool
) -> None:
    result = read_result(made / "result.json").model_copy(update={"is_complete": is_complete})
    write_result(result, tmp_path / "run" / "result.json")
    out = tmp_path / "baseline.json"

    assert main(["bless", str(tmp_path / "run"), "--reason", reason, "--out", str(out)]) == ExitCode.BAD_INPUT
    assert not out.exists()


def bad_result(folder: Path, kind: str) -> Path:
    """Make a file that is no baseline."""
    path = folder / "baseline.json"
    match kind:
        case "garbage":
            path.write_bytes(b"\x00\xff\xfe{" * 50)
        case "newer":
            path.write_text('{"schema_version": 99, "runs": []}')
        case "other":
            path.write_text('{"hello": ["world"]}')
        case "empty":
            path.write_bytes(b"")
        case "deep":
            path.write_text("[" * 200_000)
        case "huge":
            with path.open("wb") as file:
                file.truncate(MAX_RESULT_BYTES + 1)
        case "folder":
            path.mkdir()
    return path


@pytest.mark.parametrize("kind", ["garbage", "newer", "other", "empty", "deep", "huge", "folder", "missing"])
@pytest.mark.parametrize("option", ["--baseline", "--only-failed"])
def test_result_that_is_none_is_refused_before_any_talk(
    scenarios: Path, made: Path, tmp_path: Path, kind: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bad_result(tmp_path, kind)
    assert again(scenarios, made, tmp_path / "out", option, str(path)) == ExitCode.BAD_INPUT
    assert "baseline.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_bless_keeps_the_talks_of_the_scenarios_it_is_given_and_the_page_shows_them(
    scenarios: Path, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = tmp_path / "baseline.json"
    bless = ["bless", str(made / "result.json"), "--reason", "primeira", "--out", str(baseline)]
    assert main(bless) == ExitCode.PASS
    assert "3 talks are not kept" in capsys.readouterr().err
    assert not talks_path(baseline).exists()
    again(scenarios, made, tmp_path / "a", "--baseline", str(baseline))
    assert "compares results only" in capsys.readouterr().err

    assert main([*bless, "--scenarios", str(scenarios)]) == ExitCode.PASS
    told = capsys.readouterr()
    assert ("3 of their talks, masked" in told.out, told.err) == (True, "")
    assert "52998224725" not in gzip.decompress(talks_path(baseline).read_bytes()).decode()
    again(scenarios, made, tmp_path / "b", "--baseline", str(baseline))
    assert "compares results only" not in capsys.readouterr().err


def test_damaged_talks_of_a_baseline_are_told_and_change_no_verdict(
    scenarios: Path, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = tmp_path / "baseline.json"
    main(["bless", str(made), "--reason", "x", "--out", str(baseline), "--scenarios", str(scenarios)])
    talks_path(baseline).write_bytes(b"\x1f\x8b nonsense")
    capsys.readouterr()
    code = again(scenarios, made, tmp_path / "out", "--baseline", str(baseline), "--pass-rate", "0.6")
    assert code == ExitCode.PASS
    assert "baseline.talks.jsonl.gz: damaged" in capsys.readouterr().err
    assert (tmp_path / "out" / "report.html").is_file()


# --- what other commands do


def test_every_command_takes_the_folder_of_a_run_or_its_result(scenarios: Path, made: Path, tmp_path: Path) -> None:
    for place, given in enumerate((made, made / "result.json")):
        out = tmp_path / str(place)
        files = ["--scenarios", str(scenarios)]
        code = main(["report", str(given), *files, "--baseline", str(given), "--out", str(out / "report")])
        assert code == ExitCode.THRESHOLD
        assert main(["rescore", str(given), *files, "--out", str(out / "rescored")]) == ExitCode.THRESHOLD
        assert main(["merge", str(given), *files, "--out", str(out / "merged")]) == ExitCode.THRESHOLD
        assert main(["bless", str(given), *files, "--reason", "x", "--out", str(out / "b.json")]) == ExitCode.PASS
        assert again(scenarios, given, out / "again", "--only-failed", str(given)) == ExitCode.THRESHOLD
        assert again(scenarios, given, out / "same", "--baseline", str(given), "--pass-rate", "0.6") == ExitCode.PASS
        assert "teste-impossivel" in (out / "report" / "summary.md").read_text("utf-8")


@pytest.mark.parametrize("command", ["rescore", "merge"])
def test_what_is_read_is_not_written_over(
    scenarios: Path, made: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (made / "talks.jsonl").read_bytes()
    given = [command, str(made), "--scenarios", str(scenarios), "--out", str(made / ".." / made.name)]
    assert main(given) == ExitCode.BAD_INPUT
    assert "name another one" in capsys.readouterr().err
    assert (made / "talks.jsonl").read_bytes() == before


def test_report_draws_again_and_ends_with_the_gates_code(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("result.json", "talks.jsonl"):
        (folder / name).write_bytes((made / name).read_bytes())

    assert main(["report", str(folder)]) == ExitCode.THRESHOLD
    assert "teste-impossivel" in (folder / "summary.md").read_text("utf-8")


def test_rescore_judges_old_talks_by_todays_expectations(made: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "hoje.jsonl", [make_scenario(id="teste-impossivel", expect=PROMISE)])
    code = main(["rescore", str(made), "--scenarios", str(file), "--out", str(tmp_path / "out")])

    result = read_result(tmp_path / "out" / "result.json")
    assert code == ExitCode.PASS
    assert outcomes(result) == {"teste-impossivel": True}
    assert any("teste-oi" in note for note in result.notes)


def test_rescore_of_talks_without_scenarios_is_told(made: Path, tmp_path: Path) -> None:
    assert main(["rescore", str(made), "--out", str(tmp_path / "out")]) == ExitCode.BAD_INPUT


@pytest.mark.parametrize("command", ["report", "rescore", "bless", "merge"])
def test_folder_without_a_result_is_told(tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = {"report": [], "bless": ["--reason", "x"]}.get(command, ["--out", str(tmp_path / "out")])
    assert main([command, str(tmp_path), *more]) == ExitCode.BAD_INPUT
    assert "result.json" in capsys.readouterr().err


def test_composed_scenarios_are_scenarios(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compose", "20", "--seed", "3", "--out", str(tmp_path / "c.jsonl")]) == ExitCode.PASS
    assert len(load_file(tmp_path / "c.jsonl")) == 20
    capsys.readouterr()
    assert main(["compose", "20", "--seed", "3"]) == ExitCode.PASS
    assert capsys.readouterr().out == (tmp_path / "c.jsonl").read_text("utf-8")


@pytest.mark.parametrize("count", ["0", "-1", "100001", "many"])
def test_count_that_is_none_is_refused(count: str) -> None:
    assert main(["compose", count]) == ExitCode.BAD_INPUT


def test_schema_is_what_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == ExitCode.PASS
    assert json.loads(capsys.readouterr().out)["$schema"]


def test_validate_tells_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = make_scenario(id="teste-cpf").model_dump(mode="json", exclude_defaults=True)
    bad["seed"]["customers"][0]["document"] = "52998224726"
    file = tmp_path / "teste.jsonl"
    file.write_text(json.dumps(bad), "utf-8")

    assert main(["validate", str(file)]) == ExitCode.BAD_INPUT
    assert "teste-cpf" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x00\x01\xff", b"suite: [", b"suite: teste\nscenarios: 7\n", b"a: &a [*a]\n",
        b"suite: teste\nscenarios:\n- {id: teste-1, sute: x}\n", b"suite: teste\nscenarios: []\n" + b"#" * 6_000_000,
    ],
    ids=["empty", "binary", "torn", "type", "loop", "misspelt", "huge"],
)  # fmt: skip
@pytest.mark.parametrize("command", ["validate", "run"])
def test_file_that_holds_no_scenarios_is_told_by_its_name(
    tmp_path: Path, content: bytes, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "meus.yaml"
    file.write_bytes(content)
    given = ["validate", str(file)] if command == "validate" else ["run", "--scenarios", str(file)]

    assert main(given) == ExitCode.BAD_INPUT
    assert "meus.yaml" in capsys.readouterr().err


# --- wrong words


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["run", "--suite", "cobrança"], "no suite is called"),
        (["run", "--models", "gpt"], "unknown model 'gpt'"),
        (["run", "--models", "openai:"], "unknown model"),
        (["run", "--models", ","], "at least one"),
        (["run", "--prompts", ","], "at least one"),
        (["run", "--prompts", "nope"], "no prompts named 'nope'"),
        (["run", "--prompts", "a=git:não-há"], "não-há"),
        (["run", "--models", "replay:gpt-5-mini"], "--recording"),
        (["run", "--models", "openai:gpt-5-mini"], "OPENAI_API_KEY"),
        (["run", "--shard", "5/4"], "--shard 5/4"),
        (["run", "--shard", "0/0"], "--shard 0/0"),
        (["run", "--shard", "x"], "--shard x"),
        (["run", "--id", "nada-disso"], "no scenario fits"),
        (["run", "--tag", "nada-disso"], "no scenario fits"),
        (["run", "--repeats", "0"], "repeats"),
        (["run", "--repeats", "1000001"], "repeats"),
        (["run", "--pass-rate", "1.5"], "pass-rate"),
        (["run", "--max-cost", "-1"], "max-cost"),
        (["run", "--max-cost", "nan"], "max-cost"),
        (["run", "--pass-rate", "nan"], "pass-rate"),
        (["run", "--processes", "0"], "processes"),
        (["run", "--wat"], "--wat"),
        (["talk"], "talk"),
        (["from-conversation", "nope"], "conversation_id"),
    ],
)
def test_wrong_words_end_with_a_sentence_and_code_2(
    given: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(given) == ExitCode.BAD_INPUT
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told
    assert not (tmp_path / ".data").exists()


@pytest.mark.parametrize("option", ["--resume", "--only-failed"])
def test_folder_to_go_on_from_that_is_not_there_is_told(
    scenarios: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["run", "--scenarios", str(scenarios), option, str(tmp_path / "nope"), "--out", str(tmp_path / "x")])
    assert code == ExitCode.BAD_INPUT
    assert "cannot be read" in capsys.readouterr().err


def test_resume_of_broken_talks_names_the_line(
    scenarios: Path, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (made / "talks.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "talks.jsonl").write_bytes(lines[0] + b"{}\n" + lines[1])
    assert again(scenarios, tmp_path, tmp_path / "out") == ExitCode.BAD_INPUT
    assert "line 2" in capsys.readouterr().err


def test_recording_that_is_none_is_told(
    scenarios: Path, made: Path, tmp_path: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rec.jsonl").write_text("nope\nnope\n")
    code = main(["run", "--scenarios", str(scenarios), "--models", "replay:gpt-5-mini", "--recording",
                 str(tmp_path / "rec.jsonl"), "--database-url", postgres_url,
                 "--out", str(tmp_path / "o")])  # fmt: skip
    assert code == ExitCode.BAD_INPUT
    assert "line 1" in capsys.readouterr().err


def test_server_that_is_not_there_is_the_harness_and_not_the_agent(
    scenarios: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert again(scenarios, scenarios, tmp_path / "out") in {ExitCode.HARNESS_ERROR, ExitCode.BAD_INPUT}
    assert "Traceback" not in capsys.readouterr().err


# --- money, and a stop in the middle


@pytest.fixture
def model_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with served(ObedientModel()) as url:
        monkeypatch.setenv("OPENAI_API_KEY", "test")
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        yield url


def test_budget_stops_a_live_run_and_keeps_what_was_made(model_url: str, postgres_url: str, tmp_path: Path) -> None:
    file = written(tmp_path / "teste.jsonl", small_talks(40))
    code = main(["run", "--scenarios", str(file), "--models", "openai:gpt-5-mini", "--max-cost", "0",
                 "--out", str(tmp_path / "out"), "--database-url", postgres_url, "--processes", "1"])  # fmt: skip

    result = read_result(tmp_path / "out" / "result.json")
    assert code == ExitCode.BUDGET
    assert 0 < len(result.runs) < 40
    assert not result.is_complete
    assert sum(run.cost_brl for run in result.runs) > 0
    assert any("budget" in note for note in result.notes)


def begun(arguments: Sequence[str], errors: Path, output: Path = Path(os.devnull)) -> subprocess.Popen[bytes]:
    with errors.open("wb") as stream, output.open("wb") as told:
        return subprocess.Popen(arguments, stdout=told, stderr=stream, start_new_session=True, preexec_fn=_hears_ctrl_c)


def _hears_ctrl_c() -> None:
    """A shell lets what it runs in the background ignore Ctrl-C, and all that is started from there inherits it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def in_the_middle_of_a_run(folder: Path, postgres_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run 400 talks into `out` and give the process when the first of them is written."""
    file, out = written(folder / "teste.jsonl", small_talks(400)), folder / "out"
    run = [sys.executable, "-m", "evals", "run", "--scenarios", str(file), "--out", str(out),
           "--database-url", postgres_url, "--processes", "1"]  # fmt: skip
    process = begun(run, folder / "errors")
    try:
        while not ((out / "talks.jsonl").exists() and (out / "talks.jsonl").stat().st_size):
            time.sleep(0.05)
            assert process.poll() is None, (folder / "errors").read_text()
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_ctrl_c_in_the_middle_leaves_a_result_that_a_later_run_goes_on_from(postgres_url: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with in_the_middle_of_a_run(tmp_path, postgres_url) as process:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the process and to those it started
        code = process.wait(120)

    result = read_result(out / "result.json")
    assert code == ExitCode.HARNESS_ERROR
    assert 0 < len(result.runs) < 400
    assert not result.is_complete
    assert all(run.cause is not Cause.INFRASTRUCTURE for run in result.runs)
    assert "Traceback" not in (tmp_path / "errors").read_text()

    talks = {(talk.key, talk.repeat) for talk in read_talks(out / "talks.jsonl")}
    assert talks >= {(run.key, run.repeat) for run in result.runs}  # a later run goes on from here


def test_sigterm_is_heeded_as_ctrl_c_is(postgres_url: str, tmp_path: Path) -> None:
    with in_the_middle_of_a_run(tmp_path, postgres_url) as process:
        os.killpg(process.pid, signal.SIGTERM)  # as a CI that is canceled does
        code = process.wait(120)

    result = read_result(tmp_path / "out" / "result.json")
    assert code == ExitCode.HARNESS_ERROR
    assert 0 < len(result.runs) < 400
    assert result.notes == ("stopped by SIGTERM",)


def test_killed_run_leaves_no_process_behind(postgres_url: str, tmp_path: Path) -> None:
    with in_the_middle_of_a_run(tmp_path, postgres_url) as process:
        started = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
    assert len(started) >= 2  # the one that talks, and what it was forked from
    _, left = psutil.wait_procs(started, timeout=60)
    assert left == []


def test_ctrl_c_before_the_first_talk_is_a_stop_and_says_so(postgres_url: str, tmp_path: Path) -> None:
    file, out = written(tmp_path / "teste.jsonl", small_talks(4)), tmp_path / "out"
    run = [sys.executable, "-m", "evals", "run", "--scenarios", str(file), "--out", str(out),
           "--database-url", postgres_url]  # fmt: skip
    process = begun(run, tmp_path / "errors", output=tmp_path / "output")
    try:
        while not (out / "talks.jsonl").exists():
            time.sleep(0.01)
            assert process.poll() is None, (tmp_path / "errors").read_text()
        os.killpg(process.pid, signal.SIGINT)
        code = process.wait(120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    told = (tmp_path / "output").read_text()
    assert code == ExitCode.HARNESS_ERROR
    assert "stopped before its first talk" in told
    assert "stopped by Ctrl-C" in told
    assert "Traceback" not in (tmp_path / "errors").read_text()
    result = read_result(out / "result.json")
    assert (result.runs, result.is_complete, result.notes) == ((), False, ("stopped by Ctrl-C",))
    assert "antes da primeira conversa" in (out / "report.html").read_text("utf-8")


def test_master_ia_eval_is_the_same_command(tmp_path: Path) -> None:
    (tmp_path / "meus.yaml").write_text("suite: teste\n")
    ended = subprocess.run(
        [MASTER_IA, "eval", "validate", "meus.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == ExitCode.BAD_INPUT
    assert "meus.yaml" in ended.stderr
