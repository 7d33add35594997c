"""Imports of debtors' files: the file in pieces, how far it has been read, and what was not taken (ADR 14)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from domain.target_lines import NewTarget
from store.database import Connection

ImportStatus = Literal["uploading", "queued", "running", "completed", "failed", "canceled"]

_COLUMNS: LiteralString = """
    tenant_id, id, campaign_id, file_name, file_kind, size_bytes, mapping, status, failure, total_lines, next_line,
    imported, rejected, duplicates, due_at, attempts, locked_by, locked_until, created_at, started_at, finished_at
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRow:
    tenant_id: UUID
    id: UUID
    campaign_id: UUID
    file_name: str
    file_kind: str
    size_bytes: int
    mapping: Mapping[str, str]
    status: ImportStatus
    failure: str | None = None
    total_lines: int | None = None
    next_line: int = 1
    imported: int = 0
    rejected: int = 0
    duplicates: int = 0
    due_at: datetime | None = None
    attempts: int = 0
    locked_by: str | None = None
    locked_until: datetime | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ("completed", "failed", "canceled")


@dataclass(frozen=True, slots=True)
class LineError:
    """A line that was not taken, and why."""

    line: int
    field: str | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownInvoice:
    """An invoice that the ledger has already."""

    document: str
    number: str
    amount_cents: int
    due_on: date
    paid_at: datetime | None
    canceled_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.paid_at is None and self.canceled_at is None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewInvoice:
    document: str
    number: str
    amount_cents: int
    due_on: date


_INSERT: LiteralString = f"""
    INSERT INTO imports ({_COLUMNS})
    VALUES (%(tenant_id)s, %(id)s, %(campaign_id)s, %(file_name)s, %(file_kind)s, %(size_bytes)s, %(mapping)s,
        %(status)s, %(failure)s, %(total_lines)s, %(next_line)s, %(imported)s, %(rejected)s, %(duplicates)s, %(due_at)s,
        %(attempts)s, %(locked_by)s, %(locked_until)s, %(created_at)s, %(started_at)s, %(finished_at)s)
"""
_ADD_PART: LiteralString = """
    INSERT INTO import_parts (tenant_id, import_id, position, data)
    VALUES (%(tenant_id)s, %(import_id)s, %(position)s, %(data)s)
"""
_PART: LiteralString = "SELECT data FROM import_parts WHERE import_id = %(import_id)s AND position = %(position)s"
_DROP_PARTS: LiteralString = "DELETE FROM import_parts WHERE import_id = %(import_id)s"
_BY_ID: LiteralString = f"SELECT {_COLUMNS} FROM imports WHERE id = %(id)s"
_LOCK: LiteralString = f"SELECT {_COLUMNS} FROM imports WHERE id = %(id)s FOR UPDATE"
_PAGE: LiteralString = f"""
    SELECT {_COLUMNS} FROM imports WHERE campaign_id = %(campaign_id)s
    ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT: LiteralString = "SELECT count(*) FROM imports WHERE campaign_id = %(campaign_id)s"
_CLAIM: LiteralString = f"""
    UPDATE imports SET locked_by = %(worker)s, locked_until = %(locked_until)s, status = 'running',
        attempts = attempts + 1, started_at = coalesce(started_at, %(now)s)
    WHERE (tenant_id, id) = (
        SELECT tenant_id, id FROM imports
        WHERE due_at <= %(now)s AND (locked_until IS NULL OR locked_until <= %(now)s)
        ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING {_COLUMNS}
"""
_RENEW: LiteralString = """
    UPDATE imports SET locked_until = %(locked_until)s
    WHERE id = %(id)s AND locked_by = %(worker)s AND status = 'running'
"""
_SET_TOTAL: LiteralString = "UPDATE imports SET total_lines = %(lines)s WHERE id = %(id)s"
_RELEASE: LiteralString = """
    UPDATE imports SET due_at = %(due_at)s, locked_by = NULL, locked_until = NULL
    WHERE id = %(id)s AND locked_by = %(worker)s AND status = 'running'
"""
# A batch that was committed proves that the import is not what kills its workers.
_ADVANCE: LiteralString = """
    UPDATE imports SET next_line = %(next_line)s, imported = imported + %(imported)s,
        rejected = rejected + %(rejected)s, duplicates = duplicates + %(duplicates)s, attempts = 0,
        total_lines = greatest(total_lines, %(next_line)s - 1), locked_until = %(locked_until)s
    WHERE id = %(id)s
"""
_END: LiteralString = """
    UPDATE imports SET status = %(status)s, failure = %(failure)s, due_at = NULL, locked_by = NULL, locked_until = NULL,
        finished_at = %(now)s, total_lines = CASE WHEN %(status)s = 'completed' THEN next_line - 1 ELSE total_lines END
    WHERE id = %(id)s
"""
_HAS_DUE: LiteralString = """
    SELECT EXISTS (SELECT FROM imports
        WHERE due_at <= %(now)s AND (locked_until IS NULL OR locked_until <= %(now)s)) AS has_due
"""
_ADD_ERRORS: LiteralString = """
    INSERT INTO import_errors (tenant_id, import_id, line, field, reason)
    SELECT %(tenant_id)s, %(import_id)s, line, nullif(field, ''), reason
    FROM unnest(%(lines)s::bigint[], %(fields)s::text[], %(reasons)s::text[]) AS given (line, field, reason)
"""
_ERRORS: LiteralString = """
    SELECT line, field, reason FROM import_errors WHERE import_id = %(import_id)s
    ORDER BY line LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT_ERRORS: LiteralString = "SELECT count(*) FROM import_errors WHERE import_id = %(import_id)s"
_KNOWN_TARGETS: LiteralString = """
    SELECT document, import_id FROM targets WHERE campaign_id = %(campaign_id)s AND document = ANY(%(documents)s)
"""
# Sorted, so that two imports of the same debtors do not wait for each other in a circle.
_ADD_TARGETS: LiteralString = """
    INSERT INTO targets (tenant_id, id, campaign_id, import_id, client_name, phone, match_key, document,
        installation_point, debt_cents, invoice_number, uf, priority, line, state, due_at, created_at, updated_at)
    SELECT %(tenant_id)s, gen_random_uuid(), %(campaign_id)s, %(import_id)s, name, phone, match_key, document,
        nullif(point, ''), cents, nullif(invoice, ''), nullif(uf, ''), priority, line, 'pending', %(now)s, %(now)s,
        %(now)s
    FROM unnest(%(names)s::text[], %(phones)s::text[], %(match_keys)s::text[], %(documents)s::text[],
        %(points)s::text[], %(cents)s::bigint[], %(invoices)s::text[], %(ufs)s::text[], %(priorities)s::integer[],
        %(lines)s::integer[]) AS given (name, phone, match_key, document, point, cents, invoice, uf, priority, line)
    ORDER BY document
    ON CONFLICT (tenant_id, campaign_id, document) DO NOTHING
    RETURNING document
"""
# Who was told to be at the wrong number is not linked to it again by a file (compliance 3).
_PUT_CUSTOMERS: LiteralString = """
    INSERT INTO customers (tenant_id, document, name, phone, match_key)
    SELECT %(tenant_id)s, given.document, name, CASE WHEN w.document IS NULL THEN phone END,
        CASE WHEN w.document IS NULL THEN given.match_key END
    FROM unnest(%(documents)s::text[], %(names)s::text[], %(phones)s::text[], %(match_keys)s::text[])
        AS given (document, name, phone, match_key)
    LEFT JOIN wrong_numbers w ON w.tenant_id = %(tenant_id)s AND w.document = given.document
        AND w.match_key = given.match_key
    ORDER BY given.document
    ON CONFLICT (tenant_id, document) DO UPDATE SET
        name = EXCLUDED.name, phone = coalesce(EXCLUDED.phone, customers.phone),
        match_key = coalesce(EXCLUDED.match_key, customers.match_key)
    WHERE %(changes_known)s AND (customers.name, customers.phone) IS DISTINCT FROM
        (EXCLUDED.name, coalesce(EXCLUDED.phone, customers.phone))
"""
_KNOWN_INVOICES: LiteralString = """
    SELECT document, number, amount_cents, due_on, paid_at, canceled_at FROM invoices WHERE number = ANY(%(numbers)s)
"""
_OPEN_UNNUMBERED: LiteralString = """
    SELECT document, number, amount_cents, due_on, paid_at, canceled_at FROM invoices
    WHERE document = ANY(%(documents)s) AND paid_at IS NULL AND canceled_at IS NULL
      AND starts_with(number, %(prefix)s)
    ORDER BY number
"""
_ADD_INVOICES: LiteralString = """
    INSERT INTO invoices (tenant_id, document, number, amount_cents, due_on)
    SELECT %(tenant_id)s, document, number, cents, due_on
    FROM unnest(%(documents)s::text[], %(numbers)s::text[], %(cents)s::bigint[], %(due_ons)s::date[])
        AS given (document, number, cents, due_on)
    ORDER BY number
    ON CONFLICT (tenant_id, number) DO NOTHING
"""
_CHANGE_INVOICES: LiteralString = """
    UPDATE invoices SET amount_cents = given.cents, due_on = given.due_on
    FROM unnest(%(documents)s::text[], %(numbers)s::text[], %(cents)s::bigint[], %(due_ons)s::date[])
        AS given (document, number, cents, due_on)
    WHERE invoices.number = given.number AND invoices.document = given.document
      AND invoices.paid_at IS NULL AND invoices.canceled_at IS NULL
"""


async def insert(connection: Connection, row: ImportRow) -> None:
    parameters: dict[str, object] = {name: getattr(row, name) for name in ImportRow.__slots__}
    await connection.execute(_INSERT, parameters | {"mapping": Jsonb(dict(row.mapping))})


async def add_part(connection: Connection, row: ImportRow, *, position: int, data: bytes) -> None:
    await connection.execute(
        _ADD_PART, {"tenant_id": row.tenant_id, "import_id": row.id, "position": position, "data": data}
    )


async def part(connection: Connection, import_id: UUID, position: int) -> bytes | None:
    """Give one piece of the file; None behind the last."""
    async with connection.cursor(row_factory=scalar_row, binary=True) as cursor:
        await cursor.execute(_PART, {"import_id": import_id, "position": position})
        return await cursor.fetchone()


async def by_id(connection: Connection, import_id: UUID) -> ImportRow | None:
    return await _one(connection, _BY_ID, {"id": import_id})


async def lock(connection: Connection, import_id: UUID) -> ImportRow | None:
    """Read it and hold its row: nobody else takes a batch of it meanwhile."""
    return await _one(connection, _LOCK, {"id": import_id})


async def page(connection: Connection, campaign_id: UUID, *, limit: int, offset: int) -> tuple[list[ImportRow], int]:
    """List a campaign's imports, newest first, and count them."""
    parameters = {"campaign_id": campaign_id, "limit": limit, "offset": offset}
    async with connection.cursor(row_factory=class_row(ImportRow)) as cursor:
        await cursor.execute(_PAGE, parameters)
        rows = await cursor.fetchall()
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_COUNT, parameters)
        return rows, (await counter.fetchone()) or 0


async def claim(connection: Connection, *, worker: str, now: datetime, locked_until: datetime) -> ImportRow | None:
    """Take the import that has waited longest, for one worker (platform role)."""
    return await _one(connection, _CLAIM, {"worker": worker, "now": now, "locked_until": locked_until})


async def renew(connection: Connection, import_id: UUID, *, worker: str, locked_until: datetime) -> bool:
    """Keep a claim; False when it was lost."""
    cursor = await connection.execute(_RENEW, {"id": import_id, "worker": worker, "locked_until": locked_until})
    return cursor.rowcount == 1


async def set_total(connection: Connection, import_id: UUID, *, lines: int | None) -> None:
    """Write down how many lines a file seems to have."""
    await connection.execute(_SET_TOTAL, {"id": import_id, "lines": lines})


async def release(connection: Connection, import_id: UUID, *, worker: str, due_at: datetime) -> bool:
    """Let go of an import that is not finished; False when the claim was lost."""
    cursor = await connection.execute(_RELEASE, {"id": import_id, "worker": worker, "due_at": due_at})
    return cursor.rowcount == 1


async def advance(
    connection: Connection, import_id: UUID, *, next_line: int, imported: int, rejected: int, duplicates: int,
    locked_until: datetime,
) -> None:  # fmt: skip
    """Count a batch, in the transaction that stores it."""
    await connection.execute(
        _ADVANCE,
        {
            "id": import_id, "next_line": next_line, "imported": imported, "rejected": rejected,
            "duplicates": duplicates, "locked_until": locked_until,
        },
    )  # fmt: skip


async def end(
    connection: Connection, import_id: UUID, *, status: ImportStatus, failure: str | None, now: datetime
) -> None:
    """Finish an import and remove the file."""
    await connection.execute(_END, {"id": import_id, "status": status, "failure": failure, "now": now})
    await connection.execute(_DROP_PARTS, {"import_id": import_id})


async def has_due(connection: Connection, *, now: datetime) -> bool:
    cursor = await connection.execute(_HAS_DUE, {"now": now})
    row = await cursor.fetchone()
    return bool(row and row["has_due"])


async def add_errors(connection: Connection, row: ImportRow, errors: Sequence[LineError]) -> None:
    await connection.execute(
        _ADD_ERRORS,
        {
            "tenant_id": row.tenant_id, "import_id": row.id, "lines": [error.line for error in errors],
            "fields": [error.field or "" for error in errors], "reasons": [error.reason for error in errors],
        },
    )  # fmt: skip


async def errors(connection: Connection, import_id: UUID, *, limit: int, offset: int) -> tuple[list[LineError], int]:
    """List the lines that were not taken, in their order, and count them."""
    async with connection.cursor(row_factory=class_row(LineError)) as cursor:
        await cursor.execute(_ERRORS, {"import_id": import_id, "limit": limit, "offset": offset})
        rows = await cursor.fetchall()
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_COUNT_ERRORS, {"import_id": import_id})
        return rows, (await counter.fetchone()) or 0


async def known_targets(connection: Connection, campaign_id: UUID, documents: Sequence[str]) -> dict[str, UUID | None]:
    """Give the documents that the campaign has, with the import that brought each."""
    cursor = await connection.execute(_KNOWN_TARGETS, {"campaign_id": campaign_id, "documents": list(documents)})
    return {row["document"]: row["import_id"] for row in await cursor.fetchall()}


async def add_targets(
    connection: Connection, row: ImportRow, numbered: Sequence[tuple[int, NewTarget]], *, now: datetime
) -> set[str]:
    """Insert targets with the numbers of their lines; give the documents of those that the campaign did not have."""
    targets = [target for _, target in numbered]
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(
            _ADD_TARGETS,
            {
                "tenant_id": row.tenant_id, "campaign_id": row.campaign_id, "import_id": row.id, "now": now,
                "names": [target.client_name for target in targets], "phones": [target.phone for target in targets],
                "match_keys": [target.match_key for target in targets],
                "documents": [target.document for target in targets],
                "points": [target.installation_point or "" for target in targets],
                "cents": [target.debt_cents for target in targets],
                "invoices": [target.invoice_number or "" for target in targets],
                "ufs": [target.uf or "" for target in targets],
                "priorities": [target.priority for target in targets], "lines": [line for line, _ in numbered],
            },
        )  # fmt: skip
        return set(await cursor.fetchall())


async def put_customers(
    connection: Connection, tenant_id: UUID, targets: Sequence[NewTarget], *, changes_known: bool
) -> None:
    """Write the debtors into the ledger, each document once; a number reported as wrong is left out."""
    await connection.execute(
        _PUT_CUSTOMERS,
        {
            "tenant_id": tenant_id, "changes_known": changes_known,
            "documents": [target.document for target in targets],
            "names": [target.client_name for target in targets], "phones": [target.phone for target in targets],
            "match_keys": [target.match_key for target in targets],
        },
    )  # fmt: skip


async def known_invoices(connection: Connection, numbers: Sequence[str]) -> dict[str, KnownInvoice]:
    """Give those of these invoices that the ledger has, by number."""
    async with connection.cursor(row_factory=class_row(KnownInvoice)) as cursor:
        await cursor.execute(_KNOWN_INVOICES, {"numbers": list(numbers)})
        return {row.number: row for row in await cursor.fetchall()}


async def open_unnumbered(connection: Connection, documents: Sequence[str], *, prefix: str) -> dict[str, KnownInvoice]:
    """Give what files without invoice numbers have put into the ledger for these debtors and is still open."""
    async with connection.cursor(row_factory=class_row(KnownInvoice)) as cursor:
        await cursor.execute(_OPEN_UNNUMBERED, {"documents": list(documents), "prefix": prefix})
        return {row.document: row for row in await cursor.fetchall()}


async def add_invoices(connection: Connection, tenant_id: UUID, invoices: Sequence[NewInvoice]) -> int:
    """Insert invoices; fewer than given when somebody else wrote one of these numbers meanwhile."""
    cursor = await connection.execute(_ADD_INVOICES, _invoice_columns(invoices) | {"tenant_id": tenant_id})
    return cursor.rowcount


async def change_invoices(connection: Connection, invoices: Sequence[NewInvoice]) -> None:
    """Bring open invoices up to date; what is paid or canceled stays so. Hold their debtors' locks."""
    await connection.execute(_CHANGE_INVOICES, _invoice_columns(invoices))


def _invoice_columns(invoices: Sequence[NewInvoice]) -> dict[str, object]:
    return {
        "documents": [invoice.document for invoice in invoices], "numbers": [invoice.number for invoice in invoices],
        "cents": [invoice.amount_cents for invoice in invoices], "due_ons": [invoice.due_on for invoice in invoices],
    }  # fmt: skip


async def _one(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> ImportRow | None:
    async with connection.cursor(row_factory=class_row(ImportRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()
