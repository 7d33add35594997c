"""API keys: only their SHA-256 is kept. Found by hash before the tenant is known, so by the platform role."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKeyRow:
    tenant_id: UUID
    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


_COLUMNS: LiteralString = "tenant_id, id, name, prefix, scopes, created_at, last_used_at, revoked_at"
_BY_HASH: LiteralString = f"SELECT {_COLUMNS} FROM api_keys WHERE key_hash = %(key_hash)s AND revoked_at IS NULL"
_TOUCH: LiteralString = """
    UPDATE api_keys SET last_used_at = %(now)s
    WHERE tenant_id = %(tenant_id)s AND id = %(id)s
      AND (last_used_at IS NULL OR last_used_at <= %(now)s - interval '1 minute')
"""
_INSERT: LiteralString = f"""
    INSERT INTO api_keys (tenant_id, id, name, key_hash, prefix, scopes, created_at)
    VALUES (%(tenant_id)s, %(id)s, %(name)s, %(key_hash)s, %(prefix)s, %(scopes)s, %(now)s)
    RETURNING {_COLUMNS}
"""
_PAGE: LiteralString = f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s"
_COUNT: LiteralString = "SELECT count(*) FROM api_keys"
# All live keys with the scope are locked: two admins cannot revoke each other's key at the same moment.
_LIVE_WITH: LiteralString = (
    "SELECT id FROM api_keys WHERE revoked_at IS NULL AND %(scope)s = ANY(scopes) ORDER BY id FOR UPDATE"
)
_REVOKE: LiteralString = f"""
    UPDATE api_keys SET revoked_at = coalesce(revoked_at, %(now)s) WHERE id = %(id)s RETURNING {_COLUMNS}
"""


async def by_hash(connection: Connection, key_hash: bytes) -> ApiKeyRow | None:
    """Find a live key (platform role)."""
    async with connection.cursor(row_factory=class_row(ApiKeyRow)) as cursor:
        await cursor.execute(_BY_HASH, {"key_hash": key_hash})
        return await cursor.fetchone()


async def touch(connection: Connection, row: ApiKeyRow, *, now: datetime) -> None:
    """Note that the key is in use, at most once a minute."""
    await connection.execute(_TOUCH, {"tenant_id": row.tenant_id, "id": row.id, "now": now})


async def insert(
    connection: Connection, *, tenant_id: UUID, key_id: UUID, name: str, key_hash: bytes, prefix: str,
    scopes: Sequence[str], now: datetime,
) -> ApiKeyRow:  # fmt: skip
    parameters = {
        "tenant_id": tenant_id, "id": key_id, "name": name, "key_hash": key_hash, "prefix": prefix,
        "scopes": list(scopes), "now": now,
    }  # fmt: skip
    async with connection.cursor(row_factory=class_row(ApiKeyRow)) as cursor:
        await cursor.execute(_INSERT, parameters)
        row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - INSERT ... RETURNING of one row
    return row


async def page(connection: Connection, *, limit: int, offset: int) -> tuple[list[ApiKeyRow], int]:
    """List keys, revoked ones too, newest first, and count them all."""
    async with connection.cursor(row_factory=class_row(ApiKeyRow)) as cursor:
        await cursor.execute(_PAGE, {"limit": limit, "offset": offset})
        rows = await cursor.fetchall()
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_COUNT)
        total: int = (await counter.fetchone()) or 0
    return rows, total


async def live_with_scope(connection: Connection, scope: str) -> list[UUID]:
    """List and lock the live keys that have a scope."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_LIVE_WITH, {"scope": scope})
        return await cursor.fetchall()


async def revoke(connection: Connection, key_id: UUID, *, now: datetime) -> ApiKeyRow | None:
    """Revoke it for good; one revoked before keeps its time. None when there is no such key."""
    async with connection.cursor(row_factory=class_row(ApiKeyRow)) as cursor:
        await cursor.execute(_REVOKE, {"id": key_id, "now": now})
        return await cursor.fetchone()
