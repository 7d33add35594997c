"""The fields a tenant defined for its contacts."""

from dataclasses import dataclass
from typing import Literal, LiteralString
from uuid import UUID

from psycopg.rows import class_row

from store.database import Connection

FieldKind = Literal["text", "email", "number", "date"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomFieldRow:
    name: str
    label: str
    kind: FieldKind = "text"


_ALL: LiteralString = "SELECT name, label, kind FROM custom_fields ORDER BY name"
_UPSERT: LiteralString = """
    INSERT INTO custom_fields (tenant_id, name, label, kind) VALUES (%(tenant_id)s, %(name)s, %(label)s, %(kind)s)
    ON CONFLICT (tenant_id, name) DO UPDATE SET label = EXCLUDED.label, kind = EXCLUDED.kind
"""
_DELETE: LiteralString = "DELETE FROM custom_fields WHERE name = %(name)s"


async def list_all(connection: Connection) -> list[CustomFieldRow]:
    async with connection.cursor(row_factory=class_row(CustomFieldRow)) as cursor:
        await cursor.execute(_ALL)
        return await cursor.fetchall()


async def names(connection: Connection) -> list[str]:
    return [field.name for field in await list_all(connection)]


async def upsert(connection: Connection, tenant_id: UUID, row: CustomFieldRow) -> None:
    await connection.execute(_UPSERT, {"tenant_id": tenant_id, "name": row.name, "label": row.label, "kind": row.kind})


async def delete(connection: Connection, name: str) -> bool:
    """Drop a definition; the values that contacts have stay. Say whether it existed."""
    cursor = await connection.execute(_DELETE, {"name": name})
    return cursor.rowcount == 1
