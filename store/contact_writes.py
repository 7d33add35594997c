"""What the contact gate and its providers' answers leave in the tables, many rows in each statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.campaigns import Method, TargetOutcome, TargetState
from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class NewPerson:
    id: UUID
    name: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewAddress:
    contact_id: UUID
    value: str  # E.164
    match_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedConversation:
    """A conversation as a contact leaves it: new, or one that was silent and is taken up again."""

    id: UUID
    contact_id: UUID
    channel_account_id: UUID
    address_kind: str
    address_value: str
    target_id: UUID | None
    source: str | None  # None: as it is
    agent: str | None
    is_new: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SendingMessage:
    id: UUID
    conversation_id: UUID
    channel_account_id: UUID
    author: str
    kind: str
    text: str
    content: Mapping[str, object]
    locked_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DialingCall:
    id: UUID
    channel_account_id: UUID
    contact_id: UUID
    target_id: UUID | None
    phone: str
    locked_by: str
    purpose: str = "campaign"
    request_id: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedTarget:
    """All that a decision may change in a target; the lease is let go of."""

    id: UUID
    state: TargetState
    outcome: TargetOutcome | None
    outcome_details: Mapping[str, object]
    method: Method | None
    attempt_count: int
    first_contacted_at: datetime | None
    last_attempt_at: datetime | None
    contact_id: UUID | None
    conversation_id: UUID | None
    promised_at: datetime | None
    paid_at: datetime | None
    due_at: datetime | None


_PERSONS: LiteralString = """
    INSERT INTO contacts (tenant_id, id, name)
    SELECT %(tenant_id)s, id, name FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, name text)
"""
_ADDRESSES: LiteralString = """
    INSERT INTO addresses (tenant_id, id, contact_id, kind, value, match_key)
    SELECT %(tenant_id)s, gen_random_uuid(), contact_id, 'phone', value, match_key
    FROM jsonb_to_recordset(%(rows)s) AS r (contact_id uuid, value text, match_key text)
    ON CONFLICT (tenant_id, kind, value) DO NOTHING
"""
_OPEN: LiteralString = """
    INSERT INTO conversations (tenant_id, id, contact_id, channel_account_id, address_kind, address_value, status,
        source, assigned_agent, target_id, last_outbound_at, created_at)
    SELECT %(tenant_id)s, id, contact_id, channel_account_id, address_kind, address_value, 'waiting',
        coalesce(source, 'customer'), agent, target_id, %(now)s, %(now)s
    FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, contact_id uuid, channel_account_id uuid, address_kind text,
        address_value text, target_id uuid, source text, agent text)
"""
_RESUME: LiteralString = """
    UPDATE conversations c SET source = coalesce(r.source, c.source),
        assigned_agent = coalesce(r.agent, c.assigned_agent), target_id = coalesce(r.target_id, c.target_id),
        address_kind = r.address_kind, address_value = r.address_value, last_outbound_at = %(now)s
    FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, target_id uuid, source text, agent text, address_kind text,
        address_value text)
    WHERE c.tenant_id = %(tenant_id)s AND c.id = r.id
"""
_MESSAGES: LiteralString = """
    INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text, content,
        sent_at, created_at, status, agent, due_at, attempts, status_at, locked_by, locked_until)
    SELECT %(tenant_id)s, id, conversation_id, channel_account_id, 'out', author, kind, text, content,
        %(now)s, %(now)s, 'sending', 'cobranca', %(now)s, 1, %(now)s, locked_by, %(locked_until)s
    FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, conversation_id uuid, channel_account_id uuid, author text,
        kind text, text text, content jsonb, locked_by text)
"""
_CALLS: LiteralString = """
    INSERT INTO calls (tenant_id, id, channel_account_id, contact_id, target_id, direction, phone, status, status_at,
        due_at, locked_by, locked_until, created_at, purpose, request_id)
    SELECT %(tenant_id)s, id, channel_account_id, contact_id, target_id, 'out', phone, 'dialing', %(now)s,
        %(locked_until)s, locked_by, %(locked_until)s, %(now)s, purpose, request_id
    FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, channel_account_id uuid, contact_id uuid, target_id uuid,
        phone text, locked_by text, purpose text, request_id uuid)
"""
_TARGETS: LiteralString = """
    UPDATE targets t SET state = r.state, outcome = r.outcome, outcome_details = r.outcome_details, method = r.method,
        attempt_count = r.attempt_count, first_contacted_at = r.first_contacted_at,
        last_attempt_at = r.last_attempt_at, contact_id = r.contact_id, conversation_id = r.conversation_id,
        promised_at = r.promised_at, paid_at = r.paid_at, due_at = r.due_at, locked_by = NULL, locked_until = NULL,
        updated_at = %(now)s
    FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, state text, outcome text, outcome_details jsonb, method text,
        attempt_count integer, first_contacted_at timestamptz, last_attempt_at timestamptz, contact_id uuid,
        conversation_id uuid, promised_at timestamptz, paid_at timestamptz, due_at timestamptz)
    WHERE t.tenant_id = %(tenant_id)s AND t.id = r.id
"""
_SPEND: LiteralString = """
    UPDATE campaigns c SET spent_cents = c.spent_cents + r.cents
    FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, cents bigint)
    WHERE c.tenant_id = %(tenant_id)s AND c.id = r.id
"""
_GIVE_BACK: LiteralString = """
    UPDATE campaigns SET spent_cents = greatest(0, spent_cents - %(cents)s)
    WHERE id = %(id)s AND budget_cents IS NOT NULL
"""
# Locked as a whole, as store.campaigns.lock does it: the gates share the row while they decide.
_PAUSE: LiteralString = """
    UPDATE campaigns SET status = 'paused', pause_reason = %(reason)s, updated_at = %(now)s
    WHERE id = (SELECT id FROM campaigns WHERE id = %(id)s FOR UPDATE) AND status = 'active'
"""
_RELEASE: LiteralString = """
    UPDATE targets t SET due_at = r.due_at, locked_by = NULL, locked_until = NULL, updated_at = %(now)s
    FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, due_at timestamptz)
    WHERE t.tenant_id = %(tenant_id)s AND t.id = r.id AND t.locked_by = %(worker)s AND t.state = 'scheduled'
"""
# Locked in one order before they are written, as two senders may report on messages of one another's.
_SENT: LiteralString = """
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, provider_message_id text)
    ), held AS (
        SELECT m.id, m.status FROM messages m
        WHERE m.tenant_id = %(tenant_id)s AND m.id IN (SELECT id FROM given) ORDER BY m.id FOR UPDATE
    )
    UPDATE messages m SET
        provider_message_id = coalesce(m.provider_message_id, g.provider_message_id),
        status = CASE WHEN held.status IN ('sending', 'unknown') THEN 'sent' ELSE m.status END,
        status_at = CASE WHEN held.status IN ('sending', 'unknown') THEN %(now)s ELSE m.status_at END,
        sent_at = %(now)s, due_at = NULL, locked_by = NULL, locked_until = NULL, flagged_at = NULL
    FROM given g JOIN held ON held.id = g.id
    WHERE m.tenant_id = %(tenant_id)s AND m.id = g.id
    RETURNING m.id, held.status AS before
"""
_ALIASES: LiteralString = """
    INSERT INTO addresses (tenant_id, id, contact_id, kind, value, match_key)
    SELECT %(tenant_id)s, gen_random_uuid(), contact_id, kind, value, match_key
    FROM jsonb_to_recordset(%(rows)s) AS r (contact_id uuid, kind text, value text, match_key text)
    ON CONFLICT (tenant_id, kind, value) DO NOTHING
"""
_MARK_UNKNOWN: LiteralString = """
    UPDATE targets t SET outcome = 'unknown', due_at = NULL, updated_at = %(now)s
    FROM contact_decisions d
    WHERE d.tenant_id = t.tenant_id AND d.message_id = %(id)s AND d.verdict = 'contact' AND t.id = d.target_id
      AND t.state = 'contacted' AND t.outcome = 'sent' AND t.last_attempt_at = d.decided_at
"""
# The provider told us after all: the contact went out, and an answer is waited for as usual.
_MARK_SENT: LiteralString = """
    UPDATE targets t SET outcome = 'sent', updated_at = %(now)s,
        due_at = t.last_attempt_at + make_interval(mins => c.unanswered_after_minutes)
    FROM contact_decisions d JOIN campaigns c ON c.tenant_id = d.tenant_id AND c.id = d.campaign_id
    WHERE d.tenant_id = t.tenant_id AND d.message_id = ANY(%(ids)s) AND d.verdict = 'contact' AND t.id = d.target_id
      AND t.state = 'contacted' AND t.outcome = 'unknown' AND t.last_attempt_at = d.decided_at
"""
# Who replied was reached.
_REPLIED: LiteralString = """
    WITH replied AS (
        UPDATE targets t SET outcome = 'answered', due_at = %(now)s, updated_at = %(now)s
        FROM conversations c
        WHERE c.tenant_id = t.tenant_id AND c.id = t.conversation_id AND c.last_inbound_at > t.last_attempt_at
          AND t.state = 'contacted' AND t.outcome = 'unknown'
        RETURNING t.tenant_id, t.campaign_id
    )
    UPDATE campaigns p SET plan_due_at = least(p.plan_due_at, %(now)s)
    FROM (SELECT DISTINCT tenant_id, campaign_id FROM replied) r
    WHERE p.tenant_id = r.tenant_id AND p.id = r.campaign_id AND p.status = 'active' AND p.plan_due_at > %(now)s
"""


async def persons(connection: Connection, tenant_id: UUID, rows: Sequence[NewPerson]) -> None:
    """Make contacts for phones that nobody has been met at."""
    await _many(connection, _PERSONS, tenant_id, rows)


async def addresses(connection: Connection, tenant_id: UUID, rows: Sequence[NewAddress]) -> None:
    await _many(connection, _ADDRESSES, tenant_id, rows)


async def conversations(
    connection: Connection, tenant_id: UUID, rows: Sequence[OpenedConversation], *, now: datetime
) -> None:
    """Open the new ones, and hand those that exist to the agent of the contact."""
    await _many(connection, _OPEN, tenant_id, [row for row in rows if row.is_new], now=now)
    await _many(connection, _RESUME, tenant_id, [row for row in rows if not row.is_new], now=now)


async def messages(
    connection: Connection, tenant_id: UUID, rows: Sequence[SendingMessage], *, now: datetime, locked_until: datetime
) -> None:
    """Write messages that their worker sends right after the commit; a crash leaves them to `abandon_sending`."""
    await _many(connection, _MESSAGES, tenant_id, rows, now=now, locked_until=locked_until)


async def calls(
    connection: Connection, tenant_id: UUID, rows: Sequence[DialingCall], *, now: datetime, locked_until: datetime
) -> None:
    """Write calls that their worker dials right after the commit; they are due to be judged when the lease ends."""
    await _many(connection, _CALLS, tenant_id, rows, now=now, locked_until=locked_until)


async def targets(connection: Connection, tenant_id: UUID, rows: Sequence[ChangedTarget], *, now: datetime) -> None:
    """Write targets that the caller holds."""
    await _many(connection, _TARGETS, tenant_id, rows, now=now)


async def spend(connection: Connection, tenant_id: UUID, cents: Mapping[UUID, int]) -> None:
    """Count costs against the ceilings of campaigns that the caller holds."""
    rows = [{"id": str(campaign_id), "cents": amount} for campaign_id, amount in cents.items() if amount]
    if rows:
        await connection.execute(_SPEND, {"tenant_id": tenant_id, "rows": Jsonb(rows)})


async def give_back(connection: Connection, campaign_id: UUID, cents: int) -> None:
    """Take back what a contact that was not made had cost."""
    if cents:
        await connection.execute(_GIVE_BACK, {"id": campaign_id, "cents": cents})


async def pause(connection: Connection, campaign_id: UUID, *, reason: str, now: datetime) -> bool:
    """Stop a campaign; False when it was not active."""
    cursor = await connection.execute(_PAUSE, {"id": campaign_id, "reason": reason, "now": now})
    return cursor.rowcount == 1


async def release(
    connection: Connection, tenant_id: UUID, due_at: Mapping[UUID, datetime], *, worker: str, now: datetime
) -> None:
    """Let go of claimed targets whose contact was not tried."""
    rows = [{"id": str(target_id), "due_at": at.isoformat()} for target_id, at in sorted(due_at.items())]
    if rows:
        await connection.execute(_RELEASE, {"tenant_id": tenant_id, "rows": Jsonb(rows), "worker": worker, "now": now})


async def mark_sent(
    connection: Connection, tenant_id: UUID, provider_ids: Mapping[UUID, str], *, now: datetime
) -> list[UUID]:
    """Record that providers took messages; give those that were thought lost already."""
    rows = [{"id": str(message_id), "provider_message_id": name} for message_id, name in provider_ids.items()]
    cursor = await connection.execute(_SENT, {"tenant_id": tenant_id, "rows": Jsonb(rows), "now": now})
    return [row["id"] for row in await cursor.fetchall() if row["before"] == "unknown"]


async def aliases(connection: Connection, tenant_id: UUID, rows: Sequence[Mapping[str, str | None]]) -> None:
    """Remember further addresses of people, as providers taught them."""
    if rows:
        await connection.execute(_ALIASES, {"tenant_id": tenant_id, "rows": Jsonb([dict(row) for row in rows])})


async def mark_target_unknown(connection: Connection, message_id: UUID, *, now: datetime) -> None:
    """Rest the target whose newest contact this message is: nobody knows whether it went out."""
    await connection.execute(_MARK_UNKNOWN, {"id": message_id, "now": now})


async def mark_targets_sent(connection: Connection, message_ids: Sequence[UUID], *, now: datetime) -> None:
    """Take up the targets whose newest contacts these messages are: they went out after all."""
    await connection.execute(_MARK_SENT, {"ids": list(message_ids), "now": now})


async def note_replies(connection: Connection, *, now: datetime) -> None:
    """Take up targets of unknown outcome whose people have replied (platform role)."""
    await connection.execute(_REPLIED, {"now": now})


async def _many(
    connection: Connection, statement: LiteralString, tenant_id: UUID, rows: Sequence[Any], **more: object
) -> None:
    if rows:
        records = [{field.name: _plain(getattr(row, field.name)) for field in fields(row)} for row in rows]
        await connection.execute(statement, {"tenant_id": tenant_id, "rows": Jsonb(records), **more})


def _plain(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return dict(value) if isinstance(value, Mapping) else value
