"""ConversationRelay over a real socket: who is let in, what is heard, what is spoken, how it ends (protocols 4.5)."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from domain.call_talk import Hold, ReplyDone, Say, ToolUsed
from server.voice.relay_memory import Replays
from server.voice.relay_talk import Pace
from services.call_desk import CallDesk
from store.calls import CallRow
from tests.fakes.providers import TWILIO_SID
from tests.fakes.scripted_talk import ScriptedCenter, ScriptedSession
from tests.fakes.twilio_calls import TwilioCalls, run_fake_calls
from tests.fakes.twilio_relay import Caller, RelayOffer, dial_in, read_offer, setup_frame
from tests.fakes_clock import FakeClock
from tests.server.test_twilio_voice import post
from tests.voice_world import PREFIX, VoiceWorld, open_voice_world

GREETING = "Olá! Aqui é Lia. Falo com Maria?"


@pytest.fixture(scope="module")
def fake() -> Iterator[TwilioCalls]:
    with run_fake_calls() as running:
        yield running


@dataclass
class Line:
    """A phone that rings, and the api that it reaches."""

    world: VoiceWorld
    base_url: str
    center: ScriptedCenter
    call: CallRow
    offer: RelayOffer

    @property
    def session(self) -> ScriptedSession:
        return self.center.sessions[-1]

    @property
    def sid(self) -> str:
        return self.call.provider_call_id or ""

    def dial(self, **options: Any) -> Any:
        return dial_in(self.base_url, self.offer, self.sid, **options)

    def pace(self, **changes: float) -> None:
        # A busy machine may take longer to tell again than Twilio does.
        self.world.api.app.state.relay_pace = Pace(**({"replay_seconds": 60.0} | changes))

    async def state(self, column: str) -> Any:
        (row,) = await self.world.contacts.rows(f"SELECT {column} AS value FROM calls WHERE id = '{self.call.id}'")
        return row["value"]


@pytest.fixture
async def line(database_url: str, clock: FakeClock, fake: TwilioCalls) -> AsyncIterator[Line]:
    fake.calls.clear()
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(open_voice_world(database_url, clock, fake, account={}))
        center = ScriptedCenter(desk=CallDesk(world.api.database, clock))
        world.api.app.state.calls = center
        target = await world.add_target()
        await world.dial()
        call = await world.call_of(target)
        fields = {"CallSid": call.provider_call_id or "", "AccountSid": TWILIO_SID, "CallStatus": "in-progress"}
        answer = await post(world, f"{PREFIX}/twiml/{target.id}?call={call.id}", fields)
        offer = read_offer(answer.content)
        assert offer is not None
        base_url = await stack.enter_async_context(world.served())
        line = Line(world=world, base_url=base_url, center=center, call=call, offer=offer)
        line.pace()
        yield line


# --- a talk


async def test_customer_and_agent_talk(line: Line) -> None:
    async with line.dial() as caller:
        assert await caller.reply() == GREETING
        await caller.say("sim, sou eu")
        assert await caller.reply() == "Você disse: sim, sou eu."
        await caller.say("quero pagar na sexta")
        assert await caller.reply() == "Você disse: quero pagar na sexta."
        await caller.hang_up()
        await line.session.until("close")
    assert [told for told in line.session.told if told[0] == "hear"] == [
        ("hear", "sim, sou eu", 1), ("hear", "quero pagar na sexta", 2),
    ]  # fmt: skip
    assert len(set(line.session.keys)) == 2
    assert line.session.opened.call.id == line.call.id


async def test_sentences_are_spoken_one_by_one_and_the_cycle_is_closed(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        tokens = [frame["token"] for frame in caller.frames]
        assert tokens == ["Olá! Aqui é Lia. ", "Falo com Maria? ", ""]
        assert [frame["last"] for frame in caller.frames] == [False, False, True]


async def test_sentence_that_must_be_heard_cannot_be_interrupted(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        line.session.queue.put_nowait(Say(reply=0, text="Atenção.", is_interruptible=False))
        line.session.queue.put_nowait(ToolUsed(reply=0, tool_call_id="1", name="consultar_faturas_cpf"))
        line.session.queue.put_nowait(ReplyDone(reply=0))
        assert await caller.reply() == "Atenção."
        assert caller.frames[-2]["interruptible"] is False


async def test_partial_words_are_not_answered(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        await caller.begin_to_say("quero")
        await caller.begin_to_say("quero pagar")
        await caller.say("quero pagar na sexta")
        await caller.reply()
    assert line.session.heard == ["quero pagar na sexta"]


async def test_interruption_tells_what_was_heard_and_silences_the_rest(line: Line) -> None:
    def at_length(session: ScriptedSession, text: str, reply: int) -> None:
        session.queue.put_nowait(Say(reply=reply, text="São duas faturas."))

    line.center.answer = at_length
    async with line.dial() as caller:
        await caller.reply()
        await caller.token()
        await caller.token()
        await caller.say("quanto devo?")
        assert await caller.token() == "São duas faturas. "
        await caller.interrupt("São duas")
        assert await caller.reply() == "São duas faturas."  # the cycle is closed
        await line.session.until("cut", "São duas")
        line.session.queue.put_nowait(Say(reply=1, text="A primeira venceu em maio."))
        line.session.queue.put_nowait(ReplyDone(reply=1, then="hang_up"))
        line.session.say("Pode falar.", reply=2)
        assert await caller.reply() == "Pode falar."
        assert "maio" not in json.dumps(caller.frames)
        assert caller.end_frame is None


async def test_answer_that_is_no_longer_wanted_is_not_spoken(line: Line) -> None:
    def slow(session: ScriptedSession, text: str, reply: int) -> None:
        if text == "sexta":
            session.say("Antiga.", reply=reply - 1, then="hang_up")
            session.say("Sexta, combinado.", reply=reply)

    line.center.answer = slow
    async with line.dial() as caller:
        await caller.reply()
        await caller.say("quinta")
        await caller.say("sexta")
        assert await caller.reply() == "Sexta, combinado."
        assert caller.end_frame is None


async def test_pressed_keys_are_told_one_by_one(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        await caller.press("52#")
        await line.session.until("press", "#")
    assert [told for told in line.session.told if told[0] == "press"] == [
        ("press", "5"),
        ("press", "2"),
        ("press", "#"),
    ]


async def test_silence_is_asked_about_once_the_voice_is_silent(line: Line) -> None:
    line.pace(silence_seconds=0.05, voice_delay_seconds=0.01, characters_per_second=10_000)
    async with line.dial() as caller:
        assert await caller.reply() == GREETING
        assert await caller.reply() == "Você ainda está na linha?"
        await line.session.until("remind", 1)


async def test_nobody_is_asked_whether_they_are_there_while_the_answer_is_made(line: Line) -> None:
    line.center.answer = lambda session, text, reply: None
    async with line.dial() as caller:
        await caller.reply()
        line.pace(silence_seconds=0.05)
        await caller.say("um momento")
        await line.session.until("hear", "um momento", 1)
        await caller.send({"type": "info", "name": "agentSpeaking", "value": "off"})
        line.session.say("Pronto.", reply=1)
        assert await caller.reply() == "Pronto."
    assert not [told for told in line.session.told if told[0] == "remind"]


# --- the line's own manners


async def set_line(line: Line, **settings: str) -> None:
    """Give the number these settings."""
    await line.world.contacts.execute(
        f"UPDATE channel_accounts SET settings = settings || '{json.dumps(settings)}' WHERE provider = 'twilio_voice'"
    )
    line.world.api.deps.accounts.forget()


SOUND = "https://sons.exemplo.com.br/espera.mp3"
WAIT = "Só um instante, estou consultando aqui."


async def test_sound_is_played_after_the_request_for_patience_until_the_answer(line: Line) -> None:
    await set_line(line, holding_sound_url=SOUND)
    line.center.answer = lambda session, text, reply: session.queue.put_nowait(Hold(reply=reply, text=WAIT))
    async with line.dial() as caller:
        await caller.reply()
        await caller.say("quanto devo?")
        assert await caller.reply() == WAIT
        sound = await caller.sound()
        assert sound == {"type": "play", "source": SOUND, "preemptible": True, "interruptible": True}
        held = next(frame for frame in caller.frames if frame.get("token") == f"{WAIT} ")
        assert held["preemptible"] is False  # the answer takes the place of the sound, not of the sentence
        line.session.say("São duas faturas.", reply=1)
        assert await caller.reply() == "São duas faturas."
        assert "preemptible" not in caller.frames[-2]


async def test_request_for_patience_is_the_beginning_of_the_answer_where_no_sound_is_set(line: Line) -> None:
    await set_line(line, holding_sound_url="http://sons.exemplo.com.br/espera.mp3")  # Twilio takes https alone

    def patient(session: ScriptedSession, text: str, reply: int) -> None:
        session.queue.put_nowait(Hold(reply=reply, text=WAIT))
        session.say("São duas faturas.", reply=reply)

    line.center.answer = patient
    async with line.dial() as caller:
        await caller.reply()
        await caller.say("quanto devo?")
        assert await caller.reply() == f"{WAIT} São duas faturas."
        assert caller.sounds.empty()


async def test_customer_who_speaks_into_the_sound_silences_the_answer_that_was_waited_for(line: Line) -> None:
    await set_line(line, holding_sound_url=SOUND)

    def slow(session: ScriptedSession, text: str, reply: int) -> None:
        if text == "quanto devo?":
            session.queue.put_nowait(Hold(reply=reply, text=WAIT))
        else:
            session.say("Pois não?", reply=reply)

    line.center.answer = slow
    async with line.dial() as caller:
        await caller.reply()
        await caller.say("quanto devo?")
        await caller.sound()
        await caller.interrupt(WAIT)
        await line.session.until("cut", WAIT)
        line.session.say("São duas faturas.", reply=1)
        await caller.say("deixa pra lá")
        assert [await caller.reply() for _ in range(2)] == [WAIT, "Pois não?"]
        assert "faturas" not in json.dumps(caller.frames)


async def test_line_listens_in_the_language_its_settings_name(line: Line) -> None:
    await set_line(line, transcription_language="multi")
    async with line.dial() as caller:
        await caller.reply()
        assert caller.frames[0] == {"type": "language", "ttsLanguage": "pt-BR", "transcriptionLanguage": "multi"}
        await caller.say("sim", language="multi")
        await caller.reply()
        assert len(caller.languages) == 1


async def test_line_is_set_back_when_another_language_was_heard(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        for text, language in (("sim", "pt-BR"), ("sim", "pt"), ("hello", "en-US"), ("hello?", "en-US"),
                               ("oi", "pt-BR"), ("olá", "pt-PT"), ("oi", "javascript:alert(1)")):  # fmt: skip
            await caller.say(text, language=language)
            assert await caller.reply() == f"Você disse: {text}."
        portuguese = {"type": "language", "ttsLanguage": "pt-BR", "transcriptionLanguage": "pt-BR"}
        assert caller.languages == [portuguese] * 2  # once for English, once for Portugal's


# --- how it ends


async def test_agent_hangs_up_after_its_last_word(line: Line) -> None:
    line.pace(breath_seconds=0.01)
    line.center.answer = lambda session, text, reply: session.say("Até logo!", reply=reply, then="hang_up")
    async with line.dial() as caller:
        await caller.reply()
        await caller.say("tchau")
        assert await caller.reply() == "Até logo!"
        assert await caller.is_ended() == {"type": "end"}
        await line.session.until("close")


async def test_goodbye_waits_for_a_voice_that_nobody_tells_of(line: Line) -> None:
    """Without playback events the length of the words says when they are spoken."""
    line.pace(breath_seconds=0.01, voice_delay_seconds=0.01, characters_per_second=1000)
    line.center.answer = lambda session, text, reply: session.say("Até logo!", reply=reply, then="hang_up")
    async with line.dial(tells_playback=False) as caller:
        await caller.reply()
        await caller.say("tchau")
        assert await caller.is_ended() == {"type": "end"}


async def test_customer_who_speaks_into_the_goodbye_is_listened_to(line: Line) -> None:
    line.pace(voice_delay_seconds=60)

    def bye(session: ScriptedSession, text: str, reply: int) -> None:
        session.say(
            "Até logo!" if text == "tchau" else "Claro.", reply=reply, then="hang_up" if text == "tchau" else "listen"
        )

    line.center.answer = bye
    async with line.dial(tells_playback=False) as caller:
        await caller.reply()
        await caller.say("tchau")
        await caller.reply()
        await caller.interrupt("Até")
        await caller.say("espera, mais uma coisa")
        assert await caller.reply() == "Claro."
        assert caller.end_frame is None
        assert ("cut", "Até") in line.session.told


async def test_transfer_names_the_number_and_nothing_else(line: Line) -> None:
    line.pace(breath_seconds=0.01)
    line.center.answer = lambda session, text, reply: session.say(
        "Vou transferir.", reply=reply, then="transfer", transfer_to="+551140009999", whisper="Cliente Maria"
    )
    async with line.dial() as caller:
        await caller.reply()
        await caller.say("quero uma pessoa")
        frame = await caller.is_ended()
    assert json.loads(frame["handoffData"]) == {"reasonCode": "live-agent-handoff", "transferTo": "+551140009999"}
    assert "Maria" not in json.dumps(frame)


async def test_words_after_the_end_are_not_taken(line: Line) -> None:
    line.pace(breath_seconds=0.01)
    line.center.answer = lambda session, text, reply: session.say("Até logo!", reply=reply, then="hang_up")
    async with line.dial() as caller:
        await caller.reply()
        await caller.say("tchau")
        await caller.is_ended()
        await line.session.until("close")
    assert line.session.heard == ["tchau"]


# --- reconnects


async def test_socket_that_dies_is_followed_by_another_without_a_second_greeting(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        await caller.say("sim, sou eu")
        await caller.reply()
        caller.die()
        first = line.session
        async with line.dial() as again:
            await again.replay(caller.sent)
            await again.say("quero pagar")
            assert await again.reply() == "Você disse: quero pagar."
            await first.until("close")
    assert line.session is not first
    assert line.session.heard == ["quero pagar"]
    assert not set(first.keys) & set(line.session.keys)


async def test_what_was_said_during_the_drop_is_heard(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        for text in ("sim", "meu nome é Maria", "sim"):
            await caller.say(text)
            await caller.reply()
        caller.die()
        async with line.dial() as again:
            await again.replay(caller.sent[1:])  # the last two, told again
            await again.say("pode falar")
            assert await again.reply() == "Você disse: pode falar."
            await again.say("sim")
            assert await again.reply() == "Você disse: sim."
    assert line.session.heard == ["pode falar", "sim"]


async def said_before(line: Line, *lines: tuple[str, str]) -> None:
    """Write what was said in the call by another process: direction and words."""
    for place, (direction, text) in enumerate(lines):
        author, status = ("customer", "NULL") if direction == "in" else ("agent", "'sent'")
        known = f"id || ':velho:{place}'" if direction == "in" else "NULL"
        now = f"'{line.world.clock.now().isoformat()}'"
        await line.world.contacts.execute(
            "INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text,"
            " content, sent_at, created_at, provider_message_id, call_id, status)"
            f" SELECT tenant_id, gen_random_uuid(), conversation_id, channel_account_id, '{direction}', '{author}',"
            f" 'text', '{text}', '{{}}', {now}, {now}, {known}, id, {status} FROM calls WHERE id = '{line.call.id}'"
        )


async def lose(line: Line, caller: Caller) -> None:
    """Let the socket die, and the process with it."""
    caller.die()
    await line.session.until("close")
    del line.world.api.app.state.relay_sockets


async def test_replay_is_recognised_by_another_process_too(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        await said_before(line, ("in", "sim, sou eu"), ("out", "Certo!"))
        line.world.clock.advance(seconds=30)  # there was time to speak it
        await lose(line, caller)
        async with line.dial() as again:
            await again.say("sim, sou eu")
            await again.say("quero pagar")
            assert await again.reply() == "Você disse: quero pagar."
    assert line.session.heard == ["quero pagar"]


async def test_answer_that_a_lost_process_had_no_time_to_speak_is_asked_for_again(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        await said_before(line, ("in", "sim, pode registrar"), ("out", "Combinado! Registrei para sexta-feira."))
        line.world.clock.advance(seconds=1)
        await lose(line, caller)
        async with line.dial() as again:
            await again.say("sim, pode registrar")  # told again by Twilio
            assert await again.reply() == "Você disse: sim, pode registrar."
    assert line.session.keys == ["velho:0"]


async def test_what_a_lost_process_did_not_answer_is_answered_under_its_own_key(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        await said_before(line, ("in", "sim"), ("out", "Certo!"), ("in", "quanto devo?"))
        await lose(line, caller)
        async with line.dial() as again:
            await again.say("quanto devo?")  # told again by Twilio
            assert await again.reply() == "Você disse: quanto devo?."
    assert line.session.heard == ["quanto devo?"]
    assert line.session.keys == ["velho:2"]


async def test_answer_that_was_lost_with_its_socket_is_made_again(line: Line) -> None:
    line.center.answer = lambda session, text, reply: None
    async with line.dial() as caller:
        await caller.reply()
        await caller.say("quanto devo?")
        await line.session.until("hear", "quanto devo?", 1)
        (key,) = line.session.keys
        caller.die()
        line.center.answer = lambda session, text, reply: session.say("Uma fatura.", reply=reply)
        async with line.dial() as again:
            assert await again.reply() == "Uma fatura."
            assert line.session.keys == [key]


async def test_goodbye_that_was_lost_with_its_socket_still_ends_the_call(line: Line) -> None:
    line.pace(voice_delay_seconds=60, breath_seconds=0.01)
    line.center.answer = lambda session, text, reply: session.say(
        "Vou transferir.", reply=reply, then="transfer", transfer_to="+551140009999"
    )
    async with line.dial(tells_playback=False) as caller:
        await caller.reply()
        await caller.say("quero uma pessoa")
        await caller.reply()
        caller.die()
        async with line.dial() as again:
            assert "handoffData" in await again.is_ended()
    assert line.session.heard == []


async def test_silence_after_a_reconnect_is_asked_about(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        caller.die()
        line.pace(silence_seconds=0.05)
        async with line.dial() as again:
            assert await again.reply() == "Você ainda está na linha?"


async def test_newer_socket_takes_the_place_of_one_that_still_lives(line: Line) -> None:
    async with line.dial() as first:
        await first.reply()
        async with line.dial() as second:
            await second.say("alô")
            assert await second.reply() == "Você disse: alô."
            assert await first.gone() == 1000
            assert line.center.sessions[0].is_closed
            assert not line.center.sessions[1].is_closed


def test_replays_are_the_last_things_heard_in_their_order() -> None:
    heard = [("prompt", "sim"), ("prompt", "sexta"), ("prompt", "sim")]
    replays = Replays(heard, until=10)
    assert replays.is_repeat(("prompt", "sexta"), now=1)
    assert replays.is_repeat(("prompt", "sim"), now=1)
    assert not replays.is_repeat(("prompt", "sim"), now=1)  # nothing follows: it was said again
    assert not replays.is_repeat(("prompt", "sexta"), now=1)
    assert not Replays(heard, until=10).is_repeat(("prompt", "sim"), now=11)
    assert not Replays([], until=10).is_repeat(("prompt", "sim"), now=1)
    mixed = Replays(heard, until=10)
    assert not mixed.is_repeat(("dtmf", "sim"), now=1)


# --- who is let in


@pytest.mark.parametrize("wrong", ["token", "no_token", "call", "sid", "no_parameters", "other_call"])
async def test_socket_without_our_parameters_is_refused(line: Line, wrong: str) -> None:
    line.pace(setup_seconds=0.2)
    given = dict(line.offer.parameters)
    sid = line.sid
    match wrong:
        case "token":
            given["token"] = "0" * 64
        case "no_token":
            del given["token"]
        case "call":
            given["callId"] = "' OR 1=1"
        case "other_call":
            given["callId"] = str(uuid4())
        case "sid":
            sid = "CA" + "0" * 32
        case _:
            given = {}
    async with line.dial(is_set_up=False) as caller:
        await caller.send(setup_frame(line.offer, sid, customParameters=given))
        assert await caller.gone() == 1008
    assert line.center.sessions == []


async def test_socket_with_a_wrong_signature_is_refused(line: Line) -> None:
    async with line.dial(token="falso") as caller:
        assert await caller.gone() == 1008
    assert line.center.sessions == []


async def test_socket_that_says_nothing_is_closed(line: Line) -> None:
    line.pace(setup_seconds=0.05)
    async with line.dial(is_set_up=False) as caller:
        assert await caller.gone() == 1008


async def test_frames_before_the_setup_say_nothing(line: Line) -> None:
    async with line.dial(is_set_up=False) as caller:
        await caller.say("quero pagar")
        for odd in ("x", "[]", b"\x00\xff", '{"type":"setup"}', "{" * 70_000):
            await caller.send_raw(odd)
        await caller.setup(customParameters={"callId": "x"})
        await caller.setup()
        assert await caller.reply() == GREETING
    assert line.session.heard == []


async def test_endless_frames_before_the_setup_are_not_listened_to(line: Line) -> None:
    async with line.dial(is_set_up=False) as caller:
        for _ in range(30):
            await caller.send_raw("x")
        assert await caller.gone() == 1008


@pytest.mark.parametrize(("column", "value"), [("status", "completed"), ("answered_by", "machine_start")])
async def test_call_that_is_over_or_a_machine_gets_no_agent(line: Line, column: str, value: str) -> None:
    await line.world.contacts.execute(f"UPDATE calls SET {column} = '{value}'")
    async with line.dial() as caller:
        assert await caller.is_ended() == {"type": "end"}
    assert line.center.sessions == []


# --- odd frames, faults


async def test_unknown_and_odd_frames_do_not_disturb_the_talk(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        for odd in (
            "nonsense", '{"type":"configUpdated"}', '{"type":"dtmf","digit":"99"}', '{"type":"prompt"}',
            '{"type":"prompt","voicePrompt":"","last":true}', '{"type":"prompt","voicePrompt":7,"last":"x"}',
            '{"type":"error","description":"Invalid message received: {\\"cpf\\":\\"52998224725\\"}"}',
            '{"type":"info","name":"roundTripDelayMs","value":12}', "{" * 70_000,
        ):  # fmt: skip
            await caller.send_raw(odd)
        await caller.say("oi")
        replies = [await caller.reply(), await caller.reply()]
        assert "Você disse: oi." in replies


async def test_malformed_frames_without_end_close_the_socket(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        for _ in range(10):
            await caller.send_raw("{")
        assert await caller.gone() == 1007
        await line.session.until("close")


async def test_binary_frames_close_the_socket(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        for _ in range(10):
            await caller.send_raw(b"\xff\x00")
        assert await caller.gone() == 1007


async def test_huge_frames_close_the_socket(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        for _ in range(4):
            await caller.send_raw("x" * 100_000)
        assert await caller.gone() == 1009


async def test_fault_inside_closes_so_that_twilio_comes_back(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        line.session.fault = RuntimeError("boom")
        await caller.say("oi")
        assert await caller.gone() == 1011
        await line.session.until("close")
    line.center.fault = psycopg.OperationalError("away")
    async with line.dial() as caller:
        assert await caller.gone() == 1013


async def test_session_that_is_over_by_itself_closes_the_socket(line: Line) -> None:
    async with line.dial() as caller:
        await caller.reply()
        line.session.queue.put_nowait(None)
        assert await caller.gone() == 1011


async def test_server_that_stops_lets_twilio_reconnect_elsewhere(line: Line) -> None:
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(line.world.served())
        async with dial_in(other, line.offer, line.sid) as caller:
            await caller.reply()
            await stack.aclose()
            assert await caller.gone() == 1012
    await line.session.until("close")
    async with line.dial() as again:
        await again.say("voltei")
        assert await again.reply() == "Você disse: voltei."


async def test_customer_who_interrupts_every_sentence_is_always_heard(line: Line) -> None:
    async with line.dial() as caller:
        await caller.token()
        for turn in range(15):
            await caller.interrupt("Olá")
            await caller.say(f"não {turn}")
        while True:
            if await caller.reply() == "Você disse: não 14.":
                break
    assert line.session.heard == [f"não {turn}" for turn in range(15)]
    assert len(set(line.session.keys)) == 15
