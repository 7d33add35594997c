"""What the customer's side of a simulated conversation reads: the talk, its messages, what its turns did."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from domain.messages import AddressKind
from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedConversationRow:
    id: UUID
    status: str
    handler: str
    handoff_reason: str | None
    current_agent: str | None
    turn_due_at: datetime | None
    locked_until: datetime | None
    answered_seq: int
    turn_seq: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedMessageRow:
    id: UUID
    seq: int
    direction: str
    author: str
    kind: str
    text: str | None
    content: dict[str, object]
    provider_message_id: str | None
    created_at: datetime
    status: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedTurnRow:
    turn_seq: int
    outcome: str
    agent: str | None
    verdict: str | None
    model: str | None
    prompt_version: str | None
    trace: list[dict[str, object]]
    reruns: int
    started_at: datetime
    finished_at: datetime
    models: list[str]
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SituationRow:
    """Where a person stands with the tenant today."""

    address: str
    overdue_invoices: int
    has_promise: bool
    has_payment_claim: bool
    has_opted_out: bool
    contact_id: UUID | None = None  # of somebody who was heard of: an address belongs to one contact


@dataclass(frozen=True, kw_only=True, slots=True)
class RingingCallRow:
    """A call of the assistant that waits for somebody to take it."""

    id: UUID
    provider_call_id: str
    address: str
    rung_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedCallRow:
    """What became of a call, as far as its caller is told."""

    id: UUID
    conversation_id: UUID | None
    status: str
    duration_seconds: int | None
    summary: str | None
    summary_due_at: datetime | None
    processed_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingCallRow:
    """A call that is agreed with a customer."""

    contact_id: UUID
    reason: str
    wanted_at: datetime
    due_at: datetime | None


_CONVERSATION: LiteralString = """
    SELECT c.id, c.status, c.handler, c.handoff_reason, c.current_agent, c.turn_due_at, c.locked_until,
        c.answered_seq, c.turn_seq
    FROM addresses a JOIN conversations c ON c.tenant_id = a.tenant_id AND c.contact_id = a.contact_id
    WHERE a.kind = %(kind)s AND a.value = %(address)s AND c.channel_account_id = %(channel_account_id)s
    ORDER BY c.status IN ('open', 'waiting') DESC, c.created_at DESC, c.id LIMIT 1
"""
# What is new, and what may have changed: the messages whose delivery was still going on when last seen.
_MESSAGES: LiteralString = """
    SELECT id, seq, direction, author, kind, text, content, provider_message_id, created_at, status FROM (
        SELECT * FROM messages
        WHERE conversation_id = %(conversation_id)s AND (seq > %(after)s OR id = ANY(%(unsettled)s))
        ORDER BY seq DESC LIMIT %(limit)s
    ) AS newest ORDER BY seq
"""
# A turn's usage is written with the turn's own instant, which is what the index of usage_records finds it by.
_TURNS: LiteralString = """
    SELECT t.turn_seq, t.outcome, t.agent, t.verdict, t.model, t.prompt_version, t.trace, t.reruns, t.started_at,
        t.finished_at, u.models, u.input_tokens, u.output_tokens
    FROM (SELECT * FROM turns WHERE conversation_id = %(conversation_id)s AND turn_seq > %(after)s
          ORDER BY turn_seq DESC LIMIT %(limit)s) AS t
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(DISTINCT r.model), '{}') AS models,
            coalesce(sum(r.input_tokens), 0)::int AS input_tokens,
            coalesce(sum(r.output_tokens), 0)::int AS output_tokens
        FROM usage_records r
        WHERE r.tenant_id = t.tenant_id AND r.created_at = t.finished_at AND r.turn_seq = t.turn_seq
          AND r.conversation_id = %(conversation_id)s
    ) AS u
    ORDER BY t.turn_seq
"""
_SITUATIONS: LiteralString = """
    SELECT p.address,
        (SELECT count(*) FROM invoices i WHERE i.document = p.document AND i.due_on < %(today)s
             AND i.paid_at IS NULL AND i.canceled_at IS NULL)::int AS overdue_invoices,
        EXISTS (SELECT FROM promises r WHERE r.document = p.document AND r.status = 'pending') AS has_promise,
        EXISTS (SELECT FROM payment_claims k WHERE k.document = p.document AND k.status = 'open') AS has_payment_claim,
        EXISTS (SELECT FROM addresses a JOIN contacts c ON c.tenant_id = a.tenant_id AND c.id = a.contact_id
                WHERE a.kind = %(kind)s AND a.value = p.address AND c.opted_out_at IS NOT NULL) AS has_opted_out,
        (SELECT a.contact_id FROM addresses a WHERE a.kind = %(kind)s AND a.value = p.address LIMIT 1) AS contact_id
    FROM unnest(%(addresses)s::text[], %(documents)s::text[]) AS p (address, document)
"""
_RINGING: LiteralString = """
    SELECT k.id, k.provider_call_id, coalesce(a.value, k.phone) AS address, k.status_at AS rung_at
    FROM calls k
    LEFT JOIN addresses a ON a.tenant_id = k.tenant_id AND a.contact_id = k.contact_id AND a.kind = %(kind)s
    WHERE k.channel_account_id = %(channel_account_id)s AND k.direction = 'out' AND k.created_at > %(since)s
      AND k.status IN ('queued', 'ringing') AND k.provider_call_id IS NOT NULL
    ORDER BY k.status_at, k.id
"""
_CALL: LiteralString = """
    SELECT id, conversation_id, status, duration_seconds, summary, summary_due_at, processed_at FROM calls
    WHERE channel_account_id = %(channel_account_id)s AND provider_call_id = %(provider_call_id)s
"""
_WAITING: LiteralString = """
    SELECT r.contact_id, r.reason, r.wanted_at, r.due_at
    FROM addresses a JOIN call_requests r ON r.tenant_id = a.tenant_id AND r.contact_id = a.contact_id
    WHERE a.kind = %(kind)s AND a.value = %(address)s AND r.state = 'waiting'
"""


async def newest_conversation(
    connection: Connection, *, channel_account_id: UUID, address: str
) -> SimulatedConversationRow | None:
    """Find the live conversation of a simulated address, or else its latest one."""
    async with connection.cursor(row_factory=class_row(SimulatedConversationRow)) as cursor:
        await cursor.execute(
            _CONVERSATION,
            {"kind": AddressKind.SIMULATED, "address": address, "channel_account_id": channel_account_id},
        )
        return await cursor.fetchone()


async def messages_since(
    connection: Connection, conversation_id: UUID, *, after: int, unsettled: Collection[UUID], limit: int
) -> list[SimulatedMessageRow]:
    """List the newest messages after number `after`, and those named in `unsettled`, oldest first."""
    parameters = {
        "conversation_id": conversation_id, "after": after, "unsettled": list(unsettled), "limit": limit,
    }  # fmt: skip
    async with connection.cursor(row_factory=class_row(SimulatedMessageRow)) as cursor:
        await cursor.execute(_MESSAGES, parameters)
        return await cursor.fetchall()


async def turns_since(
    connection: Connection, conversation_id: UUID, *, after: int, limit: int
) -> list[SimulatedTurnRow]:
    """List the newest turns after number `after` with what they used, oldest first."""
    async with connection.cursor(row_factory=class_row(SimulatedTurnRow)) as cursor:
        await cursor.execute(_TURNS, {"conversation_id": conversation_id, "after": after, "limit": limit})
        return await cursor.fetchall()


async def situations(
    connection: Connection, *, addresses: Sequence[str], documents: Sequence[str], today: date
) -> list[SituationRow]:
    """Say where each person stands; `addresses` and `documents` go in pairs."""
    parameters = {
        "kind": AddressKind.SIMULATED, "addresses": list(addresses), "documents": list(documents), "today": today,
    }  # fmt: skip
    async with connection.cursor(row_factory=class_row(SituationRow)) as cursor:
        await cursor.execute(_SITUATIONS, parameters)
        return await cursor.fetchall()


async def ringing_calls(connection: Connection, *, channel_account_id: UUID, since: datetime) -> list[RingingCallRow]:
    """List the assistant's calls that nobody has taken yet, the oldest first."""
    parameters = {"kind": AddressKind.SIMULATED, "channel_account_id": channel_account_id, "since": since}
    async with connection.cursor(row_factory=class_row(RingingCallRow)) as cursor:
        await cursor.execute(_RINGING, parameters)
        return await cursor.fetchall()


async def call_by_provider_id(
    connection: Connection, *, channel_account_id: UUID, provider_call_id: str
) -> SimulatedCallRow | None:
    """Find a call of the simulated telephone."""
    async with connection.cursor(row_factory=class_row(SimulatedCallRow)) as cursor:
        await cursor.execute(_CALL, {"channel_account_id": channel_account_id, "provider_call_id": provider_call_id})
        return await cursor.fetchone()


async def waiting_request(connection: Connection, address: str) -> WaitingCallRow | None:
    """Find the call that is agreed with whoever has this simulated address, and does not ring yet."""
    async with connection.cursor(row_factory=class_row(WaitingCallRow)) as cursor:
        await cursor.execute(_WAITING, {"kind": AddressKind.SIMULATED, "address": address})
        return await cursor.fetchone()
