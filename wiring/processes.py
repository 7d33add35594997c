"""Start and end operating-system processes that must not outlive the one that started them."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _dies_with_parent(death_signal: int) -> Callable[[], None] | None:
    """Give a hook for the child between fork and exec that ties its life to ours (Linux only).

    The kernel clears the setting on a change of user, so it has to run last; `subprocess` calls the hook there.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:  # the parent died before the call
            os._exit(1)

    return tie


@dataclass(kw_only=True, slots=True)
class ManagedProcess:
    """One long-lived child in its own process group. Start it from the main thread: the kernel watches that thread."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    user: pwd.struct_passwd | None = None
    cwd: Path | None = None
    log_path: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    grace_seconds: float = 10.0
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the process; its output goes to `log_path`, or to a pipe the caller reads."""
        log: IO[bytes] | None = self.log_path.open("ab") if self.log_path else None
        try:
            self.process = subprocess.Popen(  # noqa: S603 - argv is built by us, no shell
                list(self.argv),
                env=dict(self.env) if self.env is not None else None,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log or subprocess.PIPE,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=_dies_with_parent(self.death_signal),
                user=self.user.pw_uid if self.user else None,
                group=self.user.pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
            )
        finally:
            if log:
                log.close()

    @property
    def pid(self) -> int | None:
        """Say the process id while it runs."""
        return self.process.pid if self.is_running() and self.process else None

    def is_running(self) -> bool:
        """Say whether it has been started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the polite signal and return at once."""
        if self.process is not None and self.is_running():
            self.process.send_signal(self.stop_signal)

    def stop(self, *, by_force: bool = False) -> None:
        """End it politely, then by force, with everything it left in its process group."""
        if self.process is None:
            return
        descendants = _descendants(self.process.pid)
        if not by_force:
            self.ask_to_stop()
        try:
            self.process.wait(0 if by_force else self.grace_seconds)
        except subprocess.TimeoutExpired:
            kill_group(self.process.pid)
            self.process.wait()
        kill_group(self.process.pid)
        for child in descendants:  # a work horse of RQ sits in a group of its own
            _kill(child)


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()  # psutil compares the start time, so a reused pid is safe
    except psutil.Error:
        return


def kill_group(pid: int) -> None:
    """Kill every process of a group; an empty group is fine."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def adopt_orphans() -> None:
    """Make grandchildren whose parent died our own children, so that `end_orphans` finds them (Linux only)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_orphans(known: Collection[int]) -> int:
    """Kill every child of ours that is not in `known` and say how many: a work horse outlives its killed worker."""
    orphans = [process for process in psutil.Process().children() if process.pid not in known]
    for process in orphans:
        _kill(process)
    psutil.wait_procs(orphans, timeout=5)
    return len(orphans)


def leftovers(executable_name: str, folder: Path) -> list[psutil.Process]:
    """Find processes of that name that work inside `folder`: what an earlier run could not end."""
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != executable_name:
            continue
        try:
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def end_leftovers(executable_name: str, folder: Path, *, polite: signal.Signals, grace_seconds: float) -> int:
    """End what an earlier run left behind in `folder` and say how many processes that were."""
    found = leftovers(executable_name, folder)
    for process in found:
        try:
            process.send_signal(polite)
        except psutil.Error:
            continue
    _, alive = psutil.wait_procs(found, timeout=grace_seconds)
    for process in alive:
        _kill(process)
    psutil.wait_procs(alive, timeout=5)
    return len(found)
