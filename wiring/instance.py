"""Know whether a service already runs on a data folder, and where it can be reached."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

LOCK_NAME = "instance.lock"
INFO_NAME = "instance.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceInfo:
    """What another command needs to know about the running service."""

    pid: int
    database_url: str | None = None
    redis_url: str | None = None
    api_url: str | None = None
    pages_url: str | None = None


class AlreadyRunning(RuntimeError):
    """Say that the data folder belongs to a running service."""

    def __init__(self, data_dir: Path, info: InstanceInfo | None) -> None:
        self.data_dir = data_dir
        self.info = info
        where = ""
        if info:
            urls = [url for url in (info.pages_url, info.api_url) if url]
            where = f" (process {info.pid})" + (f": {', '.join(urls)}" if urls else "")
        super().__init__(f"Master IA is already running on {data_dir}{where}")


class Instance:
    """The exclusive right to a data folder, held while the process lives."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def publish(self, info: InstanceInfo) -> None:
        """Write down where the service is; readable by the owner only, because the URLs carry passwords."""
        path = self.data_dir / INFO_NAME
        write_private(path, json.dumps(asdict(info)))


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@contextmanager
def hold_data_dir(data_dir: Path) -> Iterator[Instance]:
    """Hold the data folder alone, or raise AlreadyRunning. The kernel drops the lock when the holder dies."""
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(data_dir, _read(data_dir)) from error
        (data_dir / INFO_NAME).unlink(missing_ok=True)
        instance = Instance(data_dir)
        instance.publish(InstanceInfo(pid=os.getpid()))
        try:
            yield instance
        finally:
            (data_dir / INFO_NAME).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def running_instance(data_dir: Path) -> InstanceInfo | None:
    """Give the service that holds the folder now, if any."""
    path = data_dir / LOCK_NAME
    if not path.exists():
        return None
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(data_dir)
    else:
        return None
    finally:
        os.close(descriptor)


def _read(data_dir: Path) -> InstanceInfo | None:
    try:
        data = json.loads((data_dir / INFO_NAME).read_text("utf-8"))
        return InstanceInfo(**data)
    except (OSError, ValueError, TypeError):
        return None
