"""Retell's websocket over a real port: the protocol with a scripted session behind it, then calls on the real core."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import uvicorn

from domain.call_talk import CallEvent, ReplyDone, Say, ToolUsed
from server.voice import retell_talk
from services.accounts import OpenAccount
from services.call_desk import Arrival, CallDesk, OpenedCall
from tests.factories import make_account
from tests.fakes.retell import CUSTOMER, NUMBER, RetellLine, RetellRest, call_object, run_fake_retell, serving
from tests.fakes_clock import FakeClock
from tests.server.retell_world import PREFIX, RetellWorld, open_retell_world

GREETING = "Olá! Aqui é Lia."


@dataclass
class ScriptedSession:
    """A session that writes down what it is told, and says what the test says."""

    opened: OpenedCall
    log: list[tuple[object, ...]] = field(default_factory=list)
    is_closed: bool = False
    breaks: BaseException | None = None
    blocks: asyncio.Event | None = None
    _events: "asyncio.Queue[CallEvent | None]" = field(default_factory=asyncio.Queue)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        self._note("start")
        if not self.opened.is_resumed:
            self.say(0, GREETING)

    def say(self, reply: int, *sentences: str, is_whole: bool = True, **done: Any) -> None:
        for sentence in sentences:
            self.emit(Say(reply=reply, text=sentence))
        if is_whole:
            self.emit(ReplyDone(reply=reply, **done))

    def emit(self, *events: CallEvent) -> None:
        for event in events:
            self._events.put_nowait(event)

    def end(self) -> None:
        self._events.put_nowait(None)

    async def hear(self, text: str, *, key: str, reply: int) -> None:
        await self._obey("hear", text, key, reply)

    async def remind(self, *, reply: int) -> None:
        await self._obey("remind", reply)

    async def press(self, digit: str, *, reply: int) -> None:
        await self._obey("press", digit, reply)

    async def cut(self, spoken: str) -> None:
        await self._obey("cut", spoken)

    async def events(self) -> AsyncIterator[CallEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        self.is_closed = True
        self._note("close")

    async def _obey(self, *entry: object) -> None:
        self._note(*entry)
        if self.breaks is not None:
            raise self.breaks
        if self.blocks is not None:
            await self.blocks.wait()

    def _note(self, *entry: object) -> None:
        self.log.append(entry)
        self._news.set()

    async def told(self, *entry: object) -> None:
        """Wait until the session was told something."""
        async with asyncio.timeout(20):
            while entry not in self.log:
                self._news.clear()
                await self._news.wait()

    @property
    def commands(self) -> list[tuple[object, ...]]:
        return [entry for entry in self.log if entry[0] not in ("start", "close")]


@dataclass
class ScriptedCenter:
    """Opens scripted sessions for calls that are real rows."""

    desk: CallDesk
    sessions: list[ScriptedSession] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    breaks: BaseException | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, account: OpenAccount, arrival: Arrival) -> ScriptedSession:
        if self.breaks is not None:
            raise self.breaks
        self.arrivals.append(arrival)
        opened = await self.desk.begin(account, arrival)
        is_resumed = any(session.opened.call.id == opened.call.id for session in self.sessions)
        session = ScriptedSession(opened=replace(opened, is_resumed=is_resumed))
        self.sessions.append(session)
        self.news.set()
        return session

    async def opened(self, count: int) -> None:
        """Wait until that many sessions were opened."""
        async with asyncio.timeout(20):
            while len(self.sessions) < count:
                self.news.clear()
                await self.news.wait()


async def asked(line: RetellLine, session: ScriptedSession, text: str) -> None:
    """Say something, and wait until the session has heard it."""
    number = await line.ask(text)
    await session.told("hear", text, str(len(line.transcript) - 1), number)


@dataclass
class Stage:
    """An api that listens, and the center behind its socket."""

    world: RetellWorld
    center: ScriptedCenter
    where: str
    server: uvicorn.Server

    def line(self, *, key: str | None = None, call_id: str | None = None, **options: Any) -> RetellLine:
        call = options.pop("call", None) or call_object()
        path = f"{PREFIX}/retell/llm/{key or self.world.account.webhook_key}/{call_id or call['call_id']}"
        return RetellLine(url=f"ws://{self.where}{path}", call=call, **options)

    @property
    def session(self) -> ScriptedSession:
        return self.center.sessions[-1]

    @asynccontextmanager
    async def talking(self, **options: Any) -> AsyncIterator[tuple[RetellLine, ScriptedSession]]:
        """Ring, and hear the greeting."""
        async with self.line(**options) as line:
            assert await line.listen() == GREETING
            yield line, self.session


@pytest.fixture(scope="module")
def server() -> Iterator[RetellRest]:
    with run_fake_retell() as running:
        yield running


@pytest.fixture
def fake(server: RetellRest) -> RetellRest:
    server.calls.clear()
    server.steps.clear()
    return server


@pytest.fixture
async def stage(database_url: str, clock: FakeClock, fake: RetellRest) -> AsyncIterator[Stage]:
    async with open_retell_world(database_url, clock, fake) as world:
        center = ScriptedCenter(CallDesk(world.api.database, clock))
        world.api.app.state.calls = center
        async with serving(world.api.app) as (where, running):
            yield Stage(world=world, center=center, where=where, server=running)


# --- the way a call goes


async def test_config_comes_first_and_the_greeting_answers_the_details(stage: Stage) -> None:
    call = call_object()
    async with stage.talking(call=call) as (line, session):
        assert [frame["response_type"] for frame in line.frames] == ["config", "response", "response"]
        assert line.answers[0].is_complete
        (arrival,) = stage.center.arrivals
        assert (arrival.provider_call_id, arrival.direction) == (call["call_id"], "in")
        assert (arrival.customer_phone, arrival.agent_version, arrival.call_id) == (CUSTOMER, "3", None)
        await line.hang_up()
        await session.told("close")
    assert session.is_closed


async def test_words_and_answers_go_through(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await line.ask("oi")
        await session.told("hear", "oi", "1", 1)
        session.say(1, "Olá.", "Como vai?")
        assert await line.listen() == "Olá. Como vai?"
        await line.ask("(unintelligible audio)")
        await session.told("hear", "(unintelligible audio)", "3", 2)


async def test_utterance_that_grows_keeps_its_key(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await line.ask("meu nome é Maria")
        await session.told("hear", "meu nome é Maria", "1", 1)
        await line.correct("meu nome é Maria da Silva")
        await session.told("hear", "meu nome é Maria da Silva", "1", 2)
        line.transcript.append({"role": "user", "content": "e quero pagar"})
        await line.want()
        await session.told("hear", "meu nome é Maria da Silva e quero pagar", "1", 3)


async def test_keep_alive_is_echoed_while_the_session_is_busy(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        session.blocks = asyncio.Event()
        await line.ask("oi")
        await session.told("hear", "oi", "1", 1)
        for number in range(5):
            await line.ping(1795197600000 + number)
        await line.until(lambda: len(line.pongs) == 5)
        assert line.pongs == [1795197600000 + number for number in range(5)]


async def test_keep_alive_is_echoed_before_anybody_answers(stage: Stage) -> None:
    async with stage.line(tells_details=False) as line:
        await line.ping(7)
        await line.until(lambda: line.pongs == [7])


async def test_update_supersedes_nothing(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await asked(line, session, "oi")
        session.say(1, "Um momento.", is_whole=False)
        await line.until(lambda: 1 in line.answers)
        for turn in ("agent_turn", "user_turn", None):
            await line.update(turn)
        session.say(1, "Achei.")
        assert await line.listen() == "Um momento. Achei."
        assert session.commands == [("hear", "oi", "1", 1)]


async def test_answers_to_old_questions_are_not_sent(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await line.ask("oi")
        await session.told("hear", "oi", "1", 1)
        await line.correct("oi, tudo bem?")
        await session.told("hear", "oi, tudo bem?", "1", 2)
        session.say(1, "Resposta antiga.")
        session.say(2, "Resposta nova.")
        assert await line.listen() == "Resposta nova."
        assert line.dropped == []


async def test_questions_that_come_late_or_twice_are_not_asked_again(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        for text in ("um", "dois"):
            await line.ask(text)
        for response_id in (1, 2, 0):
            await line.want(response_id=response_id)
        await line.ping(1)
        await line.until(lambda: line.pongs == [1])
        session.say(2, "Certo.")
        assert await line.listen() == "Certo."
        assert [entry[-1] for entry in session.commands] == [1, 2]


async def test_end_and_transfer_follow_the_last_word(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await asked(line, session, "quero falar com alguém")
        session.say(1, "Vou transferir.", then="transfer", transfer_to="+551140005678", whisper="Cliente Maria")
        await line.listen()
        assert line.answers[1].actions == {"transfer_number": "+551140005678"}
        await asked(line, session, "tchau")
        session.say(2, "Até logo.", then="hang_up")
        await line.listen()
        assert line.answers[2].actions == {"end_call": True}
        assert all("whisper" not in frame for frame in line.frames)


async def test_tools_are_told_without_personal_data(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await asked(line, session, "529.982.247-25")
        session.emit(
            ToolUsed(
                reply=1, tool_call_id="1:0", name="consultar_faturas_cpf", arguments={"cpf_cnpj": "529.982.247-25"},
                result='{"ok": true}',
            ),
        )  # fmt: skip
        session.say(1, "Achei.")
        await line.listen()
        assert [frame["response_type"] for frame in line.tools] == ["tool_call_invocation", "tool_call_result"]
        assert "529" not in line.tools[0]["arguments"]


async def test_what_is_said_after_the_answer_speaks_up_by_itself(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await asked(line, session, "oi")
        session.say(1, "Olá.")
        await line.listen()
        for number, text in enumerate(("Nosso tempo acabou.", "Até logo."), start=1):
            session.say(1, text, then="hang_up")
            await line.spoken_up(number)
        assert line.interruptions[1].text.strip() == "Nosso tempo acabou."
        assert line.interruptions[2].actions == {"end_call": True}


# --- silence and keys


async def test_silence_is_a_reminder(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await line.want("reminder_required")
        await session.told("remind", 1)
        session.say(1, "Você está aí?")
        assert await line.listen() == "Você está aí?"


async def test_turn_without_words_is_silence_too(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await line.want()
        await session.told("remind", 1)


async def test_answer_that_is_being_made_answers_the_reminder(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await asked(line, session, "oi")
        session.say(1, "Um momento.", is_whole=False)
        await line.until(lambda: 1 in line.answers)
        await line.want("reminder_required")
        await session.told("remind", 2)
        session.say(1, "Achei.", is_whole=False)  # said before the session knew of the reminder
        session.say(2, "São dez reais.")
        assert await line.listen() == "Achei. São dez reais."
        assert line.dropped == []


async def test_keys_are_pressed_once(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        line.pressed = "52"
        await line.want()
        await session.told("press", "2", 1)
        line.pressed = "529"
        await line.update()
        await line.want()
        await session.told("press", "9", 2)
        line.transcript.append({"role": "user", "content": "pronto"})
        await line.want()
        await session.told("hear", "pronto", "1", 3)
        assert session.commands == [
            ("press", "5", 1), ("press", "2", 1), ("press", "9", 2), ("hear", "pronto", "1", 3),
        ]  # fmt: skip


# --- interruptions


async def test_interrupted_answer_is_cut_where_the_customer_spoke(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await asked(line, session, "quanto devo?")
        session.say(1, "Um momento.", "Você tem duas faturas abertas.")
        await line.answered(1)
        await line.interrupt("espera", after_words=4)
        await session.told("hear", "espera", "3", 2)
        assert session.commands[1:] == [("cut", "Um momento. Você tem"), ("hear", "espera", "3", 2)]


async def test_words_into_an_answer_that_is_being_made_cut_it_at_once(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await asked(line, session, "quanto devo?")
        session.say(1, "Um momento, por favor.", is_whole=False)
        await line.until(lambda: 1 in line.answers)
        await line.speak(2)
        line.transcript.append({"role": "user", "content": "não, espera"})
        await line.update("user_turn")
        await session.told("cut", "Um momento,")
        session.say(1, "São dez reais.")  # the session goes on until it is asked something else
        await line.want()
        await session.told("hear", "não, espera", "3", 2)
        assert session.commands[1:] == [("cut", "Um momento,"), ("hear", "não, espera", "3", 2)]


async def test_customer_who_interrupts_every_sentence_is_followed(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await line.ask("oi")
        await session.told("hear", "oi", "1", 1)
        for number in range(1, 21):
            session.say(number, f"Esta é a frase {number}.")
            await line.answered(number)
            await line.interrupt(f"fala {number}", after_words=2)
            await session.told("hear", f"fala {number}", str(2 * number + 1), number + 1)
        cuts = [entry for entry in session.commands if entry[0] == "cut"]
        assert cuts == [("cut", "Esta é")] * 20
        assert line.dropped == []


async def test_hanging_up_in_mid_sentence_keeps_what_was_heard(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await asked(line, session, "quanto devo?")
        session.say(1, "Um momento, por favor.")
        await line.answered(1)
        await line.speak(2)
        await line.hang_up()
        await session.told("close")
        assert session.log[-2:] == [("cut", "Um momento,"), ("close",)]


# --- sockets that end


async def test_socket_that_dies_without_a_word_lets_the_session_go(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await line.die()
        await session.told("close")


async def test_reconnect_is_configured_again_and_greets_nobody(stage: Stage) -> None:
    call = call_object()
    async with stage.talking(call=call) as (line, session):
        await line.die()
        await session.told("close")
    opened = session.opened
    async with stage.line(call=call, transcript=line.transcript, response_id=4) as again:
        await stage.center.opened(2)
        await again.ask("ainda está aí?")
        await stage.session.told("hear", "ainda está aí?", "1", 5)
        assert [frame["response_type"] for frame in again.frames] == ["config"]
    assert stage.session.opened.call.id == opened.call.id
    assert stage.session.opened.is_resumed


async def test_newer_socket_of_a_call_wins(stage: Stage) -> None:
    call = call_object()
    async with stage.talking(call=call) as (older, first), stage.line(call=call) as newer:
        assert await older.closed() == 1001
        assert first.is_closed
        await stage.center.opened(2)
        await newer.ask("oi")
        await stage.session.told("hear", "oi", "0", 1)
        stage.session.say(1, "Olá.")
        assert await newer.listen() == "Olá."


async def test_stopping_server_says_so_and_not_that_it_hangs_up(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        stage.server.should_exit = True
        assert await line.closed() == 1012
        await session.told("close")


async def test_silent_socket_is_taken_for_dead(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retell_talk, "_SILENT_SECONDS", 0.3)
    async with stage.talking() as (line, session):
        assert await line.closed() == 1011
        await session.told("close")


@pytest.mark.parametrize("fault", ["hear", "events", "open", "overwhelmed"])
async def test_our_own_faults_are_no_hang_up(stage: Stage, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    if fault == "open":
        stage.center.breaks = ValueError("broken")
        async with stage.line() as line:
            assert await line.closed() == 1011
        return
    async with stage.talking() as (line, session):
        if fault == "hear":
            session.breaks = ValueError("broken")
            await line.ask("oi")
        elif fault == "events":
            session.end()
        else:
            session.blocks = asyncio.Event()
            for _ in range(1100):
                await line.want()
        assert await line.closed() == 1011
        await session.told("close")


# --- who may talk


async def test_wrong_secret_is_refused(stage: Stage) -> None:
    world = stage.world
    simulator = await make_account(world.api.database, world.contacts.tenant_id)
    for key in ("x", "y" * 300, world.account.webhook_key[:-1] + "x", simulator.webhook_key, "%C3%A9", "%00"):
        async with stage.line(key=key) as line:
            assert await line.closed() == 1008
            assert line.frames == []
    async with stage.line(call_id="c" * 101) as line:
        assert await line.closed() == 1008
    assert stage.center.sessions == []


async def test_details_must_be_of_the_call_in_the_address(stage: Stage) -> None:
    async with stage.line(call_id="call_other") as line:
        assert await line.closed() == 1008


async def test_call_out_that_we_did_not_ask_for_is_not_talked_in(stage: Stage) -> None:
    call = call_object(direction="outbound", from_number=NUMBER, to_number=CUSTOMER)
    async with stage.line(call=call) as line:
        assert await line.closed() == 1008
    assert stage.center.sessions == []


async def test_call_out_of_ours_is_known_by_its_metadata(stage: Stage) -> None:
    target, row, made = await stage.world.dialed()
    async with stage.talking(call={**made.resource, "call_status": "ongoing"}):
        (arrival,) = stage.center.arrivals
        assert (arrival.direction, arrival.call_id, arrival.customer_phone) == ("out", row.id, target.phone)
    assert stage.session.opened.call.target_id == target.id


async def test_lost_details_are_asked_for(stage: Stage, fake: RetellRest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retell_talk, "_DETAILS_SECONDS", 0.1)
    call = call_object()
    async with stage.line(call=call, tells_details=False) as line:
        assert await line.closed() == 1008  # Retell knows no such call
    fake.know(call)
    async with stage.talking(call=call, tells_details=False):
        assert stage.center.arrivals[-1].customer_phone == CUSTOMER


async def test_hidden_callers_and_web_calls_are_talked_to(stage: Stage) -> None:
    for call in (call_object(from_number="anonymous"), call_object(from_number=None, to_number=None, direction=None)):
        async with stage.talking(call=call):
            pass
    assert len(stage.center.sessions) == 2


async def test_database_away_is_a_fault(stage: Stage) -> None:
    await stage.world.api.database.close()
    async with stage.line() as line:
        assert await line.closed() == 1011


# --- hostile frames


async def test_bytes_are_refused(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        await line.socket.send(b"\x00\x01")
        assert await line.closed() == 1007
        await session.told("close")


HOSTILE: tuple[str, ...] = (
    "", "{", "null", "[" * 100_000, '{"interaction_type": 5}', "é" * 3_000_000,
    '{"interaction_type": "response_required", "response_id": "1"}',
)  # fmt: skip


async def test_few_unreadable_frames_are_overlooked_and_many_end_the_talk(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        for number, frame in enumerate(HOSTILE):
            for _ in range(4):
                await line.socket.send(frame)
            await line.ping(number)
            await line.echoed(number)
        assert session.commands == []
        for _ in range(5):
            await line.socket.send("{")
        assert await line.closed() == 1002
        await session.told("close")


async def test_unknown_frames_and_odd_fields_are_overlooked(stage: Stage) -> None:
    async with stage.talking() as (line, session):
        for frame in (
            {"interaction_type": "mood"}, {"interaction_type": "update_only", "transcript": 5, "turntaking": [1]},
            {"interaction_type": "update_only", "transcript": [{"role": "user", "content": {"a": 1}}]},
            {"interaction_type": "call_details", "call": {"call_id": line.call["call_id"], "from_number": 5}},
        ):  # fmt: skip
            await line.socket.send(json.dumps(frame))
        await line.ask("oi")
        await session.told("hear", "oi", "1", 1)
        assert session.commands == [("hear", "oi", "1", 1)]
