"""The tenant's own customers: the ledger that stands in when no CRM URL is set (spec 2.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomerRow:
    document: str
    name: str
    phone: str | None = None
    match_key: str | None = None


_BY_DOCUMENT: LiteralString = "SELECT document, name, phone, match_key FROM customers WHERE document = %(document)s"
_BY_DOCUMENTS: LiteralString = (
    "SELECT document, name, phone, match_key FROM customers WHERE document = ANY(%(documents)s)"
)
_DOCUMENTS_OF_PHONES: LiteralString = (
    "SELECT document FROM customers WHERE match_key = ANY(%(match_keys)s) ORDER BY document"
)
_UPSERT: LiteralString = """
    INSERT INTO customers (tenant_id, document, name, phone, match_key)
    VALUES (%(tenant_id)s, %(document)s, %(name)s, %(phone)s, %(match_key)s)
    ON CONFLICT (tenant_id, document) DO UPDATE SET
        name = EXCLUDED.name, phone = EXCLUDED.phone, match_key = EXCLUDED.match_key
"""


async def by_document(connection: Connection, document: str) -> CustomerRow | None:
    async with connection.cursor(row_factory=class_row(CustomerRow)) as cursor:
        await cursor.execute(_BY_DOCUMENT, {"document": document})
        return await cursor.fetchone()


async def by_documents(connection: Connection, documents: Sequence[str]) -> list[CustomerRow]:
    """Find those of the documents that are customers."""
    async with connection.cursor(row_factory=class_row(CustomerRow)) as cursor:
        await cursor.execute(_BY_DOCUMENTS, {"documents": list(documents)})
        return await cursor.fetchall()


async def documents_of_phones(connection: Connection, match_keys: Sequence[str]) -> list[str]:
    """List the documents of the customers reached at any of these phones; a household may share one."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_DOCUMENTS_OF_PHONES, {"match_keys": list(match_keys)})
        return await cursor.fetchall()


async def upsert(connection: Connection, tenant_id: UUID, row: CustomerRow) -> None:
    await connection.execute(
        _UPSERT,
        {
            "tenant_id": tenant_id, "document": row.document, "name": row.name, "phone": row.phone,
            "match_key": row.match_key,
        },
    )  # fmt: skip
