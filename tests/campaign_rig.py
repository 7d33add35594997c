"""Campaigns and targets for tests, with defaults; a test names only what matters to it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time
from uuid import UUID, uuid4

from domain.campaigns import CampaignStatus, ContactMethod, Method, TargetOutcome, TargetState
from domain.phones import match_key
from store import campaigns, targets
from store.campaigns import CampaignRow
from store.database import Database
from store.targets import TargetRow
from tests.business_world import MARIA, PHONE
from tests.fakes_clock import DEFAULT_NOW


async def make_campaign(
    database: Database, tenant_id: UUID, *accounts: UUID, status: CampaignStatus = CampaignStatus.ACTIVE,
    plan_due_at: datetime | None = DEFAULT_NOW, now: datetime = DEFAULT_NOW, **changes: object,
) -> CampaignRow:  # fmt: skip
    """Insert an active campaign that is to be planned now: WhatsApp, Monday to Friday, 08:00 to 20:00."""
    row = CampaignRow(
        tenant_id=tenant_id, id=uuid4(), name="Novembro", status=status, pause_reason=None,
        contact_method=ContactMethod.WHATSAPP_PRIMARY, allowed_methods=[Method.WHATSAPP],
        fallback_order=[Method.WHATSAPP], schedule_start=time(8), schedule_end=time(20), weekdays=[1, 2, 3, 4, 5],
        avoids_optional_holidays=True, template_id=None, sms_text=None, voicemail_policy="hang_up", max_attempts=3,
        retry_gap_minutes=1440, unanswered_after_minutes=1440, pacing="spread", budget_cents=None, spent_cents=0,
        plan_due_at=plan_due_at if status is CampaignStatus.ACTIVE else None, next_slot_at=None, locked_by=None,
        locked_until=None, started_at=now, completed_at=None, created_at=now, updated_at=now,
    )  # fmt: skip
    row = replace(row, **changes)  # type: ignore[arg-type]
    async with database.tenant(tenant_id) as connection:
        await campaigns.put(connection, row)
        await campaigns.set_accounts(connection, tenant_id, row.id, accounts)
    return row


async def add_target(
    database: Database, campaign: CampaignRow, *, document: str = MARIA, phone: str = PHONE,
    now: datetime = DEFAULT_NOW, **changes: object,
) -> TargetRow:  # fmt: skip
    """Insert a target that waits to be planned."""
    row = TargetRow(
        tenant_id=campaign.tenant_id, id=uuid4(), campaign_id=campaign.id, import_id=None,
        client_name="Maria da Silva", phone=phone, match_key=match_key(phone) or "", document=document,
        installation_point=None, debt_cents=11990, invoice_number=None, uf=None, priority=0,
        state=TargetState.PENDING, outcome=None, outcome_details={}, method=None, attempt_count=0,
        first_contacted_at=None, last_attempt_at=None, call_sid=None, contact_id=None, conversation_id=None,
        promised_at=None, paid_at=None, due_at=now, locked_by=None, locked_until=None, created_at=now, updated_at=now,
    )  # fmt: skip
    row = replace(row, **changes)  # type: ignore[arg-type]
    async with database.tenant(campaign.tenant_id) as connection:
        assert await targets.insert(connection, row)
    return row


def contacted(
    at: datetime, *, due_at: datetime | None, outcome: TargetOutcome = TargetOutcome.SENT, attempts: int = 1,
    method: Method = Method.WHATSAPP,
) -> dict[str, object]:  # fmt: skip
    """Give the fields of a target that was contacted at an instant."""
    return {
        "state": TargetState.CONTACTED, "outcome": outcome, "attempt_count": attempts, "first_contacted_at": at,
        "last_attempt_at": at, "method": method, "due_at": due_at,
    }  # fmt: skip


async def add_many(
    database: Database, campaign: CampaignRow, count: int, *, area_codes: Sequence[str] = ("11",),
    now: datetime = DEFAULT_NOW,
) -> None:  # fmt: skip
    """Insert pending targets in one statement: documents 1, 2 … and mobiles of these area codes in turn."""
    async with database.tenant(campaign.tenant_id) as connection:
        await connection.execute(
            """
            INSERT INTO targets (tenant_id, id, campaign_id, client_name, phone, match_key, document, debt_cents,
                                 due_at, created_at, updated_at)
            SELECT %(tenant_id)s, gen_random_uuid(), %(campaign_id)s, 'Cliente ' || n,
                '+55' || code || '99' || lpad(n::text, 7, '0'), code || '9' || lpad(n::text, 7, '0'), n::text, 11990,
                %(now)s, %(now)s + make_interval(secs => n / 1000000.0), %(now)s
            FROM (SELECT n, (%(codes)s::text[])[1 + n %% cardinality(%(codes)s::text[])] AS code
                  FROM generate_series(1, %(count)s) AS n) AS numbers
            """,
            {
                "tenant_id": campaign.tenant_id, "campaign_id": campaign.id, "now": now, "count": count,
                "codes": list(area_codes),
            },
        )  # fmt: skip


async def target_of(database: Database, target: TargetRow) -> TargetRow:
    """Read a target as it is now."""
    async with database.tenant(target.tenant_id) as connection:
        row = await targets.by_id(connection, target.id)
    assert row is not None
    return row


async def campaign_of(database: Database, campaign: CampaignRow) -> CampaignRow:
    """Read a campaign as it is now."""
    async with database.tenant(campaign.tenant_id) as connection:
        row = await campaigns.by_id(connection, campaign.id)
    assert row is not None
    return row


async def targets_of(database: Database, campaign: CampaignRow, *, limit: int = 100_000) -> list[TargetRow]:
    """List the targets of a campaign in the order they came."""
    async with database.tenant(campaign.tenant_id) as connection:
        rows, _ = await targets.page(connection, campaign.id, state=None, outcome=None, limit=limit, offset=0)
    return rows
