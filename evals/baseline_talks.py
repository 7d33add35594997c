"""The talks of a baseline beside it, small enough to be committed: `baseline.json`, `baseline.talks.jsonl.gz`.

Of each scenario in each cell one talk that passed and one that failed, masked, without times. The first line says whose
they are, so that talks of another run are not taken for the baseline's.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from evals.events import Transcript
from evals.result_files import ResultFileInvalid, misread_fields, run_place, write_whole
from evals.results import Cell, ResultFile, Run
from evals.talk_files import MAX_LINE_BYTES, RunKey, json_line

_Line = TypeVar("_Line", bound=BaseModel)
MAX_UNPACKED_BYTES: Final = 512 * 1024 * 1024


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    baseline: str  # the digest of its runs


class _KeptTalk(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    repeat: int
    transcript: Transcript


def talks_path(baseline: Path) -> Path:
    """Name the file of a baseline's talks."""
    return baseline.with_suffix(".talks.jsonl.gz")


def write_baseline_talks(path: Path, baseline: ResultFile, talks: Mapping[RunKey, Transcript]) -> int:
    """Write what is worth keeping of these masked talks, and give how many it is. The same talks give the same bytes.

    Without any, no file stays: an older baseline's would be read as this one's.
    """
    chosen = [(run, talks[run.key, run.repeat]) for run in _worth_keeping(baseline, talks)]
    if not chosen:
        path.unlink(missing_ok=True)
        return 0
    lines = [json_line(_Head(baseline=_digest(baseline)))]
    for run, talk in chosen:
        plain = talk.model_copy(update={"turn_ms": ()})
        lines.append(json_line(_KeptTalk(key=run.key, repeat=run.repeat, transcript=plain)))
    write_whole(path, gzip.compress(b"".join(lines), 9, mtime=0))
    return len(chosen)


def read_baseline_talks(path: Path, baseline: ResultFile) -> dict[RunKey, Transcript]:
    """Give the talks of this baseline; raise ResultFileInvalid for a file that is damaged or another baseline's."""
    lines = _lines(path)
    head = _read(path, 1, next(lines, b""), _Head)
    if head.baseline != _digest(baseline):
        raise ResultFileInvalid(path, ["these are the talks of another run than the baseline's; bless it again"])
    found: dict[RunKey, Transcript] = {}
    for number, line in enumerate(lines, 2):
        talk = _read(path, number, line, _KeptTalk)
        found[talk.key, talk.repeat] = talk.transcript
    return found


def _worth_keeping(baseline: ResultFile, talks: Mapping[RunKey, Transcript]) -> Iterator[Run]:
    """Choose the first passing and the first failing run of each scenario in each cell that has a talk."""
    seen: set[tuple[str, int, Cell, bool]] = set()
    for run in sorted(baseline.runs, key=run_place):
        kind = (run.scenario_id, run.scenario_version, run.cell, run.has_passed)
        if run.is_counted and kind not in seen and (run.key, run.repeat) in talks:
            seen.add(kind)
            yield run


def _digest(baseline: ResultFile) -> str:
    """Name a baseline by its runs: an edited reason or title does not part it from its talks."""
    runs = sorted(f"{run.key} {run.repeat} {run.has_passed}" for run in baseline.runs)
    made_at = baseline.created_at.astimezone(UTC).isoformat()
    return hashlib.sha256("\n".join([made_at, *runs]).encode()).hexdigest()


def _lines(path: Path) -> Iterator[bytes]:
    unpacked = 0
    try:
        with gzip.open(path) as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                unpacked += len(line)
                if len(line) > MAX_LINE_BYTES or unpacked > MAX_UNPACKED_BYTES:
                    raise ResultFileInvalid(path, ["larger than the talks of a baseline may be"])
                yield line
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise ResultFileInvalid(path, ["damaged: not a whole gzip file"]) from None
    except OSError as error:
        raise ResultFileInvalid(path, [f"cannot be read: {error.strerror or type(error).__name__}"]) from None


def _read(path: Path, number: int, line: bytes, kind: type[_Line]) -> _Line:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        raise ResultFileInvalid(path, [f"line {number}: {problem}" for problem in misread_fields(error)]) from None
