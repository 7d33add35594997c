"""A call whose agent is OpenAI Realtime, over real sockets on both sides, with our own tools, rules and rows."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import SecretStr, ValidationError
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import connect

from agents.prompts import Prompts
from channels.media_streams import (
    KeyPressed,
    MalformedFrame,
    MarkPassed,
    Sound,
    StreamStarted,
    StreamStopped,
    clear_frame,
    mark_frame,
    read_frame,
    sound_frame,
)
from channels.openai_realtime import read_event
from domain import call_greetings
from graphs.realtime_brain import open_brain
from graphs.realtime_bridge import CHECKING, WHO_SPEAKS
from graphs.realtime_parts import Pace
from services.call_desk import Arrival, CallDesk
from store.calls import CallRow
from tests.contact_world import document_of
from tests.fakes.media_streams import Caller, ring_in
from tests.fakes.openai_realtime import KEY, Answer, FakeRealtime, run_fake_realtime, voice_of
from tests.fakes.providers import TWILIO_SID, TWILIO_TOKEN
from tests.fakes.twilio_calls import TwilioCalls, run_fake_calls
from tests.fakes_clock import FakeClock
from tests.server.conftest import PAYLOADS, PUBLIC_URL, make_settings
from tests.server.test_twilio_voice import post
from tests.voice_world import PREFIX, VoiceWorld, open_voice_world

PATH = f"{PREFIX}/twilio/media"
LOOK_UP = ("consultar_faturas_cpf", {"cpf_cnpj": document_of(0)})
PROMISE = (
    "registrar_promessa_pagamento",
    {"cpf_cnpj": "confirmado", "data_prevista_pagamento": "27/11/2026", "valor_prometido": "R$ 119,90"},
)
END = ("encerrar_ligacao", {"motivo": "combinado"})


@pytest.fixture(scope="module")
def twilio() -> Iterator[TwilioCalls]:
    with run_fake_calls() as running:
        yield running


@dataclass(kw_only=True)
class Line:
    """A phone that somebody has picked up, and the api that its sound goes to."""

    world: VoiceWorld
    voice: FakeRealtime
    base_url: str
    call: CallRow
    parameters: dict[str, str]

    @property
    def sid(self) -> str:
        return self.call.provider_call_id or ""

    @property
    def url(self) -> str:
        return f"ws{self.base_url.removeprefix('http')}{PATH}"

    @asynccontextmanager
    async def ring(self, *, call_sid: str | None = None, **parameters: str) -> AsyncIterator[Caller]:
        """Connect the call's stream; parameters of this name instead of those of our TwiML."""
        given = self.parameters | parameters
        async with ring_in(self.url, call_sid=call_sid or self.sid, parameters=given) as caller:
            await caller.begin()
            yield caller

    async def rows(self, query: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.world.contacts.rows(query)]

    async def history(self) -> list[tuple[str, str]]:
        rows = await self.rows(f"SELECT direction, text FROM messages WHERE call_id = '{self.call.id}' ORDER BY seq")
        return [(row["direction"], row["text"]) for row in rows]


@asynccontextmanager
async def open_line(
    database_url: str, clock: FakeClock, twilio: TwilioCalls, *, has_key: bool = True, **account: str
) -> AsyncIterator[Line]:
    twilio.calls.clear()
    async with AsyncExitStack() as stack:
        voice = await stack.enter_async_context(run_fake_realtime())
        service: dict[str, Any] = {"openai_realtime_url": voice.url}
        service |= {"openai_api_key": SecretStr(KEY)} if has_key else {}
        world = await stack.enter_async_context(
            open_voice_world(database_url, clock, twilio, service=service, account={"talk": "realtime", **account})
        )
        target = await world.add_target()
        await world.dial()
        call = await world.call_of(target)
        fields = {"CallSid": call.provider_call_id or "", "AccountSid": TWILIO_SID, "CallStatus": "in-progress"}
        answer = await post(world, f"{PREFIX}/twiml/{target.id}?call={call.id}", fields)
        stream = ElementTree.fromstring(answer.content).find("Connect/Stream")  # our own answer
        assert stream is not None
        assert stream.attrib["url"] == f"wss{PUBLIC_URL.removeprefix('https')}{PATH}"
        base_url = await stack.enter_async_context(world.served())
        yield Line(
            world=world, voice=voice, base_url=base_url, call=call,
            parameters={one.attrib["name"]: one.attrib["value"] for one in stream.iter("Parameter")},
        )  # fmt: skip
        assert voice.problems == []


@pytest.fixture
async def line(database_url: str, clock: FakeClock, twilio: TwilioCalls) -> AsyncIterator[Line]:
    async with open_line(database_url, clock, twilio) as opened:
        yield opened


def greeting(line: Line) -> str:
    (text,) = [text for text in line.voice.texts.values() if "assistente virtual" in text]
    return text


async def greeted(line: Line, caller: Caller) -> str:
    """Hear the greeting whole; give it."""
    await line.voice.until("response.create")
    while not line.voice.texts:
        await line.voice.session.news()
    text = greeting(line)
    await caller.until_heard(voice_of(text))
    return text


# --- the talk


async def test_negotiation_by_voice_stores_one_promise_and_everything_that_was_said(line: Line) -> None:
    line.voice.program(
        Answer(text="Um instante, por favor.", calls=(LOOK_UP,)),
        "Achei, Maria. Há uma fatura em aberto de R$ 119,90. Quando você consegue pagar?",
        Answer(text="Deixa eu anotar.", calls=(PROMISE,)),
        "Então fica R$ 119,90 na sexta-feira, dia 27 de novembro. Posso confirmar?",
        Answer(text="", calls=(PROMISE,)),
        Answer(text="Prontinho, ficou registrado para o dia 27 de novembro. Obrigada, até logo!", calls=(END,)),
    )
    async with line.ring() as caller:
        first = await greeted(line, caller)
        assert "assistente virtual" in first
        await caller.say(f"sou eu, meu cpf é {document_of(0)}")
        await caller.until_heard(
            voice_of("Achei, Maria. Há uma fatura em aberto de R$ 119,90. Quando você consegue pagar?")
        )
        await caller.say("pago tudo na sexta que vem, dia 27")
        await caller.until_heard(voice_of("Então fica R$ 119,90 na sexta-feira, dia 27 de novembro. Posso confirmar?"))
        await caller.say("sim, pode confirmar")
        assert await caller.until_closed() == 1000
        assert caller.player.heard == b"".join(line.voice.sent_sound.values())
    assert [output["ok"] for output in line.voice.outputs] == [True] * 4
    assert [output.get("situacao") for output in line.voice.outputs] == [
        None, "aguardando_confirmacao", "registrada", "encerrando",
    ]  # fmt: skip
    (promise,) = await line.rows("SELECT amount_cents, due_on, status FROM promises")
    assert (promise["amount_cents"], str(promise["due_on"]), promise["status"]) == (11990, "2026-11-27", "pending")
    said = await line.history()
    assert [direction for direction, _ in said] == ["out", "in", "out", "out", "in", "out", "out", "in", "out"]
    assert [text for direction, text in said if direction == "in"] == line.voice.heard
    assert [text for direction, text in said if direction == "out"] == list(line.voice.texts.values())
    (hung_up,) = [call for call in line.world.fake.calls if call.sid == line.sid]
    assert hung_up.status == "completed"
    assert len(await line.rows("SELECT id FROM usage_records WHERE feature = 'realtime'")) == 7
    state = await remembered(line, said[-1][1])
    assert state["promise"]["due_on"] == "2026-11-27"


async def test_debt_is_never_heard_before_the_identity_is_confirmed(line: Line) -> None:
    bad = "Oi! Você está com uma fatura em atraso de R$ 119,90. Vamos resolver?"
    line.voice.program(bad)
    async with line.ring() as caller:
        first = await greeted(line, caller)
        await caller.say("alô, quem fala?")
        await caller.until_heard(voice_of(WHO_SPEAKS))
        heard = caller.player.heard
        await caller.stop()
        await caller.until_closed()
    middle = heard.removeprefix(voice_of(first)).removesuffix(voice_of(WHO_SPEAKS))
    assert voice_of(bad)[: len("Oi! Você ") * 480].startswith(middle)
    (event,) = await line.rows("SELECT data FROM events WHERE kind = 'spoken_reply_cut'")
    assert "debt_before_identity" in event["data"]["reasons"]


async def test_amount_that_no_tool_gave_is_never_heard(line: Line) -> None:
    line.voice.program(Answer(calls=(LOOK_UP,)), "Seu total é R$ 9.999,00 hoje. Pode ser?", "Está bem.")
    async with line.ring() as caller:
        await greeted(line, caller)
        await caller.say(f"sou eu, {document_of(0)}")
        await caller.until_heard(voice_of(CHECKING))
        await caller.say("quanto é então?")
        await caller.until_heard(voice_of("Está bem."))
        await caller.stop()
        await caller.until_closed()
    (event,) = await line.rows("SELECT data FROM events WHERE kind = 'spoken_reply_cut'")
    assert "9.999" not in json.dumps(event["data"])
    assert not any("9.999" in text for _, text in await line.history())


@pytest.mark.parametrize(
    "text",
    [
        CHECKING, WHO_SPEAKS, call_greetings.STILL_THERE, call_greetings.NOBODY_THERE, call_greetings.TIME_IS_UP,
        call_greetings.TROUBLE,
        call_greetings.greeting(assistant="Lia", tenant="TR Telecom", first_name="Maria", purpose="campaign"),
        call_greetings.greeting(
            assistant="Lia", tenant="TR Telecom", first_name=None, purpose="requested", is_recorded=True
        ),
    ],
)  # fmt: skip
async def test_what_code_says_keeps_our_own_rules(line: Line, text: str) -> None:
    deps = line.world.api.deps
    account = await deps.accounts.by_id(line.call.tenant_id, line.call.channel_account_id)
    assert account is not None
    arrival = Arrival(provider_call_id=line.sid, direction="out", call_id=line.call.id)
    opened = await CallDesk(deps.database, deps.clock).begin(account, arrival)
    tools = line.world.api.app.state.hosted_tools
    brain = await open_brain(tools, Prompts(deps.database, deps.clock), opened)
    assert brain is not None
    assert brain.check(text, ()) == ()


async def test_interrupted_words_are_kept_as_they_were_heard(line: Line) -> None:
    text = "Eu posso te ajudar com a segunda via, com a sua conta e com muitas outras coisas."
    line.voice.program(text, "Claro, diga.")
    async with line.ring() as caller:
        first = await greeted(line, caller)
        caller.player.is_paused = True
        await caller.say("o que você faz?")
        await caller.until_waiting(len(text) * 60)
        await caller.play(1000)
        caller.player.is_paused = False
        await caller.say("tá bom, para")
        await caller.until_heard(voice_of("Claro, diga."))
        await caller.stop()
        await caller.until_closed()
    assert caller.player.heard == voice_of(first) + voice_of(text)[:8000] + voice_of("Claro, diga.")
    (truncate,) = line.voice.events("conversation.item.truncate")
    assert truncate["audio_end_ms"] == 1000
    rows = await line.rows("SELECT text, content FROM messages WHERE content ? 'isInterrupted'")
    assert [(row["text"], row["content"]["meant"]) for row in rows] == [("Eu posso te", text)]


async def test_typed_document_counts_as_given(line: Line) -> None:
    line.voice.program(Answer(calls=(LOOK_UP,)), "Obrigada, Maria.")
    async with line.ring() as caller:
        await greeted(line, caller)
        await caller.press(*document_of(0))
        await caller.until_heard(voice_of("Obrigada, Maria."))
        await caller.stop()
        await caller.until_closed()
    assert line.voice.outputs[0]["ok"] is True
    before, after = [event["session"]["instructions"] for event in line.voice.events("session.update")]
    assert '"canal": "voice"' in before
    assert '"identidade": "pendente"' in before
    assert '"identidade": "confirmada"' in after
    assert document_of(0) not in after


# --- how it ends


async def test_call_that_is_cut_off_is_remembered(line: Line) -> None:
    line.voice.program(Answer(calls=(LOOK_UP,)), "Obrigada, Maria.")
    async with line.ring() as caller:
        await greeted(line, caller)
        await caller.say(f"sou eu, {document_of(0)}")
        await caller.until_heard(voice_of("Obrigada, Maria."))
        caller.die()
        await caller.until_closed()
    state = await remembered(line, "Obrigada, Maria.")
    assert state["identity"]["status"] == "confirmada"
    words = [str(message.content) for message in state["messages"] if message.content]
    assert words[:2] == [greeting(line), f"sou eu, {document_of(0)}"]
    assert words[-1] == "Obrigada, Maria."
    assert [text for _, text in await line.history()] == [words[0], words[1], words[-1]]


async def remembered(line: Line, last: str) -> dict[str, Any]:
    """Wait until the talk up to its last words is in the conversation's memory; give that."""
    known = line.world.api.app.state.hosted_tools
    deps = line.world.api.deps
    account = await deps.accounts.by_id(line.call.tenant_id, line.call.channel_account_id)
    assert account is not None
    arrival = Arrival(provider_call_id=line.sid, direction="out", call_id=line.call.id)
    opened = await CallDesk(deps.database, deps.clock).begin(account, arrival)
    async with asyncio.timeout(15):
        while True:
            found = await known.known(opened)
            if found is not None and found.state["messages"] and found.state["messages"][-1].content == last:
                return dict(found.state)


async def test_voice_that_dies_leaves_the_line_to_what_follows(line: Line) -> None:
    async with line.ring() as caller:
        await greeted(line, caller)
        line.voice.session.die()
        assert await caller.until_closed() == 1000
    (call,) = [call for call in line.world.fake.calls if call.sid == line.sid]
    assert call.status != "completed"


@pytest.mark.parametrize("status", [401, 503])
async def test_voice_that_refuses_leaves_the_line_to_what_follows(line: Line, status: int) -> None:
    line.voice.refuses = status
    async with line.ring() as caller:
        assert await caller.until_closed() == 1000
        assert caller.received == []


async def test_without_a_key_the_line_is_left_to_what_follows(
    database_url: str, clock: FakeClock, twilio: TwilioCalls
) -> None:
    async with open_line(database_url, clock, twilio, has_key=False) as line, line.ring() as caller:
        assert await caller.until_closed() == 1000
        assert line.voice.sessions == []


async def test_answering_machine_hears_no_agent(line: Line) -> None:
    await line.world.contacts.execute(f"UPDATE calls SET answered_by = 'machine_start' WHERE id = '{line.call.id}'")
    async with line.ring() as caller:
        assert await caller.until_closed() == 1000
    assert line.voice.sessions == []


async def test_silent_line_is_asked_and_hung_up(line: Line) -> None:
    line.world.api.app.state.realtime_pace = Pace(silence=0.2)
    async with line.ring() as caller:
        assert await caller.until_closed() == 1000
        assert caller.player.heard.endswith(voice_of(call_greetings.NOBODY_THERE))
    (call,) = [call for call in line.world.fake.calls if call.sid == line.sid]
    assert call.status == "completed"


async def test_agent_does_not_speak_where_the_bot_is_off(line: Line) -> None:
    await line.world.contacts.execute("UPDATE contacts SET is_bot_enabled = false")
    async with line.ring() as caller:
        assert await caller.until_closed() == 1000
    assert line.voice.sessions == []


# --- who is let in


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "0" * 64},
        {"token": ""},
        {"callId": "11111111-1111-4111-8111-111111111111"},
        {"callId": "x"},
        {"call_sid": f"CA{'9' * 32}"},
    ],
    ids=str,
)
async def test_stream_that_our_twiml_did_not_send_is_refused(line: Line, wrong: dict[str, str]) -> None:
    async with line.ring(**wrong) as caller:
        assert await caller.until_closed() == 1008
    assert line.voice.sessions == []


async def test_handshake_signed_by_somebody_else_is_refused(line: Line) -> None:
    public = f"wss{PUBLIC_URL.removeprefix('https')}{PATH}"
    for token, code in ((TWILIO_TOKEN, None), ("outro", 1008)):
        signature = RequestValidator(token).compute_signature(public, {})
        async with connect(line.url, additional_headers={"x-twilio-signature": signature}, proxy=None) as socket:
            caller = Caller(socket, line.sid, line.parameters)
            await caller.begin()
            if code is None:
                await greeted(line, caller)
                await caller.stop()
                await caller.until_closed()
            else:
                assert await caller.until_closed() == code


async def test_stream_that_never_starts_is_refused(line: Line) -> None:
    async with connect(line.url, proxy=None) as socket:
        for frame in ("{", "[]", "null", '{"event":7}', '{"event":"start"}', "x" * 70_000, b"\x00", "[" * 9000) * 3:
            await socket.send(frame)
        await socket.wait_closed()
        assert socket.close_code == 1008


async def test_broken_frames_in_a_call_are_ignored_until_there_are_too_many(line: Line) -> None:
    line.voice.program("Estou ouvindo.")
    async with line.ring() as caller:
        await greeted(line, caller)
        for frame in (
            "{", "[]", '{"event":"media"}', '{"event":"media","media":{"payload":"***"}}', b"\x00\x01",
            '{"event":"media","media":{"payload":7}}', '{"event":"dtmf","dtmf":{"digit":"55"}}', "x" * 200_000,
            '{"event":"mark","mark":{"name":"m999"}}', '{"event":"mark"}', '{"event":"nova coisa"}',
        ):  # fmt: skip
            await caller.connection.send(frame)
        await caller.say("alô?")
        await caller.until_heard(voice_of("Estou ouvindo."))
        for _ in range(60):
            await caller.connection.send("{")
        assert await caller.until_closed() == 1000
    assert line.voice.heard == ["alô?"]


# --- frames


def test_recorded_frames_are_read() -> None:
    def read(name: str) -> object:
        return read_frame((PAYLOADS / f"twilio/mediastream_in_{name}.json").read_text())

    started = read("start")
    assert isinstance(started, StreamStarted)
    assert (started.call_sid, started.parameters) == ("CA8b6398d087e48123e80ba59f059907cf", {"contato_id": "9001"})
    assert read("media") == Sound(audio=b"\xff" * 160)
    assert read("mark") == MarkPassed(name="resp-7")
    assert read("dtmf") == KeyPressed(digit="1")
    assert read("stop") == StreamStopped()
    assert read("connected") is None


def test_frames_are_made_as_recorded() -> None:
    sid = "MZa3bd788ccdb968f5c1d674c899a4b2fb"
    made = {"media": sound_frame(sid, b"\xff" * 160), "mark": mark_frame(sid, "resp-7"), "clear": clear_frame(sid)}
    for name, frame in made.items():
        assert json.loads(frame) == json.loads((PAYLOADS / f"twilio/mediastream_out_{name}.json").read_text())


def test_our_own_sound_is_not_the_customers() -> None:
    assert read_frame('{"event":"media","media":{"track":"outbound","payload":"/w=="}}') is None


@pytest.mark.parametrize("encoding", ["audio/pcm", "x", 7])
def test_other_sound_than_mu_law_is_refused(encoding: object) -> None:
    start = {"streamSid": "MZ1", "callSid": "CA1", "mediaFormat": {"encoding": encoding}}
    with pytest.raises(MalformedFrame):
        read_frame(json.dumps({"event": "start", "start": start}))


@pytest.mark.parametrize(
    "path", sorted((PAYLOADS / "openai_realtime").glob("server_*.json")), ids=lambda path: path.stem
)
def test_recorded_events_are_read(path: Any) -> None:
    event = read_event(path.read_text())
    assert (event is None) == (path.stem == "server_session_created")


@pytest.mark.parametrize("url", ["https://api.openai.com/v1/realtime", "wss://", "wss://a b", "realtime"])
def test_address_of_the_voice_must_be_one_of_a_websocket(url: str) -> None:
    with pytest.raises(ValidationError):
        make_settings("postgresql://x@127.0.0.1/x", openai_realtime_url=url)
