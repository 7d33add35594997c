"""A real api and a real pages process on loopback, over a database and a Redis of the test session."""

import asyncio
import base64
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg import sql
from pydantic import SecretStr

from services.demo import DemoSummary, seed_demo
from tests.ports import free_port
from tests.system.launch import log_path, start_process
from wiring.deps import open_deps
from wiring.settings import Settings

ROOT = Path(__file__).parents[2]
_START_SECONDS = 60
_NAMES = ("api", "pages")
_KEYS = f"test:{base64.b64encode(b'k' * 32).decode()}"


@dataclass(kw_only=True)
class Service:
    """The two processes; each can be stopped and started again on its port."""

    database_url: str
    redis_url: str
    folder: Path
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in _NAMES})
    _running: dict[str, ForkServerProcess] = field(default_factory=dict)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url, "ENCRYPTION_KEYS": _KEYS, "PUBLIC_BASE_URL": self.url("api"),
            "API_PORT": str(self.ports["api"]), "PAGES_PORT": str(self.ports["pages"]),
            "PAGES_STORAGE_SECRET": "only-for-tests", "DATA_DIR": str(self.folder / "data"), "LOG_LEVEL": "WARNING",
            "QUIET_COMPLETE_SECONDS": "0.6", "QUIET_BROKEN_SECONDS": "1", "QUIET_CAP_SECONDS": "5",
        }  # fmt: skip

    def settings(self) -> Settings:
        return Settings(  # type: ignore[call-arg]
            _env_file=None, database_url=SecretStr(self.database_url), redis_url=SecretStr(self.redis_url),
            encryption_keys=SecretStr(_KEYS), public_base_url=self.url("api"), data_dir=self.folder / "data",
        )  # fmt: skip

    async def seed(self) -> DemoSummary:
        """Load the demo tenant."""
        async with open_deps(self.settings()) as deps:
            return await seed_demo(deps.database, deps.knowledge, deps.cipher, now=deps.clock.now())

    def start(self, *names: str) -> None:
        """Start processes and wait until each is healthy."""
        for name in names:
            self._running[name] = start_process(("serve", name), self.environment(), self.folder)
        for name in names:
            self._wait_until_healthy(name)

    def _wait_until_healthy(self, name: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if not self._running[name].is_alive():
                break
            try:
                if httpx.get(f"{self.url(name)}/health", timeout=2, trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError(f"{name} did not become healthy:\n{self.log(name)}")

    def log(self, name: str) -> str:
        return log_path(self.folder, ("serve", name)).read_text("utf-8", errors="replace")

    def stop(self, name: str) -> None:
        """End a process and wait for it."""
        process = self._running.pop(name, None)
        if process is None:
            return
        process.terminate()
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join(10)

    def stop_all(self) -> None:
        for name in list(self._running):
            self.stop(name)


@contextmanager
def running_service(
    postgres_url: str, template_database: str, *, redis_url: str, folder: Path, names: Sequence[str]
) -> Iterator[Service]:
    """Run processes over a database of their own, with the demo tenant in it, and drop it afterwards."""
    name = f"pages_{uuid.uuid4().hex[:12]}"
    url = urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template_database))
        )
    service = Service(database_url=url, redis_url=redis_url, folder=folder)
    try:
        asyncio.run(service.seed())
        service.start(*names)
        yield service
    finally:
        service.stop_all()
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
