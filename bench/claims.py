"""P7: claiming or planning work out of a million waiting rows costs what it costs out of a thousand."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from bench.debtors import make_campaign, put_debtors
from bench.figures import Figure, median, milliseconds, paired_ratio
from bench.ground import BenchBroken, Ground, make_account
from domain.campaigns import CampaignStatus, Method
from domain.messages import Provider
from jobs import scheduling
from store import conversations, deliveries, targets
from store.channel_accounts import AccountRow
from store.database import Connection
from wiring.deps import Deps, open_deps

FEW, MANY = 1_000, 1_000_000
_LIMIT = 50
_PLANNED = 1_000
# Half of the rows are due, spread over the last hours; the others become due over the next ones.
_STEP = timedelta(milliseconds=20)
_CONVERSATIONS: LiteralString = """
    INSERT INTO conversations (tenant_id, id, contact_id, channel_account_id, address_kind, address_value,
                               turn_due_at, first_unanswered_at, last_inbound_at, last_inbound_seq)
    SELECT %(tenant_id)s, gen_random_uuid(), gen_random_uuid(), %(account_id)s, 'simulated', 'c' || n,
           now() + (n - %(rows)s / 2) * %(step)s::interval, now(), now(), n
    FROM generate_series(1, %(rows)s) AS n
"""
_MESSAGES: LiteralString = """
    INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text, content,
                          sent_at, status, status_at, due_at)
    SELECT tenant_id, gen_random_uuid(), id, channel_account_id, 'out', 'agent', 'text', 'Oi!',
           '{"type": "text", "text": "Oi!"}', now(), 'queued', now(), turn_due_at
    FROM conversations
"""
_PLAIN_INDEXES: LiteralString = """
    SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'targets' AND indexdef NOT LIKE 'CREATE UNIQUE%'
"""
_PLAN_NOW: LiteralString = "UPDATE campaigns SET plan_due_at = %(now)s WHERE id = %(id)s"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Queue:
    """One database with its waiting rows."""

    deps: Deps
    claim: Callable[[Connection, Deps], Awaitable[int]]
    finish: LiteralString

    async def measure_once(self) -> float:
        """Claim as a process does and give the seconds; then be done with the rows."""
        started = time.perf_counter()
        async with self.deps.database.platform() as connection:
            claimed = await self.claim(connection, self.deps)
        seconds = time.perf_counter() - started
        if claimed != _LIMIT:
            raise BenchBroken(f"{claimed} rows were claimed instead of {_LIMIT}")
        async with self.deps.database.platform() as connection:
            await connection.execute(self.finish, {"owner": self.deps.process_name})
        return seconds


@dataclass(kw_only=True, slots=True)
class _Campaign:
    """One campaign with its targets that wait for their slots to come; more of them come in to be planned."""

    deps: Deps
    url: str
    tenant_id: UUID
    id: UUID
    size: int

    async def measure_once(self) -> float:
        """Plan a thousand newly imported targets as a worker does and give the seconds."""
        now = self.deps.clock.now()
        with psycopg.connect(self.url, autocommit=True) as connection:
            put_debtors(
                connection, tenant_id=self.tenant_id, campaign_id=self.id, first=self.size, rows=_PLANNED,
                state="pending", method=None, due_at=now,
            )  # fmt: skip
            connection.execute(_PLAN_NOW, {"id": self.id, "now": now})
        self.size += _PLANNED
        started = time.perf_counter()
        planned = await scheduling.drain(self.deps)
        seconds = time.perf_counter() - started
        if planned != _PLANNED:
            raise BenchBroken(f"{planned} targets were planned instead of {_PLANNED}")
        return seconds


# What was claimed is done with: no longer due, as after a commit.
_FINISH: Mapping[str, LiteralString] = {
    "turns": "UPDATE conversations SET locked_by = NULL, turn_due_at = NULL WHERE locked_by = %(owner)s",
    "sends": "UPDATE messages SET locked_by = NULL, due_at = NULL, status = 'sent' WHERE locked_by = %(owner)s",
    "contacts": "UPDATE targets SET locked_by = NULL, due_at = NULL, state = 'contacted' WHERE locked_by = %(owner)s",
    "calls": "UPDATE targets SET locked_by = NULL, due_at = NULL, state = 'contacted' WHERE locked_by = %(owner)s",
}


async def _claim_turns(connection: Connection, deps: Deps) -> int:
    now = deps.clock.now()
    rows = await conversations.claim(
        connection, runner=deps.process_name, now=now, locked_until=now + timedelta(seconds=20), limit=_LIMIT
    )
    return len(rows)


async def _claim_sends(connection: Connection, deps: Deps) -> int:
    now = deps.clock.now()
    rows = await deliveries.claim_due(
        connection, sender=deps.process_name, now=now, locked_until=now + timedelta(seconds=20), limit=_LIMIT
    )
    return len(rows)


async def _claim_contacts(connection: Connection, deps: Deps) -> int:
    now = deps.clock.now()
    rows = await targets.claim_written(
        connection, worker=deps.process_name, now=now, locked_until=now + timedelta(seconds=20), limit=_LIMIT
    )
    return len(rows)


async def _claim_calls(connection: Connection, deps: Deps) -> int:
    now = deps.clock.now()
    rows = await targets.claim_calls(
        connection, worker=deps.process_name, now=now, locked_until=now + timedelta(seconds=20), limit=_LIMIT
    )
    return len(rows)


_CLAIMS: Mapping[str, Callable[[Connection, Deps], Awaitable[int]]] = {
    "turns": _claim_turns, "sends": _claim_sends, "contacts": _claim_contacts, "calls": _claim_calls,
}  # fmt: skip


@asynccontextmanager
async def _filling(url: str) -> AsyncIterator[psycopg.Connection]:
    """Give a connection that looks up no foreign keys, as the claims never follow them; then vacuum."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection
        connection.execute("VACUUM ANALYZE conversations, messages, targets, campaigns")
        connection.execute("CHECKPOINT")


async def _put_messages(deps: Deps, url: str, *, rows: int) -> AccountRow:
    """Put waiting conversations and messages in."""
    account = await make_account(deps, Provider.SIMULATOR, external_id="bench-claims")
    async with _filling(url) as connection:
        parameters = {"tenant_id": account.tenant_id, "account_id": account.id, "rows": rows, "step": _STEP}
        connection.execute(_CONVERSATIONS, parameters)
        connection.execute(_MESSAGES)
    return account


async def _put_targets(deps: Deps, url: str, account: AccountRow, *, rows: int) -> _Campaign:
    """Put waiting targets in, and give the campaign of the written contacts; the calls have one of their own."""
    campaign_ids = {
        method: await make_campaign(deps, account, status=CampaignStatus.ACTIVE, methods=[method])
        for method in (Method.WHATSAPP, Method.VOICE)
    }
    first_due_at = deps.clock.now() - rows / 2 * _STEP
    async with _filling(url) as connection:
        indexes = connection.execute(_PLAIN_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
        for method, campaign_id in campaign_ids.items():
            put_debtors(
                connection, tenant_id=account.tenant_id, campaign_id=campaign_id, first=0, rows=rows,
                state="scheduled", method=method, due_at=first_due_at, step=_STEP,
            )  # fmt: skip
        for _, definition in indexes:
            connection.execute(definition)
    return _Campaign(deps=deps, url=url, tenant_id=account.tenant_id, id=campaign_ids[Method.WHATSAPP], size=rows)


async def measure_claims(ground: Ground, *, is_quick: bool) -> list[Figure]:
    """P7: claims and plans of the short and the long queue alternate."""
    many = MANY // 10 if is_quick else MANY
    samples = 5 if is_quick else 9
    urls = {FEW: ground.new_database("bench_few"), many: ground.new_database("bench_many")}
    figures = []
    async with open_deps(ground.settings(urls[FEW])) as few_deps, open_deps(ground.settings(urls[many])) as many_deps:
        both = {FEW: few_deps, many: many_deps}

        async def claim(name: str) -> Figure:
            queues = [_Queue(deps=deps, claim=_CLAIMS[name], finish=_FINISH[name]) for deps in both.values()]
            what = f"claim {_LIMIT} {name} of {many:,} waiting, to {FEW:,}"
            return _figure(what, *await _alternate(queues, samples=samples))

        accounts = {rows: await _put_messages(deps, urls[rows], rows=rows) for rows, deps in both.items()}
        figures += [await claim("turns"), await claim("sends")]
        # Only now: tables so large would push one another out of the small cache of the embedded server.
        campaigns = [await _put_targets(deps, urls[rows], accounts[rows], rows=rows) for rows, deps in both.items()]
        figures += [await claim("contacts"), await claim("calls")]
        what = f"plan {_PLANNED:,} targets in a campaign of {many:,}, to {FEW:,}"
        figures.append(_figure(what, *await _alternate(campaigns, samples=samples)))
    return figures


def _figure(what: str, few: Sequence[float], many: Sequence[float]) -> Figure:
    return Figure(
        key="P7", what=what, measured=milliseconds(median(many)), baseline=milliseconds(median(few)),
        judged=paired_ratio(many, few), unit="x", bar=1.5, goal=1.0, better="lower",
    )  # fmt: skip


async def _alternate(pair: Sequence[_Queue | _Campaign], *, samples: int) -> tuple[list[float], list[float]]:
    """Measure both in turn. A thousand rows have five hundred due, so there are nine claims in them at most."""
    few, many = pair
    few_seconds, many_seconds = [], []
    for _ in range(samples):
        few_seconds.append(await few.measure_once())
        many_seconds.append(await many.measure_once())
    return few_seconds, many_seconds
