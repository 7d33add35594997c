"""A command of the terminal, run as in a shell's pipe: a process of its own, its words written in beforehand."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.system.launch import start_function
from wiring.logging import configure_logging
from wiring.settings import Settings, load_settings

Main = Callable[..., int]


def run_piped(
    main: Main, arguments: tuple[object, ...], *, typed: str, environment: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a module's `main(settings, …)` with this environment and no other; give its code and what it wrote."""
    with TemporaryDirectory() as name:
        output, errors = Path(name, "output"), Path(name, "errors")
        process = start_function(
            _run_attached, (main, arguments, typed.encode(), str(output)), dict(environment), errors
        )
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(main.__module__, seconds, output.read_bytes(), errors.read_bytes())
        return subprocess.CompletedProcess(
            main.__module__, process.exitcode, output.read_text("utf-8"), errors.read_text("utf-8")
        )


def _run_attached(main: Main, arguments: tuple[object, ...], typed: bytes, output: str) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, typed)
    os.close(theirs)
    os.dup2(ours, 0)
    os.close(ours)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    written = os.open(output, os.O_CREAT | os.O_WRONLY, 0o600)
    os.dup2(written, 1)
    os.close(written)
    sys.exit(main(_settings(main), *arguments))


def _settings(main: Main) -> Settings:
    """Read the settings as the command line does before it goes on."""
    settings = load_settings(env_file=None)
    configure_logging(settings, process=main.__module__)
    return settings
