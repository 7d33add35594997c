"""Planning: slots by priority, spread and rate, in the hours of each place; reviews; the end of a campaign."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from domain.campaigns import CampaignStatus, ContactMethod, Method, TargetOutcome, TargetState
from domain.messages import Provider
from services import planning
from services.campaigns import activate_campaign, pause_campaign
from services.holidays import delete_holiday
from services.planning import Planned, Planning
from store import campaigns, contact_decisions, contacts, conversations, holidays, target_planning, targets
from store.campaigns import CampaignRow
from store.channel_accounts import AccountRow
from store.contact_decisions import NewDecision
from store.database import Database
from store.holidays import HolidayRow
from store.targets import TargetRow
from tests.business_world import JOAO, MARIA, PHONE
from tests.campaign_rig import add_many, add_target, campaign_of, contacted, make_campaign, target_of, targets_of
from tests.factories import make_account, make_tenant, open_database
from tests.fakes_clock import DEFAULT_NOW, FakeClock

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
RIO_BRANCO = ZoneInfo("America/Rio_Branco")
FIXED_LINE = "+551133330001"


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """A tenant with a WhatsApp account, and the planner at work."""

    database: Database
    tenant_id: UUID
    account: AccountRow
    clock: FakeClock

    def planner(self, worker: str = "w1") -> Planning:
        return Planning(database=self.database, clock=self.clock, worker=worker)

    async def plan(self) -> Planned:
        return await self.planner().drain(limit=20)

    async def campaign(self, **changes: object) -> CampaignRow:
        return await make_campaign(self.database, self.tenant_id, self.account.id, **changes)  # type: ignore[arg-type]

    async def target(self, campaign: CampaignRow, **changes: object) -> TargetRow:
        return await add_target(self.database, campaign, **changes)  # type: ignore[arg-type]

    async def now(self, target: TargetRow) -> TargetRow:
        return await target_of(self.database, target)


# A day that is a holiday nowhere: 2026-11-20 itself is the day of Zumbi, a national holiday.
MONDAY = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
MONDAY_CLOSING = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_database(database_url) as database:
        tenant_id = await make_tenant(database)
        account = await make_account(database, tenant_id, sends_per_second=10)
        yield Desk(database=database, tenant_id=tenant_id, account=account, clock=FakeClock(MONDAY))


async def slots_of(desk: Desk, campaign: CampaignRow) -> list[datetime]:
    rows = await targets_of(desk.database, campaign)
    return [row.due_at for row in rows if row.state is TargetState.SCHEDULED and row.due_at is not None]


async def test_pending_target_gets_its_method_and_a_slot(desk: Desk) -> None:
    campaign = await desk.campaign()
    target = await desk.target(campaign)
    planned = await desk.plan()
    row = await desk.now(target)
    assert (row.state, row.method, row.due_at) == (TargetState.SCHEDULED, Method.WHATSAPP, MONDAY)
    assert planned == Planned(handled=1, due_jobs=frozenset({"whatsapp"}))


async def test_slots_are_spread_evenly_until_shortly_before_the_closing(desk: Desk) -> None:
    campaign = await desk.campaign()
    await add_many(desk.database, campaign, 540)
    await desk.plan()
    slots = await slots_of(desk, campaign)
    assert slots[0] == MONDAY
    gaps = {(later - earlier).total_seconds() for earlier, later in pairwise(slots)}
    assert max(gaps) - min(gaps) < 0.001
    assert MONDAY_CLOSING - timedelta(minutes=3) < slots[-1] < MONDAY_CLOSING


async def test_slots_keep_to_the_rate_of_the_accounts(desk: Desk) -> None:
    second = await make_account(
        desk.database, desk.tenant_id, provider=Provider.EVOLUTION, external_id="e", sends_per_second=5
    )
    await make_account(desk.database, desk.tenant_id, provider=Provider.EVOLUTION, external_id="x")
    campaign = await make_campaign(desk.database, desk.tenant_id, desk.account.id, second.id, pacing="asap")
    await add_many(desk.database, campaign, 150)
    await desk.plan()
    slots = await slots_of(desk, campaign)
    assert slots[0] == MONDAY
    assert slots[-1] == pytest.approx(MONDAY + timedelta(seconds=149 / 15), abs=timedelta(milliseconds=1))


async def test_later_targets_queue_behind_those_planned_before(desk: Desk) -> None:
    campaign = await desk.campaign(pacing="asap")
    await add_many(desk.database, campaign, 100)
    await desk.plan()
    late = await desk.target(campaign, document=MARIA)
    async with desk.database.tenant(desk.tenant_id) as connection:
        await campaigns.wake(connection, campaign.id, MONDAY)
    await desk.plan()
    assert (await desk.now(late)).due_at == MONDAY + timedelta(seconds=10)


async def test_what_does_not_fit_today_waits_for_the_next_opening(desk: Desk) -> None:
    account = await make_account(desk.database, desk.tenant_id, external_id="slow", sends_per_second=1 / 900)
    campaign = await make_campaign(desk.database, desk.tenant_id, account.id)
    await add_many(desk.database, campaign, 50)
    await desk.plan()
    rows = await targets_of(desk.database, campaign)
    assert Counter(row.state for row in rows) == {TargetState.SCHEDULED: 36, TargetState.PENDING: 14}
    waiting = {row.due_at for row in rows if row.state is TargetState.PENDING}
    assert waiting == {datetime(2026, 11, 24, 11, 0, tzinfo=UTC)}
    assert [row.state for row in rows[:36]] == [TargetState.SCHEDULED] * 36
    assert (await campaign_of(desk.database, campaign)).plan_due_at == MONDAY + timedelta(minutes=15)


async def test_higher_priority_comes_first_and_equals_keep_their_order(desk: Desk) -> None:
    campaign = await desk.campaign()
    documents = ["10", "11", "12", "13"]
    for place, (document, priority) in enumerate(zip(documents, (0, 5, 0, 9), strict=True)):
        await desk.target(
            campaign, document=document, priority=priority, created_at=DEFAULT_NOW + timedelta(seconds=place)
        )
    await desk.plan()
    rows = sorted(await targets_of(desk.database, campaign), key=lambda row: row.due_at or MONDAY)
    assert [row.document for row in rows] == ["13", "11", "10", "12"]


async def test_targets_of_one_batch_get_the_same_slots_every_time(desk: Desk) -> None:
    """They came at the same instant: the document decides, never an id drawn by chance."""
    campaign = await desk.campaign()
    for document in ("3", "1", "2"):
        await desk.target(campaign, document=document)
    await desk.plan()
    rows = sorted(await targets_of(desk.database, campaign), key=lambda row: row.due_at or MONDAY)
    assert [row.document for row in rows] == ["1", "2", "3"]


async def test_each_place_is_planned_in_its_own_hours(desk: Desk) -> None:
    desk.clock.set(datetime(2026, 11, 23, 10, 0, tzinfo=UTC))  # 07:00 in São Paulo, 05:00 in Rio Branco
    campaign = await desk.campaign()
    await add_many(desk.database, campaign, 200, area_codes=("11", "68", "97", "81"))
    await desk.plan()
    for row in await targets_of(desk.database, campaign):
        assert row.due_at is not None
        zones = {"11": [SAO_PAULO], "68": [RIO_BRANCO], "81": [ZoneInfo("America/Recife")]}.get(
            row.phone[3:5], [ZoneInfo("America/Manaus"), RIO_BRANCO]
        )
        for zone in zones:
            local = row.due_at.astimezone(zone)
            assert local.date() == date(2026, 11, 23)
            assert time(8) <= local.time() < (time(18) if row.phone[3:5] == "97" else time(20))


async def test_places_together_keep_to_the_rate(desk: Desk) -> None:
    campaign = await desk.campaign(pacing="asap")
    await add_many(desk.database, campaign, 600, area_codes=("11", "21", "31"))
    await desk.plan()
    slots = sorted(await slots_of(desk, campaign))
    assert len(slots) == 600
    assert slots[-1] - MONDAY == pytest.approx(timedelta(seconds=60), abs=timedelta(seconds=1))


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (datetime(2026, 11, 21, 14, 0, tzinfo=UTC), datetime(2026, 11, 23, 11, 0, tzinfo=UTC)),  # Saturday
        (datetime(2026, 11, 20, 14, 0, tzinfo=UTC), datetime(2026, 11, 23, 11, 0, tzinfo=UTC)),  # national holiday
        (datetime(2026, 12, 25, 14, 0, tzinfo=UTC), datetime(2026, 12, 28, 11, 0, tzinfo=UTC)),
        (datetime(2026, 11, 23, 23, 0, tzinfo=UTC), datetime(2026, 11, 24, 11, 0, tzinfo=UTC)),  # 20:00 is closed
    ],
)
async def test_closed_days_are_passed_over(desk: Desk, now: datetime, slot: datetime) -> None:
    desk.clock.set(now)
    campaign = await desk.campaign()
    target = await desk.target(campaign)
    assert (await desk.plan()).due_jobs == frozenset()
    row = await desk.now(target)
    assert (row.state, row.due_at) == (TargetState.SCHEDULED, slot)


async def test_tenants_own_holiday_is_passed_over(desk: Desk) -> None:
    async with desk.database.tenant(desk.tenant_id) as connection:
        await holidays.put(connection, desk.tenant_id, HolidayRow(day=MONDAY.date(), uf="SP", name="Aniversário"))
    campaign = await desk.campaign()
    here, elsewhere = (
        await desk.target(campaign, document=MARIA),
        await desk.target(campaign, document=JOAO, phone="+5531999990002"),
    )
    await desk.plan()
    assert (await desk.now(here)).due_at == datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    assert (await desk.now(elsewhere)).due_at == MONDAY


async def test_removed_holiday_brings_forward_whom_it_had_put_off(desk: Desk) -> None:
    tuesday = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    async with desk.database.tenant(desk.tenant_id) as connection:
        await holidays.put(connection, desk.tenant_id, HolidayRow(day=MONDAY.date(), uf="", name="Decreto"))
    campaign = await desk.campaign(plan_due_at=tuesday)
    scheduled = {"state": TargetState.SCHEDULED, "method": Method.WHATSAPP, "due_at": tuesday}
    put_off = await desk.target(
        campaign, document=MARIA, outcome_details={"postponed": {"reason": "holiday", "count": 1}}, **scheduled
    )
    other = await desk.target(
        campaign, document=JOAO, phone="+5531999990002",
        outcome_details={"postponed": {"reason": "frequency_cap", "count": 1}}, **scheduled,
    )  # fmt: skip
    assert await delete_holiday(desk.database, desk.tenant_id, day=MONDAY.date(), uf=None, now=MONDAY)
    waiting = await desk.now(put_off)
    assert (waiting.state, waiting.due_at, waiting.method) == (TargetState.PENDING, MONDAY, None)
    assert await desk.now(other) == other
    assert (await campaign_of(desk.database, campaign)).plan_due_at == MONDAY
    await desk.plan()
    assert (await desk.now(put_off)).due_at == MONDAY


async def test_window_without_any_opening_waits_and_is_looked_at_again(desk: Desk) -> None:
    campaign = await desk.campaign(weekdays=[7])  # São Paulo allows no Sunday
    target = await desk.target(campaign)
    await desk.plan()
    row = await desk.now(target)
    assert (row.state, row.due_at) == (TargetState.PENDING, MONDAY + timedelta(days=1))


async def test_fixed_line_is_only_called(desk: Desk) -> None:
    campaign = await desk.campaign(
        contact_method=ContactMethod.WHATSAPP_PRIMARY, allowed_methods=[Method.WHATSAPP, Method.SMS],
        fallback_order=[Method.SMS],
    )  # fmt: skip
    target = await desk.target(campaign, phone=FIXED_LINE)
    await desk.plan()
    row = await desk.now(target)
    assert (row.state, row.outcome) == (TargetState.COMPLETED, TargetOutcome.FAILED)
    async with desk.database.tenant(desk.tenant_id) as connection:
        (decision,), total = await contact_decisions.page(connection, target.id, limit=10, offset=0)
    assert total == 1
    assert (decision.verdict, decision.reason, decision.campaign_id) == ("skip", "no_usable_method", campaign.id)


async def test_methods_that_failed_or_have_no_account_are_left_out(desk: Desk) -> None:
    sms = await make_account(desk.database, desk.tenant_id, provider=Provider.TWILIO_SMS, external_id="+5511")
    methods = [Method.WHATSAPP, Method.VOICE, Method.SMS]
    campaign = await make_campaign(
        desk.database, desk.tenant_id, desk.account.id, sms.id, allowed_methods=methods, fallback_order=methods
    )
    target = await desk.target(campaign, outcome_details={"undeliverable": ["whatsapp"]})
    await desk.plan()
    assert (await desk.now(target)).method is Method.SMS


async def test_phone_without_whatsapp_gets_the_next_method(desk: Desk) -> None:
    sms = await make_account(desk.database, desk.tenant_id, provider=Provider.TWILIO_SMS, external_id="+5511")
    methods = [Method.WHATSAPP, Method.SMS]
    campaign = await make_campaign(
        desk.database, desk.tenant_id, desk.account.id, sms.id, allowed_methods=methods, fallback_order=methods
    )
    async with desk.database.tenant(desk.tenant_id) as connection:
        contact_id = uuid4()
        await contacts.insert(connection, tenant_id=desk.tenant_id, contact_id=contact_id, name=None)
        await connection.execute(
            "INSERT INTO addresses (tenant_id, id, contact_id, kind, value, match_key, is_unreachable)"
            " VALUES (%s, %s, %s, 'wa_id', '5511999990001', '1199990001', true)",
            (desk.tenant_id, uuid4(), contact_id),
        )
    target = await desk.target(campaign)
    await desk.plan()
    assert (await desk.now(target)).method is Method.SMS


async def test_ten_thousand_targets_are_planned_in_one_drain(desk: Desk) -> None:
    account = await make_account(desk.database, desk.tenant_id, external_id="fast", sends_per_second=50)
    campaign = await make_campaign(desk.database, desk.tenant_id, account.id)
    await add_many(desk.database, campaign, 10_000, area_codes=("11", "21", "68", "92"))
    planned = await desk.plan()
    assert planned.handled == 10_000
    slots = sorted(await slots_of(desk, campaign))
    assert len(slots) == 10_000
    first_hour = sum(slot < MONDAY + timedelta(hours=1) for slot in slots)
    last_hour = sum(MONDAY + timedelta(hours=6) <= slot < MONDAY + timedelta(hours=7) for slot in slots)
    assert first_hour == pytest.approx(last_hour, rel=0.05)


async def test_batch_is_never_a_loop_in_a_loop_whatever_is_known_of_the_table(desk: Desk) -> None:
    """Of a list imported a moment ago PostgreSQL still knows one row: a loop within a loop took 80 s for 10,000."""
    campaign = await desk.campaign()
    await add_many(desk.database, campaign, 1)
    with psycopg.connect(desk.database.url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE targets")
    asked = {
        "campaign_id": campaign.id, "now": MONDAY, "ids": [uuid4() for _ in range(500)], "versions": ["1"] * 500,
        "due": [MONDAY] * 500, "methods": ["sms"] * 500,
    }  # fmt: skip
    async with desk.database.tenant(desk.tenant_id) as connection:
        await target_planning.schedule(connection, campaign.id, [], now=MONDAY)
        plan = await connection.execute(f"EXPLAIN {target_planning._SCHEDULE}".encode(), asked)
        lines = [str(next(iter(row.values()))) for row in await plan.fetchall()]
    assert [line for line in lines if "Nested Loop" in line] == []


async def test_whole_campaign_is_planned_also_when_it_is_read_in_parts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_READ", 40)
    monkeypatch.setattr(planning, "_ROWS", 15)
    campaign = await desk.campaign()
    await add_many(desk.database, campaign, 100)
    rows = await targets_of(desk.database, campaign)
    async with desk.database.tenant(desk.tenant_id) as connection:
        await targets.lock(connection, [rows[10].id, rows[60].id])
        assert (await desk.plan()).handled == 98
    assert len(set(await slots_of(desk, campaign))) == 98
    async with desk.database.tenant(desk.tenant_id) as connection:
        await campaigns.wake(connection, campaign.id, MONDAY)
    assert (await desk.plan()).handled == 2


async def test_campaign_picked_up_twice_plans_nobody_twice(desk: Desk) -> None:
    campaign = await desk.campaign()
    await add_many(desk.database, campaign, 300)
    first, second = await asyncio.gather(
        desk.planner("w1").drain(limit=20), desk.planner("w2").drain(limit=20)
    )  # fmt: skip
    assert first.handled + second.handled == 300
    slots = await slots_of(desk, campaign)
    assert len(set(slots)) == 300


async def test_planner_whose_lease_ran_out_takes_no_row_again(desk: Desk) -> None:
    """Both planners hold the campaign: the second thinks that the first died."""
    campaign = await desk.campaign()
    await add_many(desk.database, campaign, 500)
    one, two = desk.planner("w1"), desk.planner("w2")
    claimed = await one._claim()
    desk.clock.advance(minutes=2)
    again = await two._claim()
    assert claimed is not None
    assert again is not None
    done = await asyncio.gather(one._plan(claimed), two._plan(again))
    assert sum(planned.handled for planned in done) == 500
    assert (await campaign_of(desk.database, campaign)).locked_by is None
    assert (await desk.plan()).handled == 0


async def test_wake_during_planning_is_not_lost(desk: Desk) -> None:
    campaign = await desk.campaign()
    await desk.target(campaign)
    planner = desk.planner()
    claimed = await planner._claim()
    assert claimed is not None
    async with desk.database.tenant(desk.tenant_id) as connection:
        await campaigns.wake(connection, campaign.id, MONDAY)
    await planner._plan(claimed)
    assert (await campaign_of(desk.database, campaign)).plan_due_at == MONDAY


async def test_crashed_planner_is_followed_when_its_lease_ends(desk: Desk) -> None:
    campaign = await desk.campaign()
    await desk.target(campaign)
    await desk.planner()._claim()
    assert (await desk.plan()).handled == 0
    desk.clock.advance(seconds=60)
    assert (await desk.plan()).handled == 1


async def test_changed_row_is_left_for_the_next_time(desk: Desk) -> None:
    campaign = await desk.campaign()
    target = await desk.target(campaign)
    async with desk.database.tenant(desk.tenant_id) as held:
        await targets.lock(held, [target.id])
        assert (await desk.plan()).handled == 0  # nobody waits for a row that others hold
    assert (await desk.now(target)).state is TargetState.PENDING
    assert (await desk.plan()).handled == 1


async def test_paused_campaign_is_not_planned(desk: Desk) -> None:
    campaign = await desk.campaign(status=CampaignStatus.PAUSED)
    target = await desk.target(campaign)
    assert (await desk.plan()).handled == 0
    assert (await desk.now(target)).state is TargetState.PENDING


async def test_pause_and_resume_repeat_nobody_and_skip_nobody(desk: Desk) -> None:
    campaign = await desk.campaign()
    done = await desk.target(campaign, document=MARIA, **contacted(MONDAY, due_at=MONDAY + timedelta(days=1)))
    await add_many(desk.database, campaign, 100)
    await desk.plan()
    before = {row.id: row for row in await targets_of(desk.database, campaign)}
    await pause_campaign(desk.database, desk.tenant_id, campaign.id, now=MONDAY)
    desk.clock.advance(minutes=240)
    await activate_campaign(desk.database, desk.tenant_id, campaign.id, now=desk.clock.now())
    await desk.plan()
    after = {row.id: row for row in await targets_of(desk.database, campaign)}
    assert after[done.id] == before[done.id]
    assert {row.state for row in after.values() if row.id != done.id} == {TargetState.SCHEDULED}
    assert all(row.attempt_count == before[row.id].attempt_count for row in after.values())
    for row in after.values():
        slot, old = row.due_at, before[row.id].due_at
        assert slot is not None
        assert old is not None
        assert slot >= desk.clock.now()
        assert slot == old or old < desk.clock.now()


async def test_resumed_target_gets_the_method_it_was_planned_for(desk: Desk) -> None:
    sms = await make_account(desk.database, desk.tenant_id, provider=Provider.TWILIO_SMS, external_id="+5511")
    methods = [Method.WHATSAPP, Method.SMS]
    campaign = await make_campaign(
        desk.database, desk.tenant_id, desk.account.id, sms.id, allowed_methods=methods, fallback_order=methods,
        template_id=None, sms_text="Oi",
    )  # fmt: skip
    fresh = await desk.target(campaign, document=MARIA)
    tried = await desk.target(campaign, document=JOAO, attempt_count=1, method=Method.WHATSAPP)
    async with desk.database.tenant(desk.tenant_id) as connection:
        decision = NewDecision(
            id=uuid4(), engine="campaign", document=JOAO, match_key=tried.match_key, method="whatsapp",
            verdict="contact", reason="allowed", decided_at=MONDAY, campaign_id=campaign.id, target_id=tried.id,
        )  # fmt: skip
        await contact_decisions.insert(connection, desk.tenant_id, [decision])
    await desk.plan()
    planned = [(await desk.now(target)).method for target in (fresh, tried)]
    assert planned == [Method.WHATSAPP, Method.SMS]
    await pause_campaign(desk.database, desk.tenant_id, campaign.id, now=MONDAY)
    desk.clock.advance(days=2)
    await activate_campaign(desk.database, desk.tenant_id, campaign.id, now=desk.clock.now())
    await desk.plan()
    assert [(await desk.now(target)).method for target in (fresh, tried)] == planned


@pytest.mark.parametrize("outcome", [TargetOutcome.PROMISE_MADE, TargetOutcome.PAYMENT_CLAIMED])
async def test_contact_resumes_when_the_protection_is_over(desk: Desk, outcome: TargetOutcome) -> None:
    campaign = await desk.campaign()
    target = await desk.target(
        campaign, **contacted(MONDAY - timedelta(days=5), due_at=MONDAY + timedelta(minutes=1), outcome=outcome,
                              attempts=3),
    )  # fmt: skip
    assert (await desk.plan()).handled == 0
    assert (await campaign_of(desk.database, campaign)).plan_due_at == MONDAY + timedelta(minutes=1)
    desk.clock.advance(minutes=1)
    await desk.plan()
    row = await desk.now(target)
    assert (row.state, row.outcome, row.attempt_count) == (TargetState.SCHEDULED, outcome, 0)


async def test_unanswered_contact_goes_on_with_the_next_method(desk: Desk) -> None:
    sms = await make_account(desk.database, desk.tenant_id, provider=Provider.TWILIO_SMS, external_id="+5511")
    methods = [Method.WHATSAPP, Method.SMS]
    campaign = await make_campaign(
        desk.database, desk.tenant_id, desk.account.id, sms.id, allowed_methods=methods, fallback_order=methods,
        retry_gap_minutes=120,
    )  # fmt: skip
    at = MONDAY - timedelta(hours=1)
    target = await desk.target(campaign, **contacted(at, due_at=MONDAY))
    await desk.plan()
    row = await desk.now(target)
    assert (row.state, row.outcome, row.due_at) == (
        TargetState.PENDING, TargetOutcome.NO_ANSWER, at + timedelta(minutes=120)
    )  # fmt: skip
    desk.clock.set(at + timedelta(minutes=120))
    await desk.plan()
    row = await desk.now(target)
    assert (row.state, row.method, row.due_at) == (TargetState.SCHEDULED, Method.SMS, desk.clock.now())


@pytest.mark.parametrize(
    ("replied_after", "outcome"),
    [(None, TargetOutcome.NO_ANSWER), (timedelta(minutes=-1), TargetOutcome.NO_ANSWER),
     (timedelta(minutes=5), TargetOutcome.ANSWERED)],
)  # fmt: skip
async def test_last_attempt_ends_answered_or_not(
    desk: Desk, replied_after: timedelta | None, outcome: TargetOutcome
) -> None:
    campaign = await desk.campaign()
    at = MONDAY - timedelta(days=1)
    contact_id = uuid4()
    async with desk.database.tenant(desk.tenant_id) as connection:
        await contacts.insert(connection, tenant_id=desk.tenant_id, contact_id=contact_id, name=None)
        conversation_id = uuid4()
        await conversations.open_conversation(
            connection, tenant_id=desk.tenant_id, conversation_id=conversation_id, contact_id=contact_id,
            channel_account_id=desk.account.id, address_kind="phone", address_value=PHONE, source="whatsapp_campaign",
            now=at,
        )  # fmt: skip
        if replied_after is not None:
            await connection.execute(
                "UPDATE conversations SET last_inbound_at = %s WHERE id = %s", (at + replied_after, conversation_id)
            )
    target = await desk.target(campaign, contact_id=contact_id, **contacted(at, due_at=MONDAY, attempts=3))
    await desk.plan()
    row = await desk.now(target)
    assert (row.state, row.outcome, row.due_at) == (TargetState.COMPLETED, outcome, None)
    done = await campaign_of(desk.database, campaign)
    assert (done.status, done.completed_at, done.plan_due_at) == (CampaignStatus.COMPLETED, MONDAY, None)


async def test_unknown_contact_is_never_repeated(desk: Desk) -> None:
    campaign = await desk.campaign()
    unknown = await desk.target(
        campaign, **contacted(MONDAY - timedelta(days=9), due_at=None, outcome=TargetOutcome.UNKNOWN)
    )
    rest = await desk.target(campaign, document=JOAO)
    for _ in range(3):
        await desk.plan()
        desk.clock.advance(days=1)
    assert (await desk.now(unknown)).state is TargetState.CONTACTED
    assert (await desk.now(unknown)).attempt_count == 1
    assert (await desk.now(rest)).state is TargetState.SCHEDULED


async def test_target_without_attempts_left_has_ended(desk: Desk) -> None:
    campaign = await desk.campaign(max_attempts=2)
    target = await desk.target(campaign, attempt_count=2, outcome=TargetOutcome.BUSY)
    await desk.plan()
    row = await desk.now(target)
    assert (row.state, row.outcome) == (TargetState.COMPLETED, TargetOutcome.BUSY)


@pytest.mark.parametrize("status", ["uploading", "queued", "running"])
async def test_campaign_stays_open_while_an_import_runs(desk: Desk, status: str) -> None:
    campaign = await desk.campaign()
    await desk.target(campaign, state=TargetState.COMPLETED, outcome=TargetOutcome.PAID, due_at=None)
    async with desk.database.tenant(desk.tenant_id) as connection:
        await connection.execute(
            "INSERT INTO imports (tenant_id, id, campaign_id, file_name, file_kind, size_bytes, status, created_at)"
            " VALUES (%s, %s, %s, 'a.csv', 'csv', 1, %s, %s)",
            (desk.tenant_id, uuid4(), campaign.id, status, MONDAY),
        )
    await desk.plan()
    assert (await campaign_of(desk.database, campaign)).status is CampaignStatus.ACTIVE


async def test_campaign_at_rest_is_looked_at_when_a_row_is_due(desk: Desk) -> None:
    campaign = await desk.campaign()
    await desk.target(
        campaign, **contacted(MONDAY, due_at=MONDAY + timedelta(hours=5), outcome=TargetOutcome.PROMISE_MADE)
    )
    await desk.plan()
    assert (await campaign_of(desk.database, campaign)).plan_due_at == MONDAY + timedelta(hours=5)


async def test_planner_sees_only_the_campaigns_own_targets(desk: Desk) -> None:
    other_tenant = await make_tenant(desk.database, "outra")
    other_account = await make_account(desk.database, other_tenant)
    other = await make_campaign(desk.database, other_tenant, other_account.id, status=CampaignStatus.PAUSED)
    foreign = await desk.target(other)
    own = await desk.target(await desk.campaign())
    assert (await desk.plan()).handled == 1
    assert (await desk.now(own)).state is TargetState.SCHEDULED
    assert (await desk.now(foreign)).state is TargetState.PENDING
