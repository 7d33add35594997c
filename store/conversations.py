"""Conversations: the row that is claimed, fenced and committed by turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from store.database import Connection

COLUMNS: LiteralString = """
    tenant_id, id, contact_id, channel_account_id, address_kind, address_value, status, closing_reason, closed_at,
    source, assigned_agent, current_agent, handler, handoff_reason, handed_off_at, turn_due_at, first_unanswered_at,
    last_inbound_at, last_outbound_at, last_inbound_seq, answered_seq, history_seq, turn_seq, locked_by,
    locked_until, failures, checkpoint_id, last_turn_at, created_at
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationRow:
    tenant_id: UUID
    id: UUID
    contact_id: UUID
    channel_account_id: UUID
    address_kind: str
    address_value: str
    status: str
    closing_reason: str | None
    closed_at: datetime | None
    source: str
    assigned_agent: str | None
    current_agent: str | None
    handler: str
    handoff_reason: str | None
    handed_off_at: datetime | None
    turn_due_at: datetime | None
    first_unanswered_at: datetime | None
    last_inbound_at: datetime | None
    last_outbound_at: datetime | None
    last_inbound_seq: int
    answered_seq: int
    history_seq: int
    turn_seq: int
    locked_by: str | None
    locked_until: datetime | None
    failures: int
    checkpoint_id: str | None
    last_turn_at: datetime | None
    created_at: datetime


_BY_ID: LiteralString = f"SELECT {COLUMNS} FROM conversations WHERE id = %(id)s"
_LOCK: LiteralString = f"SELECT {COLUMNS} FROM conversations WHERE id = %(id)s FOR UPDATE"
_LIVE: LiteralString = """
    SELECT id FROM conversations
    WHERE channel_account_id = %(channel_account_id)s AND contact_id = %(contact_id)s AND status IN ('open', 'waiting')
    FOR UPDATE
"""
_OPEN: LiteralString = """
    INSERT INTO conversations
        (tenant_id, id, contact_id, channel_account_id, address_kind, address_value, source, created_at)
    VALUES (%(tenant_id)s, %(id)s, %(contact_id)s, %(channel_account_id)s, %(address_kind)s, %(address_value)s,
            %(source)s, %(now)s)
    ON CONFLICT DO NOTHING
    RETURNING id
"""
_PAGE: LiteralString = f"""
    SELECT {COLUMNS} FROM conversations
    WHERE (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(handler)s::text IS NULL OR handler = %(handler)s)
      AND (%(contact_id)s::uuid IS NULL OR contact_id = %(contact_id)s)
    ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT: LiteralString = """
    SELECT count(*) FROM conversations
    WHERE (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(handler)s::text IS NULL OR handler = %(handler)s)
      AND (%(contact_id)s::uuid IS NULL OR contact_id = %(contact_id)s)
"""
# `turn_seq` is the fencing number: a runner that lost its lease cannot commit, its number is old.
_CLAIM: LiteralString = f"""
    WITH due AS (
        SELECT tenant_id, id FROM conversations
        WHERE turn_due_at <= %(now)s AND (locked_until IS NULL OR locked_until <= %(now)s)
        ORDER BY turn_due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE conversations c SET locked_by = %(runner)s, locked_until = %(locked_until)s, turn_seq = c.turn_seq + 1
    FROM due WHERE c.tenant_id = due.tenant_id AND c.id = due.id
    RETURNING {", ".join("c." + name.strip() for name in COLUMNS.split(","))}
"""
_NEXT_DUE: LiteralString = """
    SELECT min(turn_due_at) AS due_at FROM (
        SELECT turn_due_at FROM conversations
        WHERE turn_due_at IS NOT NULL AND (locked_until IS NULL OR locked_until <= %(now)s)
        ORDER BY turn_due_at LIMIT 1
    ) AS head
"""
_RENEW: LiteralString = """
    UPDATE conversations SET locked_until = %(locked_until)s WHERE id = ANY(%(ids)s) AND locked_by = %(runner)s
    RETURNING id
"""
_COMMIT_TURN: LiteralString = """
    UPDATE conversations SET
        answered_seq = %(answered_seq)s, history_seq = %(history_seq)s,
        turn_due_at = CASE WHEN last_inbound_seq > %(answered_seq)s AND handler = 'bot' THEN turn_due_at END,
        first_unanswered_at = CASE WHEN last_inbound_seq > %(answered_seq)s THEN %(now)s::timestamptz END,
        status = CASE WHEN status = 'open' THEN 'waiting' ELSE status END,
        current_agent = coalesce(%(agent)s, current_agent),
        last_outbound_at = CASE WHEN %(has_reply)s THEN %(now)s::timestamptz ELSE last_outbound_at END,
        checkpoint_id = coalesce(%(checkpoint_id)s, checkpoint_id), last_turn_at = %(now)s,
        locked_by = NULL, locked_until = NULL, failures = 0
    WHERE id = %(id)s AND turn_seq = %(turn_seq)s AND locked_by = %(runner)s
"""
_RELEASE: LiteralString = """
    UPDATE conversations SET
        locked_by = NULL, locked_until = NULL, failures = failures + %(failed)s,
        turn_due_at = CASE WHEN last_inbound_seq > answered_seq AND handler = 'bot' THEN %(due_at)s::timestamptz END
    WHERE id = %(id)s AND turn_seq = %(turn_seq)s AND locked_by = %(runner)s
"""
_SILENCE: LiteralString = """
    UPDATE conversations SET locked_by = NULL, locked_until = NULL, turn_due_at = NULL
    WHERE id = %(id)s AND turn_seq = %(turn_seq)s AND locked_by = %(runner)s
"""
_HAND_OFF: LiteralString = """
    UPDATE conversations SET handler = 'human', handoff_reason = %(reason)s, handed_off_at = %(now)s, turn_due_at = NULL
    WHERE id = %(id)s AND handler = 'bot'
"""
# The bot answers what came while the human had it only if the human did not.
_HAND_BACK: LiteralString = """
    UPDATE conversations SET
        handler = 'bot', handoff_reason = NULL, handed_off_at = NULL,
        turn_due_at = CASE WHEN last_inbound_seq > answered_seq THEN %(now)s::timestamptz END
    WHERE id = %(id)s AND handler = 'human' AND status IN ('open', 'waiting')
"""
_MARK_ANSWERED: LiteralString = """
    UPDATE conversations SET
        answered_seq = greatest(answered_seq, last_inbound_seq), first_unanswered_at = NULL, turn_due_at = NULL,
        last_outbound_at = %(now)s
    WHERE id = %(id)s
"""
_ASSIGN: LiteralString = "UPDATE conversations SET assigned_agent = %(agent)s WHERE id = %(id)s"
_CLOSE: LiteralString = """
    UPDATE conversations SET status = %(status)s, closing_reason = %(reason)s, closed_at = %(now)s, turn_due_at = NULL
    WHERE id = %(id)s AND status IN ('open', 'waiting')
"""
_EXPIRE: LiteralString = """
    WITH idle AS (
        SELECT c.tenant_id, c.id FROM conversations c JOIN tenants t ON t.id = c.tenant_id
        WHERE c.status IN ('open', 'waiting') AND c.turn_due_at IS NULL
          AND greatest(c.last_inbound_at, c.last_outbound_at, c.created_at)
              <= %(now)s - make_interval(hours => CASE
                    WHEN jsonb_typeof(t.settings -> 'idle_hours_until_closed') = 'number'
                    THEN least(720, greatest(1, (t.settings ->> 'idle_hours_until_closed')::numeric::int)) ELSE 72 END)
        ORDER BY c.last_inbound_at NULLS FIRST LIMIT %(limit)s FOR UPDATE OF c SKIP LOCKED
    )
    UPDATE conversations c SET status = 'expired', closing_reason = 'inactivity', closed_at = %(now)s
    FROM idle WHERE c.tenant_id = idle.tenant_id AND c.id = idle.id
"""


async def by_id(connection: Connection, conversation_id: UUID) -> ConversationRow | None:
    return await _one(connection, _BY_ID, {"id": conversation_id})


async def lock(connection: Connection, conversation_id: UUID) -> ConversationRow | None:
    """Read it and hold its row until the transaction ends: nothing is received or committed meanwhile."""
    return await _one(connection, _LOCK, {"id": conversation_id})


async def live(connection: Connection, *, channel_account_id: UUID, contact_id: UUID) -> UUID | None:
    """Find and lock the contact's open conversation on this account."""
    cursor = await connection.execute(_LIVE, {"channel_account_id": channel_account_id, "contact_id": contact_id})
    row = await cursor.fetchone()
    return row["id"] if row else None


async def open_conversation(
    connection: Connection, *, tenant_id: UUID, conversation_id: UUID, contact_id: UUID, channel_account_id: UUID,
    address_kind: str, address_value: str, source: str, now: datetime,
) -> bool:  # fmt: skip
    """Insert it; False when somebody opened one at the same moment."""
    cursor = await connection.execute(
        _OPEN,
        {
            "tenant_id": tenant_id, "id": conversation_id, "contact_id": contact_id,
            "channel_account_id": channel_account_id, "address_kind": address_kind, "address_value": address_value,
            "source": source, "now": now,
        },
    )  # fmt: skip
    return cursor.rowcount == 1


async def page(
    connection: Connection, *, status: str | None, handler: str | None, contact_id: UUID | None, limit: int, offset: int
) -> tuple[list[ConversationRow], int]:
    """List conversations, newest first, and count all that fit."""
    parameters = {
        "status": status, "handler": handler, "contact_id": contact_id, "limit": limit, "offset": offset,
    }  # fmt: skip
    async with connection.cursor(row_factory=class_row(ConversationRow)) as cursor:
        await cursor.execute(_PAGE, parameters)
        rows = await cursor.fetchall()
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_COUNT, parameters)
        total: int = (await counter.fetchone()) or 0
    return rows, total


async def claim(
    connection: Connection, *, runner: str, now: datetime, locked_until: datetime, limit: int
) -> list[ConversationRow]:
    """Take due conversations for one runner (platform role). Each gets a new fencing number."""
    parameters = {"runner": runner, "now": now, "locked_until": locked_until, "limit": limit}
    async with connection.cursor(row_factory=class_row(ConversationRow)) as cursor:
        await cursor.execute(_CLAIM, parameters)
        return await cursor.fetchall()


async def next_due_at(connection: Connection, *, now: datetime) -> datetime | None:
    """Say when the next unclaimed turn is due (platform role)."""
    cursor = await connection.execute(_NEXT_DUE, {"now": now})
    row = await cursor.fetchone()
    return row["due_at"] if row else None


async def renew(connection: Connection, *, ids: Sequence[UUID], runner: str, locked_until: datetime) -> set[UUID]:
    """Prolong leases (platform role); a missing id was lost to somebody else."""
    cursor = await connection.execute(_RENEW, {"ids": list(ids), "runner": runner, "locked_until": locked_until})
    return {row["id"] for row in await cursor.fetchall()}


async def commit_turn(
    connection: Connection, *, conversation: ConversationRow, answered_seq: int, history_seq: int, agent: str | None,
    has_reply: bool, checkpoint_id: str | None, now: datetime,
) -> None:  # fmt: skip
    """Mark the turn's messages answered and let go of the lease.

    The caller holds the row's lock and has compared the fencing number; with an old one this changes nothing.
    """
    await connection.execute(
        _COMMIT_TURN,
        {
            "id": conversation.id, "turn_seq": conversation.turn_seq, "runner": conversation.locked_by,
            "answered_seq": answered_seq, "history_seq": history_seq, "agent": agent, "has_reply": has_reply,
            "checkpoint_id": checkpoint_id, "now": now,
        },
    )  # fmt: skip


async def release(connection: Connection, conversation: ConversationRow, *, due_at: datetime, has_failed: bool) -> None:
    """Let go of a turn that was not committed; it is due again at `due_at`."""
    await connection.execute(
        _RELEASE,
        {
            "id": conversation.id, "turn_seq": conversation.turn_seq, "runner": conversation.locked_by,
            "due_at": due_at, "failed": int(has_failed),
        },
    )  # fmt: skip


async def silence(connection: Connection, conversation: ConversationRow) -> None:
    """Let go of a claimed turn that nobody should answer: the bot is off, or a human has the conversation."""
    await connection.execute(
        _SILENCE, {"id": conversation.id, "turn_seq": conversation.turn_seq, "runner": conversation.locked_by}
    )


async def hand_off(connection: Connection, conversation_id: UUID, *, reason: str, now: datetime) -> bool:
    """Give the conversation to a human; False when one has it already."""
    cursor = await connection.execute(_HAND_OFF, {"id": conversation_id, "reason": reason, "now": now})
    return cursor.rowcount == 1


async def hand_back(connection: Connection, conversation_id: UUID, *, now: datetime) -> bool:
    """Give it back to the bot; False when no human has it or it is closed."""
    cursor = await connection.execute(_HAND_BACK, {"id": conversation_id, "now": now})
    return cursor.rowcount == 1


async def mark_answered(connection: Connection, conversation_id: UUID, *, now: datetime) -> None:
    """Count all that came as answered: a human replied."""
    await connection.execute(_MARK_ANSWERED, {"id": conversation_id, "now": now})


async def assign(connection: Connection, conversation_id: UUID, agent: str | None) -> bool:
    cursor = await connection.execute(_ASSIGN, {"id": conversation_id, "agent": agent})
    return cursor.rowcount == 1


async def close(connection: Connection, conversation_id: UUID, *, status: str, reason: str, now: datetime) -> bool:
    cursor = await connection.execute(_CLOSE, {"id": conversation_id, "status": status, "reason": reason, "now": now})
    return cursor.rowcount == 1


async def expire_idle(connection: Connection, *, now: datetime, limit: int) -> int:
    """Close conversations silent for longer than their tenant's limit (platform role); return how many."""
    cursor = await connection.execute(_EXPIRE, {"now": now, "limit": limit})
    return cursor.rowcount


async def _one(
    connection: Connection, statement: LiteralString, parameters: dict[str, object]
) -> ConversationRow | None:
    async with connection.cursor(row_factory=class_row(ConversationRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()
