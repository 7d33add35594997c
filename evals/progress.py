"""What somebody at the terminal sees while a run goes on: how far, how fast, how long still, how many broke."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from evals.results import Cause, Run


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} talks/s" if task.speed else "")


class Board:
    """Counts runs as they come."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._passed = self._failed = self._left_out = 0
        self._cost_brl = 0.0

    def count(self, run: Run) -> None:
        """Take one run into the counts."""
        self._cost_brl += run.cost_brl
        if run.has_passed:
            self._passed += 1
        elif run.cause in {Cause.INFRASTRUCTURE, Cause.SCENARIO}:
            self._left_out += 1
        else:
            self._failed += 1
        self._progress.update(self._task, advance=1, status=self._status())

    def _status(self) -> str:
        parts = [f"[green]{self._passed} passed[/]", f"[red]{self._failed} failed[/]"]
        if self._left_out:
            parts.append(f"[yellow]{self._left_out} not counted[/]")
        if self._cost_brl:
            parts.append(f"R$ {self._cost_brl:.2f}")
        return ", ".join(parts)


@contextmanager
def shown_progress(total: int, *, console: Console) -> Iterator[Board]:
    """Show a bar with rate and remaining time, on a terminal only."""
    progress = Progress(
        BarColumn(), MofNCompleteColumn(), _Rate(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"), console=console, disable=not console.is_terminal,
    )  # fmt: skip
    with progress:
        yield Board(progress, progress.add_task("runs", total=total, status=""))
