"""The service's own processes, each a real one: forked from a server that has the code loaded, then on its own."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

# Importing the api takes seconds; a fork of a process that has imported it takes milliseconds.
# The last one, all countries' holidays, is what processes load at their first look at a calendar.
LOADED = [
    "server.cli", "server.app", "graphs.engine", "jobs.worker", "jobs.clock", "jobs.delivery", "jobs.scheduling",
    "jobs.whatsapp", "uvicorn", "tests.fakes.providers", "tests.system.forked_workers", "tests.system.debtor_events",
    "tests.system.clocked_api", "holidays.countries", "tests.system.set_aside",
]  # fmt: skip
_PR_SET_PDEATHSIG = 1


def start_process(arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> ForkServerProcess:
    """Start `master-ia <arguments>` with this environment and no other; its output goes to a log in `folder`."""
    return start_function(_run_command, (list(arguments),), environment, log_path(folder, arguments))


def start_function(
    function: Callable[..., None], arguments: tuple[object, ...], environment: Mapping[str, str], log: Path
) -> ForkServerProcess:
    """Run a module's function in a process of its own, with this environment and no other, in the folder of its log."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    process = context.Process(target=_run, args=(function, arguments, dict(environment), str(log)), daemon=True)
    process.start()
    return process


def log_path(folder: Path, arguments: Sequence[str]) -> Path:
    """Say where a process writes."""
    return folder / f"{'-'.join(arguments)}.log"


def _run(
    function: Callable[..., None], arguments: tuple[object, ...], environment: Mapping[str, str], log_file: str
) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    log = os.open(log_file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(Path(log_file).parent)  # no `.env` of a developer's here
    os.environ.clear()
    os.environ.update(environment)
    function(*arguments)


def _run_command(arguments: list[str]) -> None:
    from server.cli import app

    app(arguments, standalone_mode=False)
