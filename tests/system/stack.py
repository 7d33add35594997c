"""The whole service as real processes on loopback, with fake providers around it and a view of what it did."""

import asyncio
import base64
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, LiteralString

import certifi
import httpx
import psycopg
from psycopg.rows import dict_row

from domain.messages import Provider
from store.channel_accounts import AccountRow
from tests.factories import TEST_KEY, make_account, make_tenant, open_database
from tests.fakes.providers import (
    EVOLUTION_KEY,
    META_TOKEN,
    TWILIO_SID,
    TWILIO_TOKEN,
    FakeProviders,
    Json,
    run_fake_provider,
)
from tests.ports import free_port
from tests.system.launch import log_path, start_process

PROVIDERS = (Provider.META, Provider.EVOLUTION, Provider.TWILIO_SMS, Provider.TWILIO_WHATSAPP)
META_APP_SECRET = "segredo-do-app"
EVOLUTION_SECRET = "segredo-evolution"
EXTERNAL_IDS: Mapping[Provider, str] = {
    Provider.META: "301500000000001",
    Provider.EVOLUTION: "tr-telecom",
    Provider.TWILIO_SMS: "+5511400012340",
    Provider.TWILIO_WHATSAPP: "whatsapp:+551140001234",
}
PAY_SETTINGS: Mapping[str, object] = {
    "pix": {"key": "financeiro@trtelecom.example", "name": "TR TELECOM", "city": "SAO PAULO"},
    "boleto": {"bank": "341", "agreement": "1090000123"},
}
RECOVERY_SECONDS = 30.0  # issue 2, section 6: the customer is answered within 30 s of recovery
_START_SECONDS = 60.0
_POLL_SECONDS = 0.05


async def wait_for(what: str, condition: Callable[[], Awaitable[object]], *, seconds: float = RECOVERY_SECONDS) -> None:
    """Look until the condition holds; fail naming it when it has not held in time."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(_POLL_SECONDS)


class _View:
    """One connection for as long as an event loop runs: a test looks thousands of times, and to connect costs more than
    to look. Each statement is a transaction of its own."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: psycopg.AsyncConnection[dict[str, Any]] | None = None

    async def query(self, statement: LiteralString, parameters: Sequence[object]) -> list[dict[str, Any]]:
        """Run it; again when the server was started anew since the last time."""
        connection = await self._open()
        try:
            return await _fetched(connection, statement, parameters)
        except psycopg.OperationalError:
            if not connection.closed:
                raise
        return await _fetched(await self._open(), statement, parameters)

    async def _open(self) -> psycopg.AsyncConnection[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self.close()
            self._loop, self._connecting = loop, asyncio.Lock()
        async with self._connecting:
            if self._connection is None or self._connection.closed:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._database_url, row_factory=dict_row, autocommit=True
                )
            return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.pgconn.finish()  # its own `close` waits in the loop in which it was opened
            self._connection = None


async def _fetched(
    connection: psycopg.AsyncConnection[dict[str, Any]], statement: LiteralString, parameters: Sequence[object]
) -> list[dict[str, Any]]:
    async with connection.cursor() as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


@dataclass(kw_only=True)
class Stack:
    """Processes of one service on one database, and the providers it talks to."""

    database_url: str
    folder: Path
    fakes: FakeProviders
    redis_url: str
    environment: dict[str, str] = field(default_factory=dict)
    ports: list[int] = field(default_factory=lambda: [free_port(), free_port()])
    processes: dict[str, ForkServerProcess] = field(default_factory=dict)
    accounts: dict[Provider, AccountRow] = field(default_factory=dict)
    _view: "_View | None" = field(init=False, default=None)

    # --- what it is made of

    async def create_tenant(self, slug: str = "tr-telecom") -> None:
        """Insert a tenant with an account at each provider; they become the stack's own."""
        async with open_database(self.database_url) as database:
            tenant_id = await make_tenant(database, slug, **PAY_SETTINGS)
            for provider in PROVIDERS:
                self.accounts[provider] = await make_account(
                    database, tenant_id, provider=provider, external_id=EXTERNAL_IDS[provider],
                    secrets=secrets_of(provider), settings={"base_url": self.fakes.url},
                )  # fmt: skip

    async def query(self, statement: LiteralString, *parameters: object) -> list[dict[str, Any]]:
        """Read the database past all row-level security."""
        if self._view is None:
            self._view = _View(self.database_url)
        return await self._view.query(statement, parameters)

    @property
    def ledger(self) -> list[Json]:
        return self.fakes.ledger

    # --- its processes

    def base_url(self, slot: int = 0) -> str:
        return f"http://127.0.0.1:{self.ports[slot]}"

    def process_environment(self, **changes: str) -> dict[str, str]:
        """Give the environment of one of its processes."""
        keys = ",".join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in TEST_KEY.items())
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "SSL_CERT_FILE": certifi.where(),  # in tests a single authority: to load all costs more than a start
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "DATA_DIR": str(self.folder / "data"),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "ENCRYPTION_KEYS": keys,
            "PUBLIC_BASE_URL": self.base_url(),
            "META_GRAPH_URL": self.fakes.url,
            "TWILIO_API_URL": self.fakes.url,
            "QUIET_COMPLETE_SECONDS": "0.2",
            "QUIET_BROKEN_SECONDS": "0.4",
            "QUIET_CAP_SECONDS": "1.0",
            "LEASE_SECONDS": "5",
            "LOG_FORMAT": "json",
            **self.environment,
            **changes,
        }

    def start_api(self, slot: int = 0, **changes: str) -> None:
        """Start an api; `FAILPOINT=...` arms it, other names change its settings."""
        self._start(f"api{slot}", ("serve", "api"), {"API_PORT": str(self.ports[slot]), **changes}, f"api{slot}")

    def start_worker(self) -> None:
        self._start("worker", ("worker",), {}, "worker")

    def start_clock(self) -> None:
        self._start("clock", ("clock",), {}, "clock")

    def _start(self, name: str, arguments: Sequence[str], changes: Mapping[str, str], subfolder: str) -> None:
        folder = self.folder / subfolder
        folder.mkdir(parents=True, exist_ok=True)
        self.processes[name] = start_process(arguments, self.process_environment(**changes), folder)

    async def start(self, slot: int = 0, **changes: str) -> None:
        """Start an api and wait until it works."""
        self.start_api(slot, **changes)
        await self.until_healthy(slot)

    async def until_healthy(self, slot: int = 0) -> None:
        async with httpx.AsyncClient(verify=False) as http:

            async def is_healthy() -> bool:
                if not self.is_alive(slot):
                    raise AssertionError(f"the api ended with {self.exit_code(slot)}:\n{self.logs()[-3000:]}")
                try:
                    return (await http.get(self.base_url(slot) + "/health", timeout=2)).status_code == 200
                except httpx.TransportError:
                    return False

            await wait_for("the api is healthy", is_healthy, seconds=_START_SECONDS)

    def is_alive(self, slot: int = 0) -> bool:
        return self.processes[f"api{slot}"].is_alive()

    def exit_code(self, slot: int = 0) -> int | None:
        return self.processes[f"api{slot}"].exitcode

    async def until_killed(self, slot: int = 0, *, seconds: float = RECOVERY_SECONDS) -> None:
        """Wait until the armed api has killed itself, by SIGKILL and nothing milder."""

        async def is_dead() -> bool:
            return not self.is_alive(slot)

        await wait_for("the api dies at its failpoint", is_dead, seconds=seconds)
        assert self.exit_code(slot) == -signal.SIGKILL

    async def kill(self, name: str = "api0") -> None:
        """End a process by kill -9 and reap it."""
        process = self.processes[name]
        process.kill()

        async def is_dead() -> bool:
            return not process.is_alive()

        await wait_for(f"{name} is dead", is_dead)

    def pause(self, slot: int = 0) -> None:
        """Stop an api where it is, as a machine that hangs would; `resume` lets it go on."""
        self._signal(slot, signal.SIGSTOP)

    def resume(self, slot: int = 0) -> None:
        self._signal(slot, signal.SIGCONT)

    def _signal(self, slot: int, number: signal.Signals) -> None:
        pid = self.processes[f"api{slot}"].pid
        assert pid is not None
        os.kill(pid, number)

    async def restart(self, slot: int = 0, **changes: str) -> None:
        """Kill -9 an api and start a fresh one in its place."""
        await self.kill(f"api{slot}")
        await self.start(slot, **changes)

    def stop(self) -> None:
        """End everything that still runs."""
        for process in self.processes.values():
            if process.is_alive():
                process.kill()
            process.join(10)
            process.close()
        self.processes.clear()
        if self._view is not None:
            self._view.close()

    def logs(self) -> str:
        """Give what the processes have written, for the message of a failed test."""
        paths = sorted(self.folder.glob("*/*.log"))
        return "\n".join(path.read_text("utf-8", "replace") for path in paths)

    def log_of(self, slot: int = 0) -> str:
        path = log_path(self.folder / f"api{slot}", ("serve", "api"))
        return path.read_text("utf-8", "replace")


def secrets_of(provider: Provider) -> dict[str, str]:
    match provider:
        case Provider.META:
            return {"app_secret": META_APP_SECRET, "verify_token": "verifica", "access_token": META_TOKEN}
        case Provider.EVOLUTION:
            return {"webhook_secret": EVOLUTION_SECRET, "api_key": EVOLUTION_KEY}
        case _:
            return {"account_sid": TWILIO_SID, "auth_token": TWILIO_TOKEN}


@contextmanager
def open_stack(
    database_url: str, folder: Path, *, redis_url: str, environment: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Give a stack without any process yet; end all its processes afterwards."""
    with run_fake_provider() as fakes:
        folder.mkdir(parents=True, exist_ok=True)
        stack = Stack(
            database_url=database_url,
            folder=folder,
            fakes=fakes,
            redis_url=redis_url,
            environment=dict(environment or {}),
        )
        try:
            yield stack
        finally:
            stack.stop()


@asynccontextmanager
async def running_stack(
    database_url: str, folder: Path, *, redis_url: str, apis: int = 1, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Stack]:
    """Give a stack with a tenant and running apis."""
    with open_stack(database_url, folder, redis_url=redis_url, environment=environment) as stack:
        await stack.create_tenant()
        for slot in range(apis):
            stack.start_api(slot)
        for slot in range(apis):
            await stack.until_healthy(slot)
        yield stack
