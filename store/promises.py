"""Promises of payment. At most one is pending per document: the schema holds it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class PromiseRow:
    id: UUID
    protocol: str
    document: str
    contact_id: UUID
    conversation_id: UUID | None
    turn_seq: int | None
    amount_cents: int
    due_on: date
    protected_until: datetime
    method: str | None
    notes: str | None
    status: str
    replaced_by: UUID | None
    created_at: datetime
    updated_at: datetime


_COLUMNS: LiteralString = """
    id, protocol, document, contact_id, conversation_id, turn_seq, amount_cents, due_on, protected_until, method, notes,
    status, replaced_by, created_at, updated_at
"""
_PENDING: LiteralString = f"SELECT {_COLUMNS} FROM promises WHERE document = %(document)s AND status = 'pending'"
_OF_DOCUMENT: LiteralString = (
    f"SELECT {_COLUMNS} FROM promises WHERE document = %(document)s ORDER BY created_at, protocol"
)
_OWNER_OF_PROTOCOL: LiteralString = "SELECT id FROM promises WHERE protocol = %(protocol)s"
_RENEGOTIATE: LiteralString = """
    UPDATE promises SET status = 'renegotiated', replaced_by = %(id)s, updated_at = %(now)s
    WHERE document = %(document)s AND status = 'pending' AND id <> %(id)s
"""
_PUT: LiteralString = f"""
    INSERT INTO promises (tenant_id, {_COLUMNS})
    VALUES (%(tenant_id)s, %(id)s, %(protocol)s, %(document)s, %(contact_id)s, %(conversation_id)s, %(turn_seq)s,
            %(amount_cents)s, %(due_on)s, %(protected_until)s, %(method)s, %(notes)s, %(status)s, %(replaced_by)s,
            %(created_at)s, %(updated_at)s)
    ON CONFLICT (tenant_id, id) DO UPDATE SET
        protocol = EXCLUDED.protocol, amount_cents = EXCLUDED.amount_cents, due_on = EXCLUDED.due_on,
        protected_until = EXCLUDED.protected_until, method = EXCLUDED.method, notes = EXCLUDED.notes,
        updated_at = EXCLUDED.updated_at
"""
_FULFILL: LiteralString = """
    UPDATE promises SET status = 'fulfilled', updated_at = %(now)s WHERE document = %(document)s AND status = 'pending'
"""


async def pending_of(connection: Connection, document: str) -> PromiseRow | None:
    async with connection.cursor(row_factory=class_row(PromiseRow)) as cursor:
        await cursor.execute(_PENDING, {"document": document})
        return await cursor.fetchone()


async def of_document(connection: Connection, document: str) -> list[PromiseRow]:
    """List all promises of a document, oldest first."""
    async with connection.cursor(row_factory=class_row(PromiseRow)) as cursor:
        await cursor.execute(_OF_DOCUMENT, {"document": document})
        return await cursor.fetchall()


async def owner_of_protocol(connection: Connection, protocol: str) -> UUID | None:
    """Give the id of the promise that bears this protocol."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_OWNER_OF_PROTOCOL, {"protocol": protocol})
        return await cursor.fetchone()


async def renegotiate_pending(connection: Connection, document: str, *, replaced_by: UUID, now: datetime) -> None:
    """Make the pending promise of a document give way to another. Hold the debtor's lock."""
    await connection.execute(_RENEGOTIATE, {"document": document, "id": replaced_by, "now": now})


async def put(connection: Connection, tenant_id: UUID, row: PromiseRow) -> None:
    """Write a promise, or replace the one with this id. Hold the debtor's lock."""
    parameters: dict[str, object] = {name: getattr(row, name) for name in PromiseRow.__slots__}
    await connection.execute(_PUT, parameters | {"tenant_id": tenant_id})


async def fulfill_pending(connection: Connection, document: str, *, now: datetime) -> bool:
    """Mark the pending promise as kept; say whether there was one."""
    cursor = await connection.execute(_FULFILL, {"document": document, "now": now})
    return cursor.rowcount == 1
