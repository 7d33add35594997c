"""The inbox: storing what customers write, each message once, with the timer of the turn that is to answer it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from store.database import Connection


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
