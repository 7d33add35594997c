"""What a run leaves beside its result: the page with the masked talks of its folder, against what lies around it."""

import base64
import gzip
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evals.baseline import bless
from evals.baseline_talks import talks_path
from evals.gate import judge_gate
from evals.history import read_history
from evals.masking import masked
from evals.reports import REPORT, ReportLanguage, write_reports
from evals.result_files import RESULT, read_result, write_result
from evals.results import ResultFile
from evals.talk_files import TALKS, TranscriptWriter
from tests.evals.report_samples import Sample, a_sample
from tests.evals.result_factory import OFFLINE, a_result
from tests.evals.talk_factory import MARIA

NO_BASELINE_TALKS = "As conversas da linha de base não estão aqui"


@pytest.fixture(scope="module")
def sample() -> Sample:
    return a_sample(8, repeats=2)


def left_by_a_run(folder: Path, result: ResultFile, sample: Sample, *, has_talks: bool = True) -> Path:
    """Write what a run writes before its reports."""
    folder.mkdir(parents=True)
    write_result(result, folder / RESULT)
    talks = sample.transcripts | sample.baseline_transcripts
    if has_talks:
        with TranscriptWriter(folder / TALKS) as writer:
            for run in result.runs:
                if (run.key, run.repeat) in talks:
                    writer.append(run, talks[run.key, run.repeat])
    return folder


def reported(folder: Path, result: ResultFile, sample: Sample, **changes: Any) -> tuple[str, dict[str, Any]]:
    """Write the reports of a folder; give the page and what its script unpacks."""
    baseline = changes.get("baseline")
    given: dict[str, Any] = {"scenarios": sample.scenarios.values()} | changes
    write_reports(result, judge_gate(result, baseline=baseline), folder, **given)
    page = (folder / REPORT).read_text("utf-8")
    packed = re.search(r'id="talks">([^<]*)<', page)
    assert packed
    return page, json.loads(gzip.decompress(base64.b64decode(packed[1])))


def test_the_page_shows_the_talks_of_the_folder_masked(tmp_path: Path, sample: Sample) -> None:
    folder = left_by_a_run(tmp_path / "runs" / "one", sample.result, sample)
    page, data = reported(folder, sample.result, sample)
    assert sum(run[4] >= 0 for case in data["cases"] for run in case["runs"]) == len(sample.transcripts)
    assert "Combinado! Registrei R$ 119,90" in json.dumps(data, ensure_ascii=False)
    assert MARIA in (folder / TALKS).read_text("utf-8")
    assert MARIA not in page + json.dumps(data)
    again, _ = reported(folder, sample.result, sample)
    assert again == page


def test_a_talk_whose_scenario_is_unknown_is_not_shown(tmp_path: Path, sample: Sample) -> None:
    folder = left_by_a_run(tmp_path / "runs" / "one", sample.result, sample)
    known = [scenario for scenario in sample.scenarios.values() if scenario.suite == "vendas"]
    page, data = reported(folder, sample.result, sample, scenarios=known)
    shown = {case["id"] for case in data["cases"] if any(run[4] >= 0 for run in case["runs"])}
    assert shown == {scenario.id for scenario in known}
    unknown = len(sample.transcripts) - sum(key[0].split("-")[-2] == "vendas" for key in sample.transcripts)
    assert f"{unknown} conversas não são mostradas" in page


def test_a_folder_without_talks_still_gets_its_page(tmp_path: Path, sample: Sample) -> None:
    folder = left_by_a_run(tmp_path / "runs" / "one", sample.result, sample, has_talks=False)
    page, data = reported(folder, sample.result, sample, language=ReportLanguage.EN)
    assert data["talks"] == []
    assert 'lang="en"' in page
    assert "Prompt evaluation" in (folder / "summary.md").read_text("utf-8")


def test_the_talks_of_the_baseline_come_from_its_own_folder(tmp_path: Path, sample: Sample) -> None:
    assert sample.baseline is not None
    folder = left_by_a_run(tmp_path / "runs" / "one", sample.result, sample)
    measure = left_by_a_run(tmp_path / "measure", sample.baseline, sample)
    _, data = reported(folder, sample.result, sample, baseline=sample.baseline, baseline_path=measure / RESULT)
    assert sum(run[4] >= 0 for case in data["cases"] for run in case["before"]) == len(sample.baseline_transcripts)
    assert data["partners"] == [0, 0]


def blessed_beside(folder: Path, sample: Sample) -> Path:
    """Bless the sample's baseline with its talks; give its path."""
    assert sample.baseline is not None
    path = folder / "baseline.json"
    talks = {
        place: masked(talk, sample.scenarios[talk.scenario_id, 1])
        for place, talk in sample.baseline_transcripts.items()
    }
    assert bless(sample.baseline, path, "primeira", talks=talks).talks
    return path


def test_the_talks_of_a_committed_baseline_stand_beside_those_of_the_run(tmp_path: Path, sample: Sample) -> None:
    folder = left_by_a_run(tmp_path / "runs" / "one", sample.result, sample)
    path = blessed_beside(tmp_path, sample)
    page, data = reported(folder, sample.result, sample, baseline=read_result(path), baseline_path=path)
    assert all(any(run[4] >= 0 for run in case["before"]) for case in data["cases"])
    assert NO_BASELINE_TALKS not in page
    assert MARIA not in gzip.decompress(talks_path(path).read_bytes()).decode()


@pytest.mark.parametrize("damage", ["cut", "missing", "another's"])
def test_without_the_baselines_talks_the_page_compares_results_and_it_is_told(
    tmp_path: Path, sample: Sample, damage: str
) -> None:
    folder = left_by_a_run(tmp_path / "runs" / "one", sample.result, sample)
    path = blessed_beside(tmp_path, sample)
    baseline = read_result(path)
    match damage:
        case "cut":
            talks_path(path).write_bytes(talks_path(path).read_bytes()[:-20])
        case "missing":
            talks_path(path).unlink()
        case _:
            baseline = baseline.model_copy(update={"runs": baseline.runs[1:]})
    trouble = write_reports(
        sample.result, judge_gate(sample.result, baseline=baseline), folder, scenarios=sample.scenarios.values(),
        baseline=baseline, baseline_path=path,
    )  # fmt: skip
    page = (folder / REPORT).read_text("utf-8")
    assert trouble is not None
    assert "baseline.talks.jsonl.gz" in trouble
    assert NO_BASELINE_TALKS in page
    assert "cenários em comum; p" in page


def test_runs_beside_this_one_are_its_trend(tmp_path: Path, sample: Sample) -> None:
    runs = tmp_path / "runs"
    for days in (1, 2):
        earlier = sample.result.model_copy(update={"created_at": sample.result.created_at - timedelta(days=days)})
        left_by_a_run(runs / f"past-{days}", earlier, sample, has_talks=False)
    folder = left_by_a_run(runs / "one", sample.result, sample)
    page, _ = reported(folder, sample.result, sample)
    chart = page.partition('class="chart"')[2].partition("</svg>")[0]
    assert chart.count("<circle") == 3 * 2


def test_the_history_reads_folders_of_runs_and_passes_over_other_json(tmp_path: Path, sample: Sample) -> None:
    left_by_a_run(tmp_path / "one", sample.result, sample, has_talks=False)
    (tmp_path / "package.json").write_text('{"name": "x"}')
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / RESULT).write_text('{"schema_version": 1, "runs": [7')
    (tmp_path / "three" / RESULT).mkdir(parents=True)
    history = read_history(tmp_path)
    total = [point for point in history.points if point.suite is None and point.cell == OFFLINE]
    assert [point.scenarios for point in total] == [8]
    assert [reason.partition(":")[0] for reason in history.unreadable] == [RESULT]


def test_words_that_no_file_can_hold_do_not_stop_the_reports(tmp_path: Path, sample: Sample) -> None:
    run = sample.result.runs[0]
    result = a_result([run], titles={run.scenario_id: "meio \ud83d\x00 título"})
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    page, _ = reported(folder, result, sample)
    assert "meio ?␀ título" in page
