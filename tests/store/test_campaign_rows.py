"""The statements of campaigns and targets: claims, leases, wakes, and rows that others hold."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.campaigns import CampaignStatus, Method, Move, TargetOutcome, TargetState
from store import campaigns, target_planning, targets
from store.database import Database
from store.target_planning import Slot
from tests.business_world import JOAO, MARIA, PHONE
from tests.campaign_rig import add_many, add_target, campaign_of, make_campaign, target_of, targets_of
from tests.factories import make_tenant, open_database

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
async def tenant_id(database: Database) -> UUID:
    return await make_tenant(database)


async def test_campaign_is_written_and_read_whole(database: Database, tenant_id: UUID) -> None:
    row = await make_campaign(
        database, tenant_id, allowed_methods=[Method.WHATSAPP, Method.SMS], fallback_order=[Method.SMS], sms_text="Oi",
        budget_cents=500, pacing="asap", voicemail_policy="leave_message",
    )  # fmt: skip
    assert await campaign_of(database, row) == row
    changed = replace(row, name="Outra", weekdays=[6], spent_cents=77, locked_by="x")
    async with database.tenant(tenant_id) as connection:
        await campaigns.put(connection, changed)
    # What was spent and who plans it are not the writer's.
    assert await campaign_of(database, row) == replace(changed, spent_cents=0, locked_by=None)


async def test_target_is_written_and_read_whole(database: Database, tenant_id: UUID) -> None:
    campaign = await make_campaign(database, tenant_id)
    row = await add_target(
        database, campaign, uf="SP", installation_point="Rua A, 1", invoice_number="F-1", priority=3,
        outcome_details={"undeliverable": ["sms"]}, method=Method.SMS, call_sid="CA1",
    )  # fmt: skip
    assert await target_of(database, row) == row
    async with database.tenant(tenant_id) as connection:
        assert not await targets.insert(connection, replace(row, id=campaign.id, phone="+5511999990002"))


async def test_only_due_active_free_campaigns_are_claimed(database: Database, tenant_id: UUID) -> None:
    due = await make_campaign(database, tenant_id, plan_due_at=NOW)
    await make_campaign(database, tenant_id, plan_due_at=LATER)
    await make_campaign(database, tenant_id, status=CampaignStatus.PAUSED)
    taken = await make_campaign(database, tenant_id, plan_due_at=NOW, locked_by="other", locked_until=LATER)
    async with database.platform() as connection:
        claimed = await campaigns.claim_planning(connection, worker="w", now=NOW, locked_until=LATER, limit=9)
        again = await campaigns.claim_planning(connection, worker="v", now=NOW, locked_until=LATER, limit=9)
    assert ([row.id for row in claimed], again) == ([due.id], [])
    assert taken.locked_by == "other"


async def test_lost_lease_is_neither_renewed_nor_released(database: Database, tenant_id: UUID) -> None:
    campaign = await make_campaign(database, tenant_id, plan_due_at=NOW)
    async with database.platform() as connection:
        (first,) = await campaigns.claim_planning(connection, worker="w", now=NOW, locked_until=LATER, limit=1)
        (second,) = await campaigns.claim_planning(
            connection, worker="v", now=LATER, locked_until=LATER + timedelta(minutes=1), limit=1
        )
    async with database.tenant(tenant_id) as connection:
        assert not await campaigns.renew_planning(connection, campaign.id, worker="w", locked_until=LATER)
        assert not await campaigns.release_planning(connection, first, due_at=NOW, next_slot_at=None)
        assert await campaigns.renew_planning(connection, campaign.id, worker="v", locked_until=LATER)
        assert await campaigns.release_planning(connection, second, due_at=LATER, next_slot_at=LATER)
    row = await campaign_of(database, campaign)
    assert (row.plan_due_at, row.next_slot_at, row.locked_by, row.locked_until) == (LATER, LATER, None, None)


@pytest.mark.parametrize(
    ("wake_at", "due_at", "expected"),
    [(None, LATER, LATER), (NOW, LATER, NOW), (LATER, NOW, NOW), (LATER + timedelta(days=1), LATER, LATER)],
)
async def test_release_keeps_a_wake_that_came_meanwhile(
    database: Database, tenant_id: UUID, wake_at: datetime | None, due_at: datetime, expected: datetime
) -> None:
    campaign = await make_campaign(database, tenant_id, plan_due_at=NOW)
    lease = NOW + timedelta(hours=1)
    async with database.platform() as connection:
        (claimed,) = await campaigns.claim_planning(connection, worker="w", now=NOW, locked_until=lease, limit=1)
    async with database.tenant(tenant_id) as connection:
        if wake_at is not None:
            await campaigns.wake(connection, campaign.id, wake_at)
        await campaigns.release_planning(connection, claimed, due_at=due_at, next_slot_at=None)
    assert (await campaign_of(database, campaign)).plan_due_at == expected


async def test_release_of_a_campaign_paused_meanwhile_makes_it_due_never(database: Database, tenant_id: UUID) -> None:
    campaign = await make_campaign(database, tenant_id, plan_due_at=NOW)
    async with database.platform() as connection:
        (claimed,) = await campaigns.claim_planning(connection, worker="w", now=NOW, locked_until=LATER, limit=1)
    async with database.tenant(tenant_id) as connection:
        await campaigns.put(connection, replace(claimed, status=CampaignStatus.PAUSED, plan_due_at=None))
        assert not await campaigns.renew_planning(connection, campaign.id, worker="w", locked_until=LATER)
        await campaigns.release_planning(connection, claimed, due_at=NOW, next_slot_at=None)
        await campaigns.wake(connection, campaign.id, NOW)
    assert (await campaign_of(database, campaign)).plan_due_at is None


async def test_accounts_and_statuses_of_several_campaigns(database: Database, tenant_id: UUID) -> None:
    first = await make_campaign(database, tenant_id)
    second = await make_campaign(database, tenant_id, status=CampaignStatus.PAUSED)
    async with database.tenant(tenant_id) as connection:
        assert await campaigns.accounts_of_many(connection, [first.id, second.id]) == {}
        assert await campaigns.statuses(connection, [second.id, first.id]) == {
            first.id: CampaignStatus.ACTIVE, second.id: CampaignStatus.PAUSED
        }  # fmt: skip
        assert await campaigns.statuses(connection, []) == {}


async def test_slot_is_given_only_to_a_row_as_it_was_read(database: Database, tenant_id: UUID) -> None:
    campaign = await make_campaign(database, tenant_id)
    same = await add_target(database, campaign, document=MARIA, now=NOW)
    edited = await add_target(database, campaign, document=JOAO, now=NOW)
    async with database.tenant(tenant_id) as connection:
        rows = await target_planning.waiting(connection, campaign.id, now=NOW, limit=9, offset=0)
    async with database.tenant(tenant_id) as connection:
        await targets.edit(connection, replace(edited, phone="+5568999990002"))
    slots = [Slot(id=row.id, version=row.version, due_at=LATER, method=Method.WHATSAPP) for row in rows]
    async with database.tenant(tenant_id) as connection:
        assert await target_planning.schedule(connection, campaign.id, slots, now=NOW) == 1
        assert await target_planning.schedule(connection, campaign.id, slots, now=NOW) == 0
    assert (await target_of(database, same)).state is TargetState.SCHEDULED
    assert (await target_of(database, edited)).state is TargetState.PENDING


async def test_waiting_targets_are_counted_by_where_and_how_they_are_reached(
    database: Database, tenant_id: UUID
) -> None:
    campaign = await make_campaign(database, tenant_id)
    await add_many(database, campaign, 30, area_codes=("11", "68", "11"), now=NOW)
    await add_target(database, campaign, document="a", phone="+551133330001", now=NOW)
    await add_target(database, campaign, document="b", uf="RJ", now=NOW)
    await add_target(database, campaign, document="c", outcome_details={"undeliverable": ["sms"]}, now=NOW)
    await add_target(database, campaign, document="d", now=LATER)
    async with database.tenant(tenant_id) as connection:
        groups = await target_planning.waiting_groups(connection, campaign.id, now=NOW)
    counted = sorted((row.phone[3:5], len(row.phone), row.uf or "", len(row.undeliverable), row.waiting)
                     for row in groups)  # fmt: skip
    assert counted == [
        ("11", 13, "", 0, 1), ("11", 14, "", 0, 20), ("11", 14, "", 1, 1), ("11", 14, "RJ", 0, 1), ("68", 14, "", 0, 10)
    ]  # fmt: skip


async def test_moves_are_written_in_one_statement(database: Database, tenant_id: UUID) -> None:
    campaign = await make_campaign(database, tenant_id)
    first = await add_target(database, campaign, document=MARIA, attempt_count=2, locked_by="w", locked_until=LATER)
    second = await add_target(database, campaign, document=JOAO, attempt_count=2)
    async with database.tenant(tenant_id) as connection:
        await target_planning.move(
            connection,
            {
                first.id: Move(state=TargetState.PENDING, outcome=None, due_at=LATER, is_new_round=True),
                second.id: Move(state=TargetState.COMPLETED, outcome=TargetOutcome.NO_ANSWER, due_at=None),
            },
            now=NOW,
        )  # fmt: skip
    one, two = await target_of(database, first), await target_of(database, second)
    assert (one.state, one.outcome, one.due_at, one.attempt_count, one.locked_by) == (
        TargetState.PENDING, None, LATER, 0, None
    )  # fmt: skip
    assert (two.state, two.outcome, two.due_at, two.attempt_count) == (
        TargetState.COMPLETED, TargetOutcome.NO_ANSWER, None, 2
    )  # fmt: skip


async def test_claims_take_due_targets_of_active_campaigns_by_their_method(database: Database, tenant_id: UUID) -> None:
    active = await make_campaign(database, tenant_id)
    paused = await make_campaign(database, tenant_id, status=CampaignStatus.PAUSED)
    planned = {"state": TargetState.SCHEDULED, "due_at": NOW}
    written = [
        await add_target(database, active, document=str(method), method=method, **planned)  # type: ignore[arg-type]
        for method in (Method.WHATSAPP, Method.SMS)
    ]
    called = await add_target(database, active, document="v", method=Method.VOICE, **planned)  # type: ignore[arg-type]
    await add_target(database, paused, method=Method.WHATSAPP, **planned)  # type: ignore[arg-type]
    async with database.platform() as connection:
        assert await targets.has_written_due(connection, now=NOW)
        assert await targets.has_calls_due(connection, now=NOW)
        found = await targets.claim_written(connection, worker="w", now=NOW, locked_until=LATER, limit=9)
        calls = await targets.claim_calls(connection, worker="w", now=NOW, locked_until=LATER, limit=9)
        assert await targets.claim_written(connection, worker="v", now=NOW, locked_until=LATER, limit=9) == []
    assert {row.id for row in found} == {row.id for row in written}
    assert [row.id for row in calls] == [called.id]


async def test_wrong_number_keeps_its_first_protocol_and_hides_the_document(
    database: Database, tenant_id: UUID
) -> None:
    campaign = await make_campaign(database, tenant_id)
    target = await add_target(database, campaign, phone=PHONE)
    async with database.tenant(tenant_id) as connection:
        assert await targets.documents_of_phones(connection, [target.match_key]) == [MARIA]
        first, second = [
            await targets.put_wrong_number(
                connection, tenant_id=tenant_id, document=MARIA, match_key=target.match_key, protocol=code, now=NOW
            )
            for code in ("N1", "N2")
        ]
        assert (first, second) == ("N1", "N1")
        assert await targets.documents_of_phones(connection, [target.match_key]) == []


async def test_no_statement_touches_another_tenants_rows(database: Database, tenant_id: UUID) -> None:
    campaign = await make_campaign(database, tenant_id)
    target = await add_target(database, campaign, now=NOW)
    other = await make_tenant(database, "outra")
    async with database.tenant(other) as connection:
        assert await targets.of_debtor(connection, MARIA) == []
        assert await targets.documents_of_phones(connection, [target.match_key]) == []
        assert await target_planning.waiting(connection, campaign.id, now=NOW, limit=9, offset=0) == []
        assert not (await target_planning.outlook(connection, campaign.id)).is_open
        assert await campaigns.statuses(connection, [campaign.id]) == {}
        await campaigns.wake(connection, campaign.id, NOW)
        await targets.unschedule(connection, campaign.id, due_before=None, now=NOW)
        assert not await campaigns.delete(connection, campaign.id)
    assert await targets_of(database, campaign) == [target]
    assert await campaign_of(database, campaign) == campaign
