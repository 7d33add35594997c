"""Phone calls: claimed by their due_at like all work, moved by the provider's callbacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from domain.calls import SHORT_CALL_SECONDS, CallChoice, CallPurpose, CallReport, CallStatus
from store.database import Connection

COLUMNS: LiteralString = """
    tenant_id, id, channel_account_id, contact_id, conversation_id, target_id, direction, phone, status, status_at,
    sequence_number, provider_call_id, answered_by, choice, duration_seconds, error_code, cost_cents, due_at, attempts,
    locked_by, locked_until, flagged_at, created_at, answered_at, ended_at, processed_at, purpose, request_id,
    agent_version, disconnection_reason, recording_url, provider_transcript, transferred_to, summary, summary_due_at,
    summary_message_id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRow:
    tenant_id: UUID
    id: UUID
    channel_account_id: UUID
    contact_id: UUID | None
    conversation_id: UUID | None
    target_id: UUID | None
    direction: str
    phone: str
    status: CallStatus
    status_at: datetime
    sequence_number: int | None
    provider_call_id: str | None
    answered_by: str | None
    choice: CallChoice | None
    duration_seconds: int | None
    error_code: str | None
    cost_cents: int | None
    due_at: datetime | None
    attempts: int
    locked_by: str | None
    locked_until: datetime | None
    flagged_at: datetime | None
    created_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    processed_at: datetime | None
    purpose: CallPurpose = "campaign"
    request_id: UUID | None = None
    agent_version: str | None = None
    disconnection_reason: str | None = None  # the provider's own word
    recording_url: str | None = None
    provider_transcript: Sequence[Mapping[str, object]] | None = None  # [{"role", "text", "startSeconds"}]
    transferred_to: str | None = None
    summary: str | None = None
    summary_due_at: datetime | None = None
    summary_message_id: UUID | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", CallStatus(self.status))
        object.__setattr__(self, "choice", CallChoice(self.choice) if self.choice else None)


@dataclass(frozen=True, kw_only=True, slots=True)
class CallOwner:
    """Whose call it is: all that may be read before a webhook's signature is checked."""

    tenant_id: UUID
    id: UUID
    channel_account_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class CallCounts:
    """A number's ended calls since some instant, and how many of them were short."""

    ended: int
    short: int


_OWNER: LiteralString = "SELECT tenant_id, id, channel_account_id FROM calls WHERE id = %(id)s"
_OWNERS_BY_PROVIDER_ID: LiteralString = """
    SELECT tenant_id, id, channel_account_id FROM calls
    WHERE provider_call_id = %(provider_call_id)s ORDER BY id LIMIT 2
"""
_BY_ID: LiteralString = f"SELECT {COLUMNS} FROM calls WHERE id = %(id)s"
_LOCK: LiteralString = f"SELECT {COLUMNS} FROM calls WHERE id = %(id)s FOR NO KEY UPDATE"
_PROVIDER_TOOK: LiteralString = """
    UPDATE calls SET provider_call_id = coalesce(provider_call_id, %(provider_call_id)s),
        status = CASE WHEN status IN ('dialing', 'unknown') THEN 'queued' ELSE status END,
        status_at = CASE WHEN status IN ('dialing', 'unknown') THEN %(now)s ELSE status_at END,
        due_at = CASE WHEN status IN ('dialing', 'unknown') THEN %(due_at)s ELSE due_at END,
        locked_by = NULL, locked_until = NULL
    WHERE id = %(id)s
"""
_BECOME_UNKNOWN: LiteralString = """
    UPDATE calls SET status = 'unknown', status_at = %(now)s, due_at = %(due_at)s, locked_by = NULL, locked_until = NULL
    WHERE id = %(id)s AND status = 'dialing'
"""
_REFUSED: LiteralString = """
    UPDATE calls SET status = 'failed', status_at = %(now)s, error_code = %(error_code)s, ended_at = %(now)s,
        processed_at = %(now)s, due_at = NULL, locked_by = NULL, locked_until = NULL
    WHERE id = %(id)s AND status IN ('dialing', 'unknown') AND provider_call_id IS NULL
"""
_MOVE: LiteralString = """
    UPDATE calls SET status = %(status)s, status_at = %(now)s, sequence_number = %(sequence_number)s,
        answered_by = coalesce(%(answered_by)s, answered_by),
        duration_seconds = coalesce(%(duration_seconds)s, duration_seconds),
        error_code = coalesce(%(error_code)s, error_code),
        provider_call_id = coalesce(provider_call_id, %(provider_call_id)s), flagged_at = NULL,
        answered_at = coalesce(answered_at, CASE WHEN %(is_answered)s THEN %(now)s END),
        ended_at = coalesce(ended_at, CASE WHEN %(is_ended)s THEN %(now)s END),
        due_at = %(due_at)s
    WHERE id = %(id)s
"""
_ADD: LiteralString = """
    UPDATE calls SET answered_by = coalesce(answered_by, %(answered_by)s),
        duration_seconds = coalesce(duration_seconds, %(duration_seconds)s),
        provider_call_id = coalesce(provider_call_id, %(provider_call_id)s)
    WHERE id = %(id)s
"""
_NOTE_FACTS: LiteralString = """
    UPDATE calls SET answered_by = coalesce(answered_by, %(answered_by)s),
        disconnection_reason = coalesce(%(disconnection_reason)s, disconnection_reason),
        recording_url = coalesce(%(recording_url)s, recording_url), cost_cents = coalesce(%(cost_cents)s, cost_cents),
        provider_transcript = coalesce(%(provider_transcript)s, provider_transcript),
        agent_version = coalesce(%(agent_version)s, agent_version),
        transferred_to = coalesce(%(transferred_to)s, transferred_to),
        duration_seconds = coalesce(duration_seconds, %(duration_seconds)s)
    WHERE id = %(id)s
"""
# Somebody spoke: what the provider calls a talk with an answering machine is none.
_HAS_TALK: LiteralString = """
    status = 'completed' AND coalesce(answered_by, 'human') NOT LIKE 'machine%%' AND coalesce(answered_by, '') <> 'fax'
    AND (EXISTS (SELECT FROM messages m WHERE m.tenant_id = k.tenant_id AND m.call_id = k.id AND m.direction = 'in')
         OR k.provider_transcript @? '$[*] ? (@.role == "user")')
"""
_WANT_SUMMARY: LiteralString = f"""
    UPDATE calls k SET summary_due_at = %(due_at)s
    WHERE id = %(id)s AND processed_at IS NOT NULL AND summary IS NULL AND summary_due_at IS NULL AND {_HAS_TALK}
"""
_NEWEST_OF_REQUEST: LiteralString = """
    SELECT id FROM calls WHERE request_id = %(request_id)s ORDER BY created_at DESC, id DESC LIMIT 1
"""
_PRICE: LiteralString = "UPDATE calls SET cost_cents = %(cost_cents)s WHERE id = %(id)s AND cost_cents IS NULL"
_CHOOSE: LiteralString = "UPDATE calls SET choice = %(choice)s WHERE id = %(id)s"
_CLAIM: LiteralString = f"""
    WITH due AS (
        SELECT tenant_id, id FROM calls
        WHERE due_at <= %(now)s AND (locked_until IS NULL OR locked_until <= %(now)s)
        ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE calls k SET locked_by = %(worker)s, locked_until = %(locked_until)s
    FROM due WHERE k.tenant_id = due.tenant_id AND k.id = due.id
    RETURNING {", ".join("k." + name.strip() for name in COLUMNS.split(","))}
"""
_PROCESSED: LiteralString = """
    UPDATE calls SET processed_at = %(now)s, due_at = NULL, locked_by = NULL, locked_until = NULL WHERE id = %(id)s
"""
_FLAG: LiteralString = """
    UPDATE calls SET flagged_at = %(now)s, due_at = NULL, locked_by = NULL, locked_until = NULL
    WHERE id = %(id)s AND status = 'unknown'
"""
_ASK_LATER: LiteralString = """
    UPDATE calls SET attempts = attempts + 1, locked_by = NULL, locked_until = NULL,
        due_at = CASE WHEN status IN ('queued', 'ringing', 'in_progress') THEN %(due_at)s ELSE due_at END
    WHERE id = %(id)s AND locked_by = %(worker)s
"""
_LOSE: LiteralString = """
    UPDATE calls SET status = 'unknown', status_at = %(now)s, due_at = %(now)s, locked_by = NULL, locked_until = NULL
    WHERE id = %(id)s AND status IN ('queued', 'ringing', 'in_progress')
"""
_HAS_DUE: LiteralString = "SELECT EXISTS (SELECT FROM calls WHERE due_at <= %(now)s)"
# What the short-call rules count: not answered, a machine, or a few seconds only (compliance 5).
_COUNTS: LiteralString = f"""
    SELECT count(*) AS ended, count(*) FILTER (
        WHERE status <> 'completed' OR answered_by LIKE 'machine%%' OR answered_by = 'fax'
           OR coalesce(duration_seconds, 0) <= {SHORT_CALL_SECONDS}
    ) AS short
    FROM calls
    WHERE channel_account_id = %(account_id)s AND direction = 'out' AND created_at >= %(since)s
      AND status IN ('completed', 'busy', 'no_answer', 'failed', 'canceled') AND provider_call_id IS NOT NULL
"""
_CONTACTS_SINCE: LiteralString = """
    SELECT decided_at FROM contact_decisions
    WHERE (document = %(document)s OR match_key = %(match_key)s) AND decided_at > %(since)s
      AND verdict = 'contact' AND voided_at IS NULL AND engine NOT IN ('reminder', 'escalation')
"""
_NOTE_TARGET: LiteralString = """
    UPDATE targets SET call_sid = %(call_sid)s, updated_at = %(now)s
    WHERE id = %(id)s AND last_attempt_at = %(decided_at)s
"""


async def owner(connection: Connection, call_id: UUID) -> CallOwner | None:
    """Find whose call it is (platform role: a webhook's tenant is not known yet)."""
    async with connection.cursor(row_factory=class_row(CallOwner)) as cursor:
        await cursor.execute(_OWNER, {"id": call_id})
        return await cursor.fetchone()


async def owner_by_provider_id(connection: Connection, provider_call_id: str) -> CallOwner | None:
    """The same by the provider's id; None when it is not the only one with it."""
    async with connection.cursor(row_factory=class_row(CallOwner)) as cursor:
        await cursor.execute(_OWNERS_BY_PROVIDER_ID, {"provider_call_id": provider_call_id})
        rows = await cursor.fetchall()
        return rows[0] if len(rows) == 1 else None


async def by_id(connection: Connection, call_id: UUID) -> CallRow | None:
    return await _one(connection, _BY_ID, call_id)


async def lock(connection: Connection, call_id: UUID) -> CallRow | None:
    """Read a call and hold its row. Hold its debtor and its target first, where they are needed."""
    return await _one(connection, _LOCK, call_id)


async def note_taken(
    connection: Connection, call_id: UUID, *, provider_call_id: str, due_at: datetime, now: datetime
) -> None:
    """Record that the provider took the call; its callbacks may have come before. Looked at again at `due_at`."""
    parameters = {"id": call_id, "provider_call_id": provider_call_id, "due_at": due_at, "now": now}
    await connection.execute(_PROVIDER_TOOK, parameters)


async def note_on_target(
    connection: Connection, target_id: UUID, *, call_sid: str, decided_at: datetime, now: datetime
) -> None:
    """Name the call in its target, if that has not gone on to another contact."""
    parameters = {"id": target_id, "call_sid": call_sid, "decided_at": decided_at, "now": now}
    await connection.execute(_NOTE_TARGET, parameters)


async def become_unknown(connection: Connection, call_id: UUID, *, due_at: datetime, now: datetime) -> bool:
    """Say that nobody knows whether the provider took it; False when its callbacks know better."""
    cursor = await connection.execute(_BECOME_UNKNOWN, {"id": call_id, "due_at": due_at, "now": now})
    return cursor.rowcount == 1


async def refuse(connection: Connection, call_id: UUID, *, error_code: str, now: datetime) -> bool:
    """Say that the provider surely did not take it; False when its callbacks say otherwise."""
    cursor = await connection.execute(_REFUSED, {"id": call_id, "error_code": error_code[:60], "now": now})
    return cursor.rowcount == 1


async def move(
    connection: Connection, call_id: UUID, report: CallReport, *, status: CallStatus, is_ended: bool,
    sequence_number: int | None, error_code: str | None, due_at: datetime, now: datetime,
) -> None:  # fmt: skip
    """Take over what the provider says of a call that the caller holds."""
    await connection.execute(
        _MOVE,
        {
            "id": call_id, "status": status, "sequence_number": sequence_number, "answered_by": report.answered_by,
            "duration_seconds": report.duration_seconds, "error_code": error_code,
            "provider_call_id": report.provider_call_id, "due_at": due_at, "now": now, "is_ended": is_ended,
            "is_answered": status in (CallStatus.IN_PROGRESS, CallStatus.COMPLETED),
        },
    )  # fmt: skip


async def add(connection: Connection, call_id: UUID, report: CallReport) -> None:
    """Complete what was not known of a call, without changing its status."""
    await connection.execute(
        _ADD,
        {
            "id": call_id, "answered_by": report.answered_by, "duration_seconds": report.duration_seconds,
            "provider_call_id": report.provider_call_id,
        },
    )  # fmt: skip


async def note_facts(
    connection: Connection, call_id: UUID, *, disconnection_reason: str | None, recording_url: str | None,
    cost_cents: int | None, provider_transcript: Sequence[Mapping[str, object]] | None, agent_version: str | None,
    answered_by: str | None, transferred_to: str | None, duration_seconds: int | None,
) -> None:  # fmt: skip
    """Keep what a provider tells besides the status; None leaves what is known. Later words win, but who answered
    and how long it took are told once."""
    transcript = None if provider_transcript is None else Jsonb([dict(entry) for entry in provider_transcript])
    await connection.execute(
        _NOTE_FACTS,
        {
            "id": call_id, "disconnection_reason": disconnection_reason, "recording_url": recording_url,
            "cost_cents": cost_cents, "provider_transcript": transcript, "agent_version": agent_version,
            "answered_by": answered_by, "transferred_to": transferred_to, "duration_seconds": duration_seconds,
        },
    )  # fmt: skip


async def want_summary(connection: Connection, call_id: UUID, *, due_at: datetime) -> bool:
    """Ask once for the summary of a call that is settled and had talk in it; False when there is nothing to ask for."""
    cursor = await connection.execute(_WANT_SUMMARY, {"id": call_id, "due_at": due_at})
    return cursor.rowcount == 1


async def newest_of_request(connection: Connection, request_id: UUID) -> UUID | None:
    """Find the call that a request waits for."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_NEWEST_OF_REQUEST, {"request_id": request_id})
        return await cursor.fetchone()


async def price(connection: Connection, call_id: UUID, *, cost_cents: int) -> None:
    """Note what a call costs by our own rate, until the provider tells better."""
    await connection.execute(_PRICE, {"id": call_id, "cost_cents": cost_cents})


async def choose(connection: Connection, call_id: UUID, choice: CallChoice) -> None:
    await connection.execute(_CHOOSE, {"id": call_id, "choice": choice})


async def claim_due(
    connection: Connection, *, worker: str, now: datetime, locked_until: datetime, limit: int
) -> list[CallRow]:
    """Take calls that are due to be looked at, for one worker (platform role)."""
    parameters = {"worker": worker, "now": now, "locked_until": locked_until, "limit": limit}
    async with connection.cursor(row_factory=class_row(CallRow)) as cursor:
        await cursor.execute(_CLAIM, parameters)
        return await cursor.fetchall()


async def mark_processed(connection: Connection, call_id: UUID, *, now: datetime) -> None:
    """Say that nothing more is to be done about a call that has ended."""
    await connection.execute(_PROCESSED, {"id": call_id, "now": now})


async def flag(connection: Connection, call_id: UUID, *, now: datetime) -> bool:
    """Leave a call of unknown outcome to the operators; a callback may still tell what became of it."""
    cursor = await connection.execute(_FLAG, {"id": call_id, "now": now})
    return cursor.rowcount == 1


async def ask_later(connection: Connection, call_id: UUID, *, worker: str, due_at: datetime) -> None:
    """Let go of a call that has not ended; one that has ended meanwhile stays due."""
    await connection.execute(_ASK_LATER, {"id": call_id, "worker": worker, "due_at": due_at})


async def lose(connection: Connection, call_id: UUID, *, now: datetime) -> bool:
    """Say that nobody will tell how a call ended."""
    cursor = await connection.execute(_LOSE, {"id": call_id, "now": now})
    return cursor.rowcount == 1


async def has_due(connection: Connection, *, now: datetime) -> bool:
    """Say whether the post-call drain has work (platform role)."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_HAS_DUE, {"now": now})
        return bool(await cursor.fetchone())


async def counts_since(connection: Connection, account_id: UUID, *, since: datetime) -> CallCounts:
    """Count a number's calls that have ended, of those begun since an instant."""
    async with connection.cursor(row_factory=class_row(CallCounts)) as cursor:
        await cursor.execute(_COUNTS, {"account_id": account_id, "since": since})
        return (await cursor.fetchone()) or CallCounts(ended=0, short=0)


async def contacts_since(connection: Connection, *, document: str, match_key: str, since: datetime) -> list[datetime]:
    """List when this debtor or this phone was contacted, by any engine and channel, as the caps count it."""
    parameters: Mapping[str, object] = {"document": document, "match_key": match_key, "since": since}
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_CONTACTS_SINCE, parameters)
        return await cursor.fetchall()


async def _one(connection: Connection, statement: LiteralString, call_id: UUID) -> CallRow | None:
    async with connection.cursor(row_factory=class_row(CallRow)) as cursor:
        await cursor.execute(statement, {"id": call_id})
        return await cursor.fetchone()
