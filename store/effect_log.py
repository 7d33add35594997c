"""Events that a turn writes at most once, however often its effects are applied."""

from collections.abc import Mapping
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from store.database import Connection
from store.events import Severity

__all__ = ["Severity", "record_once"]

_RECORD: LiteralString = """
    INSERT INTO events (tenant_id, id, kind, severity, conversation_id, data, created_at)
    VALUES (%(tenant_id)s, %(id)s, %(kind)s, %(severity)s, %(conversation_id)s, %(data)s, %(now)s)
    ON CONFLICT (tenant_id, id) DO NOTHING
"""


async def record_once(
    connection: Connection, *, tenant_id: UUID, event_id: UUID, kind: str, severity: Severity, conversation_id: UUID,
    data: Mapping[str, object], now: datetime,
) -> bool:  # fmt: skip
    """Write an event under an id that says what it is; False when it stands there already. No personal data."""
    cursor = await connection.execute(
        _RECORD,
        {
            "tenant_id": tenant_id, "id": event_id, "kind": kind, "severity": severity,
            "conversation_id": conversation_id, "data": Jsonb(dict(data)), "now": now,
        },
    )  # fmt: skip
    return cursor.rowcount == 1
