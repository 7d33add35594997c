"""What providers told us besides messages, and what operators should see."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from store.database import Connection

_PROVIDER: LiteralString = """
    INSERT INTO provider_events (tenant_id, id, channel_account_id, kind, event_key, data, received_at)
    VALUES (%(tenant_id)s, gen_random_uuid(), %(channel_account_id)s, %(kind)s, %(key)s, %(data)s, %(now)s)
    ON CONFLICT (tenant_id, channel_account_id, event_key) DO NOTHING
"""
_EVENT: LiteralString = """
    INSERT INTO events (tenant_id, id, kind, severity, conversation_id, data, created_at)
    VALUES (%(tenant_id)s, gen_random_uuid(), %(kind)s, %(severity)s, %(conversation_id)s, %(data)s, %(now)s)
"""
_NEWEST: LiteralString = """
    SELECT id, kind, severity, conversation_id, data, created_at FROM events
    ORDER BY created_at DESC, id LIMIT %(limit)s
"""

Severity = Literal["info", "warning", "error"]


async def insert_provider_event(
    connection: Connection, *, tenant_id: UUID, channel_account_id: UUID, kind: str, key: str,
    data: Mapping[str, object], now: datetime,
) -> bool:  # fmt: skip
    """Store an event of a provider once; False when it is known already."""
    cursor = await connection.execute(
        _PROVIDER,
        {
            "tenant_id": tenant_id, "channel_account_id": channel_account_id, "kind": kind, "key": key,
            "data": Jsonb(dict(data)), "now": now,
        },
    )  # fmt: skip
    return cursor.rowcount == 1


async def record(
    connection: Connection, *, tenant_id: UUID, kind: str, severity: Severity, now: datetime,
    conversation_id: UUID | None = None, data: Mapping[str, object] | None = None,
) -> None:  # fmt: skip
    """Write a line of the tenant's event log. `data` holds no personal data beyond ids."""
    await connection.execute(
        _EVENT,
        {
            "tenant_id": tenant_id, "kind": kind, "severity": severity, "conversation_id": conversation_id,
            "data": Jsonb(dict(data or {})), "now": now,
        },
    )  # fmt: skip


async def newest(connection: Connection, *, limit: int) -> list[dict[str, object]]:
    cursor = await connection.execute(_NEWEST, {"limit": limit})
    return await cursor.fetchall()
