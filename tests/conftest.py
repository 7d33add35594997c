"""What every test may ask for: real PostgreSQL and Redis, a clock to move, and a guard against the outside world."""

import asyncio
import ipaddress
import logging
import os
import socket
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import certifi
import pytest
import redis as redis_client
import structlog
from hypothesis import HealthCheck, settings

from tests.databases import Library, execute, with_database
from tests.fakes_clock import FakeClock
from wiring.embedded import FAST_SETTINGS, start_embedded

pytest_plugins = ["tests.fakes.fixtures", "tests.chromium"]

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# A worker that is left alone with one of these at the end makes everybody wait; so they come first, in this order.
_SLOWEST_FIRST = (
    "tests/system/test_campaign_races.py",
    "tests/system/test_campaign_faults.py",
    "tests/system/test_thirty_days.py",
    "tests/server/test_run_service.py",
    "tests/system/test_crash_table.py",
    "tests/system/test_call_faults.py",
    "tests/evals/test_sabotage.py",
    "tests/system/",
    "tests/evals/",
    "tests/server/",
    "tests/pages/",
    "tests/graphs/",
    "tests/services/",
    "tests/jobs/",
    "tests/wiring/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slowest files, and run what looks at a browser in the loop where that is.

    That each file stays with one worker says the Makefile (--dist=loadfile).
    """

    def place(item: pytest.Item) -> int:
        starts = (at for at, start in enumerate(_SLOWEST_FIRST) if item.nodeid.startswith(start))
        return next(starts, len(_SLOWEST_FIRST))

    items.sort(key=place)
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)  # the browser's loop


class OutsideConnection(AssertionError):
    """A test tried to leave this machine."""


def _is_local(host: object) -> bool:
    if not isinstance(host, str) or host in {"", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(autouse=True)
def _no_outside_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse any connection or name look-up beyond loopback and unix sockets."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(host: object) -> None:
        if isinstance(host, bytes):
            host = host.decode()
        if not _is_local(host):
            raise OutsideConnection(f"a test tried to reach {host!r}")

    def check_address(address: Any) -> None:
        if isinstance(address, tuple):
            check(address[0])

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check_address(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check_address(address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


@pytest.fixture(scope="session", autouse=True)
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let HTTP clients trust a single authority: to load all of them takes longer than most tests, and no connection
    leaves this machine."""
    first, end, _ = Path(certifi.where()).read_text("utf-8").partition("-----END CERTIFICATE-----")
    path = tmp_path_factory.mktemp("trust") / "authority.pem"
    path.write_text(first + end, "utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(path))  # for the processes that tests start, too
        patched.setattr(certifi, "where", lambda: str(path))
        yield


# As structlog is by itself, but for its tracebacks: with the values of every frame one takes a second to write.
_PROCESSORS = [
    *structlog.get_config()["processors"][:-1],
    structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
]
structlog.configure(processors=_PROCESSORS)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo what a test configured: the next one finds the logs as pytest set them up."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook)
    yield
    if structlog.get_config()["processors"] is not _PROCESSORS:
        root.handlers[:], level, sys.excepthook, threading.excepthook = before
        root.setLevel(level)
        logging.captureWarnings(False)
        structlog.reset_defaults()
        structlog.configure(processors=_PROCESSORS)
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that only the test moves."""
    return FakeClock()


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Give a folder outside pytest's own: each new pytest session closes that one to other users, and as root
    PostgreSQL works as another user."""
    with tempfile.TemporaryDirectory(prefix="master-ia-tests-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Give a PostgreSQL of this session's own, or the one named by TEST_DATABASE_URL (a superuser on it)."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with _own_folder() as folder, start_embedded(folder, redis=False, postgres_settings=FAST_SETTINGS) as services:
        assert services.database_url
        yield services.database_url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Give a real Redis of this session's own, shared by its tests."""
    with _own_folder() as folder, start_embedded(folder, postgres=False) as services:
        assert services.redis_url
        yield services.redis_url


@pytest.fixture
def clean_redis_url(redis_url: str) -> str:
    """Give the session's Redis, emptied."""
    with redis_client.Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> Iterator[str]:
    """Give the name of a migrated database that tests copy. Nobody may stay connected to it."""
    from store.migrate import migrate

    name = f"template_{uuid.uuid4().hex[:12]}"
    execute(postgres_url, "CREATE DATABASE {name}", name=name)
    try:
        migrate(with_database(postgres_url, name))
        yield name
    finally:
        execute(postgres_url, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)


@contextmanager
def _copies(server_url: str, template: str) -> Iterator[Library]:
    library = Library(server_url=server_url, template=template)
    try:
        yield library
    finally:
        library.close()


@contextmanager
def _borrowed(library: Library) -> Iterator[str]:
    name = library.borrow()
    try:
        yield with_database(library.server_url, name)
    finally:
        library.give_back(name)


@pytest.fixture(scope="session")
def _databases(postgres_url: str, template_database: str) -> Iterator[Library]:
    with _copies(postgres_url, template_database) as library:
        yield library


@pytest.fixture
def database_url(_databases: Library) -> Iterator[str]:
    """Give a migrated, empty database that is this test's alone."""
    with _borrowed(_databases) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(_databases: Library) -> Iterator[str]:
    """Give a migrated, empty database to the tests of one file, for a server that they share."""
    with _borrowed(_databases) as url:
        yield url


@pytest.fixture(scope="session")
def demo_template_database(postgres_url: str, template_database: str) -> Iterator[str]:
    """Give the name of a migrated database with the demo tenant, as it is at the fake clock's beginning."""
    from tests.graphs.demo_rig import open_demo

    name = f"demo_{uuid.uuid4().hex[:12]}"

    async def seed() -> None:
        async with open_demo(with_database(postgres_url, name)):
            pass

    execute(postgres_url, "CREATE DATABASE {name} TEMPLATE {template}", name=name, template=template_database)
    try:
        asyncio.run(seed())
        yield name
    finally:
        execute(postgres_url, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)


@pytest.fixture(scope="session")
def _demo_databases(postgres_url: str, demo_template_database: str) -> Iterator[Library]:
    with _copies(postgres_url, demo_template_database) as library:
        yield library


@pytest.fixture
def demo_database_url(_demo_databases: Library) -> Iterator[str]:
    """Give a database with the demo tenant that is this test's alone (tests/graphs/demo_rig.py opens it)."""
    with _borrowed(_demo_databases) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """Give a database without any table, for tests of the migrations themselves."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    execute(postgres_url, "CREATE DATABASE {name}", name=name)
    try:
        yield with_database(postgres_url, name)
    finally:
        execute(postgres_url, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)
