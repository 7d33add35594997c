"""How the commands speak: results to the output, everything else beside it, wrong input as one sentence and code 2."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import typer
from rich.console import Console

from evals.baseline import BlessRefused
from evals.cells import ModeUnavailable
from evals.from_life import ConversationUnusable
from evals.gate import ExitCode
from evals.langsmith_upload import UploadRefused
from evals.loading import ScenarioFileInvalid, SuiteUnknown
from evals.prompt_sets import PromptSetInvalid
from evals.recording import RecordingInvalid
from evals.result_files import ResultFileInvalid
from evals.shards import MergeRefused
from wiring.settings import SettingsError

out_console = Console(soft_wrap=True)
error_console = Console(stderr=True, soft_wrap=True)
_BAD_INPUT: Final = (
    ScenarioFileInvalid, SuiteUnknown, PromptSetInvalid, RecordingInvalid, ResultFileInvalid, ModeUnavailable,
    SettingsError, MergeRefused, BlessRefused, UploadRefused,
    ConversationUnusable,
)  # fmt: skip


@contextmanager
def told() -> Iterator[None]:
    """Let wrong input end the command with code 2 and a sentence that says what to do."""
    try:
        yield
    except _BAD_INPUT as error:
        refuse(str(error))


def note(message: str) -> None:
    """Say what somebody should know, beside the output."""
    error_console.print(message[:1].upper() + message[1:], style="yellow", markup=False, highlight=False)


def refuse(message: str) -> NoReturn:
    """End the command for wrong input."""
    error_console.print(message, style="red", markup=False, highlight=False)
    raise typer.Exit(ExitCode.BAD_INPUT)
