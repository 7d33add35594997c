"""Messages in both directions: the inbox and the outbox are this one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.messages import DeliveryStatus
from store.database import Connection

_COLUMNS: LiteralString = """
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
class NewInbound:
    """One customer message to store, and how it moves the conversation's timer."""

    tenant_id: UUID
    id: UUID
    channel_account_id: UUID
    provider_message_id: str
    address_kind: str
    address_value: str
    other_kinds: list[str]  # the person's other addresses that came with the message
    other_values: list[str]
    kind: str
    text: str | None
    content: Mapping[str, object]
    reply_to: str | None
    sent_at: datetime
    now: datetime
    quiet_until: datetime
    cap_seconds: float
    wants_turn: bool

    def parameters(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__} | {"content": Jsonb(dict(self.content))}

    def as_json(self) -> dict[str, object]:
        """Give it as a record of a JSON parameter, without the tenant."""
        return {
            "id": str(self.id), "channel_account_id": str(self.channel_account_id),
            "provider_message_id": self.provider_message_id, "address_kind": self.address_kind,
            "address_value": self.address_value, "other_kinds": self.other_kinds, "other_values": self.other_values,
            "kind": self.kind, "text": self.text, "content": self.content, "reply_to": self.reply_to,
            "sent_at": self.sent_at.isoformat(), "now": self.now.isoformat(),
            "quiet_until": self.quiet_until.isoformat(), "cap_seconds": self.cap_seconds,
            "wants_turn": self.wants_turn,
        }  # fmt: skip


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


# The conversation's row is locked before the message gets its number, so within one conversation the numbers are
# committed in order and a turn that has read up to N has read all of them.
_RECEIVE_TAIL: LiteralString = """
    stored AS (
        INSERT INTO messages
            (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text, content,
             provider_message_id, reply_to, sent_at, created_at)
        SELECT %(tenant_id)s, %(id)s, live.id, %(channel_account_id)s, 'in', 'customer', %(kind)s, %(text)s,
               %(content)s, %(provider_message_id)s, %(reply_to)s, %(sent_at)s, %(now)s
        FROM live
        ON CONFLICT (tenant_id, channel_account_id, provider_message_id) WHERE provider_message_id IS NOT NULL
            DO NOTHING
        RETURNING seq, conversation_id
    )
    UPDATE conversations c SET
        status = 'open', address_kind = %(address_kind)s, address_value = %(address_value)s,
        last_inbound_at = greatest(c.last_inbound_at, %(sent_at)s),
        last_inbound_seq = CASE WHEN %(wants_turn)s THEN (SELECT seq FROM stored) ELSE c.last_inbound_seq END,
        first_unanswered_at = CASE WHEN %(wants_turn)s THEN coalesce(c.first_unanswered_at, %(now)s)
            ELSE c.first_unanswered_at END,
        turn_due_at = CASE WHEN %(wants_turn)s AND c.handler = 'bot'
            THEN least(%(quiet_until)s,
                       coalesce(c.first_unanswered_at, %(now)s) + make_interval(secs => %(cap_seconds)s))
            ELSE c.turn_due_at END
    WHERE c.tenant_id = %(tenant_id)s AND c.id = (SELECT conversation_id FROM stored)
    RETURNING c.id
"""
# Sub-selects, not joins: each step is then one look-up in a unique index, whatever the planner believes of a table that
# it has no statistics of yet. As joins they walked through all conversations of the tenant.
_RECEIVE_KNOWN: LiteralString = f"""
    WITH live AS (
        SELECT c.id FROM conversations c
        WHERE c.tenant_id = %(tenant_id)s AND c.channel_account_id = %(channel_account_id)s
          AND c.status IN ('open', 'waiting') AND c.contact_id = (
              SELECT a.contact_id FROM addresses a
              WHERE a.tenant_id = %(tenant_id)s AND a.kind = %(address_kind)s AND a.value = %(address_value)s
                AND (cardinality(%(other_kinds)s::text[]) = 0 OR cardinality(%(other_kinds)s::text[]) = (
                    SELECT count(*) FROM addresses o JOIN unnest(%(other_kinds)s::text[], %(other_values)s::text[])
                        AS seen (kind, value) ON o.kind = seen.kind AND o.value = seen.value
                    WHERE o.tenant_id = %(tenant_id)s AND o.contact_id = a.contact_id)))
        FOR UPDATE
    ),
    {_RECEIVE_TAIL}
"""
# The same for many messages of different customers. A look-up per message, for the same reason.
_RECEIVE_MANY: LiteralString = """
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(%(messages)s) AS g (
            id uuid, channel_account_id uuid, provider_message_id text, address_kind text, address_value text,
            other_kinds text[], other_values text[], kind text, text text, content jsonb, reply_to text,
            sent_at timestamptz, now timestamptz, quiet_until timestamptz, cap_seconds float8, wants_turn boolean)
    ), live AS (
        SELECT g.*, c.id AS conversation_id
        FROM given g
        CROSS JOIN LATERAL (
            SELECT c.id FROM conversations c
            WHERE c.tenant_id = %(tenant_id)s AND c.channel_account_id = g.channel_account_id
              AND c.status IN ('open', 'waiting') AND c.contact_id = (
                  SELECT a.contact_id FROM addresses a
                  WHERE a.tenant_id = %(tenant_id)s AND a.kind = g.address_kind AND a.value = g.address_value
                    AND cardinality(g.other_kinds) = (
                        SELECT count(*) FROM addresses o JOIN unnest(g.other_kinds, g.other_values)
                            AS seen (kind, value) ON o.kind = seen.kind AND o.value = seen.value
                        WHERE o.tenant_id = %(tenant_id)s AND o.contact_id = a.contact_id))
            FOR UPDATE
        ) c
    ), stored AS (
        INSERT INTO messages
            (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text, content,
             provider_message_id, reply_to, sent_at, created_at)
        SELECT %(tenant_id)s, id, conversation_id, channel_account_id, 'in', 'customer', kind, text, content,
               provider_message_id, reply_to, sent_at, now
        FROM live
        ON CONFLICT (tenant_id, channel_account_id, provider_message_id) WHERE provider_message_id IS NOT NULL
            DO NOTHING
        RETURNING id, seq, conversation_id
    )
    UPDATE conversations c SET
        status = 'open', address_kind = l.address_kind, address_value = l.address_value,
        last_inbound_at = greatest(c.last_inbound_at, l.sent_at),
        last_inbound_seq = CASE WHEN l.wants_turn THEN s.seq ELSE c.last_inbound_seq END,
        first_unanswered_at = CASE WHEN l.wants_turn THEN coalesce(c.first_unanswered_at, l.now)
            ELSE c.first_unanswered_at END,
        turn_due_at = CASE WHEN l.wants_turn AND c.handler = 'bot'
            THEN least(l.quiet_until,
                       coalesce(c.first_unanswered_at, l.now) + make_interval(secs => l.cap_seconds))
            ELSE c.turn_due_at END
    FROM stored s JOIN live l ON l.id = s.id
    WHERE c.tenant_id = %(tenant_id)s AND c.id = s.conversation_id
    RETURNING s.id
"""
_RECEIVE_IN: LiteralString = f"""
    WITH live AS (SELECT id FROM conversations WHERE id = %(conversation_id)s FOR UPDATE),
    {_RECEIVE_TAIL}
"""
_BY_PROVIDER_ID: LiteralString = f"""
    SELECT {_COLUMNS} FROM messages
    WHERE channel_account_id = %(channel_account_id)s AND provider_message_id = %(provider_message_id)s
    FOR UPDATE
"""
_BY_ID: LiteralString = f"SELECT {_COLUMNS} FROM messages WHERE id = %(id)s FOR UPDATE"
_UNANSWERED: LiteralString = f"""
    SELECT {_COLUMNS} FROM messages
    WHERE conversation_id = %(conversation_id)s AND seq > %(after)s
    ORDER BY seq LIMIT %(limit)s
"""
_PAGE: LiteralString = f"""
    SELECT {_COLUMNS} FROM messages
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
    RETURNING {", ".join("m." + name.strip() for name in _COLUMNS.split(","))}
"""
_CLAIMED_BY: LiteralString = f"""
    SELECT {_COLUMNS} FROM messages
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


async def receive_known(connection: Connection, message: NewInbound) -> UUID | None:
    """Store a message from known addresses into its live conversation, in one statement.

    None when one of the addresses or the conversation is new, or the message is a duplicate.
    """
    cursor = await connection.execute(_RECEIVE_KNOWN, message.parameters())
    row = await cursor.fetchone()
    return row["id"] if row else None


async def receive_many(connection: Connection, tenant_id: UUID, given: Sequence[NewInbound]) -> set[UUID]:
    """Store messages from known addresses into their live conversations; return the ids of those stored so.

    No two may be of one address.
    """
    parameters = {"tenant_id": tenant_id, "messages": Jsonb([message.as_json() for message in given])}
    cursor = await connection.execute(_RECEIVE_MANY, parameters)
    return {row["id"] for row in await cursor.fetchall()}


async def receive_in(connection: Connection, conversation_id: UUID, message: NewInbound) -> bool:
    """Store a message into this conversation; False when it is a duplicate."""
    cursor = await connection.execute(_RECEIVE_IN, message.parameters() | {"conversation_id": conversation_id})
    return cursor.rowcount == 1


async def by_provider_id(
    connection: Connection, *, channel_account_id: UUID, provider_message_id: str
) -> MessageRow | None:
    """Find and lock the message that the provider names so."""
    return await _one(
        connection,
        _BY_PROVIDER_ID,
        {"channel_account_id": channel_account_id, "provider_message_id": provider_message_id},
    )


async def by_id(connection: Connection, message_id: UUID) -> MessageRow | None:
    """Find and lock one message."""
    return await _one(connection, _BY_ID, {"id": message_id})


async def after(connection: Connection, conversation_id: UUID, *, seq: int, limit: int) -> list[MessageRow]:
    """List what was said after message number `seq`, both directions, oldest first."""
    return await _many(connection, _UNANSWERED, {"conversation_id": conversation_id, "after": seq, "limit": limit})


async def page(connection: Connection, conversation_id: UUID, *, before: int | None, limit: int) -> list[MessageRow]:
    """List messages, newest first, before message number `before`."""
    return await _many(connection, _PAGE, {"conversation_id": conversation_id, "before": before, "limit": limit})


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
    return await _many(
        connection,
        _CLAIM_SENDING,
        {
            "sender": sender, "now": now, "locked_until": locked_until, "limit": limit,
            "conversation_id": conversation_id,
        },
    )  # fmt: skip


async def claimed_by(connection: Connection, conversation_id: UUID, *, sender: str) -> list[MessageRow]:
    """List the queued messages of a conversation that this sender has claimed, in order."""
    return await _many(connection, _CLAIMED_BY, {"conversation_id": conversation_id, "sender": sender})


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


async def _one(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> MessageRow | None:
    async with connection.cursor(row_factory=class_row(MessageRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()


async def _many(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> list[MessageRow]:
    async with connection.cursor(row_factory=class_row(MessageRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()
