"""What `pytest evals` sets before anything reads it: nothing of a talk leaves this machine.

LangSmith's marker looks at the environment once. Without LANGSMITH_TEST_TRACKING=true and a key it records nothing, and
a connection beyond loopback fails the test that it happens in. With both it sends what broke, masked; the talks
themselves are never traced.
"""

import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

_IS_TRACKED: Final = bool(
    os.environ.get("LANGSMITH_API_KEY") and os.environ.get("LANGSMITH_TEST_TRACKING", "").lower() == "true"
)
os.environ["LANGSMITH_TEST_TRACKING"] = "true" if _IS_TRACKED else "false"
for _name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2"):
    os.environ[_name] = "false"

KNOWN: Final = "known failure"
_reached: list[str] = []


class OutsideConnection(OSError):
    """Something tried to leave this machine."""


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if not isinstance(host, str) or host in {"", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    match event, arguments:
        case ("socket.connect" | "socket.sendto" | "socket.sendmsg", (_, (host, *_))):
            pass
        case ("socket.getaddrinfo" | "socket.gethostbyname", (host, *_)):
            pass
        case _:
            return
    if not _is_local(host):
        _reached.append(str(host))  # whoever swallows the error does not hide it
        raise OutsideConnection(f"{event}: {host!r} is not this machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let files of one's own take the place of the suites."""
    parser.addoption(
        "--eval-scenarios", action="append", type=Path, default=[], metavar="FILE",
        help="Talk these scenarios (YAML or JSONL) instead of the suites; repeatable.",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Watch every socket, from the first fixture to the end; an audit hook cannot be taken away again."""
    config.addinivalue_line("markers", "langsmith: tracked in LangSmith, when it is switched on")
    if not _IS_TRACKED:
        sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def _nothing_outside() -> Iterator[None]:
    """Fail the test in which something tried to leave this machine."""
    yield
    hosts, _reached[:] = list(_reached), []
    if hosts:
        pytest.fail(f"tried to reach {', '.join(sorted(set(hosts)))}", pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what is known to fail, with its reason: it passed nothing, it only surprised nobody."""
    known = [
        (report.nodeid.rpartition("[")[2].rstrip("]"), value)
        for report in terminalreporter.getreports("passed") if report.when == "call"
        for name, value in report.user_properties if name == KNOWN
    ]  # fmt: skip
    if known:
        terminalreporter.section(f"{len(known)} known failures")
    for scenario_id, reason in known:
        terminalreporter.write_line(f"{scenario_id}: {reason}")
