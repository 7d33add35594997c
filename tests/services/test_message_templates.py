"""Templates: made, approved, paused by Meta's webhooks, and what that does to contacts (spec 3.5)."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from channels.base import WebhookRequest
from channels.meta import MetaChannel
from domain.buffering import QuietWindow
from domain.errors import InvalidInput, NotFound
from domain.messages import Provider
from services.inbox import Inbox
from services.message_templates import (
    NewTemplate,
    TemplateExists,
    TemplateInUse,
    TemplatePatch,
    create_template,
    delete_template,
    get_template,
    list_templates,
    patch_template,
    set_template_status,
)
from store.channel_accounts import AccountRow
from store.message_templates import TemplateRow
from tests.contact_world import WORKER, ContactWorld, open_contact_world
from tests.factories import make_account, make_tenant
from tests.fakes_clock import FakeClock

NOW = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)
WABA = "201500000000001"
PAUSED = Path(__file__).parents[1] / "payloads" / "meta" / "template_status_update_paused.json"


@pytest.fixture
async def world(database_url: str, clock: FakeClock) -> AsyncIterator[ContactWorld]:
    clock.set(NOW)
    async with open_contact_world(
        database_url, clock, provider=Provider.META, external_id="301500000000001", settings={"waba_id": WABA}
    ) as opened:
        yield opened


def _new(account: AccountRow, **changes: object) -> NewTemplate:
    values: dict[str, object] = {
        "channel_account_id": account.id, "name": "lembrete_fatura_v2", "body": "Oi, {{1}}! Podemos conversar?",
        "variables": ["contact.first_name"],
    }  # fmt: skip
    return NewTemplate(**(values | changes))  # type: ignore[arg-type]


async def _create(world: ContactWorld, **changes: object) -> TemplateRow:
    return await create_template(world.database, world.tenant_id, _new(world.account, **changes), now=NOW)


async def _approve(world: ContactWorld, row: TemplateRow) -> None:
    await set_template_status(world.database, world.tenant_id, row.id, status="approved", reason=None, now=NOW)


async def _tell(world: ContactWorld, event: str, *, waba_id: str = WABA, reason: str = "NONE") -> None:
    """Bring Meta's own webhook, with another event in it."""
    body = json.loads(PAUSED.read_bytes())
    body["entry"][0]["id"] = waba_id
    body["entry"][0]["changes"][0]["value"] |= {"event": event, "reason": reason}
    async with httpx.AsyncClient() as http:
        request = WebhookRequest(
            method="POST", url="https://exemplo.invalid", headers={}, query={}, body=json.dumps(body).encode()
        )
        parsed = MetaChannel(http).parse(request, received_at=world.clock.now())
    await Inbox(world.database, QuietWindow()).receive(world.account, parsed, now=world.clock.now())


async def test_template_is_made_pending_and_listed(world: ContactWorld) -> None:
    row = await _create(world, name="  boas_vindas ")
    assert (row.name, row.status, row.language) == ("boas_vindas", "pending", "pt_BR")
    assert await get_template(world.database, world.tenant_id, row.id) == row
    other = await _create(world)
    rows, total = await list_templates(world.database, world.tenant_id, limit=1, offset=0)
    assert (len(rows), total) == (1, 2)
    await _approve(world, other)
    rows, total = await list_templates(world.database, world.tenant_id, status="approved", limit=10, offset=0)
    assert ([found.id for found in rows], total) == ([other.id], 1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 600}, "name"),
        ({"body": "Você tem uma dívida, {{1}}."}, "body"),
        ({"body": "Oi!"}, "body"),
        ({"body": "x" * 5000}, "body"),
        ({"body": "Oi, {{1}}\x00!", "variables": []}, "body"),
        ({"variables": ["contact.document"]}, "variables"),
        ({"variables": ["contact.first_name"] * 50}, "variables"),
        ({"language": "pt-BR; DROP"}, "language"),
        ({"category": "spam"}, "category"),
    ],
)
async def test_unfit_template_is_refused(world: ContactWorld, changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await _create(world, **changes)
    assert refused.value.field == field


async def test_accounts_say_what_templates_they_have(world: ContactWorld) -> None:
    sms = await make_account(world.database, world.tenant_id, provider=Provider.TWILIO_SMS, external_id="+5511400012")
    twilio = await make_account(
        world.database, world.tenant_id, provider=Provider.TWILIO_WHATSAPP, external_id="whatsapp:+5511400013"
    )
    for account, field in ((sms, "channelAccountId"), (twilio, "contentSid")):
        with pytest.raises(InvalidInput) as refused:
            await create_template(world.database, world.tenant_id, _new(account), now=NOW)
        assert refused.value.field == field
    with pytest.raises(NotFound):
        await _create(world, channel_account_id=uuid4())
    await _create(world)
    with pytest.raises(TemplateExists):
        await _create(world)


async def test_other_words_need_another_approval(world: ContactWorld) -> None:
    row = await _create(world)
    await _approve(world, row)
    same = await patch_template(world.database, world.tenant_id, row.id, TemplatePatch(body=row.body), now=NOW)
    assert same.status == "approved"
    changed = await patch_template(
        world.database, world.tenant_id, row.id, TemplatePatch(body="Olá, {{1}}! Tudo bem?"), now=NOW
    )
    assert (changed.status, changed.body) == ("pending", "Olá, {{1}}! Tudo bem?")
    assert await get_template(world.database, world.tenant_id, row.id) == changed
    with pytest.raises(InvalidInput):
        await patch_template(world.database, world.tenant_id, row.id, TemplatePatch(variables=[]), now=NOW)


async def test_template_of_a_campaign_stays(world: ContactWorld) -> None:
    used, free = await _create(world), await _create(world, name="livre")
    await world.change_campaign(template_id=used.id)
    with pytest.raises(TemplateInUse):
        await delete_template(world.database, world.tenant_id, used.id)
    await delete_template(world.database, world.tenant_id, free.id)
    with pytest.raises(NotFound):
        await delete_template(world.database, world.tenant_id, free.id)


async def test_templates_of_another_tenant_do_not_exist(world: ContactWorld) -> None:
    row = await _create(world)
    other = await make_tenant(world.database, "outra")
    with pytest.raises(NotFound):
        await get_template(world.database, other, row.id)
    with pytest.raises(NotFound):
        await set_template_status(world.database, other, row.id, status="approved", reason=None, now=NOW)
    with pytest.raises(NotFound):
        await patch_template(world.database, other, row.id, TemplatePatch(), now=NOW)
    assert (await list_templates(world.database, other, limit=10, offset=0)) == ([], 0)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("PAUSED", "paused"), ("DISABLED", "disabled"), ("REJECTED", "rejected"), ("APPROVED", "approved"),
        ("PENDING_DELETION", "disabled"), ("FLAGGED", "approved"), ("SOMETHING_NEW", "approved"),
    ],
)  # fmt: skip
async def test_webhook_of_meta_sets_the_status(world: ContactWorld, event: str, status: str) -> None:
    row = await _create(world)
    await _approve(world, row)
    world.clock.advance(minutes=1)
    await _tell(world, event, reason="INCORRECT_CATEGORY")
    found = await get_template(world.database, world.tenant_id, row.id)
    assert found.status == status
    if status != "approved":
        assert found.status_reason == "INCORRECT_CATEGORY"


async def test_webhook_is_for_the_numbers_of_its_business_account(world: ContactWorld) -> None:
    sibling = await make_account(
        world.database, world.tenant_id, provider=Provider.META, external_id="302", settings={"waba_id": WABA}
    )
    stranger = await make_account(
        world.database, world.tenant_id, provider=Provider.META, external_id="303", settings={"waba_id": "9"}
    )
    rows = [
        await create_template(world.database, world.tenant_id, _new(account), now=NOW)
        for account in (world.account, sibling, stranger)
    ]
    await _tell(world, "APPROVED")
    found = [await get_template(world.database, world.tenant_id, row.id) for row in rows]
    assert [row.status for row in found] == ["approved", "approved", "pending"]


async def test_paused_template_stops_contacts_and_its_approval_lets_them_go_on(world: ContactWorld) -> None:
    row = await _create(world)
    await _approve(world, row)
    await world.change_campaign(template_id=row.id)
    target = await world.add_target()
    await _tell(world, "PAUSED")
    (decision,) = await world.guard().decide(world.tenant_id, [world.request(target)])
    assert (decision.verdict, decision.reason) == ("postpone", "template_not_approved")
    waiting = await world.target(target.id)
    assert waiting.due_at == NOW + timedelta(hours=1)
    world.clock.advance(minutes=5)
    await _tell(world, "APPROVED")
    assert (await world.target(target.id)).due_at == world.clock.now()
    await world.execute(f"UPDATE targets SET locked_by = '{WORKER}'")
    (decision,) = await world.guard().decide(world.tenant_id, [world.request(target)])
    assert decision.is_contact
