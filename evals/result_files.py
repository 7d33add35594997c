"""Result files: JSON with one run a line, written whole or not at all, and checked when read.

A file may come from a colleague, an older product or a killed process: everything that is read is checked, and what is
wrong is said by name and place, never with the content (a detail may hold a document in clear).
"""

import gc
import json
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import from_json

from evals.results import RESULT_SCHEMA_VERSION, Cell, ResultFile, Run

RESULT: Final = "result.json"  # in a run's folder
MAX_RESULT_BYTES: Final = 512 * 1024 * 1024
_SHOWN_PROBLEMS: Final = 8
_NO_VERSION: Final = f"not a result: schema_version must be {RESULT_SCHEMA_VERSION}"


class ResultFileInvalid(ValueError):
    """A file that is not a usable result, or transcripts that are not."""

    def __init__(self, path: Path | str, problems: Sequence[str]) -> None:
        self.path = Path(path)
        self.problems = tuple(problems)
        shown = "; ".join(self.problems[:_SHOWN_PROBLEMS])
        rest = len(self.problems) - _SHOWN_PROBLEMS
        super().__init__(f"{self.path.name}: {shown}" + (f" (and {rest} more)" if rest > 0 else ""))


def result_path(given: Path) -> Path:
    """Find the result that somebody named by its file or by the folder of its run."""
    if not given.is_dir():
        return given
    if not (given / RESULT).is_file():
        raise ResultFileInvalid(given, [f"holds no {RESULT}: name the folder of a run, or a result file"])
    return given / RESULT


def write_result(result: ResultFile, path: Path) -> None:
    """Write it whole or not at all, header first, then one run a line in a stable order: diffs show what moved."""
    problems = _problems(result)
    if problems:
        raise ResultFileInvalid(path, problems)
    header = result.model_dump(mode="json", exclude={"runs"})
    runs = sorted(result.runs, key=run_place)
    lines = [f"  {_json(name)}: {_spread(value)}," for name, value in header.items()]
    written = ",\n".join(f"    {_json(run.model_dump(mode='json'))}" for run in runs)
    body = f'  "runs": [\n{written}\n  ]' if runs else '  "runs": []'
    write_whole(path, "\n".join(["{", *lines, body, "}", ""]).encode("utf-8", "replace"))


def read_result(path: Path, *, with_checks: bool = True) -> ResultFile:
    """Read a result file; raise ResultFileInvalid with every problem that can be named.

    Without its checks, which are nine tenths of it, a result is read in half the time.
    """
    content = _content(path)
    try:
        with _no_collections():
            result = ResultFile.model_validate_json(content) if with_checks else _without_checks(content)
    except ValidationError as error:
        raise ResultFileInvalid(path, _misreadings(content, error)) from None
    problems = [] if "schema_version" in result.model_fields_set else [_NO_VERSION]
    problems += _problems(result)
    if problems:
        raise ResultFileInvalid(path, problems)
    return result


def _without_checks(content: bytes) -> ResultFile:
    try:
        data: object = from_json(content)
    except ValueError:
        return ResultFile.model_validate_json(content)  # says what is wrong
    runs = data.get("runs") if isinstance(data, dict) else None
    for run in runs if isinstance(runs, list) else ():
        if isinstance(run, dict):
            run.pop("checks", None)
    return ResultFile.model_validate(data)


@contextmanager
def _no_collections() -> Iterator[None]:
    """Make many small objects that all stay: looking among them for garbage takes three quarters of a reading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_RESULT_BYTES:
            raise ResultFileInvalid(path, [f"{size} bytes are more than the {MAX_RESULT_BYTES} that a result may have"])
        return path.read_bytes()
    except OSError as error:
        raise ResultFileInvalid(path, [f"cannot be read: {error.strerror or type(error).__name__}"]) from None


def _misreadings(content: bytes, error: ValidationError) -> list[str]:
    """Say what is wrong with a result that does not validate, beginning with what explains the rest."""
    try:
        data: object = from_json(content)
    except ValueError as broken:
        return [f"not JSON: {broken}"]
    if not isinstance(data, dict):
        return ["not a result: a JSON object was expected"]
    version = data.get("schema_version")
    if isinstance(version, int) and not isinstance(version, bool) and version > RESULT_SCHEMA_VERSION:
        return [
            f"schema version {version} is newer than {RESULT_SCHEMA_VERSION}, which is read here: update the product"
        ]
    # A file of another kind would only be told a hundred fields that it has not.
    if "schema_version" not in data:
        return [_NO_VERSION]
    return misread_fields(error)


def misread_fields(error: ValidationError) -> list[str]:
    """Say which fields of a line or file are wrong and why, without their values."""
    return [
        f"{'.'.join(map(str, problem['loc'])) or 'result'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _problems(result: ResultFile) -> list[str]:
    """Check what the types cannot say."""
    problems: list[str] = []
    cells, seen = set(result.cells), set[tuple[str, int, Cell, int]]()
    if len(cells) != len(result.cells):
        problems.append("cells: one is listed twice")
    for place, run in enumerate(result.runs):
        name = f"runs.{place} ({run.scenario_id[:80]})"
        if run.cell not in cells:
            problems.append(f"{name}: its cell is not one of the result's")
        identity = (run.scenario_id, run.scenario_version, run.cell, run.repeat)
        if identity in seen:
            problems.append(f"{name}: repeat {run.repeat} is there twice")
        seen.add(identity)
        if min(run.repeat, run.turns, run.input_tokens, run.output_tokens) < 0:
            problems.append(f"{name}: a negative count")
        if not all(math.isfinite(number) and number >= 0 for number in (run.cost_brl, *run.turn_ms)):
            problems.append(f"{name}: a cost or time that is no number from 0 up")
    return problems


def run_place(run: Run) -> tuple[str, str, int, str, int]:
    """Order runs the same in every file."""
    return run.suite, run.scenario_id, run.scenario_version, run.cell.name, run.repeat


def _spread(value: object) -> str:
    """Write a mapping with an entry a line, anything else on one."""
    if not isinstance(value, dict) or not value:
        return _json(value)
    entries = ",\n".join(f"    {_json(name)}: {_json(value[name])}" for name in sorted(value))
    return f"{{\n{entries}\n  }}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or leave what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)  # mkstemp's own mode would keep colleagues from reading a baseline
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
