"""Campaigns of the bench: a number that may open conversations, and debtors who wait in any state."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg

from domain.campaigns import CampaignStatus, ContactMethod, Method
from domain.contact_hours import ContactWindow, next_opening, place_of
from domain.phones import match_key
from store import campaigns, message_templates
from store.campaigns import CampaignRow
from store.channel_accounts import AccountRow
from store.message_templates import TemplateRow
from wiring.deps import Deps

_START, _END = time(8), time(20)
_MARGIN = timedelta(hours=1)
_WEEKDAYS = [1, 2, 3, 4, 5]
# One debtor a number: mobiles of São Paulo, and documents that no check looks into (the CRM knows them all).
_TARGETS: LiteralString = """
    INSERT INTO targets (tenant_id, id, campaign_id, client_name, phone, match_key, document, debt_cents, state, method,
                         due_at, created_at, updated_at)
    SELECT %(tenant_id)s, gen_random_uuid(), %(campaign_id)s, 'Maria da Silva', %(phone)s || lpad(n::text, 7, '0'),
           %(match_key)s || lpad(n::text, 7, '0'), lpad(n::text, 11, '0'), 11990, %(state)s, %(method)s,
           %(due_at)s::timestamptz + n * %(step)s::interval, %(now)s, %(now)s
    FROM generate_series(%(first)s::int, %(first)s::int + %(rows)s - 1) AS n
"""
_PHONE = "+551199"


def open_instant(now: datetime) -> datetime:
    """Give an instant at which customers in São Paulo may be contacted for hours: now, or later."""
    place = place_of(phone_of(0))
    window = ContactWindow(start=_START, end=time(15), weekdays=frozenset(_WEEKDAYS))
    if place is None:
        raise LookupError("São Paulo is nowhere")
    opening = next_opening(now, place=place, window=window, method=Method.WHATSAPP, tenant_holidays={})
    if opening is None:
        raise LookupError("no opening within weeks")
    return opening if opening == now else opening + _MARGIN


def phone_of(number: int) -> str:
    return f"{_PHONE}{number:07d}"


async def make_campaign(deps: Deps, account: AccountRow, *, status: CampaignStatus, methods: list[Method]) -> UUID:
    """Make a campaign of this account with an approved template; the planner does not look at it before tomorrow."""
    now = deps.clock.now()
    template = TemplateRow(
        tenant_id=account.tenant_id, id=uuid4(), channel_account_id=account.id, name=f"contato_{uuid4().hex}",
        language="pt_BR", category="utility", body="Olá, {{1}}! Aqui é da {{2}}. Podemos conversar sobre a sua conta?",
        variables=["contact.first_name", "tenant.name"], content_sid=None, status="approved", status_reason=None,
        status_at=now, created_at=now,
    )  # fmt: skip
    row = CampaignRow(
        tenant_id=account.tenant_id, id=uuid4(), name="Bench", status=status, pause_reason=None,
        contact_method=ContactMethod.WHATSAPP_PRIMARY, allowed_methods=methods, fallback_order=[],
        schedule_start=_START, schedule_end=_END, weekdays=_WEEKDAYS, avoids_optional_holidays=True,
        template_id=template.id, sms_text=None, voicemail_policy="hang_up", max_attempts=3, retry_gap_minutes=1440,
        unanswered_after_minutes=1440, pacing="asap", budget_cents=None, spent_cents=0,
        plan_due_at=now + timedelta(days=1), next_slot_at=None, locked_by=None, locked_until=None, started_at=now,
        completed_at=None, created_at=now, updated_at=now,
    )  # fmt: skip
    async with deps.database.tenant(account.tenant_id) as connection:
        await message_templates.insert(connection, template)
        await campaigns.put(connection, row)
        await campaigns.set_accounts(connection, account.tenant_id, row.id, [account.id])
    return row.id


def put_debtors(
    connection: psycopg.Connection, *, tenant_id: UUID, campaign_id: UUID, first: int, rows: int, state: str,
    method: Method | None, due_at: datetime, step: timedelta = timedelta(0),
) -> None:  # fmt: skip
    """Insert debtors `first` and following, each due a step after the one before."""
    key = match_key(phone_of(0))
    if key is None:
        raise LookupError("the phones of the bench are no phones")
    parameters: Mapping[str, object] = {
        "tenant_id": tenant_id, "campaign_id": campaign_id, "phone": _PHONE, "match_key": key[:-7], "state": state,
        "method": method, "due_at": due_at, "step": step, "now": due_at, "first": first, "rows": rows,
    }  # fmt: skip
    connection.execute(_TARGETS, parameters)
