"""`master-ia run` as an operator sees it: real processes, real servers, real kills."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from server.running import is_healthy
from wiring.settings import Settings

WAIT_SECONDS = 90


class _Service:
    def __init__(self, folder: Path) -> None:
        unwanted = {name.upper() for name in Settings.model_fields}
        environment = {key: value for key, value in os.environ.items() if key.upper() not in unwanted}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", "run"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.seen: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip())

    def line_with(self, words: str) -> str:
        while True:
            try:
                line = self._lines.get(timeout=WAIT_SECONDS)
            except queue.Empty:
                pytest.fail(f"no line with {words!r} in:\n" + "\n".join(self.seen[-40:]))
            self.seen.append(line)
            if words in line:
                return line

    def addresses(self) -> tuple[str, str]:
        """Wait for the announcement and give the addresses of pages and api."""
        self.line_with("Master IA is running")
        pages, api = (re.search(r"http://[\w.:]+", self.line_with(name)) for name in ("  Pages", "  API"))
        assert pages
        assert api
        return pages[0], api[0]

    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, *words: str) -> psutil.Process:
        return next(process for process in self.tree() if process.cmdline()[-len(words) :] == list(words))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], _Service]]:
    started: list[_Service] = []

    def begin() -> _Service:
        started.append(_Service(tmp_path))
        return started[-1]

    yield begin
    for service in started:
        if service.process.poll() is None:
            service.process.terminate()
        service.process.wait(WAIT_SECONDS)


def _assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=WAIT_SECONDS)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def _wait_until_healthy(url: str) -> None:
    tick = threading.Event()
    for _ in range(WAIT_SECONDS * 5):
        if is_healthy(url):
            return
        tick.wait(0.2)
    pytest.fail(f"{url} did not come back")


def test_service_survives_kills_refuses_a_twin_keeps_its_data_and_stops_cleanly(
    start: Callable[[], _Service], tmp_path: Path
) -> None:
    service = start()
    pages_url, api_url = service.addresses()
    _wait_until_healthy(pages_url)
    _wait_until_healthy(api_url)

    twin = start()
    assert pages_url in twin.line_with("already running")
    assert twin.process.wait(WAIT_SECONDS) == 1

    service.child("serve", "api").kill()
    service.line_with("SIGKILL")
    _wait_until_healthy(api_url)
    service.child("clock").kill()
    service.line_with("SIGKILL")

    key = (tmp_path / ".data" / "encryption.key").read_text()
    tree = service.tree()
    service.process.kill()  # of the supervisor: nothing is left
    service.process.wait(WAIT_SECONDS)
    _assert_gone(tree)

    again = start()
    _, api_url = again.addresses()
    _wait_until_healthy(api_url)
    assert not any("migration" in line for line in again.seen)
    assert (tmp_path / ".data" / "encryption.key").read_text() == key

    tree = again.tree()
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(WAIT_SECONDS) == 0
    _assert_gone(tree)
