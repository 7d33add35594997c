"""What a conversation holds: messages in both directions, the inbox and the outbox in one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store.database import Connection

MESSAGE_COLUMNS: LiteralString = """
    tenant_id, id, seq, conversation_id, channel_account_id, direction, author, kind, text, content,
    provider_message_id, reply_to, sent_at, created_at, status, turn_seq, agent, prompt_version, model, due_at,
    attempts, locked_by, locked_until, status_at, error_class, error_code, flagged_at
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRow:
    tenant_id: UUID
    id: UUID
    seq: int
    conversation_id: UUID
    channel_account_id: UUID
    direction: str
    author: str
    kind: str
    text: str | None
    content: Mapping[str, object]
    provider_message_id: str | None
    reply_to: str | None
    sent_at: datetime
    created_at: datetime
    status: str | None
    turn_seq: int | None
    agent: str | None
    prompt_version: str | None
    model: str | None
    due_at: datetime | None
    attempts: int
    locked_by: str | None
    locked_until: datetime | None
    status_at: datetime | None
    error_class: str | None
    error_code: str | None
    flagged_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewOutbound:
    """One part to send, as it goes into the outbox."""

    id: UUID
    author: str
    kind: str
    text: str | None
    content: Mapping[str, object]
    reply_to: str | None = None
    turn_seq: int | None = None
    agent: str | None = None
    prompt_version: str | None = None
    model: str | None = None


_BY_PROVIDER_ID: LiteralString = f"""
    SELECT {MESSAGE_COLUMNS} FROM messages
    WHERE channel_account_id = %(channel_account_id)s AND provider_message_id = %(provider_message_id)s
    FOR UPDATE
"""
_BY_ID: LiteralString = f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE id = %(id)s FOR UPDATE"
_AFTER: LiteralString = f"""
    SELECT {MESSAGE_COLUMNS} FROM messages
    WHERE conversation_id = %(conversation_id)s AND seq > %(after)s
    ORDER BY seq LIMIT %(limit)s
"""
_PAGE: LiteralString = f"""
    SELECT {MESSAGE_COLUMNS} FROM messages
    WHERE conversation_id = %(conversation_id)s AND (%(before)s::bigint IS NULL OR seq < %(before)s)
    ORDER BY seq DESC LIMIT %(limit)s
"""
_INSERT_OUTBOUND: LiteralString = """
    INSERT INTO messages
        (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text, content, reply_to, sent_at,
         created_at, status, turn_seq, agent, prompt_version, model, due_at, status_at, locked_by, locked_until)
    VALUES
        (%(tenant_id)s, %(id)s, %(conversation_id)s, %(channel_account_id)s, 'out', %(author)s, %(kind)s, %(text)s,
         %(content)s, %(reply_to)s, %(now)s, %(now)s, 'queued', %(turn_seq)s, %(agent)s, %(prompt_version)s, %(model)s,
         %(now)s, %(now)s, %(sender)s, %(locked_until)s)
"""
_INSERT_ECHO: LiteralString = """
    INSERT INTO messages
        (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text, content,
         provider_message_id, sent_at, created_at, status, status_at)
    VALUES
        (%(tenant_id)s, %(id)s, %(conversation_id)s, %(channel_account_id)s, 'out', 'operator', %(kind)s, %(text)s,
         %(content)s, %(provider_message_id)s, %(sent_at)s, %(now)s, 'sent', %(now)s)
    ON CONFLICT DO NOTHING
"""


async def by_provider_id(
    connection: Connection, *, channel_account_id: UUID, provider_message_id: str
) -> MessageRow | None:
    """Find and lock the message that the provider names so."""
    return await fetch_message(
        connection,
        _BY_PROVIDER_ID,
        {"channel_account_id": channel_account_id, "provider_message_id": provider_message_id},
    )


async def by_id(connection: Connection, message_id: UUID) -> MessageRow | None:
    """Find and lock one message."""
    return await fetch_message(connection, _BY_ID, {"id": message_id})


async def after(connection: Connection, conversation_id: UUID, *, seq: int, limit: int) -> list[MessageRow]:
    """List what was said after message number `seq`, both directions, oldest first."""
    return await fetch_messages(connection, _AFTER, {"conversation_id": conversation_id, "after": seq, "limit": limit})


async def page(connection: Connection, conversation_id: UUID, *, before: int | None, limit: int) -> list[MessageRow]:
    """List messages, newest first, before message number `before`."""
    return await fetch_messages(
        connection, _PAGE, {"conversation_id": conversation_id, "before": before, "limit": limit}
    )


async def insert_outbound(
    connection: Connection, messages: Sequence[NewOutbound], *, tenant_id: UUID, conversation_id: UUID,
    channel_account_id: UUID, now: datetime, sender: str | None = None, locked_until: datetime | None = None,
) -> None:  # fmt: skip
    """Put messages into the outbox, in order, due at once; claimed already by `sender` when one is named."""
    common = {
        "tenant_id": tenant_id, "conversation_id": conversation_id, "channel_account_id": channel_account_id,
        "now": now, "sender": sender, "locked_until": locked_until,
    }  # fmt: skip
    for message in messages:
        parameters = {name: getattr(message, name) for name in NewOutbound.__slots__}
        await connection.execute(_INSERT_OUTBOUND, common | parameters | {"content": Jsonb(dict(message.content))})


async def insert_echo(
    connection: Connection, *, tenant_id: UUID, message_id: UUID, conversation_id: UUID, channel_account_id: UUID,
    kind: str, text: str | None, content: Mapping[str, object], provider_message_id: str, sent_at: datetime,
    now: datetime,
) -> bool:  # fmt: skip
    """Store what a human of the tenant wrote from another client; False when it is known already."""
    cursor = await connection.execute(
        _INSERT_ECHO,
        {
            "tenant_id": tenant_id, "id": message_id, "conversation_id": conversation_id,
            "channel_account_id": channel_account_id, "kind": kind, "text": text, "content": Jsonb(dict(content)),
            "provider_message_id": provider_message_id, "sent_at": sent_at, "now": now,
        },
    )  # fmt: skip
    return cursor.rowcount == 1


async def fetch_message(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, object]
) -> MessageRow | None:
    """Run a statement that gives `MESSAGE_COLUMNS` of one message at most."""
    async with connection.cursor(row_factory=class_row(MessageRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()


async def fetch_messages(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, object]
) -> list[MessageRow]:
    """Run a statement that gives `MESSAGE_COLUMNS`."""
    async with connection.cursor(row_factory=class_row(MessageRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()
