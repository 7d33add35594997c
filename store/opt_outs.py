"""Refusals of proactive contact, by medium or of all. Permanent until a person of the tenant revokes one."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOutRow:
    id: UUID
    contact_id: UUID
    scope: str
    reason: str
    created_at: datetime


_LIVE: LiteralString = """
    SELECT id, contact_id, scope, reason, created_at FROM opt_outs
    WHERE contact_id = %(contact_id)s AND revoked_at IS NULL ORDER BY created_at, scope
"""
_PUT: LiteralString = """
    INSERT INTO opt_outs (tenant_id, id, contact_id, scope, reason, created_at)
    VALUES (%(tenant_id)s, gen_random_uuid(), %(contact_id)s, %(scope)s, %(reason)s, %(now)s)
    ON CONFLICT (tenant_id, contact_id, scope) WHERE revoked_at IS NULL DO NOTHING
"""
_REVOKE: LiteralString = (
    "UPDATE opt_outs SET revoked_at = %(now)s WHERE contact_id = %(contact_id)s AND revoked_at IS NULL"
)

_REVOKE_SCOPE: LiteralString = """
    UPDATE opt_outs SET revoked_at = %(now)s
    WHERE contact_id = %(contact_id)s AND scope = %(scope)s AND revoked_at IS NULL
"""


async def live_of(connection: Connection, contact_id: UUID) -> list[OptOutRow]:
    async with connection.cursor(row_factory=class_row(OptOutRow)) as cursor:
        await cursor.execute(_LIVE, {"contact_id": contact_id})
        return await cursor.fetchall()


async def put(
    connection: Connection, *, tenant_id: UUID, contact_id: UUID, scope: str, reason: str, now: datetime
) -> None:
    """Record a refusal; one that is live already stays as it is."""
    parameters = {"tenant_id": tenant_id, "contact_id": contact_id, "scope": scope, "reason": reason, "now": now}
    await connection.execute(_PUT, parameters)


async def revoke_all(connection: Connection, contact_id: UUID, *, now: datetime) -> int:
    """Lift every live refusal of a contact; give how many there were."""
    cursor = await connection.execute(_REVOKE, {"contact_id": contact_id, "now": now})
    return cursor.rowcount


async def revoke(connection: Connection, contact_id: UUID, *, scope: str, now: datetime) -> bool:
    """Lift the live refusal of one scope; False when there was none."""
    cursor = await connection.execute(_REVOKE_SCOPE, {"contact_id": contact_id, "scope": scope, "now": now})
    return cursor.rowcount == 1
