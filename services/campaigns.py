"""What a person of the tenant does with campaigns: make, change, start, pause, end and delete them (spec 3.1)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from uuid import UUID, uuid4

from domain.campaigns import (
    CampaignStatus,
    ContactMethod,
    Method,
    can_campaign_become,
    default_methods,
    media_of,
)
from domain.errors import (
    CampaignBudgetExhausted,
    CampaignCannotBecome,
    CampaignHasContacts,
    CampaignNotEditable,
    CampaignWithoutAccount,
    CampaignWithoutTargets,
    CampaignWithoutTemplate,
    InvalidInput,
    NotFound,
)
from domain.message_templates import find_problem
from domain.messages import Provider
from services.campaign_fields import checked
from services.contact_batch import cost_cents
from services.plain_text import tidy_line
from store import campaigns, channel_accounts, contact_decisions, events, message_templates, targets, tenants
from store.campaigns import CampaignRow
from store.channel_accounts import AccountRow
from store.database import Connection, Database
from store.message_templates import TemplateRow

NEEDS_TEMPLATE = frozenset({Provider.META, Provider.TWILIO_WHATSAPP})
NULLABLE = frozenset({"template_id", "sms_text", "budget_cents"})
"""Fields of a patch that may also be emptied."""
_MOST_ACCOUNTS = 50
# A change of one of these makes the slots that were given worthless.
_PLANNED_BY = (
    "contact_method", "allowed_methods", "fallback_order", "schedule_start", "schedule_end", "weekdays",
    "avoids_optional_holidays", "pacing",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCampaign:
    """A campaign to make. What is left out is strict: business days, 08:00 to 20:00, three attempts a day apart."""

    name: str
    contact_method: ContactMethod = ContactMethod.WHATSAPP_PRIMARY
    allowed_methods: Sequence[Method] | None = None  # None: those of the contact method
    fallback_order: Sequence[Method] | None = None  # None: as the allowed methods are listed
    schedule_start: time = time(8)
    schedule_end: time = time(20)
    weekdays: Sequence[int] = (1, 2, 3, 4, 5)
    avoids_optional_holidays: bool = True
    account_ids: Sequence[UUID] = ()
    template_id: UUID | None = None
    sms_text: str | None = None
    voicemail_policy: str = "hang_up"
    max_attempts: int = 3
    retry_gap_minutes: int = 1440
    unanswered_after_minutes: int = 1440
    pacing: str = "spread"
    budget_cents: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignPatch:
    """What to change; None leaves a field alone. `cleared` names those of NULLABLE to empty."""

    name: str | None = None
    contact_method: ContactMethod | None = None
    allowed_methods: Sequence[Method] | None = None
    fallback_order: Sequence[Method] | None = None
    schedule_start: time | None = None
    schedule_end: time | None = None
    weekdays: Sequence[int] | None = None
    avoids_optional_holidays: bool | None = None
    account_ids: Sequence[UUID] | None = None
    template_id: UUID | None = None
    sms_text: str | None = None
    voicemail_policy: str | None = None
    max_attempts: int | None = None
    retry_gap_minutes: int | None = None
    unanswered_after_minutes: int | None = None
    pacing: str | None = None
    budget_cents: int | None = None
    cleared: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignDetails:
    row: CampaignRow
    account_ids: Sequence[UUID]


async def list_campaigns(
    database: Database, tenant_id: UUID, *, status: CampaignStatus | None, limit: int, offset: int
) -> tuple[list[CampaignDetails], int]:
    """List campaigns, newest first, and count all that fit."""
    async with database.tenant(tenant_id) as connection:
        rows, total = await campaigns.page(connection, status=status, limit=limit, offset=offset)
        accounts = await campaigns.accounts_of_many(connection, [row.id for row in rows])
    return [CampaignDetails(row=row, account_ids=accounts.get(row.id, [])) for row in rows], total


async def get_campaign(database: Database, tenant_id: UUID, campaign_id: UUID) -> CampaignDetails:
    """Read one. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        row = await campaigns.by_id(connection, campaign_id)
        if row is None:
            raise NotFound("campaign")
        return CampaignDetails(row=row, account_ids=await campaigns.accounts_of(connection, campaign_id))


async def create_campaign(database: Database, tenant_id: UUID, new: NewCampaign, *, now: datetime) -> CampaignDetails:
    """Insert a draft. Raises InvalidInput."""
    methods = default_methods(new.contact_method) if new.allowed_methods is None else new.allowed_methods
    row = CampaignRow(
        tenant_id=tenant_id, id=uuid4(), name=new.name, status=CampaignStatus.DRAFT, pause_reason=None,
        contact_method=new.contact_method, allowed_methods=list(methods),
        fallback_order=list(methods if new.fallback_order is None else new.fallback_order),
        schedule_start=new.schedule_start, schedule_end=new.schedule_end, weekdays=list(new.weekdays),
        avoids_optional_holidays=new.avoids_optional_holidays, template_id=new.template_id, sms_text=new.sms_text,
        voicemail_policy=new.voicemail_policy, max_attempts=new.max_attempts,
        retry_gap_minutes=new.retry_gap_minutes, unanswered_after_minutes=new.unanswered_after_minutes,
        pacing=new.pacing, budget_cents=new.budget_cents, spent_cents=0, plan_due_at=None, next_slot_at=None,
        locked_by=None, locked_until=None, started_at=None, completed_at=None, created_at=now, updated_at=now,
    )  # fmt: skip
    async with database.tenant(tenant_id) as connection:
        return await _store(connection, checked(row), new.account_ids)


async def patch_campaign(
    database: Database, tenant_id: UUID, campaign_id: UUID, patch: CampaignPatch, *, now: datetime
) -> CampaignDetails:
    """Change a campaign that has not ended; an active one must stay fit to be active, and is planned anew.

    Contacts under way are not called back; the gate judges each by the campaign as it is then.
    Raises NotFound, CampaignNotEditable, InvalidInput, or what activating raises.
    """
    async with database.tenant(tenant_id) as connection:
        before = await _known(connection, campaign_id)
        if before.status is CampaignStatus.COMPLETED:
            raise CampaignNotEditable(campaign_id)
        accounts = await campaigns.accounts_of(connection, campaign_id)
        wanted = accounts if patch.account_ids is None else list(dict.fromkeys(patch.account_ids))
        is_replanned = _is_replanned(before, checked(_changed(before, patch))) or set(wanted) != set(accounts)
        if is_replanned:
            # Targets before their campaign, as everybody locks them.
            await targets.unschedule(connection, campaign_id, due_before=None, now=now)
        row = await _locked(connection, campaign_id)
        if row.status is CampaignStatus.COMPLETED:
            raise CampaignNotEditable(campaign_id)
        had_ceiling = row.budget_cents is not None
        row = replace(checked(_changed(row, patch)), updated_at=now)
        if row.budget_cents is not None and not had_ceiling:
            # Without a ceiling nobody counts: that would make all its contacts wait for one row.
            spent = await contact_decisions.spent_of(connection, campaign_id)
            await campaigns.set_spent(connection, campaign_id, spent)
            row = replace(row, spent_cents=spent)
        if row.status is CampaignStatus.ACTIVE:
            await _check_fit(connection, row, wanted)
            row = replace(row, plan_due_at=now)
        if is_replanned:
            row = replace(row, next_slot_at=None)
        return await _store(connection, row, wanted)


async def activate_campaign(
    database: Database, tenant_id: UUID, campaign_id: UUID, *, now: datetime
) -> CampaignDetails:
    """Start a campaign, or go on with a paused one: slots that passed meanwhile are planned anew, the others stand.

    No attempt is counted for a pause and none is repeated. An active campaign stays as it is. Raises NotFound,
    CampaignCannotBecome, CampaignWithoutTargets, CampaignWithoutAccount, CampaignWithoutTemplate,
    CampaignBudgetExhausted.
    """
    async with database.tenant(tenant_id) as connection:
        await _known(connection, campaign_id)
        await targets.unschedule(connection, campaign_id, due_before=now, now=now)
        row = await _locked(connection, campaign_id)
        accounts = await campaigns.accounts_of(connection, campaign_id)
        if row.status is CampaignStatus.ACTIVE:
            return CampaignDetails(row=row, account_ids=accounts)
        _check_step(row, CampaignStatus.ACTIVE)
        if not await campaigns.has_targets(connection, campaign_id):
            raise CampaignWithoutTargets(campaign_id)
        await _check_fit(connection, row, accounts)
        await _check_budget(connection, row)
        row = replace(
            row, status=CampaignStatus.ACTIVE, pause_reason=None, started_at=row.started_at or now, plan_due_at=now,
            next_slot_at=None, updated_at=now,
        )  # fmt: skip
        return await _step(connection, row, accounts, "campaign_activated", now)


async def pause_campaign(
    database: Database, tenant_id: UUID, campaign_id: UUID, *, now: datetime, reason: str | None = None
) -> CampaignDetails:
    """Stop contacting: after the commit no contact is decided. Targets keep their slots until it goes on.

    A paused campaign stays as it is. Raises NotFound, CampaignCannotBecome.
    """
    async with database.tenant(tenant_id) as connection:
        row = await _locked(connection, campaign_id)
        accounts = await campaigns.accounts_of(connection, campaign_id)
        if row.status is CampaignStatus.PAUSED:
            return CampaignDetails(row=row, account_ids=accounts)
        _check_step(row, CampaignStatus.PAUSED)
        words = tidy_line(reason, limit=200) if reason else None
        row = replace(row, status=CampaignStatus.PAUSED, pause_reason=words or None, plan_due_at=None, updated_at=now)
        return await _step(connection, row, accounts, "campaign_paused", now)


async def complete_campaign(
    database: Database, tenant_id: UUID, campaign_id: UUID, *, now: datetime
) -> CampaignDetails:
    """End a campaign for good. Targets that were not done keep the state they have: statistics go on to show them as
    pending or contacted, which is what they were when it ended. Promises stay protected and watched.

    Raises NotFound, CampaignCannotBecome.
    """
    async with database.tenant(tenant_id) as connection:
        row = await _locked(connection, campaign_id)
        accounts = await campaigns.accounts_of(connection, campaign_id)
        if row.status is CampaignStatus.COMPLETED:
            return CampaignDetails(row=row, account_ids=accounts)
        _check_step(row, CampaignStatus.COMPLETED)
        row = replace(
            row, status=CampaignStatus.COMPLETED, pause_reason=None, completed_at=now, plan_due_at=None, updated_at=now
        )
        return await _step(connection, row, accounts, "campaign_completed", now)


async def delete_campaign(database: Database, tenant_id: UUID, campaign_id: UUID, *, now: datetime) -> None:
    """Remove a campaign with its targets and imports, as long as nobody was contacted.

    Raises NotFound, CampaignHasContacts.
    """
    async with database.tenant(tenant_id) as connection:
        row = await _locked(connection, campaign_id)
        if await campaigns.has_contacts(connection, campaign_id):
            raise CampaignHasContacts(campaign_id)
        if row.status is CampaignStatus.ACTIVE:  # no contact is decided from here on
            await campaigns.put(connection, replace(row, status=CampaignStatus.PAUSED, plan_due_at=None))
    async with database.tenant(tenant_id) as connection:
        await targets.lock_all(connection, campaign_id)
        await _locked(connection, campaign_id)
        if await campaigns.has_contacts(connection, campaign_id):
            raise CampaignHasContacts(campaign_id)
        await campaigns.delete(connection, campaign_id)
        await _record(connection, tenant_id, "campaign_deleted", campaign_id, now)


def check_import_allowed(row: CampaignRow) -> None:
    """Say whether targets may be added. Raises CampaignNotEditable."""
    if row.status is CampaignStatus.COMPLETED:
        raise CampaignNotEditable(row.id)


async def _known(connection: Connection, campaign_id: UUID) -> CampaignRow:
    row = await campaigns.by_id(connection, campaign_id)
    if row is None:
        raise NotFound("campaign")
    return row


async def _locked(connection: Connection, campaign_id: UUID) -> CampaignRow:
    row = await campaigns.lock(connection, campaign_id)
    if row is None:
        raise NotFound("campaign")
    return row


def _check_step(row: CampaignRow, new: CampaignStatus) -> None:
    if not can_campaign_become(row.status, new):
        raise CampaignCannotBecome(row.status, new)


async def _step(
    connection: Connection, row: CampaignRow, accounts: Sequence[UUID], kind: str, now: datetime
) -> CampaignDetails:
    await campaigns.put(connection, row)
    await _record(connection, row.tenant_id, kind, row.id, now)
    return CampaignDetails(row=row, account_ids=accounts)


async def _record(connection: Connection, tenant_id: UUID, kind: str, campaign_id: UUID, now: datetime) -> None:
    await events.record(
        connection, tenant_id=tenant_id, kind=kind, severity="info", data={"campaignId": str(campaign_id)}, now=now
    )


async def _store(connection: Connection, row: CampaignRow, account_ids: Sequence[UUID]) -> CampaignDetails:
    accounts = await _accounts(connection, account_ids, row.allowed_methods)
    if row.template_id is not None:
        await _check_template(connection, row.template_id, accounts)
    await campaigns.put(connection, row)
    await campaigns.set_accounts(connection, row.tenant_id, row.id, list(accounts))
    return CampaignDetails(row=row, account_ids=list(accounts))


async def _accounts(
    connection: Connection, account_ids: Sequence[UUID], methods: Collection[Method]
) -> Mapping[UUID, AccountRow]:
    if len(account_ids) > _MOST_ACCOUNTS:
        raise InvalidInput("channelAccountIds", f"may be at most {_MOST_ACCOUNTS}")
    known = {account.id: account for account in await channel_accounts.list_all(connection)}
    media = {medium for method in methods for medium in media_of(method)}
    for account_id in account_ids:
        if account_id not in known:
            raise InvalidInput("channelAccountIds", "names an account that does not exist")
        if known[account_id].medium not in media:
            raise InvalidInput("channelAccountIds", "names an account that none of the allowed methods can use")
    return {account_id: known[account_id] for account_id in account_ids}


async def _check_template(
    connection: Connection, template_id: UUID, accounts: Mapping[UUID, AccountRow]
) -> TemplateRow:
    template = await message_templates.by_id(connection, template_id)
    if template is None:
        raise InvalidInput("templateId", "names a template that does not exist")
    if accounts and template.channel_account_id not in accounts:
        raise InvalidInput("templateId", "belongs to a channel account that the campaign does not use")
    problem = find_problem(template.body, template.variables)
    if problem is not None:
        raise InvalidInput("templateId", problem)
    return template


async def _check_fit(connection: Connection, row: CampaignRow, account_ids: Sequence[UUID]) -> None:
    """Say whether it can contact anybody: an active account for each method, an approved template where one must be."""
    accounts = await _accounts(connection, account_ids, row.allowed_methods)
    active = [account for account in accounts.values() if account.status == "active"]
    for method in row.allowed_methods:
        if not any(account.medium in media_of(method) for account in active):
            raise CampaignWithoutAccount(method)
    needing = [account for account in active if account.provider in NEEDS_TEMPLATE]
    if not needing or Method.WHATSAPP not in row.allowed_methods:
        return
    template = None if row.template_id is None else await message_templates.by_id(connection, row.template_id)
    if template is None or template.status != "approved":
        raise CampaignWithoutTemplate(needing[0].provider)


async def _check_budget(connection: Connection, row: CampaignRow) -> None:
    """Say whether it can pay for one more contact of any of its methods."""
    if row.budget_cents is None:
        return
    tenant = await tenants.by_id(connection, row.tenant_id)
    if tenant is None:
        raise NotFound("tenant")
    cheapest = min(cost_cents(tenant.settings, method) for method in row.allowed_methods)
    if cheapest > row.budget_cents - row.spent_cents:
        raise CampaignBudgetExhausted(row.budget_cents, row.spent_cents)


def _changed(row: CampaignRow, patch: CampaignPatch) -> CampaignRow:
    unknown = patch.cleared - NULLABLE
    if unknown:
        raise InvalidInput(sorted(unknown)[0], "must not be null")
    values = {
        name: getattr(patch, name)
        for name in CampaignPatch.__slots__
        if name not in ("account_ids", "cleared") and getattr(patch, name) is not None
    }
    for name in patch.cleared:
        values[name] = None
    return replace(row, **values)


def _is_replanned(before: CampaignRow, after: CampaignRow) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in _PLANNED_BY)
