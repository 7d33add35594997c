"""Campaigns: what they want, how they stand, and who plans them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from domain.campaigns import CampaignStatus, ContactMethod, Method
from store.database import Connection

_COLUMNS: LiteralString = """
    tenant_id, id, name, status, pause_reason, contact_method, allowed_methods, fallback_order, schedule_start,
    schedule_end, weekdays, avoids_optional_holidays, template_id, sms_text, voicemail_policy, max_attempts,
    retry_gap_minutes, unanswered_after_minutes, pacing, budget_cents, spent_cents, plan_due_at, next_slot_at,
    locked_by, locked_until, started_at, completed_at, created_at, updated_at
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignRow:
    tenant_id: UUID
    id: UUID
    name: str
    status: CampaignStatus
    pause_reason: str | None
    contact_method: ContactMethod
    allowed_methods: list[Method]
    fallback_order: list[Method]
    schedule_start: time
    schedule_end: time
    weekdays: list[int]
    avoids_optional_holidays: bool
    template_id: UUID | None
    sms_text: str | None
    voicemail_policy: str
    max_attempts: int
    retry_gap_minutes: int
    unanswered_after_minutes: int
    pacing: str
    budget_cents: int | None
    spent_cents: int
    plan_due_at: datetime | None
    next_slot_at: datetime | None
    locked_by: str | None
    locked_until: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", CampaignStatus(self.status))
        object.__setattr__(self, "contact_method", ContactMethod(self.contact_method))
        object.__setattr__(self, "allowed_methods", [Method(name) for name in self.allowed_methods])
        object.__setattr__(self, "fallback_order", [Method(name) for name in self.fallback_order])


_BY_ID: LiteralString = f"SELECT {_COLUMNS} FROM campaigns WHERE id = %(id)s"
_LOCK: LiteralString = f"SELECT {_COLUMNS} FROM campaigns WHERE id = %(id)s FOR UPDATE"
_PAGE: LiteralString = f"""
    SELECT {_COLUMNS} FROM campaigns WHERE %(status)s::text IS NULL OR status = %(status)s
    ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT: LiteralString = "SELECT count(*) FROM campaigns WHERE %(status)s::text IS NULL OR status = %(status)s"
_PUT: LiteralString = f"""
    INSERT INTO campaigns ({_COLUMNS})
    VALUES (%(tenant_id)s, %(id)s, %(name)s, %(status)s, %(pause_reason)s, %(contact_method)s, %(allowed_methods)s,
        %(fallback_order)s, %(schedule_start)s, %(schedule_end)s, %(weekdays)s, %(avoids_optional_holidays)s,
        %(template_id)s, %(sms_text)s, %(voicemail_policy)s, %(max_attempts)s, %(retry_gap_minutes)s,
        %(unanswered_after_minutes)s, %(pacing)s, %(budget_cents)s, %(spent_cents)s, %(plan_due_at)s, %(next_slot_at)s,
        %(locked_by)s, %(locked_until)s, %(started_at)s, %(completed_at)s, %(created_at)s, %(updated_at)s)
    ON CONFLICT (tenant_id, id) DO UPDATE SET
        name = EXCLUDED.name, status = EXCLUDED.status, pause_reason = EXCLUDED.pause_reason,
        contact_method = EXCLUDED.contact_method, allowed_methods = EXCLUDED.allowed_methods,
        fallback_order = EXCLUDED.fallback_order, schedule_start = EXCLUDED.schedule_start,
        schedule_end = EXCLUDED.schedule_end, weekdays = EXCLUDED.weekdays,
        avoids_optional_holidays = EXCLUDED.avoids_optional_holidays, template_id = EXCLUDED.template_id,
        sms_text = EXCLUDED.sms_text, voicemail_policy = EXCLUDED.voicemail_policy,
        max_attempts = EXCLUDED.max_attempts, retry_gap_minutes = EXCLUDED.retry_gap_minutes,
        unanswered_after_minutes = EXCLUDED.unanswered_after_minutes, pacing = EXCLUDED.pacing,
        budget_cents = EXCLUDED.budget_cents, plan_due_at = EXCLUDED.plan_due_at,
        next_slot_at = EXCLUDED.next_slot_at, started_at = EXCLUDED.started_at,
        completed_at = EXCLUDED.completed_at, updated_at = EXCLUDED.updated_at
"""
_DELETE_TARGETS: LiteralString = "DELETE FROM targets WHERE campaign_id = %(id)s"
_SET_SPENT: LiteralString = "UPDATE campaigns SET spent_cents = %(cents)s WHERE id = %(id)s"
_DELETE: LiteralString = "DELETE FROM campaigns WHERE id = %(id)s"
_HAS_TARGETS: LiteralString = "SELECT EXISTS (SELECT FROM targets WHERE campaign_id = %(id)s)"
_HAS_CONTACTS: LiteralString = """
    SELECT EXISTS (SELECT FROM contact_decisions WHERE campaign_id = %(id)s AND verdict = 'contact')
        OR EXISTS (SELECT FROM conversations c JOIN targets t ON t.tenant_id = c.tenant_id AND t.id = c.target_id
                   WHERE t.campaign_id = %(id)s)
"""
_ACCOUNTS_OF_MANY: LiteralString = """
    SELECT campaign_id, channel_account_id FROM campaign_accounts WHERE campaign_id = ANY(%(ids)s) ORDER BY 1, 2
"""
_ACCOUNTS: LiteralString = "SELECT channel_account_id FROM campaign_accounts WHERE campaign_id = %(id)s ORDER BY 1"
_CLEAR_ACCOUNTS: LiteralString = "DELETE FROM campaign_accounts WHERE campaign_id = %(id)s"
_ADD_ACCOUNTS: LiteralString = """
    INSERT INTO campaign_accounts (tenant_id, campaign_id, channel_account_id)
    SELECT %(tenant_id)s, %(id)s, unnest(%(accounts)s::uuid[])
"""
_CLAIM_PLANNING: LiteralString = f"""
    WITH due AS (
        SELECT tenant_id, id FROM campaigns
        WHERE status = 'active' AND plan_due_at <= %(now)s AND (locked_until IS NULL OR locked_until <= %(now)s)
        ORDER BY plan_due_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE campaigns c SET locked_by = %(worker)s, locked_until = %(locked_until)s, plan_due_at = %(locked_until)s
    FROM due WHERE c.tenant_id = due.tenant_id AND c.id = due.id
    RETURNING {", ".join("c." + name.strip() for name in _COLUMNS.split(","))}
"""
_RENEW_PLANNING: LiteralString = """
    UPDATE campaigns SET locked_until = %(locked_until)s
    WHERE id = %(id)s AND locked_by = %(worker)s AND status = 'active'
"""
# The claim moved `plan_due_at` to the end of its lease. Another value is a wake that came meanwhile: it stays.
_RELEASE_PLANNING: LiteralString = """
    UPDATE campaigns SET next_slot_at = %(next_slot_at)s, locked_by = NULL, locked_until = NULL,
        plan_due_at = CASE WHEN status <> 'active' THEN NULL WHEN plan_due_at = %(claimed_due_at)s
            THEN %(due_at)s ELSE least(plan_due_at, %(due_at)s) END
    WHERE id = %(id)s AND locked_by = %(worker)s
"""
_WAKE: LiteralString = """
    UPDATE campaigns SET plan_due_at = least(plan_due_at, %(at)s)
    WHERE id = %(id)s AND status = 'active' AND (plan_due_at IS NULL OR plan_due_at > %(at)s)
"""
_STATUSES: LiteralString = "SELECT id, status FROM campaigns WHERE id = ANY(%(ids)s) ORDER BY id FOR SHARE"
_STATUSES_TO_WAKE: LiteralString = (
    "SELECT id, status FROM campaigns WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE"
)
_HAS_DUE: LiteralString = (
    "SELECT EXISTS (SELECT FROM campaigns WHERE status = 'active' AND plan_due_at <= %(now)s) AS has_due"
)


async def by_id(connection: Connection, campaign_id: UUID) -> CampaignRow | None:
    return await _one(connection, _BY_ID, {"id": campaign_id})


async def lock(connection: Connection, campaign_id: UUID) -> CampaignRow | None:
    """Read it and hold its row: no contact of this campaign is decided meanwhile."""
    return await _one(connection, _LOCK, {"id": campaign_id})


async def page(
    connection: Connection, *, status: CampaignStatus | None, limit: int, offset: int
) -> tuple[list[CampaignRow], int]:
    """List campaigns, newest first, and count all that fit."""
    parameters = {"status": status, "limit": limit, "offset": offset}
    async with connection.cursor(row_factory=class_row(CampaignRow)) as cursor:
        await cursor.execute(_PAGE, parameters)
        rows = await cursor.fetchall()
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_COUNT, parameters)
        return rows, (await counter.fetchone()) or 0


async def put(connection: Connection, row: CampaignRow) -> None:
    """Insert a campaign, or write over the one with this id. What was spent and who plans it stay as they are."""
    await connection.execute(_PUT, {name: getattr(row, name) for name in CampaignRow.__slots__})


async def set_spent(connection: Connection, campaign_id: UUID, cents: int) -> None:
    """Say what a campaign has spent so far, when it begins to have a ceiling. Hold its row."""
    await connection.execute(_SET_SPENT, {"id": campaign_id, "cents": cents})


async def delete(connection: Connection, campaign_id: UUID) -> bool:
    """Remove a campaign with its targets and imports; ForeignKeyViolation when a conversation names one of them."""
    # The targets first: they name the imports that go with the campaign.
    await connection.execute(_DELETE_TARGETS, {"id": campaign_id})
    cursor = await connection.execute(_DELETE, {"id": campaign_id})
    return cursor.rowcount == 1


async def has_targets(connection: Connection, campaign_id: UUID) -> bool:
    return await _is_true(connection, _HAS_TARGETS, {"id": campaign_id})


async def has_contacts(connection: Connection, campaign_id: UUID) -> bool:
    """Say whether anybody was contacted, or a conversation was opened, for this campaign."""
    return await _is_true(connection, _HAS_CONTACTS, {"id": campaign_id})


async def accounts_of_many(connection: Connection, campaign_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """List the channel accounts of several campaigns."""
    cursor = await connection.execute(_ACCOUNTS_OF_MANY, {"ids": list(campaign_ids)})
    found: dict[UUID, list[UUID]] = {}
    for row in await cursor.fetchall():
        found.setdefault(row["campaign_id"], []).append(row["channel_account_id"])
    return found


async def accounts_of(connection: Connection, campaign_id: UUID) -> list[UUID]:
    """List the channel accounts a campaign may use."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_ACCOUNTS, {"id": campaign_id})
        return await cursor.fetchall()


async def set_accounts(connection: Connection, tenant_id: UUID, campaign_id: UUID, accounts: Sequence[UUID]) -> None:
    await connection.execute(_CLEAR_ACCOUNTS, {"id": campaign_id})
    await connection.execute(
        _ADD_ACCOUNTS, {"tenant_id": tenant_id, "id": campaign_id, "accounts": list(dict.fromkeys(accounts))}
    )


async def claim_planning(
    connection: Connection, *, worker: str, now: datetime, locked_until: datetime, limit: int
) -> list[CampaignRow]:
    """Take active campaigns whose planning is due, for one worker (platform role)."""
    parameters = {"worker": worker, "now": now, "locked_until": locked_until, "limit": limit}
    async with connection.cursor(row_factory=class_row(CampaignRow)) as cursor:
        await cursor.execute(_CLAIM_PLANNING, parameters)
        return await cursor.fetchall()


async def renew_planning(connection: Connection, campaign_id: UUID, *, worker: str, locked_until: datetime) -> bool:
    """Prolong the lease; False when it was lost, or the campaign is not active any more."""
    cursor = await connection.execute(
        _RENEW_PLANNING, {"id": campaign_id, "worker": worker, "locked_until": locked_until}
    )
    return cursor.rowcount == 1


async def release_planning(
    connection: Connection, claimed: CampaignRow, *, due_at: datetime, next_slot_at: datetime | None
) -> bool:
    """Let go of a campaign as it was claimed and say when to plan it again; an earlier wake stands. False when lost."""
    cursor = await connection.execute(
        _RELEASE_PLANNING,
        {
            "id": claimed.id, "worker": claimed.locked_by, "claimed_due_at": claimed.plan_due_at, "due_at": due_at,
            "next_slot_at": next_slot_at,
        },
    )  # fmt: skip
    return cursor.rowcount == 1


async def wake(connection: Connection, campaign_id: UUID, at: datetime) -> None:
    """Let the scheduler look at an active campaign not later than `at`. Hold its row, or nothing that others wait for.

    Needed where something becomes due before the scheduler expects it; it looks at what it knows by itself.
    """
    await connection.execute(_WAKE, {"id": campaign_id, "at": at})


async def statuses(
    connection: Connection, campaign_ids: Sequence[UUID], *, wakes: bool = False
) -> dict[UUID, CampaignStatus]:
    """Read and hold how campaigns stand, so that none ends meanwhile. Hold the targets' rows first.

    Who is going to wake them says so: two that hold a row in common could not both write it.
    """
    cursor = await connection.execute(_STATUSES_TO_WAKE if wakes else _STATUSES, {"ids": list(campaign_ids)})
    return {row["id"]: CampaignStatus(row["status"]) for row in await cursor.fetchall()}


async def has_planning_due(connection: Connection, *, now: datetime) -> bool:
    return await _is_true(connection, _HAS_DUE, {"now": now})


async def _is_true(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> bool:
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(statement, parameters)
        return bool(await cursor.fetchone())


async def _one(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, object]
) -> CampaignRow | None:
    async with connection.cursor(row_factory=class_row(CampaignRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()
