"""Promises of payment. At most one is pending per document: the schema holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from domain.promises import PromisedInvoice, PromiseStatus, PromiseTerms, next_review
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
    debt_cents: int | None = None
    invoices: Sequence[PromisedInvoice] = ()
    paid_cents: int = 0
    fulfilled_at: datetime | None = None
    broken_at: datetime | None = None
    review_due_at: datetime | None = None
    reminder_due_at: datetime | None = None
    reminded_at: datetime | None = None
    attempts: int = 0
    locked_by: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", PromiseStatus(self.status))
        object.__setattr__(self, "invoices", tuple(_invoice(found) for found in self.invoices))
        if self.status == PromiseStatus.PENDING and self.review_due_at is None:
            # Whoever makes one: a pending promise is looked at some day.
            object.__setattr__(self, "review_due_at", next_review(self.protected_until, self.protected_until))

    @property
    def terms(self) -> PromiseTerms:
        """Give what the promise is measured by."""
        return PromiseTerms(
            amount_cents=self.amount_cents, due_on=self.due_on, protected_until=self.protected_until,
            invoices=self.invoices,
        )  # fmt: skip


def _invoice(found: PromisedInvoice | Mapping[str, object]) -> PromisedInvoice:
    if isinstance(found, PromisedInvoice):
        return found
    return PromisedInvoice(number=str(found["number"]), amount_cents=int(str(found["amountCents"])))


@dataclass(frozen=True, kw_only=True, slots=True)
class DuePromise:
    """A promise that a worker has claimed, as far as it may be known across tenants."""

    tenant_id: UUID
    id: UUID
    document: str
    attempts: int


_COLUMNS: LiteralString = """
    id, protocol, document, contact_id, conversation_id, turn_seq, amount_cents, due_on, protected_until, method, notes,
    status, replaced_by, created_at, updated_at, debt_cents, invoices, paid_cents, fulfilled_at, broken_at,
    review_due_at, reminder_due_at, reminded_at, attempts, locked_by
"""
_PENDING: LiteralString = f"SELECT {_COLUMNS} FROM promises WHERE document = %(document)s AND status = 'pending'"
_OF_DOCUMENT: LiteralString = (
    f"SELECT {_COLUMNS} FROM promises WHERE document = %(document)s ORDER BY created_at, protocol"
)
_BY_ID: LiteralString = f"SELECT {_COLUMNS} FROM promises WHERE id = %(id)s"
_BY_IDS: LiteralString = f"SELECT {_COLUMNS} FROM promises WHERE id = ANY(%(ids)s)"
_LOCK: LiteralString = f"{_BY_ID} FOR UPDATE"
_OWNER_OF_PROTOCOL: LiteralString = "SELECT id FROM promises WHERE protocol = %(protocol)s"
_PAGE_WHERE: LiteralString = """
    WHERE (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(document)s::text IS NULL OR document = %(document)s)
"""
_PAGE: LiteralString = f"""
    SELECT {_COLUMNS} FROM promises {_PAGE_WHERE} ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT: LiteralString = f"SELECT count(*) FROM promises {_PAGE_WHERE}"
_RENEGOTIATE: LiteralString = """
    UPDATE promises SET status = 'renegotiated', replaced_by = %(id)s, updated_at = %(now)s,
        review_due_at = NULL, reminder_due_at = NULL, locked_by = NULL, locked_until = NULL
    WHERE document = %(document)s AND status = 'pending' AND id <> %(id)s
"""
_PUT: LiteralString = f"""
    INSERT INTO promises (tenant_id, {_COLUMNS})
    VALUES (%(tenant_id)s, %(id)s, %(protocol)s, %(document)s, %(contact_id)s, %(conversation_id)s, %(turn_seq)s,
            %(amount_cents)s, %(due_on)s, %(protected_until)s, %(method)s, %(notes)s, %(status)s, %(replaced_by)s,
            %(created_at)s, %(updated_at)s, %(debt_cents)s, %(invoices)s, %(paid_cents)s, %(fulfilled_at)s,
            %(broken_at)s, %(review_due_at)s, %(reminder_due_at)s, %(reminded_at)s, %(attempts)s, %(locked_by)s)
    ON CONFLICT (tenant_id, id) DO UPDATE SET
        protocol = EXCLUDED.protocol, amount_cents = EXCLUDED.amount_cents, due_on = EXCLUDED.due_on,
        protected_until = EXCLUDED.protected_until, method = EXCLUDED.method, notes = EXCLUDED.notes,
        updated_at = EXCLUDED.updated_at, debt_cents = EXCLUDED.debt_cents, invoices = EXCLUDED.invoices,
        review_due_at = EXCLUDED.review_due_at, reminder_due_at = EXCLUDED.reminder_due_at
"""
# The CRM showed that nothing is open, so what was promised is paid whatever the invoices came to.
_FULFILL: LiteralString = """
    UPDATE promises SET status = 'fulfilled', fulfilled_at = %(now)s, updated_at = %(now)s,
        paid_cents = greatest(paid_cents, amount_cents, coalesce(debt_cents, 0)),
        review_due_at = NULL, reminder_due_at = NULL, locked_by = NULL, locked_until = NULL
    WHERE document = %(document)s AND status = 'pending'
"""
_SETTLE: LiteralString = """
    UPDATE promises SET status = %(status)s, paid_cents = %(paid_cents)s, updated_at = %(now)s,
        fulfilled_at = CASE WHEN %(status)s = 'fulfilled' THEN %(now)s::timestamptz END,
        broken_at = CASE WHEN %(status)s = 'broken' THEN %(now)s::timestamptz END,
        review_due_at = NULL, reminder_due_at = NULL, locked_by = NULL, locked_until = NULL
    WHERE id = %(id)s AND status = 'pending'
"""
_KEEP_WATCHING: LiteralString = """
    UPDATE promises SET paid_cents = %(paid_cents)s, review_due_at = %(review_due_at)s, attempts = 0,
        locked_by = NULL, locked_until = NULL, updated_at = %(now)s
    WHERE id = %(id)s AND status = 'pending'
"""
_POSTPONE_REVIEW: LiteralString = """
    UPDATE promises SET review_due_at = %(review_due_at)s, attempts = attempts + 1, locked_by = NULL,
        locked_until = NULL
    WHERE id = %(id)s AND locked_by = %(worker)s AND status = 'pending'
"""
_CLAIM: LiteralString = """
    WITH due AS (
        SELECT tenant_id, id FROM promises
        WHERE status = 'pending' AND {due} <= %(now)s AND (locked_until IS NULL OR locked_until <= %(now)s)
        ORDER BY {due} LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE promises p SET locked_by = %(worker)s, locked_until = %(locked_until)s
    FROM due WHERE p.tenant_id = due.tenant_id AND p.id = due.id
    RETURNING p.tenant_id, p.id, p.document, p.attempts
"""
_CLAIM_REVIEWS: LiteralString = _CLAIM.replace("{due}", "review_due_at")
_CLAIM_REMINDERS: LiteralString = _CLAIM.replace("{due}", "reminder_due_at")
_HAS_DUE: LiteralString = """
    SELECT EXISTS (SELECT FROM promises WHERE status = 'pending' AND review_due_at <= %(now)s)
        OR EXISTS (SELECT FROM promises WHERE status = 'pending' AND reminder_due_at <= %(now)s)
"""
_END_REMINDER: LiteralString = """
    UPDATE promises SET reminder_due_at = NULL, attempts = 0, locked_by = NULL, locked_until = NULL
    WHERE id = %(id)s AND locked_by = %(worker)s
"""
_POSTPONE_REMINDER: LiteralString = """
    UPDATE promises SET reminder_due_at = %(due_at)s, attempts = attempts + %(tried)s, locked_by = NULL,
        locked_until = NULL
    WHERE id = %(id)s AND locked_by = %(worker)s AND reminder_due_at IS NOT NULL
"""
_MARK_REMINDED: LiteralString = """
    UPDATE promises SET reminded_at = coalesce(reminded_at, %(at)s), reminder_due_at = NULL, attempts = 0,
        locked_by = CASE WHEN locked_by = %(worker)s THEN NULL ELSE locked_by END,
        locked_until = CASE WHEN locked_by = %(worker)s THEN NULL ELSE locked_until END
    WHERE id = %(id)s
"""
_REMINDED_AT: LiteralString = """
    SELECT decided_at FROM contact_decisions
    WHERE promise_id = %(id)s AND engine = 'reminder' AND verdict = 'contact' AND voided_at IS NULL
"""


async def pending_of(connection: Connection, document: str) -> PromiseRow | None:
    return await _one(connection, _PENDING, {"document": document})


async def of_document(connection: Connection, document: str) -> list[PromiseRow]:
    """List all promises of a document, oldest first."""
    return await _many(connection, _OF_DOCUMENT, {"document": document})


async def by_id(connection: Connection, promise_id: UUID) -> PromiseRow | None:
    return await _one(connection, _BY_ID, {"id": promise_id})


async def by_ids(connection: Connection, ids: Sequence[UUID]) -> list[PromiseRow]:
    """Read promises in any order; unknown ids are left out."""
    return await _many(connection, _BY_IDS, {"ids": list(ids)})


async def lock(connection: Connection, promise_id: UUID) -> PromiseRow | None:
    """Read a promise and hold its row. Hold the debtor's lock first."""
    return await _one(connection, _LOCK, {"id": promise_id})


async def page(
    connection: Connection, *, status: PromiseStatus | None, document: str | None, limit: int, offset: int
) -> tuple[list[PromiseRow], int]:
    """List promises, newest first, and count all that fit."""
    wanted = {"status": status, "document": document}
    rows = await _many(connection, _PAGE, wanted | {"limit": limit, "offset": offset})
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_COUNT, wanted)
        return rows, int(await cursor.fetchone() or 0)


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
    invoices = Jsonb([{"number": i.number, "amountCents": i.amount_cents} for i in row.invoices])
    await connection.execute(_PUT, parameters | {"tenant_id": tenant_id, "invoices": invoices})


async def fulfill_pending(connection: Connection, document: str, *, now: datetime) -> bool:
    """Mark the pending promise as kept; say whether there was one. Hold the debtor's lock."""
    cursor = await connection.execute(_FULFILL, {"document": document, "now": now})
    return cursor.rowcount == 1


async def settle(
    connection: Connection, promise_id: UUID, *, status: PromiseStatus, paid_cents: int, now: datetime
) -> bool:
    """End a pending promise; False when it had ended already. Hold the debtor's lock."""
    parameters = {"id": promise_id, "status": status, "paid_cents": paid_cents, "now": now}
    cursor = await connection.execute(_SETTLE, parameters)
    return cursor.rowcount == 1


async def claim_reviews(
    connection: Connection, *, worker: str, now: datetime, locked_until: datetime, limit: int
) -> list[DuePromise]:
    """Take promises that are to be looked at, of all tenants; free again after `locked_until`."""
    return await _claim(connection, _CLAIM_REVIEWS, worker, now, locked_until, limit)


async def claim_reminders(
    connection: Connection, *, worker: str, now: datetime, locked_until: datetime, limit: int
) -> list[DuePromise]:
    """Take promises whose reminder is due, of all tenants; free again after `locked_until`."""
    return await _claim(connection, _CLAIM_REMINDERS, worker, now, locked_until, limit)


async def keep_watching(
    connection: Connection, promise_id: UUID, *, paid_cents: int, review_due_at: datetime, now: datetime
) -> None:
    """Note what was paid so far, and when to look again."""
    await connection.execute(
        _KEEP_WATCHING, {"id": promise_id, "paid_cents": paid_cents, "review_due_at": review_due_at, "now": now}
    )


async def postpone_review(connection: Connection, promise_id: UUID, *, worker: str, review_due_at: datetime) -> None:
    """Look again later, nothing having been learned. Only the worker that holds the claim may."""
    await connection.execute(_POSTPONE_REVIEW, {"id": promise_id, "worker": worker, "review_due_at": review_due_at})


async def end_reminder(connection: Connection, promise_id: UUID, *, worker: str) -> None:
    """Let a claimed promise go without a reminder, now and later."""
    await connection.execute(_END_REMINDER, {"id": promise_id, "worker": worker})


async def postpone_reminder(
    connection: Connection, promise_id: UUID, *, worker: str, due_at: datetime, was_tried: bool = False
) -> None:
    """Remind later. A try that the provider refused is counted."""
    await connection.execute(
        _POSTPONE_REMINDER, {"id": promise_id, "worker": worker, "due_at": due_at, "tried": int(was_tried)}
    )


async def mark_reminded(connection: Connection, promise_id: UUID, *, worker: str, at: datetime) -> None:
    """Note the one reminder of a promise; the first instant stays."""
    await connection.execute(_MARK_REMINDED, {"id": promise_id, "worker": worker, "at": at})


async def reminder_sent_at(connection: Connection, promise_id: UUID) -> datetime | None:
    """Give when the gate let the reminder out; None also when the provider surely took nothing."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_REMINDED_AT, {"id": promise_id})
        return await cursor.fetchone()


async def has_due(connection: Connection, *, now: datetime) -> bool:
    """Say whether the monitor has anything to do."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_HAS_DUE, {"now": now})
        return bool(await cursor.fetchone())


async def _claim(
    connection: Connection, statement: LiteralString, worker: str, now: datetime, locked_until: datetime, limit: int
) -> list[DuePromise]:
    parameters = {"worker": worker, "now": now, "locked_until": locked_until, "limit": limit}
    async with connection.cursor(row_factory=class_row(DuePromise)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


async def _one(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> PromiseRow | None:
    async with connection.cursor(row_factory=class_row(PromiseRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()


async def _many(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> list[PromiseRow]:
    async with connection.cursor(row_factory=class_row(PromiseRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()
