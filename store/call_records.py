"""Calls as people read them afterwards: listed, with what was said, and summed up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from store.calls import COLUMNS, CallRow
from store.database import Connection

_FITS: LiteralString = """
    (%(status)s::text IS NULL OR status = %(status)s) AND (%(direction)s::text IS NULL OR direction = %(direction)s)
    AND (%(purpose)s::text IS NULL OR purpose = %(purpose)s)
    AND (%(contact_id)s::uuid IS NULL OR contact_id = %(contact_id)s)
    AND (%(target_id)s::uuid IS NULL OR target_id = %(target_id)s)
    AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
"""
_PAGE: LiteralString = f"""
    SELECT {COLUMNS} FROM calls WHERE {_FITS} ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT: LiteralString = f"SELECT count(*) FROM calls WHERE {_FITS}"
_BY_IDS: LiteralString = f"SELECT {COLUMNS} FROM calls WHERE id = ANY(%(ids)s)"
_TALK: LiteralString = """
    SELECT call_id, id, direction, author, text, content, sent_at FROM messages WHERE call_id = ANY(%(ids)s)
    ORDER BY seq
"""
_SUMMARY_IS_DUE: LiteralString = """
    SELECT coalesce((
        SELECT true FROM calls WHERE summary_due_at <= %(now)s ORDER BY summary_due_at LIMIT 1), false)
"""
# The due time is the lease: a worker that dies leaves the call to the next one.
_CLAIM: LiteralString = f"""
    WITH due AS (
        SELECT tenant_id, id FROM calls WHERE summary_due_at <= %(now)s
        ORDER BY summary_due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE calls k SET summary_due_at = %(again_at)s
    FROM due WHERE k.tenant_id = due.tenant_id AND k.id = due.id
    RETURNING {", ".join("k." + name.strip() for name in COLUMNS.split(","))}
"""
_PUT_SUMMARY: LiteralString = """
    UPDATE calls SET summary = %(summary)s, summary_message_id = %(message_id)s, summary_due_at = NULL
    WHERE id = %(id)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class SaidRow:
    """One utterance or reply. `text` is what was heard; `content` says what was meant, where it was cut off."""

    call_id: UUID
    id: UUID
    direction: str
    author: str
    text: str | None
    content: Mapping[str, object]
    sent_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFilter:
    """Which calls; None leaves a condition out. `until` is outside."""

    status: str | None = None
    direction: str | None = None
    purpose: str | None = None
    contact_id: UUID | None = None
    target_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


async def page(connection: Connection, wanted: CallFilter, *, limit: int, offset: int) -> tuple[list[CallRow], int]:
    """List calls, newest first, and count all that fit."""
    parameters: dict[str, object] = {name: getattr(wanted, name) for name in CallFilter.__slots__}
    parameters |= {"limit": limit, "offset": offset}
    async with connection.cursor(row_factory=class_row(CallRow)) as cursor:
        await cursor.execute(_PAGE, parameters)
        rows = await cursor.fetchall()
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_COUNT, parameters)
        return rows, (await counter.fetchone()) or 0


async def by_ids(connection: Connection, ids: Sequence[UUID]) -> list[CallRow]:
    """Read calls in any order; unknown ids are left out."""
    async with connection.cursor(row_factory=class_row(CallRow)) as cursor:
        await cursor.execute(_BY_IDS, {"ids": list(ids)})
        return await cursor.fetchall()


async def talk(connection: Connection, *call_ids: UUID) -> list[SaidRow]:
    """Give what was said in calls, in its order."""
    async with connection.cursor(row_factory=class_row(SaidRow)) as cursor:
        await cursor.execute(_TALK, {"ids": list(call_ids)})
        return await cursor.fetchall()


async def has_summaries_due(connection: Connection, *, now: datetime) -> bool:
    """Say whether calls wait for their summary (platform role)."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_SUMMARY_IS_DUE, {"now": now})
        return bool(await cursor.fetchone())


async def claim_summaries(connection: Connection, *, now: datetime, again_at: datetime, limit: int) -> list[CallRow]:
    """Take calls whose summary is due; they come again at `again_at` unless it is written (platform role)."""
    async with connection.cursor(row_factory=class_row(CallRow)) as cursor:
        await cursor.execute(_CLAIM, {"now": now, "again_at": again_at, "limit": limit})
        return await cursor.fetchall()


async def put_summary(connection: Connection, call_id: UUID, *, summary: str | None, message_id: UUID | None) -> None:
    """Keep the summary of a call that the caller holds, and the message that carries it, if one does."""
    await connection.execute(_PUT_SUMMARY, {"id": call_id, "summary": summary, "message_id": message_id})
