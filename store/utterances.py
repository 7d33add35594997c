"""What a customer said in a call, for those who must know it again after a reconnect."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from store.database import Connection

_LAST: LiteralString = """
    SELECT substr(m.provider_message_id, length(m.call_id::text) + 2) AS key, coalesce(m.text, '') AS text,
        o.text AS answer, o.created_at AS answered_at
    FROM messages m LEFT JOIN LATERAL (
        SELECT coalesce(n.text, '') AS text, n.created_at FROM messages n
        WHERE n.tenant_id = m.tenant_id AND n.call_id = m.call_id AND n.direction = 'out' AND n.seq > m.seq
        ORDER BY n.seq DESC LIMIT 1
    ) o ON true
    WHERE m.call_id = %(call_id)s AND m.direction = 'in' AND m.provider_message_id IS NOT NULL
    ORDER BY m.seq DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class UtteranceRow:
    """`key` is what the socket called it; `answer` what was said last after it, and when it was written down."""

    key: str
    text: str
    answer: str | None
    answered_at: datetime | None


async def last_heard(connection: Connection, call_id: UUID, *, limit: int) -> list[UtteranceRow]:
    """List the customer's last utterances in a call, oldest first."""
    async with connection.cursor(row_factory=class_row(UtteranceRow)) as cursor:
        await cursor.execute(_LAST, {"call_id": call_id, "limit": limit})
        return list(reversed(await cursor.fetchall()))
