"""P4: campaign contacts with every check, a CRM and a provider that take 50 ms each, two worker processes."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import LiteralString
from uuid import UUID

import httpx
import psycopg

from bench.contact_worker import BARE_TABLE, AheadClock
from bench.debtors import make_campaign, open_instant, put_debtors
from bench.figures import Figure, per_second
from bench.ground import BenchBroken, Ground, make_account
from domain.campaigns import CampaignStatus, Method
from domain.messages import Provider
from wiring.clock import SystemClock
from wiring.deps import open_deps
from wiring.settings import Settings

WORKERS = 2
DELAY_SECONDS = 0.05
_PHONE_NUMBER_ID = "301500000000001"
_PATIENCE_SECONDS = 120.0
_WARM_UP = 300
_BARE_FIRST = 5_000_000  # phones of their own, so that nobody is written to twice in the whole run
# What the contacts must have left behind, each debtor once.
_MADE: LiteralString = """
    SELECT count(*) AS targets,
        (SELECT count(*) FROM messages WHERE status = 'sent' AND provider_message_id IS NOT NULL) AS messages,
        (SELECT count(*) FROM contact_decisions WHERE verdict = 'contact' AND voided_at IS NULL) AS decisions
    FROM targets WHERE state = 'contacted' AND outcome = 'sent' AND attempt_count = 1
"""


class Child:
    """A process that works when it is told to and says when it is done; it ends when we do."""

    def __init__(self, process: asyncio.subprocess.Process, log_path: Path) -> None:
        self._process = process
        self._log_path = log_path

    async def say(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - made with a pipe
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def hear(self) -> str:
        """Give its next line."""
        assert self._process.stdout is not None  # noqa: S101 - made with a pipe
        async with asyncio.timeout(_PATIENCE_SECONDS):
            line = await self._process.stdout.readline()
        if not line:
            text = await asyncio.to_thread(self._log_path.read_text, "utf-8", "replace")
            raise BenchBroken(f"a process of the bench ended:\n{text[-2000:]}")
        return line.decode().strip()


@asynccontextmanager
async def child(folder: Path, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Child]:
    """Run a module of ours until the block ends."""
    log_path = folder / f"{name}.log"
    with log_path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments, env=env, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    try:
        yield Child(process, log_path)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Round:
    """Contacts a second, and what each took of the workers' processors: the part that other load does not change."""

    rate: float
    processor_seconds: float

    def __str__(self) -> str:
        return f"{per_second(self.rate)}, {self.processor_seconds * 1000:.1f} ms CPU"


class _Contacts:
    """Two workers of ours and two bare ones over the same outside world."""

    def __init__(
        self, *, database_url: str, tenant_id: UUID, campaign_id: UUID, clock: AheadClock, outside_url: str,
        ours: Sequence[Child], bare: Sequence[Child],
    ) -> None:  # fmt: skip
        self._database_url = database_url
        self._tenant_id = tenant_id
        self._campaign_id = campaign_id
        self._clock = clock
        self._outside_url = outside_url
        self._ours = ours
        self._bare = bare
        self._made = 0
        self._made_bare = 0

    async def ours(self, count: int) -> _Round:
        """Let our workers contact so many more debtors."""
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            put_debtors(
                connection, tenant_id=self._tenant_id, campaign_id=self._campaign_id, first=self._made, rows=count,
                state="scheduled", method=Method.WHATSAPP, due_at=self._clock.now(),
            )  # fmt: skip
            connection.execute("ANALYZE targets")
            connection.execute("CHECKPOINT")
        done = await self._run(self._ours, ["go"] * len(self._ours), count)
        self._made += count
        await self._check()
        return done

    async def bare(self, count: int) -> _Round:
        """Let the bare workers make as many contacts."""
        first, share = _BARE_FIRST + self._made_bare, count // len(self._bare)
        lines = [f"{first + place * share} {share}" for place in range(len(self._bare))]
        done = await self._run(self._bare, lines, count)
        self._made_bare += count
        await self._check()
        return done

    async def _run(self, workers: Sequence[Child], lines: Sequence[str], count: int) -> _Round:
        started = time.perf_counter()
        for worker, line in zip(workers, lines, strict=True):
            await worker.say(line)
        # What a worker has looked at: what was let go of and taken again counts twice, so its count is not ours.
        spent = [float((await worker.hear()).split()[1]) for worker in workers]
        return _Round(rate=count / (time.perf_counter() - started), processor_seconds=sum(spent) / count)

    async def _check(self) -> None:
        """Look that every debtor was contacted, once, and that the tables say so."""
        async with httpx.AsyncClient(trust_env=False) as http:
            counts = (await http.get(self._outside_url)).json()
        both = self._made + self._made_bare
        if counts != {"asked": both, "sent": both, "phones": both}:
            raise BenchBroken(f"{both} debtors were to be contacted once, but: {counts}")
        with psycopg.connect(self._database_url) as connection:
            row = connection.execute(_MADE).fetchone()
        if row != (self._made,) * 3:
            raise BenchBroken(f"{self._made} contacts left other rows behind: {row}")


@asynccontextmanager
async def _open_contacts(ground: Ground) -> AsyncIterator[_Contacts]:
    database_url = ground.new_database("bench_campaigns")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(BARE_TABLE)
    ahead = open_instant(now := SystemClock().now()) - now
    clock = AheadClock(ahead)
    async with open_deps(ground.settings(database_url), clock=clock) as deps:
        account = await make_account(deps, Provider.META, external_id=_PHONE_NUMBER_ID)
        campaign_id = await make_campaign(deps, account, status=CampaignStatus.ACTIVE, methods=[Method.WHATSAPP])
    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(
            child(ground.folder, "outside", "bench.outside", "--delay-seconds", str(DELAY_SECONDS))
        )
        url = f"http://127.0.0.1:{await outside.hear()}"
        settings: Settings = ground.settings(database_url, crm_api_url=url, crm_api_key="bench", meta_graph_url=url)
        workers: dict[str, list[Child]] = {"ours": [], "bare": []}
        for kind, children in workers.items():
            for place in range(WORKERS):
                arguments = ("bench.contact_worker", kind, "--ahead-seconds", str(ahead / timedelta(seconds=1)))
                worker = await stack.enter_async_context(
                    child(ground.folder, f"{kind}-{place}", *arguments, env=settings.child_environment())
                )
                children.append(worker)
        for worker in (*workers["ours"], *workers["bare"]):
            await worker.hear()
        yield _Contacts(
            database_url=database_url, tenant_id=account.tenant_id, campaign_id=campaign_id, clock=clock,
            outside_url=url, **workers,
        )  # fmt: skip


async def measure_contacts(ground: Ground, *, is_quick: bool) -> list[Figure]:
    """P4: ours and the bare exchanges alternate. The bars are absolute, so the best round counts."""
    count, rounds = (600, 2) if is_quick else (2000, 3)
    async with _open_contacts(ground) as contacts:
        await contacts.ours(_WARM_UP)
        await contacts.bare(_WARM_UP)
        ours, bare = [], []
        for _ in range(rounds):
            bare.append(await contacts.bare(count))
            ours.append(await contacts.ours(count))
    best, best_bare = (max(done, key=lambda one: one.rate) for done in (ours, bare))
    return [
        Figure(
            key="P4", what=f"campaign contacts, CRM and provider {DELAY_SECONDS * 1000:.0f} ms each, every check",
            measured=str(best), baseline=str(best_bare), judged=best.rate, unit="/s", bar=200, goal=830,
            better="higher",
        )
    ]  # fmt: skip
