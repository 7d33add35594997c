"""What becomes of calls that have ended, fallen silent or were never heard of."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from domain.calls import CallStatus
from domain.campaigns import CampaignStatus, TargetOutcome, TargetState
from services.ledger import NewInvoice, upsert_customer_invoices
from services.target_events import promise_recorded
from store.locks import lock_debtor
from tests.fakes.twilio_calls import TwilioCalls, run_fake_calls
from tests.fakes_clock import FakeClock
from tests.voice_world import VoiceWorld, open_voice_world


@pytest.fixture
def fake() -> Iterator[TwilioCalls]:
    with run_fake_calls() as running:
        yield running


@pytest.fixture
async def world(database_url: str, clock: FakeClock, fake: TwilioCalls) -> AsyncIterator[VoiceWorld]:
    async with open_voice_world(database_url, clock, fake) as opened:
        yield opened


async def test_person_who_answers_may_still_act_before_the_next_attempt(world: VoiceWorld) -> None:
    target = await world.add_target()
    await world.call(target)
    assert await world.look() == 1
    assert await world.look() == 0
    after = await world.target(target)
    assert (after.state, after.outcome) == (TargetState.CONTACTED, TargetOutcome.ANSWERED)
    assert after.due_at == world.clock.now() + timedelta(minutes=1440)
    assert after.outcome_details["call"] == {"status": "completed", "answeredBy": "human", "durationSeconds": 40}
    row = await world.call_of(target)
    assert row.processed_at == world.clock.now()
    assert (row.answered_by, row.duration_seconds, row.sequence_number) == ("human", 40, 3)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ({"ending": "no-answer"}, TargetOutcome.NO_ANSWER),
        ({"ending": "busy"}, TargetOutcome.BUSY),
        ({"ending": "failed", "sip_code": 503}, TargetOutcome.FAILED),
        ({"ending": "canceled"}, TargetOutcome.CANCELED),
        ({"answered_by": "machine_start"}, TargetOutcome.VOICEMAIL),
        ({"answered_by": "fax"}, TargetOutcome.VOICEMAIL),
    ],
)
async def test_who_was_not_reached_is_tried_again_after_the_gap(
    world: VoiceWorld, script: dict[str, object], outcome: TargetOutcome
) -> None:
    target = await world.add_target()
    await world.call(target, **script)
    await world.look()
    after = await world.target(target)
    assert (after.state, after.outcome, after.attempt_count) == (TargetState.PENDING, outcome, 1)
    assert after.due_at == world.clock.now() + timedelta(minutes=1440)
    (decision,) = await world.contacts.decisions(target.id)
    assert decision.voided_at is None
    campaign = await world.contacts.rows("SELECT plan_due_at FROM campaigns")
    assert campaign == [{"plan_due_at": after.due_at}]


async def test_last_attempt_ends_the_target_with_what_the_call_came_to(world: VoiceWorld) -> None:
    target = await world.add_target(attempt_count=2)
    await world.call(target, ending="busy")
    await world.look()
    after = await world.target(target)
    assert (after.state, after.outcome, after.due_at) == (TargetState.COMPLETED, TargetOutcome.BUSY, None)


async def test_call_of_an_ended_campaign_ends_its_target(world: VoiceWorld) -> None:
    target = await world.add_target()
    await world.dial()
    await world.contacts.change_campaign(status=CampaignStatus.COMPLETED)
    (call,) = world.fake.calls
    await world.fake.play(call, world.api.http)
    await world.look()
    after = await world.target(target)
    assert (after.state, after.outcome) == (TargetState.COMPLETED, TargetOutcome.ANSWERED)


async def test_number_that_does_not_exist_was_not_called(world: VoiceWorld) -> None:
    target = await world.add_target()
    await world.call(target, ending="failed", sip_code=404, error_code="13224")
    await world.look()
    after = await world.target(target)
    assert (after.state, after.attempt_count, after.due_at) == (TargetState.PENDING, 0, world.clock.now())
    assert after.outcome_details["undeliverable"] == ["voice"]
    (decision,) = await world.contacts.decisions(target.id)
    assert decision.voided_at is not None


async def test_promise_made_while_the_phone_rang_is_not_overwritten(world: VoiceWorld) -> None:
    target = await world.add_target()
    await world.dial()
    until = world.clock.now() + timedelta(days=3)
    async with world.api.database.tenant(target.tenant_id) as connection:
        await lock_debtor(connection, target.tenant_id, target.document)
        await promise_recorded(
            connection, tenant_id=target.tenant_id, document=target.document, protected_until=until,
            now=world.clock.now(),
        )  # fmt: skip
    (call,) = world.fake.calls
    await world.fake.play(call, world.api.http)
    await world.look()
    after = await world.target(target)
    assert (after.outcome, after.due_at) == (TargetOutcome.PROMISE_MADE, until)
    assert (await world.call_of(target)).processed_at is not None


async def test_lost_ending_is_asked_for_after_ten_minutes(world: VoiceWorld) -> None:
    target = await world.add_target()
    call = await world.call(target, lost=frozenset({"completed"}))
    assert (await world.call_of(target)).status is CallStatus.IN_PROGRESS
    assert await world.look() == 0
    assert call.status == "completed"
    world.clock.advance(minutes=10)
    assert await world.look() == 1
    row = await world.call_of(target)
    assert (row.status, row.duration_seconds) == (CallStatus.COMPLETED, 40)
    assert row.processed_at is not None
    assert (await world.target(target)).outcome is TargetOutcome.ANSWERED


async def test_all_callbacks_lost_is_asked_for_too(world: VoiceWorld) -> None:
    target = await world.add_target()
    everything = frozenset({"initiated", "ringing", "no-answer"})
    await world.call(target, ending="no-answer", lost=everything)
    world.clock.advance(minutes=10)
    await world.look()
    assert (await world.target(target)).outcome is TargetOutcome.NO_ANSWER


async def test_call_that_goes_on_is_asked_for_again_and_given_up_in_the_end(world: VoiceWorld) -> None:
    target = await world.add_target()
    await world.dial()
    for _ in range(5):
        world.clock.advance(minutes=10)
        assert await world.look() == 1
        assert (await world.call_of(target)).status is CallStatus.QUEUED
    world.clock.advance(minutes=10)
    await world.look()
    row = await world.call_of(target)
    assert row.status is CallStatus.UNKNOWN
    assert row.flagged_at is not None
    resting = await world.target(target)
    assert (resting.state, resting.outcome, resting.due_at) == (TargetState.CONTACTED, TargetOutcome.UNKNOWN, None)
    assert await world.events() == ["call_outcome_unknown"]


async def test_call_that_the_provider_does_not_know_is_flagged(world: VoiceWorld) -> None:
    target = await world.add_target()
    await world.dial()
    world.fake.calls.clear()
    world.clock.advance(minutes=10)
    await world.look()
    assert (await world.call_of(target)).status is CallStatus.UNKNOWN
    assert await world.events() == ["call_outcome_unknown"]


async def test_late_callback_settles_a_flagged_call(world: VoiceWorld) -> None:
    target = await world.add_target()
    world.fake.program({"accept_then_garbage": True})
    await world.dial()
    world.clock.advance(minutes=10)
    await world.look()
    assert (await world.call_of(target)).flagged_at is not None
    (call,) = world.fake.calls
    await world.fake.play(call, world.api.http)
    await world.look()
    row = await world.call_of(target)
    assert (row.status, row.flagged_at) == (CallStatus.COMPLETED, None)
    after = await world.target(target)
    assert (after.state, after.outcome) == (TargetState.CONTACTED, TargetOutcome.ANSWERED)


async def test_two_drains_settle_a_call_once(world: VoiceWorld) -> None:
    targets = [await world.add_target(place) for place in range(10)]
    await world.dial()
    for call in world.fake.calls:
        await world.fake.play(call, world.api.http)
    handled = await asyncio.gather(*(world.look() for _ in range(4)))
    assert sum(handled) == 10
    for target in targets:
        assert (await world.target(target)).outcome is TargetOutcome.ANSWERED


@pytest.mark.parametrize(("short", "is_stopped"), [(30, True), (29, False)])
async def test_number_with_too_many_short_calls_in_a_day_is_stopped(
    world: VoiceWorld, short: int, is_stopped: bool
) -> None:
    kinds = ["status = 'no_answer'", "status = 'completed', duration_seconds = 6",
             "status = 'completed', duration_seconds = 90, answered_by = 'machine_end_beep'"]  # fmt: skip
    await _add_calls(world, 49, timedelta(hours=1))
    for n in range(1, short + 1):
        await world.contacts.execute(f"UPDATE calls SET {kinds[n % 3]} WHERE provider_call_id = 'CA{n}'")
    await world.call(await world.add_target())
    await world.look()
    (account,) = await world.contacts.rows("SELECT status FROM channel_accounts WHERE medium = 'voice'")
    assert account["status"] == ("stopped" if is_stopped else "active")
    assert await world.events() == (["voice_account_stopped"] if is_stopped else [])


async def test_calls_of_yesterday_do_not_count(world: VoiceWorld) -> None:
    await _add_calls(world, 80, timedelta(days=1))
    await world.contacts.execute("UPDATE calls SET status = 'no_answer'")
    await world.call(await world.add_target())
    await world.look()
    assert await world.events() == []


async def _add_calls(world: VoiceWorld, count: int, ago: timedelta) -> None:
    """Insert answered calls of a minute that are done with, CA1, CA2 …"""
    at = (world.clock.now() - ago).isoformat()
    await world.contacts.execute(f"""
        INSERT INTO calls (tenant_id, id, channel_account_id, direction, phone, status, status_at, provider_call_id,
                           duration_seconds, answered_by, created_at, processed_at)
        SELECT '{world.contacts.tenant_id}', gen_random_uuid(), '{world.contacts.account.id}', 'out', '+5511999990001',
               'completed', '{at}', 'CA' || n, 60, 'human', '{at}', '{at}'
        FROM generate_series(1, {count}) AS n
    """)


async def test_payment_that_came_during_the_call_is_seen_at_the_next_contact(world: VoiceWorld) -> None:
    target = await world.add_target()
    await world.call(target, ending="no-answer")
    await world.look()
    paid = NewInvoice(
        number=f"FAT-{target.document}", amount_cents=11990, due_on=world.clock.now().date(), paid_at=world.clock.now()
    )
    await upsert_customer_invoices(
        world.api.database, tenant_id=target.tenant_id, document=target.document, name="Maria", phone=None,
        new_invoices=[paid],
    )  # fmt: skip
    world.clock.advance(days=1)
    await world.contacts.execute(f"UPDATE targets SET state = 'scheduled' WHERE id = '{target.id}'")
    await world.dial()
    assert len(world.fake.calls) == 1
    after = await world.target(target)
    assert (after.state, after.outcome) == (TargetState.COMPLETED, TargetOutcome.PAID)
