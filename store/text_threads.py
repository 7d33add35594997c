"""The conversation in which a contact can be written to now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from domain.messages import Provider
from store.database import Connection

# WhatsApp first: a code is copied there, and what is long stays whole.
_FIND: LiteralString = """
    SELECT c.id AS conversation_id, c.channel_account_id, a.provider
    FROM conversations c JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.channel_account_id
    WHERE c.contact_id = %(contact_id)s AND c.status IN ('open', 'waiting') AND a.medium <> 'voice'
      AND a.status = 'active' AND c.last_inbound_at > %(since)s
    ORDER BY a.medium = 'sms', c.last_inbound_at DESC LIMIT 1
"""
_KNOWN: LiteralString = "SELECT id FROM messages WHERE id = ANY(%(ids)s)"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextThread:
    conversation_id: UUID
    channel_account_id: UUID
    provider: Provider

    def __post_init__(self) -> None:
        object.__setattr__(self, "provider", Provider(self.provider))


async def find(connection: Connection, contact_id: UUID, *, since: datetime) -> TextThread | None:
    """Give the open text conversation in which the contact wrote last, after `since`."""
    async with connection.cursor(row_factory=class_row(TextThread)) as cursor:
        await cursor.execute(_FIND, {"contact_id": contact_id, "since": since})
        return await cursor.fetchone()


async def known(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Give those of the ids that are messages already."""
    cursor = await connection.execute(_KNOWN, {"ids": list(ids)})
    return {row["id"] for row in await cursor.fetchall()}
