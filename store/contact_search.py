"""Find contacts by a part of their name or address, for lists that people look at."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from store.contacts import CONTACT_COLUMNS, ContactRow
from store.database import Connection

_WHERE: LiteralString = """
    merged_into IS NULL
    AND (%(tag)s::text IS NULL OR %(tag)s = ANY(tags))
    AND (%(pattern)s::text IS NULL OR name ILIKE %(pattern)s
         OR EXISTS (SELECT FROM addresses a WHERE a.tenant_id = contacts.tenant_id AND a.contact_id = contacts.id
                    AND a.value LIKE %(pattern)s))
"""
_PAGE: LiteralString = f"""
    SELECT {CONTACT_COLUMNS} FROM contacts WHERE {_WHERE}
    ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT: LiteralString = f"SELECT count(*) FROM contacts WHERE {_WHERE}"
_LIFT_OPT_OUT: LiteralString = "UPDATE contacts SET opted_out_at = NULL, updated_at = %(now)s WHERE id = %(id)s"


async def search(
    connection: Connection, *, text: str | None, tag: str | None, limit: int, offset: int
) -> tuple[list[ContactRow], int]:
    """List the contacts that fit, newest first, and count them all."""
    parameters = {"pattern": _contains(text), "tag": tag, "limit": limit, "offset": offset}
    async with connection.cursor(row_factory=class_row(ContactRow)) as cursor:
        await cursor.execute(_PAGE, parameters)
        rows = await cursor.fetchall()
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_COUNT, parameters)
        total: int = (await counter.fetchone()) or 0
    return rows, total


async def lift_opt_out(connection: Connection, contact_id: UUID, *, now: datetime) -> None:
    await connection.execute(_LIFT_OPT_OUT, {"id": contact_id, "now": now})


def _contains(text: str | None) -> str | None:
    if text is None:
        return None
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"
