"""Calls that customers asked for: claimed by their due_at, one open for each contact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from domain.call_requests import RequestState
from store.database import Connection

COLUMNS: LiteralString = """
    tenant_id, id, contact_id, conversation_id, phone, reason, state, outcome, wanted_at, due_at, attempts, locked_by,
    locked_until, created_at, updated_at
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRequestRow:
    tenant_id: UUID
    id: UUID
    contact_id: UUID
    conversation_id: UUID  # where it was asked for, and where the summary goes
    phone: str
    reason: str
    state: RequestState
    outcome: str | None
    wanted_at: datetime
    due_at: datetime | None
    attempts: int
    locked_by: str | None
    locked_until: datetime | None
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", RequestState(self.state))


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCallRequest:
    id: UUID
    contact_id: UUID
    conversation_id: UUID
    phone: str
    reason: str
    wanted_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedRequest:
    """All that a decision or an ending may change; the lease is let go of."""

    id: UUID
    state: RequestState
    outcome: str | None
    due_at: datetime | None
    attempts: int


# The one that waits takes the new hour; one that rings right now stays as it is.
_PUT: LiteralString = f"""
    INSERT INTO call_requests (tenant_id, id, contact_id, conversation_id, phone, reason, wanted_at, due_at, created_at,
        updated_at)
    VALUES (%(tenant_id)s, %(id)s, %(contact_id)s, %(conversation_id)s, %(phone)s, %(reason)s, %(wanted_at)s,
        %(wanted_at)s, %(now)s, %(now)s)
    ON CONFLICT (tenant_id, contact_id) WHERE state IN ('waiting', 'calling') DO UPDATE SET
        conversation_id = EXCLUDED.conversation_id, phone = EXCLUDED.phone, reason = EXCLUDED.reason,
        wanted_at = EXCLUDED.wanted_at, due_at = EXCLUDED.due_at, attempts = 0, outcome = NULL, locked_by = NULL,
        locked_until = NULL, created_at = EXCLUDED.created_at, updated_at = EXCLUDED.updated_at
        WHERE call_requests.state = 'waiting'
    RETURNING {COLUMNS}
"""
_BY_ID: LiteralString = f"SELECT {COLUMNS} FROM call_requests WHERE id = %(id)s"
_BY_IDS: LiteralString = f"SELECT {COLUMNS} FROM call_requests WHERE id = ANY(%(ids)s)"
_LOCK: LiteralString = f"SELECT {COLUMNS} FROM call_requests WHERE id = %(id)s FOR NO KEY UPDATE"
_OPEN_OF: LiteralString = f"""
    SELECT {COLUMNS} FROM call_requests WHERE contact_id = %(contact_id)s AND state IN ('waiting', 'calling')
"""
_CLAIM: LiteralString = f"""
    WITH due AS (
        SELECT tenant_id, id FROM call_requests
        WHERE due_at <= %(now)s AND (locked_until IS NULL OR locked_until <= %(now)s)
        ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE call_requests r SET locked_by = %(worker)s, locked_until = %(locked_until)s
    FROM due WHERE r.tenant_id = due.tenant_id AND r.id = due.id
    RETURNING {", ".join("r." + name.strip() for name in COLUMNS.split(","))}
"""
_CHANGE: LiteralString = """
    UPDATE call_requests q SET state = r.state, outcome = r.outcome, due_at = r.due_at, attempts = r.attempts,
        locked_by = NULL, locked_until = NULL, updated_at = %(now)s
    FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, state text, outcome text, due_at timestamptz, attempts integer)
    WHERE q.tenant_id = %(tenant_id)s AND q.id = r.id
"""
_RELEASE: LiteralString = """
    UPDATE call_requests SET due_at = %(due_at)s, locked_by = NULL, locked_until = NULL
    WHERE id = %(id)s AND locked_by = %(worker)s AND state = 'waiting'
"""
_CANCEL: LiteralString = """
    UPDATE call_requests SET state = 'canceled', outcome = %(outcome)s, due_at = NULL, locked_by = NULL,
        locked_until = NULL, updated_at = %(now)s
    WHERE id = %(id)s AND state = 'waiting'
"""
_IS_WRONG_NUMBER: LiteralString = """
    SELECT EXISTS (SELECT FROM wrong_numbers WHERE document = %(document)s AND match_key = %(match_key)s)
"""
_NEWEST_THREAD: LiteralString = """
    SELECT c.id FROM conversations c
    JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.channel_account_id
    WHERE c.contact_id = %(contact_id)s AND a.medium <> 'voice'
    ORDER BY c.status IN ('open', 'waiting') DESC, a.medium = 'sms', c.last_inbound_at DESC NULLS LAST,
        c.created_at DESC LIMIT 1
"""
_HAS_DUE: LiteralString = """
    SELECT coalesce((SELECT true FROM call_requests WHERE due_at <= %(now)s ORDER BY due_at LIMIT 1), false)
"""
_FITS: LiteralString = """
    (%(state)s::text IS NULL OR state = %(state)s) AND (%(contact_id)s::uuid IS NULL OR contact_id = %(contact_id)s)
"""
_PAGE: LiteralString = f"""
    SELECT {COLUMNS} FROM call_requests WHERE {_FITS} ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT: LiteralString = f"SELECT count(*) FROM call_requests WHERE {_FITS}"


async def put(connection: Connection, tenant_id: UUID, row: NewCallRequest, *, now: datetime) -> CallRequestRow | None:
    """Insert a request, or give the contact's waiting one the new hour; None while it is being called."""
    parameters: dict[str, object] = {name: getattr(row, name) for name in NewCallRequest.__slots__}
    return await _one(connection, _PUT, parameters | {"tenant_id": tenant_id, "now": now})


async def by_id(connection: Connection, request_id: UUID) -> CallRequestRow | None:
    return await _one(connection, _BY_ID, {"id": request_id})


async def by_ids(connection: Connection, ids: Sequence[UUID]) -> list[CallRequestRow]:
    """Read requests in any order; unknown ids are left out."""
    async with connection.cursor(row_factory=class_row(CallRequestRow)) as cursor:
        await cursor.execute(_BY_IDS, {"ids": list(ids)})
        return await cursor.fetchall()


async def lock(connection: Connection, request_id: UUID) -> CallRequestRow | None:
    """Read a request and hold its row. Hold its conversation first, where a message may follow."""
    return await _one(connection, _LOCK, {"id": request_id})


async def open_of(connection: Connection, contact_id: UUID) -> CallRequestRow | None:
    """Find the contact's request that waits or rings."""
    return await _one(connection, _OPEN_OF, {"contact_id": contact_id})


async def claim_due(
    connection: Connection, *, worker: str, now: datetime, locked_until: datetime, limit: int
) -> list[CallRequestRow]:
    """Take requests whose hour has come, for one worker (platform role)."""
    parameters = {"worker": worker, "now": now, "locked_until": locked_until, "limit": limit}
    async with connection.cursor(row_factory=class_row(CallRequestRow)) as cursor:
        await cursor.execute(_CLAIM, parameters)
        return await cursor.fetchall()


async def change(connection: Connection, tenant_id: UUID, rows: Sequence[ChangedRequest], *, now: datetime) -> None:
    """Write requests that the caller holds."""
    if rows:
        given = [
            {
                "id": str(row.id), "state": row.state, "outcome": row.outcome, "attempts": row.attempts,
                "due_at": row.due_at.isoformat() if row.due_at else None,
            }
            for row in rows
        ]  # fmt: skip
        await connection.execute(_CHANGE, {"tenant_id": tenant_id, "rows": Jsonb(given), "now": now})


async def release(connection: Connection, request_id: UUID, *, worker: str, due_at: datetime) -> None:
    """Let go of a claimed request that was not called."""
    await connection.execute(_RELEASE, {"id": request_id, "worker": worker, "due_at": due_at})


async def cancel(connection: Connection, request_id: UUID, *, outcome: str, now: datetime) -> bool:
    """Withdraw a request that still waits; False when it rings or has ended."""
    cursor = await connection.execute(_CANCEL, {"id": request_id, "outcome": outcome, "now": now})
    return cursor.rowcount == 1


async def is_wrong_number(connection: Connection, document: str, match_key: str) -> bool:
    """Tell whether somebody else answers at a debtor's phone."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_IS_WRONG_NUMBER, {"document": document, "match_key": match_key})
        return bool(await cursor.fetchone())


async def newest_thread(connection: Connection, contact_id: UUID) -> UUID | None:
    """Find the text conversation in which the contact is best written to: open, WhatsApp before SMS, the newest."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_NEWEST_THREAD, {"contact_id": contact_id})
        return await cursor.fetchone()


async def has_due(connection: Connection, *, now: datetime) -> bool:
    """Say whether the dialer has requests to call (platform role)."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_HAS_DUE, {"now": now})
        return bool(await cursor.fetchone())


async def page(
    connection: Connection, *, state: str | None, contact_id: UUID | None, limit: int, offset: int
) -> tuple[list[CallRequestRow], int]:
    """List requests, newest first, and count all that fit."""
    parameters = {"state": state, "contact_id": contact_id, "limit": limit, "offset": offset}
    async with connection.cursor(row_factory=class_row(CallRequestRow)) as cursor:
        await cursor.execute(_PAGE, parameters)
        rows = await cursor.fetchall()
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_COUNT, parameters)
        return rows, (await counter.fetchone()) or 0


async def _one(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, object]
) -> CallRequestRow | None:
    async with connection.cursor(row_factory=class_row(CallRequestRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()
