import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evals.baseline import bless
from evals.history import read_history
from evals.result_files import write_result
from tests.evals.result_factory import (
    CREATED_AT,
    DRAFT,
    OFFLINE,
    a_result,
    a_run,
    rich_result,
)


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
