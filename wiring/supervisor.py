"""Keep a handful of processes alive under one roof: restart what ends, end everything when asked, leave no orphans."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

import psutil

from wiring.processes import ManagedProcess, adopt_orphans, end_orphans

RESTART_DELAYS_SECONDS = (1.0, 2.0, 5.0, 10.0)
_STABLE_SECONDS = 30.0
_MAX_STARTS_BEFORE_READY = 5
_LOOK_EVERY_SECONDS = 0.1
_MAX_LINE_BYTES = 64 * 1024

Write = Callable[[str], None]


class ChildNeverReady(RuntimeError):
    """Say that a process ended again and again before it ever answered."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} does not start; its last lines above say why")
        self.name = name


@dataclass(kw_only=True, slots=True)
class Child:
    """A process the supervisor keeps alive. `is_ready` tells when it first answers; without it, started is ready."""

    process: ManagedProcess
    is_ready: Callable[[], bool] | None = None
    is_foundation: bool = False  # a server the others work on: it is ended after them
    has_been_ready: bool = False
    starts: int = 0
    failures: int = 0
    started_at: float = 0.0
    restart_at: float | None = None
    pump: threading.Thread | None = None

    @property
    def name(self) -> str:
        return self.process.name


@dataclass(slots=True)
class StopRequest:
    """What a signal asked for. The first one asks politely, the next one insists."""

    asked: threading.Event = field(default_factory=threading.Event)
    insisted: threading.Event = field(default_factory=threading.Event)
    interrupt: bool = True  # while starting up, a signal breaks off what is being done

    def receive(self, _number: int, _frame: FrameType | None) -> None:
        """Handle SIGINT, SIGTERM or SIGHUP."""
        if self.asked.is_set():
            self.insisted.set()
        self.asked.set()
        if self.interrupt:
            raise KeyboardInterrupt


@contextmanager
def listen_for_stop() -> Iterator[StopRequest]:
    """Take SIGINT, SIGTERM and SIGHUP until the block ends. Main thread only."""
    request = StopRequest()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, request.receive) for number in numbers]
    try:
        yield request
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


class Supervisor:
    """Start the children, restart each that ends after 1, 2, 5, then every 10 s, and end them all together."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        write: Write,
        delays_seconds: Sequence[float] = RESTART_DELAYS_SECONDS,
    ) -> None:
        self._children = list(children)
        self._write = write
        self._delays = delays_seconds
        self._width = max((len(child.name) for child in self._children), default=0)
        self._announced = False
        self._not_ours: set[int] = set()  # children that this process had before it became a supervisor

    def run(self, stop: StopRequest, *, on_ready: Callable[[], None]) -> None:
        """Supervise until `stop` is asked for; call `on_ready` once when every child has answered.

        Call it from the main thread. Raises ChildNeverReady when a child cannot start at all.
        """
        stop.interrupt = False  # from here on the loop looks at the flag
        self._not_ours = {process.pid for process in psutil.Process().children()}
        adopt_orphans()
        try:
            for child in self._children:
                if not child.process.is_running():
                    self._start(child)
            while not stop.asked.wait(_LOOK_EVERY_SECONDS):
                self._look(on_ready)
        finally:
            self._stop_all(stop)

    def _look(self, on_ready: Callable[[], None]) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process.is_running():
                self._note_ready(child, now)
            elif child.restart_at is None:
                self._plan_restart(child, now)
            elif now >= child.restart_at:
                child.restart_at = None
                self._start(child)
        if not self._announced and all(child.has_been_ready for child in self._children):
            self._announced = True
            on_ready()

    def _note_ready(self, child: Child, now: float) -> None:
        if not child.has_been_ready and (child.is_ready is None or child.is_ready()):
            child.has_been_ready = True
        if child.failures and now - child.started_at >= _STABLE_SECONDS:
            child.failures = 0

    def _plan_restart(self, child: Child, now: float) -> None:
        if not child.has_been_ready and child.starts >= _MAX_STARTS_BEFORE_READY:
            raise ChildNeverReady(child.name)
        delay = self._delays[min(child.failures, len(self._delays) - 1)]
        child.failures += 1
        child.restart_at = now + delay
        self._say(child.name, f"ended ({_how_it_ended(child.process)}); starting again in {delay:g} s")

    def _start(self, child: Child) -> None:
        if child.process.process is not None:
            child.process.stop()  # what the dead one left in its process group
            self._end_orphans()
        child.process.start()
        child.starts += 1
        child.started_at = time.monotonic()
        if child.process.process and child.process.process.stdout:
            child.pump = threading.Thread(
                target=self._pump, args=(child.name, child.process.process.stdout), daemon=True
            )
            child.pump.start()

    def _pump(self, name: str, stdout: IO[bytes]) -> None:
        with stdout:  # closed here alone: closing it while another thread reads would wait for ever
            while line := stdout.readline(_MAX_LINE_BYTES):
                self._say(name, line.decode("utf-8", "replace").rstrip())

    def _say(self, name: str, text: str) -> None:
        self._write(f"{name:<{self._width}} | {text}")

    def _stop_all(self, stop: StopRequest) -> None:
        """End the children that work, then the servers they work on; each politely, then by force."""
        for is_foundation in (False, True):
            self._stop_group([child for child in self._children if child.is_foundation is is_foundation], stop)
        self._end_orphans()

    def _stop_group(self, children: Sequence[Child], stop: StopRequest) -> None:
        asked_at = time.monotonic()
        for child in children:
            child.process.ask_to_stop()
        for child in children:
            while child.process.is_running() and not stop.insisted.is_set():
                if time.monotonic() - asked_at >= child.process.grace_seconds:
                    break
                stop.insisted.wait(0.05)
            child.process.stop(by_force=True)

    def _end_orphans(self) -> None:
        ours = {child.process.pid for child in self._children if child.process.pid is not None}
        end_orphans(ours | self._not_ours)


def _how_it_ended(process: ManagedProcess) -> str:
    code = process.process.poll() if process.process else None
    if code is None:
        return "unknown"
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def write_line(text: str) -> None:
    """Write one whole line to the standard output; a reader that went away is no reason to stop."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        return
