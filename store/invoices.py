"""Invoices of the tenant's own ledger. One paid or canceled is no longer open and never opens again by an upsert."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class InvoiceRow:
    document: str
    number: str
    amount_cents: int
    due_on: date
    paid_at: datetime | None = None
    canceled_at: datetime | None = None
    payment_line: str | None = None


_COLUMNS: LiteralString = "document, number, amount_cents, due_on, paid_at, canceled_at, payment_line"
_OPEN: LiteralString = f"""
    SELECT {_COLUMNS} FROM invoices
    WHERE document = %(document)s AND paid_at IS NULL AND canceled_at IS NULL
    ORDER BY due_on, number
"""
_OPEN_OF_MANY: LiteralString = f"""
    SELECT {_COLUMNS} FROM invoices
    WHERE document = ANY(%(documents)s) AND paid_at IS NULL AND canceled_at IS NULL
    ORDER BY due_on, number
"""
_UPSERT: LiteralString = f"""
    INSERT INTO invoices (tenant_id, {_COLUMNS})
    VALUES (%(tenant_id)s, %(document)s, %(number)s, %(amount_cents)s, %(due_on)s, %(paid_at)s, %(canceled_at)s,
            %(payment_line)s)
    ON CONFLICT (tenant_id, number) DO UPDATE SET
        amount_cents = EXCLUDED.amount_cents, due_on = EXCLUDED.due_on, payment_line = EXCLUDED.payment_line,
        paid_at = coalesce(invoices.paid_at, EXCLUDED.paid_at),
        canceled_at = coalesce(invoices.canceled_at, EXCLUDED.canceled_at)
    WHERE invoices.document = EXCLUDED.document
"""
_PAY: LiteralString = (
    "UPDATE invoices SET paid_at = %(now)s WHERE number = %(number)s AND paid_at IS NULL AND canceled_at IS NULL"
)


async def open_of(connection: Connection, document: str) -> list[InvoiceRow]:
    """List what a document owes, in the order of the due dates."""
    async with connection.cursor(row_factory=class_row(InvoiceRow)) as cursor:
        await cursor.execute(_OPEN, {"document": document})
        return await cursor.fetchall()


async def open_of_many(connection: Connection, documents: Sequence[str]) -> list[InvoiceRow]:
    """List what several documents owe, in the order of the due dates."""
    async with connection.cursor(row_factory=class_row(InvoiceRow)) as cursor:
        await cursor.execute(_OPEN_OF_MANY, {"documents": list(documents)})
        return await cursor.fetchall()


async def upsert(connection: Connection, tenant_id: UUID, row: InvoiceRow) -> bool:
    """Write an invoice; False when the number belongs to another customer already."""
    parameters: dict[str, object] = {name: getattr(row, name) for name in InvoiceRow.__slots__}
    cursor = await connection.execute(_UPSERT, parameters | {"tenant_id": tenant_id})
    return cursor.rowcount == 1


async def mark_paid(connection: Connection, number: str, *, now: datetime) -> bool:
    """Record the payment; False when the invoice is unknown or no longer open."""
    cursor = await connection.execute(_PAY, {"number": number, "now": now})
    return cursor.rowcount == 1
