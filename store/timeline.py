"""A conversation as people read it: its messages and its turns, in the order in which they happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from store.database import Connection
from store.messages import MessageRow
from store.turns import TurnRow

_MESSAGE: LiteralString = """
    tenant_id, id, seq, conversation_id, channel_account_id, direction, author, kind, text, content,
    provider_message_id, reply_to, sent_at, created_at, status, turn_seq, agent, prompt_version, model, due_at,
    attempts, locked_by, locked_until, status_at, error_class, error_code, flagged_at
"""
_TURN: LiteralString = (
    "turn_seq, outcome, agent, verdict, model, prompt_version, trace, reruns, started_at, finished_at"
)
# A turn is written down before its replies: at the same instant it stands before them.
_INDEX: LiteralString = """
    SELECT at, message_id, turn_seq FROM (
        SELECT created_at AS at, CASE WHEN direction = 'in' THEN 0 ELSE 2 END AS place, seq AS number,
               id AS message_id, NULL::bigint AS turn_seq
        FROM messages WHERE conversation_id = %(conversation_id)s
        UNION ALL
        SELECT finished_at, 1, turn_seq, NULL, turn_seq FROM turns WHERE conversation_id = %(conversation_id)s
    ) AS entries
    ORDER BY at DESC, place DESC, number DESC LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT_ALL: LiteralString = """
    SELECT (SELECT count(*) FROM messages WHERE conversation_id = %(conversation_id)s)
         + (SELECT count(*) FROM turns WHERE conversation_id = %(conversation_id)s)
"""
# What was said in a call is told with the call, not line by line between the messages.
_CONTACT_INDEX: LiteralString = """
    SELECT at, message_id, call_id, request_id, promise_id FROM (
        SELECT m.created_at AS at, 0 AS place, m.seq AS number, m.id AS message_id, NULL::uuid AS call_id,
               NULL::uuid AS request_id, NULL::uuid AS promise_id
        FROM conversations c JOIN messages m ON m.tenant_id = c.tenant_id AND m.conversation_id = c.id
        WHERE c.contact_id = %(contact_id)s AND m.call_id IS NULL
        UNION ALL
        SELECT created_at, 2, 0, NULL, id, NULL, NULL FROM calls WHERE contact_id = %(contact_id)s
        UNION ALL
        SELECT created_at, 1, 0, NULL, NULL, id, NULL FROM call_requests WHERE contact_id = %(contact_id)s
        UNION ALL
        SELECT created_at, 3, 0, NULL, NULL, NULL, id FROM promises WHERE contact_id = %(contact_id)s
    ) AS entries
    ORDER BY at DESC, place DESC, number DESC LIMIT %(limit)s OFFSET %(offset)s
"""
_CONTACT_COUNT: LiteralString = """
    SELECT (SELECT count(*) FROM conversations c
            JOIN messages m ON m.tenant_id = c.tenant_id AND m.conversation_id = c.id
            WHERE c.contact_id = %(contact_id)s AND m.call_id IS NULL)
         + (SELECT count(*) FROM calls WHERE contact_id = %(contact_id)s)
         + (SELECT count(*) FROM call_requests WHERE contact_id = %(contact_id)s)
         + (SELECT count(*) FROM promises WHERE contact_id = %(contact_id)s)
"""
_MESSAGES: LiteralString = f"SELECT {_MESSAGE} FROM messages WHERE id = ANY(%(ids)s)"
_TURNS: LiteralString = (
    f"SELECT {_TURN} FROM turns WHERE conversation_id = %(conversation_id)s AND turn_seq = ANY(%(numbers)s)"
)
_MESSAGE_PAGE: LiteralString = f"""
    SELECT {_MESSAGE} FROM messages WHERE conversation_id = %(conversation_id)s
    ORDER BY seq DESC LIMIT %(limit)s OFFSET %(offset)s
"""
_MESSAGE_COUNT: LiteralString = "SELECT count(*) FROM messages WHERE conversation_id = %(conversation_id)s"
_TURN_PAGE: LiteralString = f"""
    SELECT {_TURN} FROM turns WHERE conversation_id = %(conversation_id)s
    ORDER BY turn_seq DESC LIMIT %(limit)s OFFSET %(offset)s
"""
_TURN_COUNT: LiteralString = "SELECT count(*) FROM turns WHERE conversation_id = %(conversation_id)s"
_BY_IDS: LiteralString = f"SELECT {_MESSAGE} FROM messages WHERE id = ANY(%(ids)s) ORDER BY seq"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    at: datetime
    message_id: UUID | None
    turn_seq: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactEntry:
    """One thing that happened with a contact: exactly one of the four is named."""

    at: datetime
    message_id: UUID | None
    call_id: UUID | None
    request_id: UUID | None
    promise_id: UUID | None


async def contact_index(
    connection: Connection, contact_id: UUID, *, limit: int, offset: int
) -> tuple[list[ContactEntry], int]:
    """List messages of all conversations, calls, call requests and promises of a contact, newest first; count them."""
    parameters = {"contact_id": contact_id, "limit": limit, "offset": offset}
    async with connection.cursor(row_factory=class_row(ContactEntry)) as cursor:
        await cursor.execute(_CONTACT_INDEX, parameters)
        entries = await cursor.fetchall()
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_CONTACT_COUNT, parameters)
        return entries, (await counter.fetchone()) or 0


async def page(
    connection: Connection, conversation_id: UUID, *, limit: int, offset: int
) -> tuple[list[MessageRow | TurnRow], int]:
    """List messages and turns, newest first, and count both."""
    parameters = {"conversation_id": conversation_id, "limit": limit, "offset": offset}
    async with connection.cursor(row_factory=class_row(_Entry)) as cursor:
        await cursor.execute(_INDEX, parameters)
        entries = await cursor.fetchall()
    numbers = [entry.turn_seq for entry in entries if entry.turn_seq is not None]
    by_id = {
        row.id: row
        for row in await _messages(
            connection, _MESSAGES, {"ids": [entry.message_id for entry in entries if entry.message_id]}
        )
    }
    by_number = {
        row.turn_seq: row
        for row in await _turns(connection, _TURNS, {"conversation_id": conversation_id, "numbers": numbers})
    }
    found: list[MessageRow | TurnRow] = []
    for entry in entries:
        if entry.message_id is not None:
            found.append(by_id[entry.message_id])
        elif entry.turn_seq is not None:
            found.append(by_number[entry.turn_seq])
    return found, await _count(connection, _COUNT_ALL, conversation_id)


async def message_page(
    connection: Connection, conversation_id: UUID, *, limit: int, offset: int
) -> tuple[list[MessageRow], int]:
    """List messages, newest first, and count them all."""
    parameters = {"conversation_id": conversation_id, "limit": limit, "offset": offset}
    rows = await _messages(connection, _MESSAGE_PAGE, parameters)
    return rows, await _count(connection, _MESSAGE_COUNT, conversation_id)


async def turn_page(
    connection: Connection, conversation_id: UUID, *, limit: int, offset: int
) -> tuple[list[TurnRow], int]:
    """List turns with what the graph did in each, newest first, and count them all."""
    parameters = {"conversation_id": conversation_id, "limit": limit, "offset": offset}
    rows = await _turns(connection, _TURN_PAGE, parameters)
    return rows, await _count(connection, _TURN_COUNT, conversation_id)


async def messages_by_id(connection: Connection, ids: Sequence[UUID]) -> list[MessageRow]:
    """Read messages in the order in which they were written; unknown ids are left out."""
    return await _messages(connection, _BY_IDS, {"ids": list(ids)})


async def _messages(
    connection: Connection, statement: LiteralString, parameters: dict[str, object]
) -> list[MessageRow]:
    async with connection.cursor(row_factory=class_row(MessageRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


async def _turns(connection: Connection, statement: LiteralString, parameters: dict[str, object]) -> list[TurnRow]:
    async with connection.cursor(row_factory=class_row(TurnRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


async def _count(connection: Connection, statement: LiteralString, conversation_id: UUID) -> int:
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(statement, {"conversation_id": conversation_id})
        total: int = (await cursor.fetchone()) or 0
    return total
