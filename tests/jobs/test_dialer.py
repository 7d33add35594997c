"""The dialer over a real gate, a real database and Twilio over HTTP: one call each, and none too many."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import uvicorn
from pydantic import SecretStr

from domain.calls import CallStatus
from domain.campaigns import CampaignStatus, Method, TargetOutcome, TargetState
from jobs import dialer
from tests.contact_world import phone_of
from tests.fakes.twilio_calls import NUMBER, Script, TwilioCalls, run_fake_calls
from tests.fakes_clock import FakeClock
from tests.server.conftest import PUBLIC_URL
from tests.system.stack import wait_for
from tests.voice_world import VoiceWorld, open_voice_world


@pytest.fixture
def fake() -> Iterator[TwilioCalls]:
    with run_fake_calls() as running:
        yield running


@pytest.fixture
async def world(database_url: str, clock: FakeClock, fake: TwilioCalls) -> AsyncIterator[VoiceWorld]:
    async with open_voice_world(database_url, clock, fake) as opened:
        yield opened


async def test_due_target_is_called_once_with_our_id_in_both_urls(world: VoiceWorld) -> None:
    target = await world.add_target()
    assert await world.dial() == 1
    assert await world.dial() == 0
    (call,) = world.fake.calls
    row = await world.call_of(target)
    assert call.to == target.phone
    assert call.value("From") == NUMBER
    assert call.value("Url") == f"{PUBLIC_URL}/api/v1/voice/twiml/{target.id}?call={row.id}"
    assert call.value("StatusCallback") == f"{PUBLIC_URL}/api/v1/voice/webhooks/twilio/status?call={row.id}"
    assert call.value("MachineDetection") == "Enable"
    assert (row.status, row.provider_call_id, row.direction) == (CallStatus.QUEUED, call.sid, "out")
    called = await world.target(target)
    assert (called.state, called.call_sid, called.attempt_count) == (TargetState.CALLING, call.sid, 1)
    assert called.method is Method.VOICE
    assert called.due_at is None
    (decision,) = await world.contacts.decisions(target.id)
    assert (decision.verdict, decision.call_id, decision.voided_at) == ("contact", row.id, None)


async def test_campaign_that_leaves_messages_waits_for_the_tone(world: VoiceWorld) -> None:
    await world.contacts.change_campaign(voicemail_policy="leave_message")
    await world.add_target()
    await world.dial()
    assert world.fake.calls[0].value("MachineDetection") == "DetectMessageEnd"


@pytest.mark.parametrize("why", ["paid", "opted_out", "paused", "night", "not_due"])
async def test_gate_keeps_the_phone_silent(world: VoiceWorld, why: str) -> None:
    target = await world.add_target(owes=why != "paid")
    if why == "paid":
        await world.contacts.owe(target.document, paid=True)
    elif why == "opted_out":
        await world.contacts.write_in(target.phone, account=world.simulator)
        await world.contacts.execute("UPDATE contacts SET opted_out_at = now()")
    elif why == "paused":
        await world.contacts.change_campaign(status=CampaignStatus.PAUSED)
    elif why == "night":
        world.clock.advance(timedelta(hours=12))
    else:
        await world.contacts.execute(f"UPDATE targets SET due_at = due_at + interval '1 hour' WHERE id = '{target.id}'")
    await world.dial()
    assert world.fake.calls == []
    assert await world.calls_of(target) == []


async def test_lost_answer_is_unknown_never_dialed_again_and_flagged(world: VoiceWorld) -> None:
    target = await world.add_target()
    world.fake.program({"accept_then_garbage": True})
    await world.dial()
    assert len(world.fake.calls) == 1
    row = await world.call_of(target)
    assert (row.status, row.provider_call_id) == (CallStatus.UNKNOWN, None)
    resting = await world.target(target)
    assert (resting.state, resting.outcome, resting.due_at) == (TargetState.CONTACTED, TargetOutcome.UNKNOWN, None)
    assert await world.look() == 0
    world.clock.advance(minutes=10)
    assert await world.look() == 1
    assert await world.events() == ["call_outcome_unknown"]
    assert (await world.call_of(target)).flagged_at is not None
    world.clock.advance(days=5)
    assert await world.dial() == 0
    assert await world.look() == 0
    assert len(world.fake.calls) == 1


async def test_lost_answer_is_matched_by_the_callback_and_ends_as_usual(world: VoiceWorld) -> None:
    target = await world.add_target()
    world.fake.program({"accept_then_garbage": True})
    await world.dial()
    (call,) = world.fake.calls
    await world.fake.play(call, world.api.http)
    assert set(call.answers) <= {200, 204}
    row = await world.call_of(target)
    assert (row.status, row.provider_call_id) == (CallStatus.COMPLETED, call.sid)
    await world.look()
    assert (await world.target(target)).outcome is TargetOutcome.ANSWERED


async def test_crash_after_the_claim_leaves_an_unknown_call(world: VoiceWorld) -> None:
    target = await world.add_target()

    class Killed(BaseException):
        pass

    def crash(name: str) -> None:
        if name == "contact.claimed":
            raise Killed

    dead = dialer.make_dialer(world.api.deps)
    dead._failpoint = crash
    with pytest.raises(Killed):
        await dead.contact_due(10)
    assert world.fake.calls == []
    assert (await world.call_of(target)).status is CallStatus.DIALING
    assert await world.look() == 0
    world.clock.advance(minutes=2)
    await world.look()
    assert (await world.call_of(target)).status is CallStatus.UNKNOWN
    resting = await world.target(target)
    assert (resting.state, resting.outcome, resting.due_at) == (TargetState.CONTACTED, TargetOutcome.UNKNOWN, None)
    assert await world.dial() == 0


async def test_invalid_number_is_no_contact_and_the_next_method_follows(world: VoiceWorld) -> None:
    target = await world.add_target()
    world.fake.program({"status": 400, "code": 21217})
    await world.dial()
    next_up = await world.target(target)
    assert (next_up.state, next_up.attempt_count, next_up.due_at) == (TargetState.PENDING, 0, world.clock.now())
    assert next_up.outcome_details["undeliverable"] == ["voice"]
    assert (await world.call_of(target)).status is CallStatus.FAILED
    (decision,) = await world.contacts.decisions(target.id)
    assert decision.voided_at == world.clock.now()
    assert await world.events() == ["call_refused"]


@pytest.mark.parametrize("step", [{"status": 429, "retry_after": 900}, {"status": 503}])
async def test_surely_not_placed_is_voided_and_tried_again_later(world: VoiceWorld, step: dict[str, int]) -> None:
    target = await world.add_target()
    world.fake.program(step)
    await world.dial()
    waiting = await world.target(target)
    assert (waiting.state, waiting.attempt_count) == (TargetState.PENDING, 0)
    assert waiting.due_at is not None
    assert waiting.due_at >= world.clock.now() + timedelta(minutes=15 if step["status"] == 429 else 1)
    (decision,) = await world.contacts.decisions(target.id)
    assert decision.voided_at is not None
    assert await world.events() == []


async def test_refused_account_is_stopped_and_nobody_is_lost(world: VoiceWorld) -> None:
    target = await world.add_target()
    world.fake.program({"status": 401, "code": 20003})
    await world.dial()
    rows = await world.contacts.rows("SELECT status, stopped_reason FROM channel_accounts WHERE medium = 'voice'")
    assert rows == [{"status": "stopped", "stopped_reason": "provider error 20003"}]
    assert (await world.target(target)).state is TargetState.PENDING
    other = await world.add_target(1)
    await world.dial()
    assert world.fake.calls == []
    (decision,) = await world.contacts.decisions(other.id)
    assert (decision.verdict, decision.reason) == ("postpone", "account_stopped")


async def test_many_dialers_call_everybody_once(world: VoiceWorld) -> None:
    for place in range(40):
        await world.add_target(place)
    await asyncio.gather(*(world.dial() for _ in range(4)))
    assert sorted(call.to for call in world.fake.calls) == sorted(phone_of(place) for place in range(40))


async def test_nobody_is_called_on_the_word_of_a_crm_that_is_away(
    database_url: str, clock: FakeClock, fake: TwilioCalls
) -> None:
    service = {"crm_api_url": "http://127.0.0.1:1", "crm_api_key": SecretStr("chave")}
    async with open_voice_world(database_url, clock, fake, service=service) as world:
        target = await world.add_target()
        await world.dial()
        assert fake.calls == []
        (decision,) = await world.contacts.decisions(target.id)
        assert (decision.verdict, decision.reason) == ("postpone", "crm_unavailable")
        after = await world.target(target)
        assert (after.state, after.due_at) == (TargetState.SCHEDULED, clock.now() + timedelta(minutes=5))


async def test_calls_keep_to_the_rate_of_their_number(world: VoiceWorld) -> None:
    await world.contacts.execute("UPDATE channel_accounts SET sends_per_second = 0.05, burst = 2")
    targets = [await world.add_target(place) for place in range(5)]
    await world.dial()
    assert len(world.fake.calls) == 2
    waiting = [row for row in [await world.target(target) for target in targets] if row.state is TargetState.SCHEDULED]
    assert len(waiting) == 3
    slots = sorted(row.due_at for row in waiting if row.due_at is not None)
    assert all(slot > world.clock.now() for slot in slots)
    assert slots[2] - slots[0] >= timedelta(seconds=39)


async def test_whole_call_over_the_network(world: VoiceWorld) -> None:
    """The fake plays by itself against the api on a port of its own, as Twilio would."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(world.api.app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        world.fake.deliver_to = f"http://127.0.0.1:{listener.getsockname()[1]}"
        world.fake.script = Script(keys=("9",))
        target = await world.add_target()
        await world.dial()

        async def has_ended() -> bool:
            return (await world.call_of(target)).status is CallStatus.COMPLETED

        await wait_for("the call has ended", has_ended, seconds=30)
        server.should_exit = True
        await serving
    (call,) = world.fake.calls
    assert call.answers == [204, 204, 204, 200, 200, 204]
    assert (await world.target(target)).outcome is TargetOutcome.OPTED_OUT
