"""What a tenant looks back on: its event log by page, and what its models were used for by day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRow:
    id: UUID
    kind: str
    severity: str
    conversation_id: UUID | None
    data: Mapping[str, object]
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageRow:
    """What one model did for one agent on one local day."""

    day: date
    agent: str
    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal


_EVENTS: LiteralString = """
    SELECT id, kind, severity, conversation_id, data, created_at FROM events
    WHERE (%(severity)s::text IS NULL OR severity = %(severity)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s
"""
_EVENT_COUNT: LiteralString = """
    SELECT count(*) FROM events
    WHERE (%(severity)s::text IS NULL OR severity = %(severity)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
"""
_USAGE: LiteralString = """
    SELECT (created_at AT TIME ZONE %(zone)s)::date AS day, agent, provider, model, count(*) AS calls,
           sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd
    FROM usage_records
    WHERE created_at >= %(first)s::date::timestamp AT TIME ZONE %(zone)s
      AND created_at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s
    GROUP BY 1, 2, 3, 4 ORDER BY 1 DESC, 2, 3, 4
"""


async def events(
    connection: Connection, *, severity: str | None, kind: str | None, limit: int, offset: int
) -> tuple[list[EventRow], int]:
    """List events, newest first, and count all that fit."""
    parameters = {"severity": severity, "kind": kind, "limit": limit, "offset": offset}
    async with connection.cursor(row_factory=class_row(EventRow)) as cursor:
        await cursor.execute(_EVENTS, parameters)
        rows = await cursor.fetchall()
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_EVENT_COUNT, parameters)
        total: int = (await counter.fetchone()) or 0
    return rows, total


async def usage(connection: Connection, *, first: date, last: date, zone: str) -> list[UsageRow]:
    """Sum model usage by local day, agent and model; both days count."""
    async with connection.cursor(row_factory=class_row(UsageRow)) as cursor:
        await cursor.execute(_USAGE, {"first": first, "last": last, "zone": zone})
        return await cursor.fetchall()
