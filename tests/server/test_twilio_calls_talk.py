"""Whole calls through Twilio on the real graph: dialed, answered, talked, ended, as Twilio plays them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from channels import twilio_twiml
from domain.call_greetings import HOLDING
from domain.calls import CallStatus
from domain.campaigns import TargetOutcome, TargetState
from server.voice.relay_talk import Pace
from store.calls import CallRow
from tests.fakes.providers import TWILIO_SID
from tests.fakes.slow_crm import serve_slow_crm
from tests.fakes.twilio_calls import Script, TwilioCalls, run_fake_calls
from tests.fakes.twilio_relay import RelayOffer, dial_in, read_offer
from tests.fakes_clock import FakeClock
from tests.server.test_twilio_voice import post
from tests.system.stack import wait_for
from tests.voice_world import PREFIX, VoiceWorld, open_voice_world


@pytest.fixture(scope="module")
def fake_server() -> Iterator[TwilioCalls]:
    with run_fake_calls() as running:
        yield running


@pytest.fixture
def fake(fake_server: TwilioCalls) -> TwilioCalls:
    fake_server.calls.clear()
    fake_server.script = Script()
    return fake_server


@asynccontextmanager
async def talking(world: VoiceWorld) -> AsyncIterator[None]:
    """Let Twilio play the world's calls against a real port, where the api's own agents answer."""
    world.api.app.state.relay_pace = Pace(breath_seconds=0.01)
    async with world.served() as base_url:
        world.fake.deliver_to = base_url
        try:
            yield
        finally:
            world.fake.deliver_to = None


async def ended(world: VoiceWorld) -> None:
    """Wait until Twilio has told the end of every call that it plays."""

    async def is_over() -> bool:
        return bool(world.fake.calls) and not world.fake.tasks

    await wait_for("the calls have ended", is_over, seconds=40)


async def answered(world: VoiceWorld) -> tuple[CallRow, RelayOffer]:
    """Dial a debtor who picks up; give the call and what Twilio is told to connect it to."""
    target = await world.add_target()
    await world.dial()
    call = await world.call_of(target)
    fields = {"CallSid": call.provider_call_id or "", "AccountSid": TWILIO_SID, "CallStatus": "in-progress"}
    answer = await post(world, f"{PREFIX}/twiml/{target.id}?call={call.id}", fields)
    offer = read_offer(answer.content)
    assert offer is not None
    return call, offer


async def test_campaign_call_ends_with_a_promise(database_url: str, clock: FakeClock, fake: TwilioCalls) -> None:
    async with open_voice_world(database_url, clock, fake, account={}) as world, talking(world):
        fake.script = Script(
            words=("sim, sou eu", "529 982 247 25", "pago na sexta-feira", "sim, confirmo", "não, obrigada, tchau")
        )
        target = await world.add_target()
        await world.dial()
        await ended(world)
        (call,) = fake.calls
        assert call.answers == [204, 204, 204, 200, 200, 204]
        assert call.is_hung_up
        row = await world.call_of(target)
        promises = await world.contacts.rows("SELECT document, status, amount_cents FROM promises")
        said = await world.contacts.rows(
            f"SELECT direction, text FROM messages WHERE call_id = '{row.id}' ORDER BY seq"
        )
    assert row.status is CallStatus.COMPLETED
    assert row.conversation_id is not None
    assert promises == [{"document": "52998224725", "status": "pending", "amount_cents": 11990}]
    assert [line["text"] for line in said if line["direction"] == "in"] == list(fake.script.words)
    before_identity = " ".join(call.heard[:2]).casefold()
    assert not any(word in before_identity for word in ("fatura", "dívida", "débito", "r$", "reais", "atraso"))
    assert not any("52998224725" in text or "529" in text for text in call.heard)


async def test_caller_who_wants_a_person_is_put_through_with_a_whisper(
    database_url: str, clock: FakeClock, fake: TwilioCalls
) -> None:
    account = {"transfer_number": "+551140009999"}
    async with open_voice_world(database_url, clock, fake, account=account) as world, talking(world):
        fake.script = Script(words=("sim", "quero falar com um atendente"))
        target = await world.add_target()
        await world.dial()
        await ended(world)
        row = await world.call_of(target)
    (call,) = fake.calls
    assert len(call.whispered) == 1
    assert call.whispered[0].startswith("Cliente Maria")
    assert "52998224725" not in call.whispered[0]
    assert row.transferred_to == "+551140009999"
    assert call.answers == [204, 204, 204, 200, 200, 200, 204]


async def test_inbound_call_is_answered_by_the_same_agent(
    database_url: str, clock: FakeClock, fake: TwilioCalls
) -> None:
    async with open_voice_world(database_url, clock, fake, account={}) as world, talking(world):
        base_url = fake.deliver_to or ""
        script = Script(words=("oi, boa tarde", "tchau, obrigada"))
        call = await fake.call_in(world.contacts.account.webhook_key, script, base_url=base_url)
        (row,) = await world.contacts.rows("SELECT direction, purpose, status, phone, conversation_id FROM calls")
    assert (row["direction"], row["purpose"], row["status"]) == ("in", "inbound", "completed")
    assert row["conversation_id"] is not None
    assert "assistente virtual da TR Telecom" in call.heard[0]
    assert call.is_hung_up


async def test_machine_found_while_the_agent_speaks_loses_the_agent(
    database_url: str, clock: FakeClock, fake: TwilioCalls
) -> None:
    async with open_voice_world(database_url, clock, fake, account={}) as world, talking(world):
        fake.script = Script(words=("deixe seu recado após o sinal",), found="machine_start")
        target = await world.add_target()
        await world.dial()
        await ended(world)
        (call,) = fake.calls
        assert call.instructed == [twilio_twiml.end()]
        await world.look()
        assert (await world.target(target)).outcome is TargetOutcome.VOICEMAIL
        assert (await world.target(target)).state is TargetState.PENDING
    assert "fatura" not in " ".join(call.heard)


async def test_promise_is_kept_once_when_the_socket_dies_after_the_yes(
    database_url: str, clock: FakeClock, fake: TwilioCalls
) -> None:
    """Whatever was done when the socket died, and though Twilio tells the yes again: one promise, one answer."""
    async with open_voice_world(database_url, clock, fake, account={}) as world, talking(world):
        base_url, fake.deliver_to = fake.deliver_to or "", None
        call, offer = await answered(world)
        sid = call.provider_call_id or ""
        async with dial_in(base_url, offer, sid) as caller:
            await caller.reply()
            for words in ("sim, sou eu", "529 982 247 25", "pago na sexta-feira"):
                await caller.say(words)
                await caller.reply()
            await caller.say("sim, confirmo")
            caller.die()
            async with dial_in(base_url, offer, sid) as again:
                await again.replay(caller.sent[-2:])
                told = await again.reply()
                await again.say("não, obrigada, tchau")
                await again.is_ended()
        promises = await world.contacts.rows("SELECT amount_cents FROM promises")
        said = await world.contacts.rows(
            f"SELECT text FROM messages WHERE call_id = '{call.id}' AND direction = 'in' ORDER BY seq"
        )
    assert promises == [{"amount_cents": 11990}]
    assert told
    assert [row["text"] for row in said] == [
        "sim, sou eu", "529 982 247 25", "pago na sexta-feira", "sim, confirmo", "não, obrigada, tchau",
    ]  # fmt: skip


async def test_identity_is_not_asked_again_by_the_process_that_takes_over(
    database_url: str, clock: FakeClock, fake: TwilioCalls
) -> None:
    async with open_voice_world(database_url, clock, fake, account={}) as world, talking(world):
        base_url, fake.deliver_to = fake.deliver_to or "", None
        call, offer = await answered(world)
        sid = call.provider_call_id or ""
        async with dial_in(base_url, offer, sid) as caller:
            await caller.reply()
            for words in ("sim, sou eu", "529 982 247 25"):
                await caller.say(words)
                await caller.reply()
            caller.die()
        del world.api.app.state.relay_sockets  # as in a process that has just begun
        world.clock.advance(seconds=30)  # all was heard
        async with dial_in(base_url, offer, sid) as again:
            await again.say("pago na sexta-feira")
            reply = await again.reply()
    assert "sexta-feira" in reply
    assert "CPF" not in reply


async def test_slow_tool_is_bridged_by_words_and_a_sound(
    database_url: str, clock: FakeClock, fake: TwilioCalls
) -> None:
    sound = "https://sons.exemplo.com.br/espera.mp3"
    async with serve_slow_crm() as crm, open_voice_world(
        database_url, clock, fake, account={"holding_sound_url": sound},
        service={"crm_api_url": crm.url, "crm_api_key": SecretStr("chave")},
    ) as world, world.served() as base_url:  # fmt: skip
        world.api.app.state.calls.holding_seconds = 0.05
        call, offer = await answered(world)
        async with dial_in(base_url, offer, call.provider_call_id or "") as caller:
            await caller.reply()
            await caller.say("sim, quero ver minha fatura")
            await caller.reply()
            crm.hold()
            asked = crm.asked
            await caller.say("529 982 247 25")
            assert await caller.reply() == HOLDING[0]
            assert (await caller.sound())["source"] == sound
            await crm.until_asked(asked + 1)  # the words may overtake the question
            crm.release()
            answer = await caller.reply()
            assert "duzentos e trinta e nove reais" in answer
        said = await world.contacts.rows("SELECT text FROM messages WHERE direction = 'out' ORDER BY seq DESC LIMIT 1")
        assert said == [{"text": f"{HOLDING[0]} {answer}"}]
