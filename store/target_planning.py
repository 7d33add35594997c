"""What the scheduler reads and writes of targets: many rows a statement, never waiting for a row that others hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from domain.campaigns import Method, Move, TargetOutcome
from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewRow:
    """A contact whose time of waiting is over, and when its person wrote last."""

    id: UUID
    outcome: TargetOutcome | None
    attempt_count: int
    last_attempt_at: datetime | None
    due_at: datetime
    last_inbound_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcome", TargetOutcome(self.outcome) if self.outcome else None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """What decides how and where a target can be contacted. `phone` stands for all of its kind and area."""

    phone: str
    uf: str | None
    method: Method | None
    undeliverable: Sequence[str]
    is_unreachable: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", Method(self.method) if self.method else None)


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingGroup(Reach):
    waiting: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingRow(Reach):
    id: UUID
    document: str
    match_key: str
    version: str  # changes with every write of the row


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """When and how a target is contacted; without a method it goes on waiting until then."""

    id: UUID
    version: str
    due_at: datetime
    method: Method | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What the targets of a campaign still wait for."""

    is_open: bool  # something is left to do
    is_moving: bool  # a contact is planned or under way: what comes of it is not known yet
    first_planned_at: datetime | None
    first_slot_at: datetime | None
    first_review_at: datetime | None


# What PostgreSQL knows of a table is a minute old: of a campaign imported just now it expects one row, and a loop over
# thousands within thousands seems cheap to it. Hashed, a batch takes as long as it has rows, whatever is expected.
_HASHED: LiteralString = "SET LOCAL enable_nestloop = off"
_TO_REVIEW: LiteralString = """
    SELECT t.id, t.outcome, t.attempt_count, t.last_attempt_at, t.due_at,
        greatest(
            (SELECT max(c.last_inbound_at) FROM conversations c
             WHERE c.tenant_id = t.tenant_id AND c.contact_id = t.contact_id),
            (SELECT c.last_inbound_at FROM conversations c
             WHERE c.tenant_id = t.tenant_id AND c.id = t.conversation_id)) AS last_inbound_at
    FROM targets t
    WHERE t.campaign_id = %(campaign_id)s AND t.state = 'contacted' AND t.due_at <= %(now)s
    ORDER BY t.due_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""
_MOVE: LiteralString = """
    UPDATE targets t SET state = m.state, outcome = m.outcome, due_at = m.due_at,
        attempt_count = CASE WHEN m.is_new_round THEN 0 ELSE t.attempt_count END,
        locked_by = NULL, locked_until = NULL, updated_at = %(now)s
    FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(outcomes)s::text[], %(due)s::timestamptz[], %(rounds)s::bool[])
        AS m (id, state, outcome, due_at, is_new_round)
    WHERE t.id = ANY(%(ids)s) AND t.id = m.id
"""
# The max was lowered, or an attempt came back: what waits without any attempt left has ended.
_FINISH_EXHAUSTED: LiteralString = """
    WITH held AS (
        SELECT tenant_id, id FROM targets
        WHERE campaign_id = %(campaign_id)s AND state = 'pending' AND due_at <= %(now)s
          AND attempt_count >= %(max_attempts)s
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE targets t SET state = 'completed', due_at = NULL, updated_at = %(now)s,
        outcome = CASE WHEN t.outcome IS NULL OR t.outcome = 'sent' THEN 'no_answer' ELSE t.outcome END
    FROM held WHERE t.tenant_id = held.tenant_id AND t.id = held.id
"""
_REACH: LiteralString = """
    t.uf, t.method,
    coalesce(t.outcome_details -> 'undeliverable', '[]') AS undeliverable,
    EXISTS (SELECT FROM addresses a
            WHERE a.tenant_id = t.tenant_id AND a.match_key = t.match_key AND a.is_unreachable) AS is_unreachable
"""
_WAITS: LiteralString = "t.campaign_id = %(campaign_id)s AND t.state = 'pending' AND t.due_at <= %(now)s"
# The country code, the area code and the first digit, with the length, say where a phone is and of which kind.
_GROUPS: LiteralString = f"""
    SELECT min(phone) AS phone, uf, method, undeliverable, is_unreachable, count(*) AS waiting FROM (
        SELECT t.phone, {_REACH} FROM targets t WHERE {_WAITS}
    ) AS waiting
    GROUP BY substr(phone, 1, 6), length(phone), uf, method, undeliverable, is_unreachable
"""
_WAITING: LiteralString = f"""
    SELECT t.id, t.document, t.match_key, t.phone, t.xmin::text AS version, {_REACH} FROM targets t WHERE {_WAITS}
    ORDER BY t.priority DESC, t.created_at, t.document LIMIT %(limit)s OFFSET %(offset)s
"""
# Only rows that are as they were read: a phone or a state that changed meanwhile is planned the next time.
_SCHEDULE: LiteralString = """
    WITH given AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(versions)s::text[], %(due)s::timestamptz[], %(methods)s::text[])
            AS g (id, version, due_at, method)
    ), held AS (
        SELECT t.tenant_id, t.id, g.due_at, g.method FROM given g JOIN targets t ON t.id = g.id
        WHERE t.campaign_id = %(campaign_id)s AND t.state = 'pending' AND t.xmin::text = g.version
        FOR NO KEY UPDATE OF t SKIP LOCKED
    )
    UPDATE targets t SET state = CASE WHEN held.method IS NULL THEN 'pending' ELSE 'scheduled' END,
        method = coalesce(held.method, t.method), due_at = held.due_at, locked_by = NULL, locked_until = NULL,
        updated_at = %(now)s
    FROM held WHERE t.id = ANY(%(ids)s) AND t.tenant_id = held.tenant_id AND t.id = held.id
"""
_END_UNREACHABLE: LiteralString = """
    WITH given AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(versions)s::text[]) AS g (id, version)
    ), held AS (
        SELECT t.tenant_id, t.id FROM given g JOIN targets t ON t.id = g.id
        WHERE t.campaign_id = %(campaign_id)s AND t.state = 'pending' AND t.xmin::text = g.version
        FOR NO KEY UPDATE OF t SKIP LOCKED
    )
    UPDATE targets t SET state = 'completed', due_at = NULL, updated_at = %(now)s,
        outcome = CASE WHEN t.outcome IS NULL OR t.outcome IN ('sent', 'no_answer') THEN 'failed' ELSE t.outcome END,
        outcome_details = t.outcome_details || '{"reason": "no_usable_method"}'
    FROM held WHERE t.id = ANY(%(ids)s) AND t.tenant_id = held.tenant_id AND t.id = held.id
    RETURNING t.id
"""
# The head of each index, not EXISTS: that lets the planner look through the whole campaign for any row that is due.
_DUE_METHODS: LiteralString = """
    SELECT heads.method FROM (
        SELECT 'voice' AS method, (
            SELECT due_at FROM targets WHERE campaign_id = %(campaign_id)s AND state = 'scheduled' AND method = 'voice'
            ORDER BY due_at LIMIT 1) AS first_due_at
        UNION ALL SELECT 'whatsapp', (
            SELECT due_at FROM targets WHERE campaign_id = %(campaign_id)s AND state = 'scheduled'
            AND method IN ('whatsapp', 'sms') ORDER BY due_at LIMIT 1)
    ) AS heads
    WHERE heads.first_due_at <= %(now)s
"""
_OUTLOOK: LiteralString = """
    SELECT planned.at IS NOT NULL OR slot.at IS NOT NULL OR review.at IS NOT NULL OR calls.are_open
            OR imports.are_running AS is_open,
        slot.at IS NOT NULL OR calls.are_open OR imports.are_running AS is_moving,
        planned.at AS first_planned_at, slot.at AS first_slot_at, review.at AS first_review_at
    FROM (SELECT min(due_at) AS at FROM targets WHERE campaign_id = %(campaign_id)s AND state = 'pending') AS planned,
        (SELECT min(at) AS at FROM (
            (SELECT due_at AS at FROM targets
             WHERE campaign_id = %(campaign_id)s AND state = 'scheduled' AND method IN ('whatsapp', 'sms')
             ORDER BY due_at LIMIT 1)
            UNION ALL
            (SELECT due_at FROM targets WHERE campaign_id = %(campaign_id)s AND state = 'scheduled' AND method = 'voice'
             ORDER BY due_at LIMIT 1)) AS heads) AS slot,
        (SELECT min(due_at) AS at FROM targets
         WHERE campaign_id = %(campaign_id)s AND state = 'contacted' AND due_at IS NOT NULL) AS review,
        (SELECT EXISTS (SELECT FROM targets WHERE campaign_id = %(campaign_id)s AND state = 'calling')
            AS are_open) AS calls,
        (SELECT EXISTS (SELECT FROM imports WHERE campaign_id = %(campaign_id)s
                        AND status IN ('uploading', 'queued', 'running')) AS are_running) AS imports
"""


async def to_review(connection: Connection, campaign_id: UUID, *, now: datetime, limit: int) -> list[ReviewRow]:
    """Hold and give contacts whose time of waiting is over."""
    async with connection.cursor(row_factory=class_row(ReviewRow)) as cursor:
        await cursor.execute(_TO_REVIEW, {"campaign_id": campaign_id, "now": now, "limit": limit})
        return await cursor.fetchall()


async def move(connection: Connection, moves: Mapping[UUID, Move], *, now: datetime) -> None:
    """Write what becomes of targets that the caller holds."""
    await connection.execute(_HASHED)
    await connection.execute(
        _MOVE,
        {
            "ids": list(moves), "states": [move.state for move in moves.values()],
            "outcomes": [move.outcome for move in moves.values()], "due": [move.due_at for move in moves.values()],
            "rounds": [move.is_new_round for move in moves.values()], "now": now,
        },
    )  # fmt: skip


async def finish_exhausted(connection: Connection, campaign_id: UUID, *, max_attempts: int, now: datetime) -> int:
    """End what waits for planning with no attempt left."""
    parameters = {"campaign_id": campaign_id, "max_attempts": max_attempts, "now": now}
    cursor = await connection.execute(_FINISH_EXHAUSTED, parameters)
    return cursor.rowcount


async def waiting_groups(connection: Connection, campaign_id: UUID, *, now: datetime) -> list[WaitingGroup]:
    """Count what waits for planning by all that decides where and how it can be contacted."""
    async with connection.cursor(row_factory=class_row(WaitingGroup)) as cursor:
        await cursor.execute(_GROUPS, {"campaign_id": campaign_id, "now": now})
        return await cursor.fetchall()


async def waiting(
    connection: Connection, campaign_id: UUID, *, now: datetime, limit: int, offset: int
) -> list[WaitingRow]:
    """List what waits for planning: by priority, as it came; what came at one instant by document, always alike."""
    parameters = {"campaign_id": campaign_id, "now": now, "limit": limit, "offset": offset}
    async with connection.cursor(row_factory=class_row(WaitingRow)) as cursor:
        await cursor.execute(_WAITING, parameters)
        return await cursor.fetchall()


async def schedule(connection: Connection, campaign_id: UUID, slots: Sequence[Slot], *, now: datetime) -> int:
    """Give targets their slots, unless they changed since they were read; give how many took them."""
    await connection.execute(_HASHED)
    cursor = await connection.execute(
        _SCHEDULE,
        {
            "campaign_id": campaign_id, "ids": [slot.id for slot in slots],
            "versions": [slot.version for slot in slots], "due": [slot.due_at for slot in slots],
            "methods": [slot.method for slot in slots], "now": now,
        },
    )  # fmt: skip
    return cursor.rowcount


async def end_unreachable(
    connection: Connection, campaign_id: UUID, rows: Sequence[WaitingRow], *, now: datetime
) -> set[UUID]:
    """End targets that no allowed method can reach; give those that were still as they were read."""
    parameters = {
        "campaign_id": campaign_id, "ids": [row.id for row in rows], "versions": [row.version for row in rows],
        "now": now,
    }  # fmt: skip
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_HASHED)
        await cursor.execute(_END_UNREACHABLE, parameters)
        return set(await cursor.fetchall())


async def due_methods(connection: Connection, campaign_id: UUID, *, now: datetime) -> list[Method]:
    """List the methods by which somebody is to be contacted now."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_DUE_METHODS, {"campaign_id": campaign_id, "now": now})
        return [Method(name) for name in await cursor.fetchall()]


async def outlook(connection: Connection, campaign_id: UUID) -> Outlook:
    """Say what a campaign still waits for."""
    async with connection.cursor(row_factory=class_row(Outlook)) as cursor:
        await cursor.execute(_OUTLOOK, {"campaign_id": campaign_id})
        (row,) = await cursor.fetchall()
    return row
