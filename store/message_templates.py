"""Opening messages as the providers know them, with their approval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from store.database import Connection

COLUMNS: LiteralString = """
    tenant_id, id, channel_account_id, name, language, category, body, variables, content_sid, status, status_reason,
    status_at, created_at
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateRow:
    tenant_id: UUID
    id: UUID
    channel_account_id: UUID
    name: str
    language: str
    category: str
    body: str
    variables: list[str]
    content_sid: str | None
    status: str
    status_reason: str | None
    status_at: datetime
    created_at: datetime


_BY_ID: LiteralString = f"SELECT {COLUMNS} FROM message_templates WHERE id = %(id)s"
_LOCK: LiteralString = f"SELECT {COLUMNS} FROM message_templates WHERE id = %(id)s FOR UPDATE"
_APPROVED: LiteralString = f"""
    SELECT {COLUMNS} FROM message_templates
    WHERE channel_account_id = %(channel_account_id)s AND name = %(name)s AND status = 'approved'
    ORDER BY language = 'pt_BR' DESC, created_at DESC LIMIT 1
"""
_PAGE: LiteralString = f"""
    SELECT {COLUMNS} FROM message_templates
    WHERE (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(channel_account_id)s::uuid IS NULL OR channel_account_id = %(channel_account_id)s)
    ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s
"""
_COUNT: LiteralString = """
    SELECT count(*) FROM message_templates
    WHERE (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(channel_account_id)s::uuid IS NULL OR channel_account_id = %(channel_account_id)s)
"""
_INSERT: LiteralString = f"""
    INSERT INTO message_templates ({COLUMNS})
    VALUES (%(tenant_id)s, %(id)s, %(channel_account_id)s, %(name)s, %(language)s, %(category)s, %(body)s,
        %(variables)s, %(content_sid)s, %(status)s, %(status_reason)s, %(status_at)s, %(created_at)s)
    ON CONFLICT (tenant_id, channel_account_id, name, language) DO NOTHING
"""
_UPDATE: LiteralString = """
    UPDATE message_templates SET category = %(category)s, body = %(body)s, variables = %(variables)s,
        content_sid = %(content_sid)s, status = %(status)s, status_reason = %(status_reason)s, status_at = %(status_at)s
    WHERE id = %(id)s
"""
_IS_USED: LiteralString = "SELECT EXISTS (SELECT FROM campaigns WHERE template_id = %(id)s) AS is_used"
_DELETE: LiteralString = "DELETE FROM message_templates WHERE id = %(id)s"
# The same template is approved for all numbers of one WhatsApp business account.
_SET_STATUS_BY_NAME: LiteralString = f"""
    UPDATE message_templates m SET status = %(status)s, status_reason = %(reason)s, status_at = %(now)s
    FROM channel_accounts a
    WHERE a.tenant_id = m.tenant_id AND a.id = m.channel_account_id AND a.provider = %(provider)s
      AND (a.id = %(channel_account_id)s OR a.settings ->> 'waba_id' = %(business_account)s)
      AND m.name = %(name)s AND (%(language)s::text IS NULL OR m.language = %(language)s)
    RETURNING {", ".join("m." + name.strip() for name in COLUMNS.split(","))}
"""
# What waited for the approval goes on; what no longer has one waits at the gate.
_WAKE: LiteralString = """
    UPDATE targets t SET due_at = %(now)s, updated_at = %(now)s
    FROM campaigns c JOIN message_templates used ON used.tenant_id = c.tenant_id AND used.id = c.template_id
    WHERE (used.name, used.language) IN (
            SELECT name, language FROM message_templates WHERE id = ANY(%(ids)s))
      AND t.tenant_id = c.tenant_id AND t.campaign_id = c.id AND t.state = 'scheduled' AND t.due_at > %(now)s
      AND t.outcome_details -> 'postponed' ->> 'reason' = 'template_not_approved'
"""


async def by_id(connection: Connection, template_id: UUID) -> TemplateRow | None:
    return await _one(connection, _BY_ID, {"id": template_id})


async def approved(connection: Connection, channel_account_id: UUID, name: str) -> TemplateRow | None:
    """Find the approved template of an account by its name, in Portuguese where there are several."""
    return await _one(connection, _APPROVED, {"channel_account_id": channel_account_id, "name": name})


async def lock(connection: Connection, template_id: UUID) -> TemplateRow | None:
    """Read it and hold its row."""
    return await _one(connection, _LOCK, {"id": template_id})


async def page(
    connection: Connection, *, status: str | None, channel_account_id: UUID | None, limit: int, offset: int
) -> tuple[list[TemplateRow], int]:
    """List templates, newest first, and count all that fit."""
    parameters = {"status": status, "channel_account_id": channel_account_id, "limit": limit, "offset": offset}
    rows = await _many(connection, _PAGE, parameters)
    async with connection.cursor(row_factory=scalar_row) as counter:
        await counter.execute(_COUNT, parameters)
        return rows, (await counter.fetchone()) or 0


async def insert(connection: Connection, row: TemplateRow) -> bool:
    """Insert it; False when the account has a template of this name and language already."""
    cursor = await connection.execute(_INSERT, _parameters(row))
    return cursor.rowcount == 1


async def update(connection: Connection, row: TemplateRow) -> None:
    """Write everything but what names it."""
    await connection.execute(_UPDATE, _parameters(row))


async def is_used(connection: Connection, template_id: UUID) -> bool:
    """Say whether a campaign opens with it."""
    cursor = await connection.execute(_IS_USED, {"id": template_id})
    row = await cursor.fetchone()
    return bool(row and row["is_used"])


async def delete(connection: Connection, template_id: UUID) -> bool:
    cursor = await connection.execute(_DELETE, {"id": template_id})
    return cursor.rowcount == 1


async def set_status_by_name(
    connection: Connection, *, channel_account_id: UUID, provider: str, business_account: str | None, name: str,
    language: str | None, status: str, reason: str | None, now: datetime,
) -> list[TemplateRow]:  # fmt: skip
    """Set the status that a provider reports, on all numbers of the business account; give the rows it has now."""
    return await _many(
        connection,
        _SET_STATUS_BY_NAME,
        {
            "channel_account_id": channel_account_id, "provider": provider, "business_account": business_account,
            "name": name, "language": language, "status": status, "reason": reason, "now": now,
        },
    )  # fmt: skip


async def wake_waiting(connection: Connection, template_ids: Sequence[UUID], *, now: datetime) -> int:
    """Make due what waited for one of these templates; give how many targets there were."""
    cursor = await connection.execute(_WAKE, {"ids": list(template_ids), "now": now})
    return cursor.rowcount


def _parameters(row: TemplateRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in TemplateRow.__slots__}


async def _one(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, object]
) -> TemplateRow | None:
    async with connection.cursor(row_factory=class_row(TemplateRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()


async def _many(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, object]
) -> list[TemplateRow]:
    async with connection.cursor(row_factory=class_row(TemplateRow)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()
