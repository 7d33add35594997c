"""A tenant's own prompts: every version is kept, at most one of a name is active."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from store.database import Connection

_COLUMNS: LiteralString = "id, name, version, body, is_active, note, created_at"
_LIST_ACTIVE: LiteralString = f"SELECT {_COLUMNS} FROM prompts WHERE is_active ORDER BY name"
_LIST: LiteralString = f"SELECT {_COLUMNS} FROM prompts WHERE name = %(name)s ORDER BY version DESC"
_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('prompts ' || %(tenant_id)s || %(name)s, 0))"
_ADD: LiteralString = f"""
INSERT INTO prompts (tenant_id, id, name, version, body, is_active, note, created_at)
SELECT %(tenant_id)s, %(id)s, %(name)s, coalesce(max(version), 0) + 1, %(body)s, false, %(note)s, %(now)s
FROM prompts WHERE name = %(name)s
RETURNING {_COLUMNS}
"""
_DEACTIVATE: LiteralString = "UPDATE prompts SET is_active = false WHERE name = %(name)s AND is_active"
_ACTIVATE: LiteralString = "UPDATE prompts SET is_active = true WHERE name = %(name)s AND version = %(version)s"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPrompt:
    """One version of a tenant's prompt."""

    id: UUID
    name: str
    version: int
    body: str
    is_active: bool
    note: str
    created_at: datetime


async def list_active_prompts(connection: Connection) -> list[StoredPrompt]:
    """List the tenant's active prompts, one of a name."""
    async with connection.cursor(row_factory=class_row(StoredPrompt)) as cursor:
        await cursor.execute(_LIST_ACTIVE)
        return await cursor.fetchall()


async def list_prompt_versions(connection: Connection, *, name: str) -> list[StoredPrompt]:
    """List every version of a name, newest first."""
    async with connection.cursor(row_factory=class_row(StoredPrompt)) as cursor:
        await cursor.execute(_LIST, {"name": name})
        return await cursor.fetchall()


async def lock_prompt(connection: Connection, *, tenant_id: UUID, name: str) -> None:
    """Let one transaction at a time number the versions of a name."""
    await connection.execute(_LOCK, {"tenant_id": str(tenant_id), "name": name})


async def add_prompt(
    connection: Connection, *, tenant_id: UUID, prompt_id: UUID, name: str, body: str, note: str, now: datetime
) -> StoredPrompt:
    """Add the next version, inactive. Take `lock_prompt` before."""
    async with connection.cursor(row_factory=class_row(StoredPrompt)) as cursor:
        await cursor.execute(
            _ADD, {"tenant_id": tenant_id, "id": prompt_id, "name": name, "body": body, "note": note, "now": now}
        )
        stored = await cursor.fetchone()
    assert stored is not None  # noqa: S101 - INSERT ... RETURNING of one row
    return stored


async def deactivate_prompt(connection: Connection, *, name: str) -> None:
    """Let the prompt that ships with the product speak again."""
    await connection.execute(_DEACTIVATE, {"name": name})


async def activate_prompt(connection: Connection, *, name: str, version: int) -> bool:
    """Make one version the active one; `deactivate_prompt` comes first. Say whether there is such a version."""
    cursor = await connection.execute(_ACTIVATE, {"name": name, "version": version})
    return cursor.rowcount > 0
