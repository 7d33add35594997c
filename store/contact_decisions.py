"""What the contact gate decided: evidence, and what the frequency caps count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from store.database import Connection

_COLUMNS: LiteralString = """
    tenant_id, id, seq, engine, campaign_id, target_id, promise_id, contact_id, document, match_key, method,
    channel_account_id, verdict, reason, details, message_id, call_id, cost_cents, voided_at, decided_at, request_id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDecision:
    id: UUID
    engine: str
    document: str | None  # None where nobody knows it: a call that was asked for needs none
    match_key: str | None
    method: str | None
    verdict: str
    reason: str
    decided_at: datetime
    campaign_id: UUID | None = None
    target_id: UUID | None = None
    promise_id: UUID | None = None
    contact_id: UUID | None = None
    channel_account_id: UUID | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    message_id: UUID | None = None
    call_id: UUID | None = None
    cost_cents: int = 0
    request_id: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionRow:
    tenant_id: UUID
    id: UUID
    seq: int
    engine: str
    campaign_id: UUID | None
    target_id: UUID | None
    promise_id: UUID | None
    contact_id: UUID | None
    document: str | None
    match_key: str | None
    method: str | None
    channel_account_id: UUID | None
    verdict: str
    reason: str
    details: Mapping[str, object]
    message_id: UUID | None
    call_id: UUID | None
    cost_cents: int
    voided_at: datetime | None
    decided_at: datetime
    request_id: UUID | None = None


_INSERT: LiteralString = """
    INSERT INTO contact_decisions (tenant_id, id, engine, campaign_id, target_id, promise_id, contact_id, document,
        match_key, method, channel_account_id, verdict, reason, details, message_id, call_id, cost_cents, decided_at,
        request_id)
    SELECT %(tenant_id)s, id, engine, campaign_id, target_id, promise_id, contact_id, document,
        match_key, method, channel_account_id, verdict, reason, details, message_id, call_id, cost_cents, decided_at,
        request_id
    FROM jsonb_to_recordset(%(decisions)s) AS d (
        id uuid, engine text, campaign_id uuid, target_id uuid, promise_id uuid, contact_id uuid, document text,
        match_key text, method text, channel_account_id uuid, verdict text, reason text, details jsonb,
        message_id uuid, call_id uuid, cost_cents integer, decided_at timestamptz, request_id uuid)
"""
_PAGE: LiteralString = f"""
    SELECT {_COLUMNS} FROM contact_decisions WHERE target_id = %(target_id)s
    ORDER BY seq DESC LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT: LiteralString = "SELECT count(*) FROM contact_decisions WHERE target_id = %(target_id)s"
_OF_MESSAGE: LiteralString = (
    f"SELECT {_COLUMNS} FROM contact_decisions WHERE message_id = %(id)s AND verdict = 'contact' ORDER BY seq LIMIT 1"
)
_OF_CALL: LiteralString = (
    f"SELECT {_COLUMNS} FROM contact_decisions WHERE call_id = %(id)s AND verdict = 'contact' ORDER BY seq LIMIT 1"
)
_VOID: LiteralString = f"""
    UPDATE contact_decisions SET voided_at = %(now)s
    WHERE {{column}} = %(id)s AND verdict = 'contact' AND voided_at IS NULL
    RETURNING {_COLUMNS}
"""
_VOID_BY_MESSAGE: LiteralString = _VOID.replace("{column}", "message_id")
_VOID_BY_CALL: LiteralString = _VOID.replace("{column}", "call_id")
# What a void leaves as the target's newest contact: its method is the one that the planner goes on from.
_LAST_METHOD: LiteralString = """
    SELECT method FROM contact_decisions
    WHERE target_id = %(target_id)s AND verdict = 'contact' AND voided_at IS NULL ORDER BY seq DESC LIMIT 1
"""
_SPENT: LiteralString = """
    SELECT coalesce(sum(cost_cents), 0) FROM contact_decisions
    WHERE campaign_id = %(campaign_id)s AND verdict = 'contact' AND voided_at IS NULL
"""


async def insert(connection: Connection, tenant_id: UUID, decisions: Sequence[NewDecision]) -> None:
    """Write decisions, in their order, in one statement."""
    if decisions:
        await connection.execute(
            _INSERT, {"tenant_id": tenant_id, "decisions": Jsonb([_as_json(decision) for decision in decisions])}
        )


async def page(connection: Connection, target_id: UUID, *, limit: int, offset: int) -> tuple[list[DecisionRow], int]:
    """List what was decided about a target, newest first, and count all of it."""
    parameters = {"target_id": target_id, "limit": limit, "offset": offset}
    async with connection.cursor(row_factory=class_row(DecisionRow)) as cursor:
        await cursor.execute(_PAGE, parameters)
        rows = await cursor.fetchall()
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_COUNT, parameters)
        return rows, (await counter.fetchone()) or 0


async def of_message(connection: Connection, message_id: UUID) -> DecisionRow | None:
    """Find the decision that a message was sent for."""
    return await _one(connection, _OF_MESSAGE, message_id, None)


async def of_call(connection: Connection, call_id: UUID) -> DecisionRow | None:
    """Find the decision that a call was made for."""
    return await _one(connection, _OF_CALL, call_id, None)


async def void_by_message(connection: Connection, message_id: UUID, *, now: datetime) -> DecisionRow | None:
    """Say that the provider surely took nothing: it counts no longer. None when that is known already."""
    return await _one(connection, _VOID_BY_MESSAGE, message_id, now)


async def void_by_call(connection: Connection, call_id: UUID, *, now: datetime) -> DecisionRow | None:
    """The same for a call."""
    return await _one(connection, _VOID_BY_CALL, call_id, now)


async def last_method(connection: Connection, target_id: UUID) -> str | None:
    """Give the method of the target's newest contact that counts."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_LAST_METHOD, {"target_id": target_id})
        return await cursor.fetchone()


async def spent_of(connection: Connection, campaign_id: UUID) -> int:
    """Add up what the contacts of a campaign cost, in cents."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_SPENT, {"campaign_id": campaign_id})
        return int((await cursor.fetchone()) or 0)


async def _one(
    connection: Connection, statement: LiteralString, row_id: UUID, now: datetime | None
) -> DecisionRow | None:
    async with connection.cursor(row_factory=class_row(DecisionRow)) as cursor:
        await cursor.execute(statement, {"id": row_id, "now": now})
        return await cursor.fetchone()


def _as_json(decision: NewDecision) -> dict[str, object]:
    values: dict[str, object] = {}
    for name in NewDecision.__slots__:
        value = getattr(decision, name)
        if isinstance(value, UUID):
            value = str(value)
        elif isinstance(value, datetime):
            value = value.isoformat()
        values[name] = value
    return values | {"details": dict(decision.details)}
