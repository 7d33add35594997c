"""P7: claiming work out of a million waiting rows costs what it costs out of a thousand."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

import psycopg

from bench.figures import Figure, median, milliseconds, paired_ratio
from bench.ground import BenchBroken, Ground, make_account
from domain.messages import Provider
from store import conversations, messages
from store.database import Connection
from wiring.deps import Deps, open_deps

FEW, MANY = 1_000, 1_000_000
_LIMIT = 50
# Half of the rows are due, spread over the last hours; the others become due over the next ones.
_CONVERSATIONS: LiteralString = """
    INSERT INTO conversations (tenant_id, id, contact_id, channel_account_id, address_kind, address_value,
                               turn_due_at, first_unanswered_at, last_inbound_at, last_inbound_seq)
    SELECT %(tenant_id)s, gen_random_uuid(), gen_random_uuid(), %(account_id)s, 'simulated', 'c' || n,
           now() + (n - %(rows)s / 2) * interval '20 milliseconds', now(), now(), n
    FROM generate_series(1, %(rows)s) AS n
"""
_MESSAGES: LiteralString = """
    INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text, content,
                          sent_at, status, status_at, due_at)
    SELECT tenant_id, gen_random_uuid(), id, channel_account_id, 'out', 'agent', 'text', 'Oi!',
           '{"type": "text", "text": "Oi!"}', now(), 'queued', now(), turn_due_at
    FROM conversations
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Queue:
    """One database with its waiting rows."""

    deps: Deps
    claim: Callable[[Connection, Deps], Awaitable[int]]
    table: str

    async def claim_once(self) -> float:
        """Claim as a process does and give the seconds; then be done with the rows."""
        started = time.perf_counter()
        async with self.deps.database.platform() as connection:
            claimed = await self.claim(connection, self.deps)
        seconds = time.perf_counter() - started
        if claimed != _LIMIT:
            raise BenchBroken(f"{claimed} rows were claimed instead of {_LIMIT}")
        async with self.deps.database.platform() as connection:
            await connection.execute(_FINISH[self.table], {"owner": self.deps.process_name})
        return seconds


# What was claimed is done with: no longer due, as after a commit.
_FINISH: Mapping[str, LiteralString] = {
    "conversations": "UPDATE conversations SET locked_by = NULL, turn_due_at = NULL WHERE locked_by = %(owner)s",
    "messages": "UPDATE messages SET locked_by = NULL, due_at = NULL, status = 'sent' WHERE locked_by = %(owner)s",
}


async def _claim_turns(connection: Connection, deps: Deps) -> int:
    now = deps.clock.now()
    rows = await conversations.claim(
        connection, runner=deps.process_name, now=now, locked_until=now + timedelta(seconds=20), limit=_LIMIT
    )
    return len(rows)


async def _claim_sends(connection: Connection, deps: Deps) -> int:
    now = deps.clock.now()
    rows = await messages.claim_due(
        connection, sender=deps.process_name, now=now, locked_until=now + timedelta(seconds=20), limit=_LIMIT
    )
    return len(rows)


def _fill(database_url: str, *, tenant_id: UUID, account_id: UUID, rows: int) -> None:
    """Put waiting rows in; foreign keys are not looked up, the claims never follow them."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(_CONVERSATIONS, {"tenant_id": tenant_id, "account_id": account_id, "rows": rows})
        connection.execute(_MESSAGES)
        connection.execute("VACUUM ANALYZE conversations, messages")
        connection.execute("CHECKPOINT")


async def measure_claims(ground: Ground, *, is_quick: bool) -> list[Figure]:
    """P7: claims from the short and the long queue alternate."""
    many = MANY // 10 if is_quick else MANY
    samples = 5 if is_quick else 9
    urls = {FEW: ground.new_database("bench_few"), many: ground.new_database("bench_many")}
    figures = []
    async with open_deps(ground.settings(urls[FEW])) as few_deps, open_deps(ground.settings(urls[many])) as many_deps:
        for rows, deps in ((FEW, few_deps), (many, many_deps)):
            account = await make_account(deps, Provider.SIMULATOR, external_id="bench-claims")
            _fill(urls[rows], tenant_id=account.tenant_id, account_id=account.id, rows=rows)
        for table, claim, what in (
            ("conversations", _claim_turns, "turns"), ("messages", _claim_sends, "sends"),
        ):  # fmt: skip
            queues = [_Queue(deps=deps, claim=claim, table=table) for deps in (few_deps, many_deps)]
            few, lot = await _alternate(*queues, samples=samples)
            figures.append(
                Figure(
                    key="P7", what=f"claim {_LIMIT} {what} of {many:,} waiting, to {FEW:,}",
                    measured=milliseconds(median(lot)), baseline=milliseconds(median(few)),
                    judged=paired_ratio(lot, few), unit="x", bar=1.5, goal=1.0, better="lower",
                )
            )  # fmt: skip
    return figures


async def _alternate(few: _Queue, many: _Queue, *, samples: int) -> tuple[list[float], list[float]]:
    """Claim from both in turn. A thousand rows have five hundred due, so there are nine claims in them at most."""
    few_seconds, many_seconds = [], []
    for _ in range(samples):
        few_seconds.append(await few.claim_once())
        many_seconds.append(await many.claim_once())
    return few_seconds, many_seconds
