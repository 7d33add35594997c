"""A clock that all processes of a test share: it runs on by itself, and the test moves it."""

import mmap
import struct
import time
from datetime import datetime, timedelta
from pathlib import Path

from tests.fakes_clock import DEFAULT_NOW

_OFFSET = struct.Struct("<q")  # microseconds


class SharedClock:
    """Answer `domain.ports.Clock` with the time since the clock was made, plus what the test has added.

    It goes to a child process as the path of its file, so that an advance reaches every process at once. The real
    time is the machine's monotonic clock, which all its processes share.
    """

    def __init__(self, path: Path, *, start: datetime = DEFAULT_NOW, origin: float | None = None) -> None:
        self._path, self._start = path, start
        self._origin = time.monotonic() if origin is None else origin
        if not path.exists():
            path.write_bytes(_OFFSET.pack(0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _OFFSET.size)

    def __reduce__(self) -> tuple[object, tuple[Path, datetime, float]]:
        return _reopen, (self._path, self._start, self._origin)

    def now(self) -> datetime:
        (offset,) = _OFFSET.unpack_from(self._map)
        return self._start + timedelta(seconds=time.monotonic() - self._origin, microseconds=offset)

    def advance(self, *, seconds: float = 0, minutes: float = 0, days: float = 0) -> None:
        """Move every process forward. One process alone may do so."""
        (offset,) = _OFFSET.unpack_from(self._map)
        more = timedelta(seconds=seconds, minutes=minutes, days=days) // timedelta(microseconds=1)
        _OFFSET.pack_into(self._map, 0, offset + more)


def _reopen(path: Path, start: datetime, origin: float) -> SharedClock:
    return SharedClock(path, start=start, origin=origin)
