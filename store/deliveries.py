"""The way of a message out of the outbox: claimed, sent, and what the provider tells of it afterwards."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from domain.messages import DeliveryStatus
from store.database import Connection
from store.messages import MESSAGE_COLUMNS, MessageRow, fetch_messages

_OURS_IN_FLIGHT: LiteralString = """
    UPDATE messages SET provider_message_id = %(provider_message_id)s, status = 'sent', status_at = %(now)s,
        due_at = NULL, locked_by = NULL, locked_until = NULL
    WHERE id = (
        SELECT id FROM messages
        WHERE conversation_id = %(conversation_id)s AND direction = 'out' AND provider_message_id IS NULL
          AND status IN ('sending', 'unknown') AND text IS NOT DISTINCT FROM %(text)s
        ORDER BY seq LIMIT 1 FOR UPDATE
    )
"""
# Only the head of a conversation's queue may be sent: replies never overtake each other. An unknown one is never sent
# again, so it holds nobody back.
_CLAIM_SENDING: LiteralString = f"""
    WITH due AS (
        SELECT m.tenant_id, m.id FROM messages m
        WHERE m.due_at <= %(now)s AND m.status = 'queued' AND (m.locked_until IS NULL OR m.locked_until <= %(now)s)
          AND (%(conversation_id)s::uuid IS NULL OR m.conversation_id = %(conversation_id)s)
          AND NOT EXISTS (
              SELECT FROM messages e
              WHERE e.tenant_id = m.tenant_id AND e.conversation_id = m.conversation_id AND e.seq < m.seq
                AND e.direction = 'out' AND e.status IN ('queued', 'sending'))
        ORDER BY m.due_at LIMIT %(limit)s FOR UPDATE OF m SKIP LOCKED
    )
    UPDATE messages m SET locked_by = %(sender)s, locked_until = %(locked_until)s
    FROM due WHERE m.tenant_id = due.tenant_id AND m.id = due.id
    RETURNING {", ".join("m." + name.strip() for name in MESSAGE_COLUMNS.split(","))}
"""
_CLAIMED_BY: LiteralString = f"""
    SELECT {MESSAGE_COLUMNS} FROM messages
    WHERE conversation_id = %(conversation_id)s AND status = 'queued' AND locked_by = %(sender)s ORDER BY seq
"""
_MARK_SENDING: LiteralString = """
    UPDATE messages m SET status = 'sending', status_at = %(now)s, attempts = attempts + 1,
        locked_until = %(locked_until)s
    WHERE m.id = %(id)s AND m.status = 'queued' AND m.locked_by = %(sender)s
      AND NOT EXISTS (
          SELECT FROM messages e
          WHERE e.tenant_id = m.tenant_id AND e.conversation_id = m.conversation_id AND e.seq < m.seq
            AND e.direction = 'out' AND e.status IN ('queued', 'sending'))
"""
_MARK_SENT: LiteralString = """
    UPDATE messages SET
        provider_message_id = coalesce(provider_message_id, %(provider_message_id)s),
        status = CASE WHEN status IN ('sending', 'unknown') THEN 'sent' ELSE status END,
        status_at = CASE WHEN status IN ('sending', 'unknown') THEN %(now)s ELSE status_at END,
        sent_at = %(now)s, due_at = NULL, locked_by = NULL, locked_until = NULL, flagged_at = NULL
    WHERE id = %(id)s
"""
_MARK_OUTCOME: LiteralString = """
    UPDATE messages SET status = %(status)s, status_at = %(now)s, due_at = %(due_at)s, error_class = %(error_class)s,
        error_code = %(error_code)s, locked_by = NULL, locked_until = NULL,
        attempts = attempts - %(uncount)s
    WHERE id = %(id)s AND status IN ('queued', 'sending')
"""
_POSTPONE: LiteralString = """
    UPDATE messages SET due_at = %(due_at)s, locked_by = NULL, locked_until = NULL
    WHERE id = %(id)s AND status = 'queued' AND locked_by = %(sender)s
"""
_APPLY_STATUS: LiteralString = """
    UPDATE messages SET
        status = %(status)s, status_at = %(at)s, due_at = NULL, locked_by = NULL, locked_until = NULL,
        provider_message_id = coalesce(provider_message_id, %(provider_message_id)s), flagged_at = NULL,
        error_class = coalesce(%(error_class)s, error_class), error_code = coalesce(%(error_code)s, error_code)
    WHERE id = %(id)s
"""
# Whoever was sending died in the middle: nobody knows whether it left. The target of a contact rests with it, in the
# same statement, so that no planner takes it for unanswered.
_ABANDONED: LiteralString = """
    WITH lost AS (
        UPDATE messages SET status = 'unknown', status_at = %(now)s, due_at = NULL, locked_by = NULL,
            locked_until = NULL
        WHERE status = 'sending' AND due_at IS NOT NULL AND due_at <= %(now)s AND locked_until <= %(now)s
        RETURNING tenant_id, id, conversation_id
    ), resting AS (
        UPDATE targets t SET outcome = 'unknown', due_at = NULL, updated_at = %(now)s
        FROM lost JOIN contact_decisions d
            ON d.tenant_id = lost.tenant_id AND d.message_id = lost.id AND d.verdict = 'contact'
        WHERE t.tenant_id = d.tenant_id AND t.id = d.target_id AND t.state = 'contacted' AND t.outcome = 'sent'
          AND t.last_attempt_at = d.decided_at
    )
    SELECT tenant_id, id, conversation_id FROM lost
"""
_FLAG: LiteralString = """
    UPDATE messages SET flagged_at = %(now)s
    WHERE status = 'unknown' AND flagged_at IS NULL AND status_at <= %(before)s
    RETURNING tenant_id, id, conversation_id
"""
_HAS_DUE: LiteralString = "SELECT EXISTS (SELECT FROM messages WHERE due_at <= %(now)s) AS has_due"


async def claim_echo_as_ours(
    connection: Connection, *, conversation_id: UUID, text: str | None, provider_message_id: str, now: datetime
) -> bool:
    """Recognise a provider's echo of a send of ours that has no provider id yet; it is then known to be sent."""
    cursor = await connection.execute(
        _OURS_IN_FLIGHT,
        {"conversation_id": conversation_id, "text": text, "provider_message_id": provider_message_id, "now": now},
    )
    return cursor.rowcount == 1


async def claim_due(
    connection: Connection, *, sender: str, now: datetime, locked_until: datetime, limit: int,
    conversation_id: UUID | None = None,
) -> list[MessageRow]:  # fmt: skip
    """Take the heads of the conversations' queues that are due, for one sender."""
    return await fetch_messages(
        connection,
        _CLAIM_SENDING,
        {
            "sender": sender, "now": now, "locked_until": locked_until, "limit": limit,
            "conversation_id": conversation_id,
        },
    )  # fmt: skip


async def claimed_by(connection: Connection, conversation_id: UUID, *, sender: str) -> list[MessageRow]:
    """List the queued messages of a conversation that this sender has claimed, in order."""
    return await fetch_messages(connection, _CLAIMED_BY, {"conversation_id": conversation_id, "sender": sender})


async def mark_sending(
    connection: Connection, message_id: UUID, *, sender: str, now: datetime, locked_until: datetime
) -> bool:
    """Say that the provider is about to be called; committed before the call.

    False when the claim was lost, or an earlier message of the conversation must go first.
    """
    cursor = await connection.execute(
        _MARK_SENDING, {"id": message_id, "sender": sender, "now": now, "locked_until": locked_until}
    )
    return cursor.rowcount == 1


async def mark_sent(connection: Connection, message_id: UUID, *, provider_message_id: str, now: datetime) -> None:
    await connection.execute(_MARK_SENT, {"id": message_id, "provider_message_id": provider_message_id, "now": now})


async def mark_outcome(
    connection: Connection, message_id: UUID, *, status: DeliveryStatus, due_at: datetime | None,
    error_class: str | None, error_code: str | None, now: datetime, counts_as_attempt: bool = True,
) -> None:  # fmt: skip
    """Record that it was not sent: queued again for `due_at`, failed, or unknown."""
    await connection.execute(
        _MARK_OUTCOME,
        {
            "id": message_id, "status": status, "due_at": due_at, "error_class": error_class,
            "error_code": error_code, "now": now, "uncount": 0 if counts_as_attempt else 1,
        },
    )  # fmt: skip


async def postpone(connection: Connection, message_id: UUID, *, sender: str, due_at: datetime) -> None:
    """Let go of a claimed message that must wait; it was not tried."""
    await connection.execute(_POSTPONE, {"id": message_id, "sender": sender, "due_at": due_at})


async def apply_status(
    connection: Connection, message_id: UUID, *, status: DeliveryStatus, at: datetime, provider_message_id: str | None,
    error_class: str | None, error_code: str | None,
) -> None:  # fmt: skip
    await connection.execute(
        _APPLY_STATUS,
        {
            "id": message_id, "status": status, "at": at, "provider_message_id": provider_message_id,
            "error_class": error_class, "error_code": error_code,
        },
    )  # fmt: skip


async def abandon_sending(connection: Connection, *, now: datetime) -> list[tuple[UUID, UUID]]:
    """Turn sends whose sender died into `unknown` (platform role); return (tenant, conversation) of each."""
    cursor = await connection.execute(_ABANDONED, {"now": now})
    return [(row["tenant_id"], row["conversation_id"]) for row in await cursor.fetchall()]


async def flag_unknown(connection: Connection, *, now: datetime, before: datetime) -> list[tuple[UUID, UUID, UUID]]:
    """Flag sends whose outcome nobody told us; return (tenant, message, conversation) of each (platform role)."""
    cursor = await connection.execute(_FLAG, {"now": now, "before": before})
    return [(row["tenant_id"], row["id"], row["conversation_id"]) for row in await cursor.fetchall()]


async def has_due(connection: Connection, *, now: datetime) -> bool:
    cursor = await connection.execute(_HAS_DUE, {"now": now})
    row = await cursor.fetchone()
    return bool(row and row["has_due"])
