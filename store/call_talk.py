"""What is said in a call: utterances and replies are messages of its conversation, kept as they were really heard."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store.conversations import COLUMNS as CONVERSATION_COLUMNS
from store.conversations import ConversationRow
from store.database import Connection

_FIND: LiteralString = """
    SELECT id FROM calls WHERE channel_account_id = %(account_id)s AND provider_call_id = %(provider_call_id)s
"""
_ARRIVE: LiteralString = """
    INSERT INTO calls (tenant_id, id, channel_account_id, contact_id, direction, purpose, phone, status, status_at,
                       provider_call_id, agent_version, due_at, created_at, answered_at)
    VALUES (%(tenant_id)s, %(id)s, %(account_id)s, %(contact_id)s, 'in', 'inbound', %(phone)s, 'in_progress', %(now)s,
            %(provider_call_id)s, %(agent_version)s, %(due_at)s, %(now)s, %(now)s)
    ON CONFLICT DO NOTHING
"""
# A call that has ended already is talked in no more; its ending stays.
_BEGIN: LiteralString = """
    UPDATE calls SET conversation_id = coalesce(conversation_id, %(conversation_id)s),
        contact_id = coalesce(contact_id, %(contact_id)s),
        provider_call_id = coalesce(provider_call_id, %(provider_call_id)s),
        agent_version = coalesce(%(agent_version)s, agent_version),
        status = CASE WHEN status IN ('dialing', 'unknown', 'queued', 'ringing') THEN 'in_progress' ELSE status END,
        status_at = CASE WHEN status IN ('dialing', 'unknown', 'queued', 'ringing') THEN %(now)s ELSE status_at END,
        answered_at = coalesce(answered_at, %(now)s), locked_by = NULL, locked_until = NULL,
        due_at = CASE WHEN ended_at IS NULL THEN %(due_at)s ELSE due_at END, flagged_at = NULL
    WHERE id = %(id)s
"""
_CLOSE_EARLIER: LiteralString = """
    UPDATE conversations SET status = 'closed', closing_reason = 'another_call', closed_at = %(now)s, turn_due_at = NULL
    WHERE channel_account_id = %(account_id)s AND contact_id = %(contact_id)s AND status IN ('open', 'waiting')
"""
_CLAIM: LiteralString = f"""
    UPDATE conversations SET locked_by = %(runner)s, locked_until = %(locked_until)s, turn_seq = turn_seq + 1
    WHERE id = %(id)s
    RETURNING {CONVERSATION_COLUMNS}
"""
# The same utterance comes again, longer, until it is answered.
_HEAR: LiteralString = """
    INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text,
                          provider_message_id, sent_at, created_at, call_id)
    VALUES (%(tenant_id)s, %(id)s, %(conversation_id)s, %(account_id)s, 'in', 'customer', 'text', %(text)s,
            %(provider_message_id)s, %(now)s, %(now)s, %(call_id)s)
    ON CONFLICT (tenant_id, channel_account_id, provider_message_id) WHERE provider_message_id IS NOT NULL
        DO UPDATE SET text = CASE WHEN messages.seq > %(answered_seq)s THEN excluded.text ELSE messages.text END
    RETURNING seq, xmax = 0 AS is_new
"""
# A second call of the contact has closed this one's conversation: it stays closed, for only one may be open.
_HEARD: LiteralString = """
    UPDATE conversations SET
        status = CASE WHEN status = 'waiting' THEN 'open' ELSE status END, last_inbound_at = %(now)s,
        last_inbound_seq = greatest(last_inbound_seq, %(seq)s)
    WHERE id = %(id)s
"""
_SPEAK: LiteralString = """
    INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text, content,
                          sent_at, created_at, status, status_at, turn_seq, agent, prompt_version, model, call_id)
    VALUES (%(tenant_id)s, %(id)s, %(conversation_id)s, %(account_id)s, 'out', 'agent', 'text', %(text)s, %(content)s,
            %(now)s, %(now)s, 'sent', %(now)s, %(turn_seq)s, %(agent)s, %(prompt_version)s, %(model)s, %(call_id)s)
    ON CONFLICT (tenant_id, id) DO NOTHING
"""
_SPOKE: LiteralString = "UPDATE conversations SET last_outbound_at = %(now)s WHERE id = %(id)s"
_CUT: LiteralString = """
    UPDATE messages SET text = %(text)s,
        content = content || jsonb_build_object('isInterrupted', true, 'meant', coalesce(content ->> 'meant', text))
    WHERE id = %(id)s AND direction = 'out' AND call_id IS NOT NULL
"""
_LAST_SPOKEN: LiteralString = """
    SELECT text FROM messages WHERE conversation_id = %(conversation_id)s AND direction = 'out' AND author = 'agent'
    ORDER BY seq DESC LIMIT 1
"""
_HAS_SPOKEN: LiteralString = """
    SELECT EXISTS (SELECT FROM messages WHERE call_id = %(call_id)s AND direction = 'out') AS has_spoken
"""
_RELEASE: LiteralString = """
    UPDATE conversations SET locked_by = NULL, locked_until = NULL
    WHERE id = %(id)s AND turn_seq = %(turn_seq)s AND locked_by = %(runner)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenRow:
    """One reply as it goes into the call's history. Without a turn it was said by code: a greeting, a question
    whether somebody is there, or what was heard of a reply that was never finished."""

    id: UUID
    text: str
    meant: str | None = None
    is_interrupted: bool = False
    turn_seq: int | None = None
    agent: str | None = None
    prompt_version: str | None = None
    model: str | None = None


async def find(connection: Connection, *, account_id: UUID, provider_call_id: str) -> UUID | None:
    """Find the call that the provider names so on this account."""
    cursor = await connection.execute(_FIND, {"account_id": account_id, "provider_call_id": provider_call_id})
    row = await cursor.fetchone()
    return row["id"] if row else None


async def arrive(connection: Connection, **values: object) -> bool:
    """Insert an inbound call; False when it is known already."""
    cursor = await connection.execute(_ARRIVE, values)
    return cursor.rowcount == 1


async def begin(connection: Connection, **values: object) -> None:
    """Note that somebody is on the line, in which conversation."""
    await connection.execute(_BEGIN, values)


async def close_earlier(connection: Connection, *, account_id: UUID, contact_id: UUID, now: datetime) -> None:
    """End the conversation of an earlier call: each call is one of its own, since somebody else may pick up."""
    await connection.execute(_CLOSE_EARLIER, {"account_id": account_id, "contact_id": contact_id, "now": now})


async def claim(
    connection: Connection, conversation_id: UUID, *, runner: str, locked_until: datetime
) -> ConversationRow | None:
    """Take a call's conversation for one turn, whoever had it: the newest socket of a call speaks for it."""
    async with connection.cursor(row_factory=class_row(ConversationRow)) as cursor:
        await cursor.execute(_CLAIM, {"id": conversation_id, "runner": runner, "locked_until": locked_until})
        return await cursor.fetchone()


async def hear(
    connection: Connection, conversation: ConversationRow, *, message_id: UUID, call_id: UUID, key: str, text: str,
    now: datetime,
) -> int:  # fmt: skip
    """Store what the customer said; give its number. Lock the conversation before (`claim` does).

    An utterance that is known and not answered takes the new text; an answered one stays as it was.
    """
    cursor = await connection.execute(
        _HEAR,
        {
            "tenant_id": conversation.tenant_id, "id": message_id, "conversation_id": conversation.id,
            "account_id": conversation.channel_account_id, "text": text, "call_id": call_id,
            "provider_message_id": f"{call_id}:{key}", "answered_seq": conversation.answered_seq, "now": now,
        },
    )  # fmt: skip
    row = await cursor.fetchone()
    seq: int = row["seq"] if row else 0
    await connection.execute(_HEARD, {"id": conversation.id, "seq": seq, "now": now})
    return seq


async def speak(
    connection: Connection, conversation: ConversationRow, spoken: SpokenRow, *, call_id: UUID, now: datetime
) -> None:
    """Put what was said into the history; the same reply again changes nothing."""
    content: dict[str, object] = {}
    if spoken.meant is not None and spoken.meant != spoken.text:
        content["meant"] = spoken.meant
    if spoken.is_interrupted:
        content["isInterrupted"] = True
    await connection.execute(
        _SPEAK,
        {
            "tenant_id": conversation.tenant_id, "id": spoken.id, "conversation_id": conversation.id,
            "account_id": conversation.channel_account_id, "text": spoken.text, "content": Jsonb(content),
            "turn_seq": spoken.turn_seq, "agent": spoken.agent, "prompt_version": spoken.prompt_version,
            "model": spoken.model, "call_id": call_id, "now": now,
        },
    )  # fmt: skip
    await connection.execute(_SPOKE, {"id": conversation.id, "now": now})


async def cut(connection: Connection, message_id: UUID, *, text: str) -> None:
    """Note that only `text` of a reply was heard; what was meant is kept beside it."""
    await connection.execute(_CUT, {"id": message_id, "text": text})


async def last_spoken(connection: Connection, conversation_id: UUID) -> str | None:
    """Give what was said last in this call."""
    cursor = await connection.execute(_LAST_SPOKEN, {"conversation_id": conversation_id})
    row = await cursor.fetchone()
    return row["text"] if row else None


async def has_spoken(connection: Connection, call_id: UUID) -> bool:
    """Tell whether anything was said to the customer in this call."""
    cursor = await connection.execute(_HAS_SPOKEN, {"call_id": call_id})
    row = await cursor.fetchone()
    return bool(row and row["has_spoken"])


async def release(connection: Connection, conversation: ConversationRow) -> None:
    """Let go of a call turn that was not committed."""
    await connection.execute(
        _RELEASE, {"id": conversation.id, "turn_seq": conversation.turn_seq, "runner": conversation.locked_by}
    )
