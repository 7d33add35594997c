"""Workers in processes of their own, each of which may be killed at any instant and is replaced at once."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random

from tests.system.launch import start_function
from tests.system.shared_clock import SharedClock
from wiring.deps import Deps, open_deps
from wiring.logging import configure_logging
from wiring.settings import load_settings

Drain = Callable[[Deps], Awaitable[int]]
_IDLE_SECONDS = 0.15


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a worker does: drains of its own, in turn, for ever. Each is a function of a module, named when sent."""

    drains: tuple[Drain, ...]
    clock: SharedClock | None = None


@dataclass(kw_only=True)
class ForkedWorkers:
    """One process for each work. Killing one starts another in its place, which does the same work."""

    works: Sequence[Work]
    environment: Mapping[str, str]
    folder: Path
    kill_count: int = 0
    processes: list[ForkServerProcess] = field(default_factory=list)

    def start(self) -> None:
        """Start the workers; each reads the environment given and no other."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.processes += [self._start(slot) for slot in range(len(self.works))]

    def kill_random(self, random: Random) -> int:
        """End one worker by kill -9, wherever it is, and start another in its place; give the dead one's pid."""
        return self.kill(random.randrange(len(self.works)))

    def kill(self, slot: int) -> int:
        """End this worker by kill -9 and start another in its place; give the dead one's pid."""
        self._raise_if_ended(slot)
        process = self.processes[slot]
        process.kill()
        self.processes[slot] = self._start(slot)
        process.join()
        pid = process.pid
        assert pid is not None
        process.close()
        self.kill_count += 1
        return pid

    def check(self) -> None:
        """Raise, with the end of its log, when a worker has ended by itself."""
        for slot in range(len(self.processes)):
            self._raise_if_ended(slot)

    def stop(self) -> None:
        """End all workers and reap them."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.join()
            process.close()
        self.processes.clear()

    def log_of(self, slot: int) -> str:
        path = self._log_path(slot)
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def _log_path(self, slot: int) -> Path:
        return self.folder / f"worker{slot}.log"

    def _start(self, slot: int) -> ForkServerProcess:
        return start_function(run_worker, (self.works[slot],), self.environment, self._log_path(slot))

    def _raise_if_ended(self, slot: int) -> None:
        exit_code = self.processes[slot].exitcode
        if exit_code is not None:
            raise AssertionError(f"worker {slot} ended with {exit_code}:\n{self.log_of(slot)[-4000:]}")


def run_worker(work: Work) -> None:
    """Do the work until killed: a loop and a `Deps` of this process's own, as a worker process has."""
    settings = load_settings(env_file=None)
    configure_logging(settings, process="worker", stream=sys.stderr)
    asyncio.run(_drain_for_ever(work))


async def _drain_for_ever(work: Work) -> None:
    async with open_deps(load_settings(env_file=None), clock=work.clock) as deps:
        while True:
            handled = 0
            for drain in work.drains:
                handled += await drain(deps)
            if not handled:
                await asyncio.sleep(_IDLE_SECONDS)
