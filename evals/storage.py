"""Result files on disk: JSON with one run a line, transcripts as JSON lines beside it, the baseline, the history.

A file may come from a colleague, an older product or a killed process: everything that is read is checked, and what is
wrong is said by name and place, never with the content (a transcript holds documents in clear).
"""

import gc
import json
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticSerializationError, from_json

from evals.events import Transcript
from evals.results import RESULT_SCHEMA_VERSION, Cause, Cell, ResultFile, Run
from evals.statistics import runs_by_suite, runs_of, tallies

MAX_RESULT_BYTES: Final = 512 * 1024 * 1024
MAX_LINE_BYTES: Final = 32 * 1024 * 1024
_SHOWN_PROBLEMS: Final = 8
_NO_VERSION: Final = f"not a result: schema_version must be {RESULT_SCHEMA_VERSION}"
_LINES_A_BATCH: Final = 16

RunKey = tuple[str, int]  # Run.key, Run.repeat


class ResultFileInvalid(ValueError):
    """A file that is not a usable result, or transcripts that are not."""

    def __init__(self, path: Path | str, problems: Sequence[str]) -> None:
        self.path = Path(path)
        self.problems = tuple(problems)
        shown = "; ".join(self.problems[:_SHOWN_PROBLEMS])
        rest = len(self.problems) - _SHOWN_PROBLEMS
        super().__init__(f"{self.path.name}: {shown}" + (f" (and {rest} more)" if rest > 0 else ""))


class BlessRefused(ValueError):
    """A result that must not become a baseline."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


# --- results


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
    _replace(path, "\n".join(["{", *lines, body, "}", ""]).encode("utf-8", "replace"))


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
    return _named(error)


def _named(error: ValidationError) -> list[str]:
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


def _replace(path: Path, content: bytes) -> None:
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


# --- transcripts


class TalkRecord(BaseModel):
    """One line of a transcripts file. With `run`, a run can be resumed although no result was ever written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    repeat: int
    run: Run | None = None
    transcript: Transcript


class TranscriptWriter:
    """Append talks; every batch of lines is on the disk before the next begins, and closing writes the rest.

    A file that ends in a torn line (its writer was killed) is cut back to the last whole one.
    """

    def __init__(self, path: Path, *, lines_a_batch: int = _LINES_A_BATCH) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lines_a_batch = lines_a_batch
        self._waiting: list[bytes] = []
        self._file = path.open("a+b")
        self._cut_torn_line()

    def append(self, run: Run, transcript: Transcript) -> None:
        """Write a talk with its run, at the latest with the next batch."""
        self._append(TalkRecord(key=run.key, repeat=run.repeat, run=run, transcript=transcript))

    def append_talk(self, key: str, repeat: int, transcript: Transcript) -> None:
        """Write a talk that has no verdict yet."""
        self._append(TalkRecord(key=key, repeat=repeat, transcript=transcript))

    def flush(self) -> None:
        """Put what waits on the disk."""
        if self._waiting:
            self._file.write(b"".join(self._waiting))
            self._waiting.clear()
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        if not self._file.closed:
            try:
                self.flush()
            finally:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, record: TalkRecord) -> None:
        self._waiting.append(_line(record))
        if len(self._waiting) >= self._lines_a_batch:
            self.flush()

    def _cut_torn_line(self) -> None:
        end = self._file.seek(0, os.SEEK_END)
        whole = end
        while whole > 0:
            start = max(0, whole - 65_536)
            self._file.seek(start)
            newline = self._file.read(whole - start).rfind(b"\n")
            if newline >= 0:
                whole = start + newline + 1
                break
            whole = start
        if whole < end:
            self._file.truncate(whole)
        self._file.seek(0, os.SEEK_END)


def _line(record: TalkRecord) -> bytes:
    """Write one line whatever a model made a tool be called with: a talk must not be lost to half a character."""
    try:
        return record.model_dump_json().encode() + b"\n"
    except PydanticSerializationError:
        plain = json.dumps(record.model_dump(), ensure_ascii=False, default=_plain)
        return plain.encode("utf-8", "replace") + b"\n"


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else str(value)


def read_talks(path: Path) -> Iterator[TalkRecord]:
    """Give the talks in the order they were written. A torn last line is left out; a broken one before it is an error.

    One line at a time is in memory.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise ResultFileInvalid(path, [f"cannot be read: {error.strerror or type(error).__name__}"]) from None
    with file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise ResultFileInvalid(path, [f"line {number}: longer than {MAX_LINE_BYTES} bytes"])
            if not line.endswith(b"\n"):
                return  # torn: what is written whole ends in a line break
            if line.strip():
                yield _talk(path, number, line)


def _talk(path: Path, number: int, line: bytes) -> TalkRecord:
    try:
        return TalkRecord.model_validate_json(line)
    except ValidationError as error:
        raise ResultFileInvalid(path, [f"line {number}: {problem}" for problem in _named(error)]) from None


def read_transcripts(path: Path) -> dict[RunKey, Transcript]:
    """Give the last transcript written for each run."""
    return {(talk.key, talk.repeat): talk.transcript for talk in read_talks(path)}


# --- baseline


def bless(result: ResultFile, path: Path, reason: str, *, max_infrastructure_share: float = 0.0) -> ResultFile:
    """Write `result` as the baseline, with who will read its diff in mind; refuse what must not be the measure.

    A baseline keeps what comparing needs: passed checks and times, which move at every run, are left out.
    """
    spoilt = sum(run.cause is Cause.INFRASTRUCTURE for run in result.runs)
    breaks = sorted({f"{run.scenario_id} ({check.id})" for run in result.runs for check in run.blocking_breaks})
    problems = [
        *([] if reason.strip() else ["a reason must be given"]),
        *([] if result.is_complete else ["the result is incomplete"]),
        *([] if any(run.is_counted for run in result.runs) else ["no run counts"]),
        *([f"blocking policies are broken: {', '.join(breaks[:_SHOWN_PROBLEMS])}"] if breaks else []),
        *(
            [f"infrastructure spoilt {spoilt} of {len(result.runs)} runs: resume the run first"]
            if result.runs and spoilt / len(result.runs) > max_infrastructure_share
            else []
        ),
    ]
    if problems:
        raise BlessRefused(problems)
    runs = [
        run.model_copy(update={"checks": tuple(check for check in run.checks if not check.has_passed), "turn_ms": ()})
        for run in sorted(result.runs, key=run_place)
    ]
    blessed = result.model_copy(update={"blessed_reason": " ".join(reason.split()), "runs": tuple(runs)})
    write_result(blessed, path)
    return blessed


# --- history


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendPoint:
    """The pass rate (pass^1) of one cell at one time, over all suites (`suite` None) or in one."""

    created_at: datetime
    cell: Cell
    suite: str | None
    pass_rate: float
    scenarios: int
    product_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    points: tuple[TrendPoint, ...] = ()
    unreadable: tuple[str, ...] = ()  # what was left out, and why


def read_history(folder: Path, *, limit: int = 60) -> History:
    """Read the pass rates of the newest `limit` results in a folder and in its folders of runs, oldest first.

    Baselines and wrecks are no trend; what never was a result is passed over.
    """
    if not folder.is_dir():
        return History()
    found = [(path.stat().st_mtime_ns, str(path), path) for path in _result_files(folder)]
    newest = [path for *_, path in sorted(found, reverse=True)[:limit]]
    points: list[TrendPoint] = []
    unreadable: list[str] = []
    for path in newest:
        try:
            result = read_result(path, with_checks=False)
        except ResultFileInvalid as error:
            if not error.problems[0].startswith("not a result"):
                unreadable.append(str(error))
            continue
        if result.is_complete and result.blessed_reason is None:
            points.extend(trend_points(result))
    points.sort(key=lambda point: (point.created_at, point.cell.name, point.suite or ""))
    return History(points=tuple(points), unreadable=tuple(sorted(unreadable)))


def _result_files(folder: Path) -> Iterator[Path]:
    """Give what may be a result: files of the folder, and what a run leaves in a folder of its own."""
    for pattern in ("*.json", "*/result.json"):
        yield from (path for path in folder.glob(pattern) if path.is_file())


def trend_points(result: ResultFile) -> list[TrendPoint]:
    """Give a result's place in the trend: a point for each cell, and for each of its suites."""
    groups: list[tuple[str | None, Cell, list[Run]]] = [(None, cell, runs_of(result, cell)) for cell in result.cells]
    groups += [(suite, cell, runs) for (suite, cell), runs in runs_by_suite(result).items()]
    points: list[TrendPoint] = []
    for suite, cell, runs in groups:
        rates = [tally.rate for tally in tallies(runs) if tally.rate is not None]
        if rates:
            points.append(
                TrendPoint(
                    created_at=result.created_at,
                    cell=cell,
                    suite=suite,
                    pass_rate=math.fsum(rates) / len(rates),
                    scenarios=len(rates),
                    product_version=result.product_version,
                )
            )
    return points
