"""Real processes, really killed."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from wiring.embedded import start_embedded
from wiring.instance import running_instance
from wiring.processes import ManagedProcess
from wiring.supervisor import Child, ChildNeverReady, StopRequest, Supervisor

WAIT_SECONDS = 90
# A child that reports itself, starts a grandchild in a session of its own (as RQ's work horse does), and stays.
CHILD = """
import os, signal, subprocess, sys, threading
other = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
print(f"up {os.getpid()} {other.pid}", flush=True)
signal.pause()
"""
STUBBORN = """
import signal, os
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(f"up {os.getpid()} 0", flush=True)
while True:
    signal.pause()
"""
ENDS = "import sys; print('no database', flush=True); sys.exit(3)"
# The supervisor in a process of its own, which a test may kill.
ROOT = """
import json, sys
from pathlib import Path
from wiring.embedded import start_embedded
from wiring.processes import ManagedProcess
from wiring.supervisor import Child, Supervisor, listen_for_stop, write_line
code, data_dir = sys.argv[1], Path(sys.argv[2])
with listen_for_stop() as stop, start_embedded(data_dir) as services:
    children = [Child(process=s.process, is_ready=s.is_ready, is_foundation=True) for s in services.servers]
    children.append(Child(process=ManagedProcess(name="api", argv=[sys.executable, "-c", code], grace_seconds=1)))
    pids = lambda: print("ready " + json.dumps([child.process.pid for child in children]), flush=True)
    Supervisor(children, write=write_line, delays_seconds=(0.1,)).run(stop, on_ready=pids)
print("stopped", flush=True)
"""


class _Running:
    """A supervisor on a thread-fed queue of its lines."""

    def __init__(self, code: str, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", ROOT, code, str(data_dir)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def line_with(self, word: str) -> str:
        while True:
            line = self.lines.get(timeout=WAIT_SECONDS)
            if word in line:
                return line

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(WAIT_SECONDS)
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[[str], _Running]]:
    started: list[_Running] = []

    def start(code: str) -> _Running:
        started.append(_Running(code, tmp_path))
        return started[-1]

    yield start
    for running in started:
        running.end()


def _wait_until_gone(pids: list[int]) -> None:
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(processes, timeout=WAIT_SECONDS)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def _pids_in(line: str) -> list[int]:
    return [int(word) for word in line.split()[-2:] if word != "0"]


def test_killed_child_is_started_again_and_its_work_horse_ended(supervise: Callable[[str], _Running]) -> None:
    running = supervise(CHILD)
    child, horse = _pids_in(running.line_with("| up"))

    os.kill(child, signal.SIGKILL)

    assert "SIGKILL" in running.line_with("starting again")
    again, _ = _pids_in(running.line_with("| up"))
    assert again != child
    _wait_until_gone([child, horse])


def test_killed_postgres_and_redis_are_started_again(supervise: Callable[[str], _Running]) -> None:
    running = supervise(CHILD)
    postgres, redis, _ = json.loads(running.line_with("ready ").removeprefix("ready "))

    os.kill(postgres, signal.SIGKILL)
    assert "postgres" in running.line_with("starting again")
    os.kill(redis, signal.SIGKILL)
    assert "redis" in running.line_with("starting again")

    assert running.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_everything_in_order(supervise: Callable[[str], _Running], number: signal.Signals) -> None:
    running = supervise(CHILD)
    pids = _pids_in(running.line_with("| up"))
    pids += json.loads(running.line_with("ready ").removeprefix("ready "))

    running.process.send_signal(number)

    running.line_with("stopped")
    assert running.process.wait(WAIT_SECONDS) == 0
    _wait_until_gone(pids)


def test_stubborn_child_is_ended_by_force(supervise: Callable[[str], _Running]) -> None:
    running = supervise(STUBBORN)
    pids = _pids_in(running.line_with("| up"))
    running.line_with("ready ")

    running.process.terminate()

    running.line_with("stopped")
    _wait_until_gone(pids)


def test_kill_of_the_supervisor_leaves_no_orphan_and_the_next_start_works(
    supervise: Callable[[str], _Running], tmp_path: Path
) -> None:
    running = supervise(STUBBORN)
    pids = _pids_in(running.line_with("| up"))
    pids += json.loads(running.line_with("ready ").removeprefix("ready "))

    running.process.kill()
    running.process.wait(WAIT_SECONDS)

    _wait_until_gone(pids)
    assert running_instance(tmp_path) is None
    again = supervise(STUBBORN)
    again.line_with("ready ")


def test_second_start_says_that_one_is_running(supervise: Callable[[str], _Running], tmp_path: Path) -> None:
    supervise(STUBBORN).line_with("ready ")

    second = supervise(STUBBORN)

    assert str(tmp_path) in second.line_with("already running")
    assert second.process.wait(WAIT_SECONDS) != 0


def test_child_that_never_starts_is_given_up_with_its_words(tmp_path: Path) -> None:
    lines: list[str] = []
    child = Child(process=ManagedProcess(name="api", argv=[sys.executable, "-c", ENDS]), is_ready=lambda: False)
    supervisor = Supervisor([child], write=lines.append, delays_seconds=(0,))

    with pytest.raises(ChildNeverReady, match="api does not start"):
        supervisor.run(StopRequest(), on_ready=lambda: lines.append("never"))

    assert "api | no database" in lines
    assert any("exit code 3" in line for line in lines)
    assert "never" not in lines


def test_delays_grow_and_stay_at_the_last(tmp_path: Path) -> None:
    lines: list[str] = []
    stop = StopRequest(interrupt=False)
    marker = tmp_path / "starts"
    code = f"open({str(marker)!r}, 'a').write('x')"
    child = Child(process=ManagedProcess(name="w", argv=[sys.executable, "-c", code]))

    def write(line: str) -> None:
        lines.append(line)
        if len(lines) == 4:
            stop.asked.set()

    Supervisor([child], write=write, delays_seconds=(0.01, 0.02, 0.03)).run(stop, on_ready=lambda: None)

    assert [line.split("again in ")[1] for line in lines] == ["0.01 s", "0.02 s", "0.03 s", "0.03 s"]


def test_embedded_servers_die_with_a_killed_owner_even_without_a_supervisor(tmp_path: Path) -> None:
    code = (
        "import sys, json; from pathlib import Path; from wiring.embedded import start_embedded\n"
        "with start_embedded(Path(sys.argv[1])) as s:\n"
        "    print(json.dumps([x.process.pid for x in s.servers]), flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout
        pids = json.loads(owner.stdout.readline())
        owner.kill()
    _wait_until_gone(pids)

    with start_embedded(tmp_path) as services:
        assert all(server.is_ready() for server in services.servers)


def test_supervisor_spares_what_was_started_before_it() -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    child = Child(process=ManagedProcess(name="api", argv=[sys.executable, "-c", ENDS]), is_ready=lambda: False)
    try:
        with pytest.raises(ChildNeverReady):
            Supervisor([child], write=lambda line: None, delays_seconds=(0,)).run(StopRequest(), on_ready=lambda: None)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
