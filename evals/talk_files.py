"""The talks of a run beside its result: JSON lines that survive a killed writer.

What is wrong with a file is said by its line and field, never with the content: a transcript holds documents in clear.
"""

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticSerializationError

from evals.events import Transcript
from evals.result_files import ResultFileInvalid, misread_fields
from evals.results import Run

TALKS: Final = "talks.jsonl"  # in a run's folder
MAX_LINE_BYTES: Final = 32 * 1024 * 1024
_LINES_A_BATCH: Final = 16

RunKey = tuple[str, int]  # Run.key, Run.repeat


class TalkRecord(BaseModel):
    """One line of a talks file. With its run beside it, a run is resumed although no result was ever written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    repeat: int
    run: Run
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
        self._waiting.append(json_line(TalkRecord(key=run.key, repeat=run.repeat, run=run, transcript=transcript)))
        if len(self._waiting) >= self._lines_a_batch:
            self.flush()

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


def json_line(record: BaseModel) -> bytes:
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
        raise ResultFileInvalid(path, [f"line {number}: {problem}" for problem in misread_fields(error)]) from None
