"""Making, changing, starting, pausing, ending and deleting campaigns; correcting one target of a list in use."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest

from domain.campaigns import CampaignStatus, Method, TargetOutcome, TargetState
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
    TargetNotEditable,
)
from domain.message_templates import DEFAULT_SMS
from domain.messages import Provider
from services.campaign_targets import TargetPatch, get_target, list_decisions, list_targets, patch_target
from services.campaigns import (
    CampaignDetails,
    CampaignPatch,
    NewCampaign,
    activate_campaign,
    check_import_allowed,
    complete_campaign,
    create_campaign,
    delete_campaign,
    get_campaign,
    list_campaigns,
    patch_campaign,
    pause_campaign,
)
from services.contact_guard import pause_campaign as gate_pause
from services.planning import Planning
from store import campaigns, channel_accounts, contact_decisions, events, message_templates, targets
from store.contact_decisions import NewDecision
from store.database import Connection, Database
from store.message_templates import TemplateRow
from store.targets import TargetRow
from tests.business_world import JOAO, MARIA
from tests.campaign_rig import add_many, add_target, contacted, make_campaign, target_of, targets_of
from tests.factories import make_account, make_tenant, open_database
from tests.fakes_clock import DEFAULT_NOW, FakeClock

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)  # a Monday, 11:00 in São Paulo
W, V, S = Method.WHATSAPP, Method.VOICE, Method.SMS


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    database: Database
    tenant_id: UUID
    account_id: UUID

    async def create(self, name: str = "Novembro", **changes: object) -> CampaignDetails:
        new = NewCampaign(name=name, account_ids=[self.account_id])
        return await create_campaign(self.database, self.tenant_id, replace(new, **changes), now=NOW)  # type: ignore[arg-type]

    async def patch(self, campaign: CampaignDetails, *, now: datetime = NOW, **changes: object) -> CampaignDetails:
        patch = CampaignPatch(**changes)  # type: ignore[arg-type]
        return await patch_campaign(self.database, self.tenant_id, campaign.row.id, patch, now=now)

    async def activate(self, campaign: CampaignDetails, *, now: datetime = NOW) -> CampaignDetails:
        return await activate_campaign(self.database, self.tenant_id, campaign.row.id, now=now)

    async def started(self, count: int = 20) -> CampaignDetails:
        campaign = await self.create()
        await add_many(self.database, campaign.row, count, now=NOW)
        return await self.activate(campaign)

    async def plan(self, now: datetime = NOW) -> None:
        await Planning(database=self.database, clock=FakeClock(now), worker="w").drain(limit=5)

    async def edit(self, target: TargetRow, *, now: datetime = NOW, **changes: object) -> TargetRow:
        patch = TargetPatch(**changes)  # type: ignore[arg-type]
        return await patch_target(self.database, self.tenant_id, target.id, patch, now=now)

    async def event_kinds(self) -> list[object]:
        async with self.database.tenant(self.tenant_id) as connection:
            return [event["kind"] for event in await events.newest(connection, limit=20)]


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_database(database_url) as database:
        tenant_id = await make_tenant(database)
        account = await make_account(database, tenant_id)
        yield Desk(database=database, tenant_id=tenant_id, account_id=account.id)


async def add_template(desk: Desk, account_id: UUID, *, status: str = "approved", body: str = "Olá, {{1}}!") -> UUID:
    row = TemplateRow(
        tenant_id=desk.tenant_id, id=uuid4(), channel_account_id=account_id, name=f"abertura_{uuid4().hex[:6]}",
        language="pt_BR", category="utility", body=body, variables=["contact.first_name"], content_sid=None,
        status=status, status_reason=None, status_at=NOW, created_at=NOW,
    )  # fmt: skip
    async with desk.database.tenant(desk.tenant_id) as connection:
        assert await message_templates.insert(connection, row)
    return row.id


async def add_decision(desk: Desk, campaign: CampaignDetails, target: TargetRow) -> None:
    decision = NewDecision(
        id=uuid4(), engine="campaign", document=target.document, match_key=target.match_key, method="whatsapp",
        verdict="contact", reason="allowed", decided_at=NOW, campaign_id=campaign.row.id, target_id=target.id,
    )  # fmt: skip
    async with desk.database.tenant(desk.tenant_id) as connection:
        await contact_decisions.insert(connection, desk.tenant_id, [decision])


async def test_new_campaign_is_a_draft_with_strict_defaults(desk: Desk) -> None:
    made = await desk.create("  Novembro  2026 ")
    row = made.row
    assert (row.name, row.status, row.plan_due_at) == ("Novembro 2026", CampaignStatus.DRAFT, None)
    assert (row.schedule_start, row.schedule_end, row.weekdays) == (time(8), time(20), [1, 2, 3, 4, 5])
    assert row.avoids_optional_holidays
    assert (row.allowed_methods, row.fallback_order, row.max_attempts) == ([W], [W], 3)
    assert made.account_ids == [desk.account_id]
    assert await get_campaign(desk.database, desk.tenant_id, row.id) == made
    assert await list_campaigns(desk.database, desk.tenant_id, status=None, limit=5, offset=0) == ([made], 1)
    assert await list_campaigns(
        desk.database, desk.tenant_id, status=CampaignStatus.ACTIVE, limit=5, offset=0
    ) == ([], 0)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " \u200b "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"allowed_methods": []}, "allowedMethods"),
        ({"allowed_methods": [S]}, "allowedMethods"),
        ({"fallback_order": [W, V]}, "fallbackOrder"),
        ({"weekdays": []}, "weekdays"),
        ({"weekdays": [0]}, "weekdays"),
        ({"weekdays": [1, 8]}, "weekdays"),
        ({"schedule_start": time(20), "schedule_end": time(8)}, "scheduleEnd"),
        ({"schedule_start": time(8), "schedule_end": time(8, 29)}, "scheduleEnd"),
        ({"schedule_start": time(8, tzinfo=UTC)}, "scheduleStart"),
        ({"max_attempts": 0}, "maxAttempts"),
        ({"max_attempts": 21}, "maxAttempts"),
        ({"retry_gap_minutes": 0}, "retryGapMinutes"),
        ({"unanswered_after_minutes": 43_201}, "unansweredAfterMinutes"),
        ({"budget_cents": -1}, "budgetCents"),
        ({"pacing": "fast"}, "pacing"),
        ({"voicemail_policy": "shout"}, "voicemailPolicy"),
        ({"account_ids": [uuid4()]}, "channelAccountIds"),
        ({"account_ids": [uuid4()] * 51}, "channelAccountIds"),
        ({"template_id": uuid4()}, "templateId"),
        ({"allowed_methods": [W, S], "sms_text": "Você tem uma dívida em aberto."}, "smsText"),
        ({"allowed_methods": [W, S], "sms_text": "Pague R$ 119,90 hoje"}, "smsText"),
        ({"allowed_methods": [W, S], "sms_text": "Oi, {{contact.debt}}"}, "smsText"),
        ({"allowed_methods": [W, S], "sms_text": "a" * 481}, "smsText"),
    ],
)
async def test_what_a_campaign_cannot_be(desk: Desk, changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await desk.create(**changes)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert await list_campaigns(desk.database, desk.tenant_id, status=None, limit=5, offset=0) == ([], 0)
    if field not in ("channelAccountIds", "name"):
        campaign = await desk.create()
        with pytest.raises(InvalidInput) as refused:
            await desk.patch(campaign, **changes)  # type: ignore[arg-type]
        assert refused.value.field == field


async def test_account_that_no_method_can_use_is_refused(desk: Desk) -> None:
    sms = await make_account(desk.database, desk.tenant_id, provider=Provider.TWILIO_SMS, external_id="+5511")
    with pytest.raises(InvalidInput, match="channelAccountIds"):
        await desk.create(account_ids=[desk.account_id, sms.id])


async def test_account_of_another_tenant_does_not_exist(desk: Desk) -> None:
    other = await make_tenant(desk.database, "outra")
    account = await make_account(desk.database, other)
    with pytest.raises(InvalidInput, match="channelAccountIds"):
        await desk.create(account_ids=[account.id])


async def test_campaign_of_another_tenant_does_not_exist(desk: Desk) -> None:
    campaign = await desk.started()
    other = await make_tenant(desk.database, "outra")
    target = (await targets_of(desk.database, campaign.row))[0]
    for ask in (
        get_campaign(desk.database, other, campaign.row.id),
        activate_campaign(desk.database, other, campaign.row.id, now=NOW),
        pause_campaign(desk.database, other, campaign.row.id, now=NOW),
        complete_campaign(desk.database, other, campaign.row.id, now=NOW),
        delete_campaign(desk.database, other, campaign.row.id, now=NOW),
        patch_campaign(desk.database, other, campaign.row.id, CampaignPatch(name="x"), now=NOW),
        list_targets(desk.database, other, campaign.row.id, state=None, outcome=None, limit=1, offset=0),
        get_target(desk.database, other, target.id),
        list_decisions(desk.database, other, target.id, limit=1, offset=0),
        patch_target(desk.database, other, target.id, TargetPatch(priority=1), now=NOW),
    ):
        with pytest.raises(NotFound):
            await ask
    assert (await get_campaign(desk.database, desk.tenant_id, campaign.row.id)).row.status is CampaignStatus.ACTIVE


async def test_sms_campaign_without_a_text_gets_the_neutral_one(desk: Desk) -> None:
    assert (await desk.create(allowed_methods=[W, S])).row.sms_text == DEFAULT_SMS
    assert (await desk.create()).row.sms_text is None


async def test_campaign_without_targets_or_accounts_is_not_started(desk: Desk) -> None:
    empty = await desk.create()
    with pytest.raises(CampaignWithoutTargets):
        await desk.activate(empty)
    mute = await desk.create(allowed_methods=[W, V])
    await add_many(desk.database, mute.row, 1)
    with pytest.raises(CampaignWithoutAccount) as refused:
        await desk.activate(mute)
    assert refused.value.method == "voice"
    async with desk.database.tenant(desk.tenant_id) as connection:
        await channel_accounts.stop(connection, desk.account_id, reason="token")
    stopped = await desk.create()
    await add_many(desk.database, stopped.row, 1)
    with pytest.raises(CampaignWithoutAccount):
        await desk.activate(stopped)


@pytest.mark.parametrize("status", [None, "pending", "rejected", "paused", "disabled"])
async def test_provider_that_wants_approval_gets_no_campaign_without_it(desk: Desk, status: str | None) -> None:
    meta = await make_account(desk.database, desk.tenant_id, provider=Provider.META, external_id="meta")
    template = None if status is None else await add_template(desk, meta.id, status=status)
    campaign = await desk.create(account_ids=[meta.id], template_id=template)
    await add_many(desk.database, campaign.row, 1)
    with pytest.raises(CampaignWithoutTemplate) as refused:
        await desk.activate(campaign)
    assert refused.value.provider == "meta"
    approved = await add_template(desk, meta.id)
    await desk.patch(campaign, template_id=approved)
    assert (await desk.activate(campaign)).row.status is CampaignStatus.ACTIVE


async def test_template_must_be_neutral_and_of_an_account_in_use(desk: Desk) -> None:
    meta = await make_account(desk.database, desk.tenant_id, provider=Provider.META, external_id="meta")
    telling = await add_template(desk, meta.id, body="Olá, {{1}}, sua fatura vencida espera por você.")
    with pytest.raises(InvalidInput, match="templateId"):
        await desk.create(account_ids=[meta.id], template_id=telling)
    with pytest.raises(InvalidInput, match="templateId"):
        await desk.create(template_id=await add_template(desk, meta.id))


async def test_started_campaign_is_planned_at_once(desk: Desk) -> None:
    row = (await desk.started()).row
    assert (row.status, row.started_at, row.plan_due_at) == (CampaignStatus.ACTIVE, NOW, NOW)
    assert (await desk.activate(await get_campaign(desk.database, desk.tenant_id, row.id), now=NOW)).row == row
    assert await desk.event_kinds() == ["campaign_activated"]


async def test_paused_campaign_keeps_its_slots_and_its_first_start(desk: Desk) -> None:
    campaign = await desk.started()
    await desk.plan()
    before = await targets_of(desk.database, campaign.row)
    paused = await pause_campaign(desk.database, desk.tenant_id, campaign.row.id, now=NOW, reason="feriado local")
    assert (paused.row.status, paused.row.pause_reason, paused.row.plan_due_at) == (
        CampaignStatus.PAUSED, "feriado local", None
    )  # fmt: skip
    assert await pause_campaign(desk.database, desk.tenant_id, campaign.row.id, now=NOW, reason="de novo") == paused
    assert await targets_of(desk.database, campaign.row) == before
    resumed = await desk.activate(campaign, now=NOW + timedelta(minutes=1))
    assert (resumed.row.started_at, resumed.row.pause_reason) == (NOW, None)


async def test_pause_waits_for_a_contact_that_is_being_decided_and_stops_the_next(desk: Desk) -> None:
    campaign = await desk.started()
    async with desk.database.tenant(desk.tenant_id) as gate:
        held = await campaigns.statuses(gate, [campaign.row.id])
        assert held == {campaign.row.id: CampaignStatus.ACTIVE}
        pausing = asyncio.create_task(pause_campaign(desk.database, desk.tenant_id, campaign.row.id, now=NOW))
        async with desk.database.platform() as connection:
            await _until_somebody_waits(connection)
        assert not pausing.done()
    await pausing
    async with desk.database.tenant(desk.tenant_id) as gate:
        assert await campaigns.statuses(gate, [campaign.row.id]) == {campaign.row.id: CampaignStatus.PAUSED}


async def _until_somebody_waits(connection: Connection) -> None:
    """Ask PostgreSQL until a transaction of this database waits for a lock."""
    for _ in range(20_000):
        cursor = await connection.execute(
            "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
            " WHERE NOT l.granted AND a.datname = current_database()) AS waits"
        )
        row = await cursor.fetchone()
        if row and row["waits"]:
            return
    raise AssertionError("nobody waits")


@pytest.mark.parametrize(
    ("changes", "is_replanned"),
    [
        ({"schedule_end": time(12)}, True), ({"weekdays": [1]}, True), ({"pacing": "asap"}, True),
        ({"avoids_optional_holidays": False}, True),
        ({"name": "Outra"}, False), ({"max_attempts": 5}, False), ({"weekdays": [5, 4, 3, 2, 1]}, False),
        ({"budget_cents": 100}, False),
    ],
)  # fmt: skip
async def test_change_of_the_schedule_is_planned_anew(
    desk: Desk, changes: dict[str, object], is_replanned: bool
) -> None:
    campaign = await desk.started()
    await desk.plan()
    changed = await desk.patch(campaign, **changes)  # type: ignore[arg-type]
    states = {row.state for row in await targets_of(desk.database, campaign.row)}
    assert states == {TargetState.PENDING if is_replanned else TargetState.SCHEDULED}
    assert changed.row.plan_due_at == NOW
    await desk.plan()
    rows = await targets_of(desk.database, campaign.row)
    assert {row.state for row in rows} == {TargetState.SCHEDULED}
    if changes == {"schedule_end": time(12)}:
        noon = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
        assert all(row.due_at is not None and NOW <= row.due_at < noon for row in rows)


async def test_change_of_the_accounts_is_planned_anew(desk: Desk) -> None:
    campaign = await desk.started()
    await desk.plan()
    other = await make_account(desk.database, desk.tenant_id, external_id="outra")
    changed = await desk.patch(campaign, account_ids=[other.id])
    assert changed.account_ids == [other.id]
    assert {row.state for row in await targets_of(desk.database, campaign.row)} == {TargetState.PENDING}


async def test_replanning_leaves_what_a_worker_has_in_hand(desk: Desk) -> None:
    campaign = await desk.started()
    await desk.plan()
    async with desk.database.platform() as connection:
        (taken,) = await targets.claim_written(
            connection, worker="w", now=NOW, locked_until=NOW + timedelta(minutes=1), limit=1
        )
    await desk.patch(campaign, pacing="asap")
    assert await target_of(desk.database, taken) == taken


async def test_active_campaign_cannot_lose_what_it_needs(desk: Desk) -> None:
    campaign = await desk.started()
    with pytest.raises(CampaignWithoutAccount):
        await desk.patch(campaign, account_ids=[])
    with pytest.raises(CampaignWithoutAccount):
        await desk.patch(campaign, allowed_methods=[W, S])
    assert await get_campaign(desk.database, desk.tenant_id, campaign.row.id) == campaign


async def test_field_is_emptied_only_by_name(desk: Desk) -> None:
    campaign = await desk.create(budget_cents=500)
    assert (await desk.patch(campaign, name="Outra")).row.budget_cents == 500
    assert (await desk.patch(campaign, cleared=frozenset({"budget_cents"}))).row.budget_cents is None
    with pytest.raises(InvalidInput, match="name"):
        await desk.patch(campaign, cleared=frozenset({"name"}))


async def test_ceiling_set_later_counts_what_was_spent_before(desk: Desk) -> None:
    campaign = await desk.create()
    async with desk.database.tenant(desk.tenant_id) as connection:
        decisions = [
            NewDecision(
                id=uuid4(), engine="campaign", document=MARIA, match_key="1199990001", method="whatsapp",
                verdict=verdict, reason=reason, decided_at=DEFAULT_NOW, campaign_id=campaign.row.id, cost_cents=cents,
            )
            for verdict, reason, cents in (("contact", "allowed", 40), ("contact", "allowed", 12), ("skip", "paid", 0))
        ]  # fmt: skip
        await contact_decisions.insert(connection, desk.tenant_id, decisions)

    assert (await desk.patch(campaign, budget_cents=500)).row.spent_cents == 52
    assert (await desk.patch(campaign, budget_cents=600)).row.spent_cents == 52


async def test_campaign_without_money_for_one_more_contact_is_not_started(desk: Desk) -> None:
    campaign = await desk.create(budget_cents=100)
    await add_many(desk.database, campaign.row, 2, now=NOW)
    async with desk.database.tenant(desk.tenant_id) as connection:
        await campaigns.set_spent(connection, campaign.row.id, 61)  # a message costs 40
    with pytest.raises(CampaignBudgetExhausted) as refused:
        await desk.activate(campaign)
    assert (refused.value.budget_cents, refused.value.spent_cents) == (100, 61)
    await desk.patch(campaign, budget_cents=101)
    assert (await desk.activate(campaign)).row.status is CampaignStatus.ACTIVE


async def test_gate_that_comes_after_a_pause_leaves_its_reason(desk: Desk) -> None:
    campaign = await desk.started()
    await pause_campaign(desk.database, desk.tenant_id, campaign.row.id, now=NOW, reason="feriado local")
    async with desk.database.tenant(desk.tenant_id) as connection:
        await gate_pause(connection, desk.tenant_id, campaign.row.id, reason="budget_exhausted", now=NOW)
    row = (await get_campaign(desk.database, desk.tenant_id, campaign.row.id)).row
    assert (row.status, row.pause_reason) == (CampaignStatus.PAUSED, "feriado local")
    assert (await desk.event_kinds()).count("campaign_paused") == 1


async def test_completed_campaign_stays_as_it_is(desk: Desk) -> None:
    campaign = await desk.started()
    await desk.plan()
    before = await targets_of(desk.database, campaign.row)
    done = await complete_campaign(desk.database, desk.tenant_id, campaign.row.id, now=NOW)
    assert (done.row.status, done.row.completed_at) == (CampaignStatus.COMPLETED, NOW)
    assert await complete_campaign(desk.database, desk.tenant_id, campaign.row.id, now=NOW) == done
    assert await targets_of(desk.database, campaign.row) == before
    for step in (
        desk.activate(campaign), pause_campaign(desk.database, desk.tenant_id, campaign.row.id, now=NOW)
    ):  # fmt: skip
        with pytest.raises(CampaignCannotBecome):
            await step
    with pytest.raises(CampaignNotEditable):
        await desk.patch(campaign, pacing="asap")
    with pytest.raises(CampaignNotEditable):
        await desk.edit(before[0], priority=5)
    with pytest.raises(CampaignNotEditable):
        check_import_allowed(done.row)
    assert await targets_of(desk.database, campaign.row) == before


async def test_draft_can_neither_pause_nor_end(desk: Desk) -> None:
    campaign = await desk.create()
    with pytest.raises(CampaignCannotBecome):
        await pause_campaign(desk.database, desk.tenant_id, campaign.row.id, now=NOW)
    with pytest.raises(CampaignCannotBecome):
        await complete_campaign(desk.database, desk.tenant_id, campaign.row.id, now=NOW)
    check_import_allowed(campaign.row)


async def test_campaign_that_contacted_nobody_is_deleted_with_all_it_has(desk: Desk) -> None:
    campaign = await desk.started()
    async with desk.database.tenant(desk.tenant_id) as connection:
        import_id = uuid4()
        await connection.execute(
            "INSERT INTO imports (tenant_id, id, campaign_id, file_name, file_kind, size_bytes, created_at)"
            " VALUES (%s, %s, %s, 'a.csv', 'csv', 1, %s)",
            (desk.tenant_id, import_id, campaign.row.id, NOW),
        )
        await connection.execute("UPDATE targets SET import_id = %s", (import_id,))
    await delete_campaign(desk.database, desk.tenant_id, campaign.row.id, now=NOW)
    with pytest.raises(NotFound):
        await get_campaign(desk.database, desk.tenant_id, campaign.row.id)
    assert await targets_of(desk.database, campaign.row) == []
    assert set(await desk.event_kinds()) == {"campaign_activated", "campaign_deleted"}


async def test_campaign_that_contacted_somebody_is_kept(desk: Desk) -> None:
    campaign = await desk.started()
    await add_decision(desk, campaign, (await targets_of(desk.database, campaign.row))[0])
    with pytest.raises(CampaignHasContacts):
        await delete_campaign(desk.database, desk.tenant_id, campaign.row.id, now=NOW)
    assert (await get_campaign(desk.database, desk.tenant_id, campaign.row.id)).row.status is CampaignStatus.ACTIVE


# --- One target -------------------------------------------------------------------------------------------------------


async def planned_target(desk: Desk, **changes: object) -> TargetRow:
    campaign = await make_campaign(desk.database, desk.tenant_id, desk.account_id, plan_due_at=NOW, now=NOW)
    target = await add_target(desk.database, campaign, now=NOW, **changes)  # type: ignore[arg-type]
    await desk.plan()
    return await target_of(desk.database, target)


async def test_corrected_phone_is_planned_anew_and_forgets_the_old_number(desk: Desk) -> None:
    target = await planned_target(desk, outcome_details={"undeliverable": ["sms"], "note": "x"})
    assert target.state is TargetState.SCHEDULED
    changed = await desk.edit(target, phone="(68) 99999-0002")
    assert (changed.phone, changed.match_key) == ("+5568999990002", "6899990002")
    assert (changed.state, changed.due_at, changed.method) == (TargetState.PENDING, NOW, None)
    assert changed.outcome_details == {"note": "x"}
    assert await target_of(desk.database, target) == changed
    await desk.plan()
    assert (await target_of(desk.database, target)).state is TargetState.SCHEDULED


async def test_worker_that_had_taken_an_edited_target_finds_it_gone(desk: Desk) -> None:
    target = await planned_target(desk)
    async with desk.database.platform() as connection:
        (taken,) = await targets.claim_written(
            connection, worker="w", now=NOW, locked_until=NOW + timedelta(minutes=1), limit=1
        )
    await desk.edit(taken, phone="+5511999990002")
    async with desk.database.tenant(desk.tenant_id) as connection:
        assert not await targets.release(connection, target.id, worker="w", due_at=NOW, now=NOW)
    assert (await target_of(desk.database, target)).locked_by is None


async def test_words_are_corrected_without_touching_the_plan(desk: Desk) -> None:
    target = await planned_target(desk)
    changed = await desk.edit(
        target, client_name="  Maria  Souza ", installation_point="Rua A", debt_cents=500, invoice_number="F-1"
    )
    assert (changed.client_name, changed.installation_point, changed.debt_cents, changed.invoice_number) == (
        "Maria Souza", "Rua A", 500, "F-1"
    )  # fmt: skip
    assert (changed.state, changed.due_at, changed.method) == (target.state, target.due_at, target.method)
    emptied = await desk.edit(target, cleared=frozenset({"invoice_number", "installation_point"}))
    assert (emptied.invoice_number, emptied.installation_point) == (None, None)


async def test_patch_that_changes_nothing_writes_nothing(desk: Desk) -> None:
    target = await planned_target(desk)
    assert await desk.edit(target, now=NOW + timedelta(hours=1), priority=0, phone=target.phone) == target


async def test_raised_priority_gets_an_earlier_slot(desk: Desk) -> None:
    campaign = await desk.started(200)
    await desk.plan()
    last = (await targets_of(desk.database, campaign.row))[-1]
    assert last.due_at is not None
    assert last.due_at > NOW + timedelta(hours=8)
    await desk.edit(last, priority=9)
    await desk.plan()
    assert (await target_of(desk.database, last)).due_at == NOW


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phone": "123"}, "phoneNumber"), ({"phone": "0800 123 4567"}, "phoneNumber"),
        ({"phone": "+1 202 555 0123"}, "phoneNumber"), ({"phone": "x" * 5000}, "phoneNumber"),
        ({"client_name": ""}, "clientName"), ({"debt_cents": 0}, "debtAmount"), ({"debt_cents": 10**12}, "debtAmount"),
        ({"uf": "XX"}, "uf"), ({"priority": 10**9}, "priority"), ({"state": TargetState.CALLING}, "state"),
        ({"outcome": TargetOutcome.CANCELED}, "outcome"),
        ({"state": TargetState.COMPLETED, "outcome": TargetOutcome.PAID}, "outcome"),
        ({"state": TargetState.PENDING, "outcome": TargetOutcome.CANCELED}, "outcome"),
        ({"cleared": frozenset({"phone"})}, "phone"),
    ],
)  # fmt: skip
async def test_what_a_target_cannot_become(desk: Desk, changes: dict[str, object], field: str) -> None:
    target = await planned_target(desk)
    with pytest.raises(InvalidInput) as refused:
        await desk.edit(target, **changes)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert await target_of(desk.database, target) == target


async def test_target_is_ended_and_taken_up_again_by_a_person(desk: Desk) -> None:
    target = await planned_target(desk, attempt_count=2)
    ended = await desk.edit(target, state=TargetState.COMPLETED)
    assert (ended.state, ended.outcome, ended.due_at) == (TargetState.COMPLETED, TargetOutcome.CANCELED, None)
    assert await desk.edit(target, state=TargetState.COMPLETED) == ended
    with pytest.raises(TargetNotEditable):
        await desk.edit(target, state=TargetState.COMPLETED, outcome=TargetOutcome.FAILED)
    again = await desk.edit(target, state=TargetState.PENDING)
    assert (again.state, again.outcome, again.due_at, again.attempt_count) == (TargetState.PENDING, None, NOW, 0)


async def test_unknown_contact_is_resolved_by_a_person(desk: Desk) -> None:
    campaign = await make_campaign(desk.database, desk.tenant_id, desk.account_id, plan_due_at=NOW + timedelta(days=1))
    target = await add_target(
        desk.database, campaign, **contacted(NOW, due_at=None, outcome=TargetOutcome.UNKNOWN)  # type: ignore[arg-type]
    )  # fmt: skip
    again = await desk.edit(target, state=TargetState.PENDING)
    assert (again.state, again.outcome, again.attempt_count) == (TargetState.PENDING, None, 1)
    assert (await get_campaign(desk.database, desk.tenant_id, campaign.id)).row.plan_due_at == NOW


@pytest.mark.parametrize(
    ("state", "outcome", "changes"),
    [
        (TargetState.CALLING, None, {"phone": "+5511999990002"}),
        (TargetState.CALLING, None, {"state": TargetState.COMPLETED}),
        (TargetState.CALLING, None, {"state": TargetState.PENDING}),
        (TargetState.COMPLETED, TargetOutcome.OPTED_OUT, {"state": TargetState.PENDING}),
        (TargetState.COMPLETED, TargetOutcome.WRONG_PERSON, {"state": TargetState.PENDING}),
    ],
)
async def test_state_that_does_not_allow_a_change(
    desk: Desk, state: TargetState, outcome: TargetOutcome | None, changes: dict[str, object]
) -> None:
    campaign = await make_campaign(desk.database, desk.tenant_id, desk.account_id)
    target = await add_target(desk.database, campaign, state=state, outcome=outcome, due_at=None)
    with pytest.raises(TargetNotEditable):
        await desk.edit(target, **changes)  # type: ignore[arg-type]


async def test_targets_are_listed_by_state_and_outcome(desk: Desk) -> None:
    campaign = await make_campaign(desk.database, desk.tenant_id, desk.account_id)
    first = await add_target(desk.database, campaign, document=MARIA)
    paid = await add_target(
        desk.database, campaign, document=JOAO, state=TargetState.COMPLETED, outcome=TargetOutcome.PAID, due_at=None,
        created_at=NOW + timedelta(seconds=1),
    )  # fmt: skip
    ask = {"limit": 10, "offset": 0}

    async def listed(state: TargetState | None, outcome: TargetOutcome | None) -> tuple[list[TargetRow], int]:
        return await list_targets(
            desk.database, desk.tenant_id, campaign.id, state=state, outcome=outcome, limit=ask["limit"],
            offset=ask["offset"],
        )  # fmt: skip

    assert await listed(None, None) == ([first, paid], 2)
    assert await listed(TargetState.COMPLETED, None) == ([paid], 1)
    assert await listed(None, TargetOutcome.PAID) == ([paid], 1)
    assert await listed(TargetState.PENDING, TargetOutcome.PAID) == ([], 0)


async def test_decisions_of_a_target_are_listed(desk: Desk) -> None:
    campaign = await desk.started(1)
    (target,) = await targets_of(desk.database, campaign.row)
    await add_decision(desk, campaign, target)
    rows, total = await list_decisions(desk.database, desk.tenant_id, target.id, limit=5, offset=0)
    assert ([row.reason for row in rows], total) == (["allowed"], 1)
