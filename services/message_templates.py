"""A tenant's opening templates: made by a person, approved by the provider, followed by its webhooks (spec 3.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID, uuid4

from domain.call_summaries import CALL_SUMMARY
from domain.errors import Conflict, InvalidInput, NotFound
from domain.message_templates import VARIABLES, find_problem
from domain.messages import Provider
from domain.promise_reminders import PROMISED_DAY
from services.plain_text import tidy, tidy_line
from store import channel_accounts, events, message_templates
from store.channel_accounts import AccountRow
from store.database import Connection, Database
from store.message_templates import TemplateRow

Category = Literal["utility", "marketing", "authentication"]
Status = Literal["pending", "approved", "rejected", "paused", "disabled"]
_NAME_LIMIT = 512  # Meta's
_MOST_VARIABLES = 10
# A campaign refuses a template that only a reminder or the summary of a call can fill.
_KNOWN = (*VARIABLES, PROMISED_DAY, CALL_SUMMARY)
_WRITTEN = (Provider.META, Provider.EVOLUTION, Provider.TWILIO_WHATSAPP, Provider.SIMULATOR)
# Meta's word for an event, and what it means for who opens a conversation with the template. FLAGGED is a warning: it
# may be used until it is paused.
_STATUS_OF_EVENT: Mapping[str, Status] = {
    "APPROVED": "approved", "REINSTATED": "approved", "UNPAUSED": "approved", "REJECTED": "rejected",
    "PAUSED": "paused", "DISABLED": "disabled", "PENDING": "pending", "IN_APPEAL": "pending",
    "PENDING_DELETION": "disabled", "DELETED": "disabled", "LIMIT_EXCEEDED": "paused", "LOCKED": "paused",
}  # fmt: skip


class TemplateExists(Conflict):
    """The account has a template of this name and language already."""

    code = "template_exists"

    def __init__(self) -> None:
        super().__init__("The channel account has a template of this name and language already")


class TemplateInUse(Conflict):
    """A campaign opens with it."""

    code = "template_in_use"

    def __init__(self, template_id: UUID) -> None:
        super().__init__("A campaign uses this template")
        self.template_id = template_id


@dataclass(frozen=True, kw_only=True, slots=True)
class NewTemplate:
    channel_account_id: UUID
    name: str
    body: str
    variables: Sequence[str] = ()
    language: str = "pt_BR"
    category: Category = "utility"
    content_sid: str | None = None  # Twilio's name for it


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplatePatch:
    """What to change; None leaves a field alone. A new text must be approved again."""

    body: str | None = None
    variables: Sequence[str] | None = None
    category: Category | None = None
    content_sid: str | None = None


async def create_template(database: Database, tenant_id: UUID, new: NewTemplate, *, now: datetime) -> TemplateRow:
    """Store a template; it is pending until the provider, or an operator, says that it is approved.

    Raises InvalidInput, NotFound (the account), TemplateExists.
    """
    async with database.tenant(tenant_id) as connection:
        account = await channel_accounts.by_id(connection, new.channel_account_id)
        if account is None:
            raise NotFound("channel account")
        row = _checked(
            TemplateRow(
                tenant_id=tenant_id, id=uuid4(), channel_account_id=account.id, name=_name(new.name),
                language=_language(new.language), category=new.category, body=new.body,
                variables=list(new.variables), content_sid=new.content_sid, status="pending", status_reason=None,
                status_at=now, created_at=now,
            ),
            account,
        )  # fmt: skip
        if not await message_templates.insert(connection, row):
            raise TemplateExists
    return row


async def get_template(database: Database, tenant_id: UUID, template_id: UUID) -> TemplateRow:
    """Read one. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        row = await message_templates.by_id(connection, template_id)
    if row is None:
        raise NotFound("template")
    return row


async def list_templates(
    database: Database, tenant_id: UUID, *, status: Status | None = None, channel_account_id: UUID | None = None,
    limit: int, offset: int,
) -> tuple[list[TemplateRow], int]:  # fmt: skip
    """List templates, newest first, and count all that fit."""
    async with database.tenant(tenant_id) as connection:
        return await message_templates.page(
            connection, status=status, channel_account_id=channel_account_id, limit=limit, offset=offset
        )


async def patch_template(
    database: Database, tenant_id: UUID, template_id: UUID, patch: TemplatePatch, *, now: datetime
) -> TemplateRow:
    """Change a template. Other words, variables or another category make it pending again. Raises NotFound,
    InvalidInput."""
    async with database.tenant(tenant_id) as connection:
        row = await _held(connection, template_id)
        account = await channel_accounts.by_id(connection, row.channel_account_id)
        if account is None:
            raise NotFound("channel account")
        changed = _checked(
            replace(
                row,
                body=row.body if patch.body is None else patch.body,
                variables=row.variables if patch.variables is None else list(patch.variables),
                category=patch.category or row.category,
                content_sid=row.content_sid if patch.content_sid is None else patch.content_sid,
            ),
            account,
        )
        if changed != row:
            changed = replace(changed, status="pending", status_reason=None, status_at=now)
            await message_templates.update(connection, changed)
    return changed


async def delete_template(database: Database, tenant_id: UUID, template_id: UUID) -> None:
    """Remove a template. Raises NotFound, TemplateInUse."""
    async with database.tenant(tenant_id) as connection:
        row = await _held(connection, template_id)
        if await message_templates.is_used(connection, row.id):
            raise TemplateInUse(row.id)
        await message_templates.delete(connection, row.id)


async def set_template_status(
    database: Database, tenant_id: UUID, template_id: UUID, *, status: Status, reason: str | None, now: datetime
) -> TemplateRow:
    """Say how the provider has decided, where no webhook does. What waited for an approval goes on. Raises NotFound."""
    words = tidy_line(reason, limit=200) if reason else None
    async with database.tenant(tenant_id) as connection:
        row = await _held(connection, template_id)
        changed = replace(row, status=status, status_reason=words or None, status_at=now)
        await message_templates.update(connection, changed)
        if status == "approved":
            await message_templates.wake_waiting(connection, [row.id], now=now)
        await _tell(connection, changed, by="operator", now=now)
    return changed


async def follow_provider(
    connection: Connection, account: AccountRow, data: Mapping[str, object], *, now: datetime
) -> None:
    """Take over a status that Meta reports: the gate stops what is not approved, and goes on when it is again."""
    value = data.get("value")
    told = value if isinstance(value, Mapping) else {}
    status = _STATUS_OF_EVENT.get(str(told.get("event", "")).upper())
    name = str(told.get("message_template_name", ""))[:_NAME_LIMIT]
    if status is None or not name:
        return
    language = told.get("message_template_language")
    waba_id = data.get("waba_id")
    reason = tidy_line(str(told.get("reason") or ""), limit=200)
    rows = await message_templates.set_status_by_name(
        connection, channel_account_id=account.id, provider=account.provider,
        business_account=str(waba_id) if waba_id else account.settings.get("waba_id"), name=name,
        language=str(language)[:20] if language else None, status=status,
        reason=None if reason in ("", "NONE") else reason, now=now,
    )  # fmt: skip
    if status == "approved":
        await message_templates.wake_waiting(connection, [row.id for row in rows], now=now)
    for row in rows:
        await _tell(connection, row, by="provider", now=now)


async def _held(connection: Connection, template_id: UUID) -> TemplateRow:
    row = await message_templates.lock(connection, template_id)
    if row is None:
        raise NotFound("template")
    return row


async def _tell(connection: Connection, row: TemplateRow, *, by: str, now: datetime) -> None:
    await events.record(
        connection, tenant_id=row.tenant_id, kind="template_status",
        severity="info" if row.status in ("approved", "pending") else "warning",
        data={"templateId": str(row.id), "name": row.name, "status": row.status, "by": by}, now=now,
    )  # fmt: skip


def _name(name: str) -> str:
    clean = tidy_line(name, limit=_NAME_LIMIT)
    if not clean or len(name) > _NAME_LIMIT:
        raise InvalidInput("name", f"must have 1 to {_NAME_LIMIT} characters")
    return clean


def _language(language: str) -> str:
    if not (2 <= len(language) <= 10 and language.replace("_", "").isascii() and language.replace("_", "").isalpha()):
        raise InvalidInput("language", "must be a language code, such as pt_BR")
    return language


def _checked(row: TemplateRow, account: AccountRow) -> TemplateRow:
    """Check what the text says and fills in; a first message names no debt (compliance 3)."""
    if account.provider not in _WRITTEN:
        raise InvalidInput("channelAccountId", "must be a WhatsApp account")
    if row.category not in get_args(Category):
        raise InvalidInput("category", f"must be one of: {', '.join(get_args(Category))}")
    if len(row.variables) > _MOST_VARIABLES or any(name not in _KNOWN for name in row.variables):
        raise InvalidInput("variables", f"may only name: {', '.join(_KNOWN)}")
    body = tidy(row.body, limit=2000)
    problem = find_problem(body, row.variables, known=_KNOWN)
    if problem is not None:
        raise InvalidInput("body", problem)
    sid = tidy_line(row.content_sid or "", limit=64) or None
    if account.provider is Provider.TWILIO_WHATSAPP and sid is None:
        raise InvalidInput("contentSid", "is needed by Twilio")
    return replace(row, body=body, content_sid=sid)
