"""A Realtime call over a real socket to the fake: sound whole and in order, words checked before they are heard."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from channels.media_streams import KeyPressed, MarkPassed, Sound, StreamFrame, StreamStopped
from channels.openai_realtime import RealtimeUnavailable, Tokens, open_realtime
from domain import call_greetings
from domain.evidence import Finding
from graphs.realtime_bridge import CHECKING, WHO_SPEAKS, RealtimeBridge
from graphs.realtime_dialogue import Dialogue, Said
from graphs.realtime_parts import Ending, Pace
from tests.fakes.media_streams import Player, frames_of
from tests.fakes.openai_realtime import KEY, Answer, FakeRealtime, run_fake_realtime, voice_of

GREETING = "Olá! Aqui é a Lia, assistente virtual da TR Telecom. Falo com Maria?"
PAYLOADS = Path(__file__).parents[1] / "payloads" / "openai_realtime"
PATIENCE_SECONDS = 15


@dataclass(kw_only=True)
class Ear:
    """The customer's line without a provider between."""

    player: Player = field(default_factory=Player)
    coming: "asyncio.Queue[StreamFrame | None]" = field(default_factory=asyncio.Queue)

    async def frames(self) -> AsyncIterator[StreamFrame]:
        while (frame := await self.coming.get()) is not None:
            yield frame

    async def play(self, audio: bytes, mark: str) -> None:
        self._give_back(self.player.add(audio) + self.player.add(mark))

    async def clear(self) -> None:
        self._give_back(self.player.clear())

    def _give_back(self, marks: Sequence[str]) -> None:
        for mark in marks:
            self.coming.put_nowait(MarkPassed(name=mark))

    def hear(self, milliseconds: int | None = None) -> None:
        self._give_back(self.player.play(milliseconds))

    def say(self, words: str) -> None:
        for chunk in frames_of(words):
            self.coming.put_nowait(Sound(audio=chunk))

    def press(self, digits: str) -> None:
        for digit in digits:
            self.coming.put_nowait(KeyPressed(digit=digit))


@dataclass(kw_only=True)
class Rules:
    """A brain that a test writes down: words that may not be said, what tools answer."""

    forbidden: set[str] = field(default_factory=set)
    reason: str = "unbacked_amount"
    answers: dict[str, Callable[[], Awaitable[str]] | Mapping[str, object]] = field(default_factory=dict)
    used: list[tuple[str, Mapping[str, object], list[str]]] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    instructions: str = "Você é a Lia."

    @property
    def tools(self) -> Sequence[Mapping[str, object]]:
        return [{"type": "function", "name": "consultar_faturas_cpf", "description": "…", "parameters": {}}]

    def check(self, sentence: str, said: Sequence[str]) -> Sequence[Finding]:
        return [Finding(reason=self.reason, excerpt=word) for word in self.forbidden if word in sentence]

    def hear(self, dialogue: Dialogue) -> None:
        self.forbidden -= {word for word in self.forbidden if any(word in text for text in dialogue.customer_texts)}

    async def use(self, name: str, arguments: Mapping[str, object], dialogue: Dialogue) -> str:
        self.used.append((name, arguments, dialogue.customer_texts))
        answer = self.answers.get(name, {"ok": True})
        output = json.dumps(answer) if isinstance(answer, Mapping) else await answer()
        self.finished.append(name)
        return output


@dataclass(kw_only=True)
class Notes:
    """What stays of a call."""

    said: list[Said] = field(default_factory=list)
    tokens: list[Tokens] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    is_broken: bool = False

    async def keep(self, said: Sequence[Said]) -> None:
        if self.is_broken:
            raise ConnectionError
        self.said += said

    async def used(self, tokens: Tokens) -> None:
        self.tokens.append(tokens)

    async def found(self, findings: Sequence[Finding]) -> None:
        self.findings += findings

    @property
    def lines(self) -> list[tuple[str, str | None]]:
        return [(one.side, one.text) for one in self.said]


@dataclass(kw_only=True)
class Call:
    """A call under way."""

    fake: FakeRealtime
    ear: Ear
    rules: Rules
    notes: Notes
    ending: "asyncio.Task[Ending]"

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_so():  # noqa: ASYNC110  three tasks change what is waited for
                await asyncio.sleep(0.002)

    async def until_heard(self, text: str) -> None:
        await self.until(lambda: voice_of(text) in self.ear.player.heard)

    async def until_kept(self, *texts: str) -> None:
        await self.until(lambda: [one.text for one in self.notes.said][-len(texts) :] == list(texts))

    async def hang_up(self) -> Ending:
        self.ear.coming.put_nowait(StreamStopped())
        return await self.ended()

    async def ended(self) -> Ending:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.ending


Open = Callable[..., Any]


@pytest.fixture
async def fake() -> AsyncIterator[FakeRealtime]:
    async with run_fake_realtime() as running:
        yield running


@asynccontextmanager
async def ring(
    fake: FakeRealtime, *, greeting: str | None = None, can_transfer: bool = False, is_paused: bool = False,
    **pace: float,
) -> AsyncIterator[Call]:  # fmt: skip
    """Carry a call until the test is over; every test ends with a ledger without problems."""
    ear, rules, notes = Ear(player=Player(is_paused=is_paused)), Rules(), Notes()
    async with open_realtime(url=fake.url, model="gpt-realtime", api_key=KEY) as voice:
        bridge = RealtimeBridge(
            phone=ear, voice=voice, brain=rules, record=notes, dialogue=Dialogue(uuid4()), greeting=greeting,
            voice_name="marin", can_transfer=can_transfer, pace=Pace(**pace),
        )  # fmt: skip
        ending = asyncio.create_task(bridge.run())
        call = Call(fake=fake, ear=ear, rules=rules, notes=notes, ending=ending)
        try:
            if greeting is None:
                await call.until(lambda: bridge.is_ready or ending.done())
            yield call
            ear.coming.put_nowait(None)
            await call.ended()
        finally:
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)
    assert fake.problems == []


# --- sound and words


async def test_session_is_asked_for_as_recorded_and_the_greeting_is_ours(fake: FakeRealtime) -> None:
    async with ring(fake, greeting=GREETING) as call:
        await call.until_heard(GREETING)
        await call.until_kept(GREETING)
        assert call.ear.player.heard == voice_of(GREETING)
        (update,) = fake.events("session.update")
        recorded = json.loads((PAYLOADS / "client_session_update.json").read_text())["session"]
        assert update["session"]["audio"] == recorded["audio"]
        assert set(recorded) - set(update["session"]) == {"model"}  # the address names it
        (create,) = fake.events("response.create")
        assert GREETING in create["response"]["instructions"]
        assert create["response"]["tool_choice"] == "none"


async def test_both_sides_hear_each_other_whole_and_in_order(fake: FakeRealtime) -> None:
    answers = ["Claro, Maria. Posso te ajudar com isso?", "Um momento só, por favor, que eu já vejo.", "Pronto!"]
    fake.program(*answers)
    lines = ["oi, é a Maria, quero ver minha conta", "pode ser? não tenho pressa", "obrigada, você é ótima"]
    async with ring(fake) as call:
        for line, answer in zip(lines, answers, strict=True):
            call.ear.say(line)
            await call.until_heard(answer)
            await call.until_kept(answer)
        assert fake.heard == lines
        assert call.ear.player.heard == b"".join(map(voice_of, answers))
        assert call.ear.player.heard == b"".join(fake.sent_sound.values())
        assert call.notes.lines == [
            line for pair in zip(lines, answers, strict=True) for line in zip(("customer", "agent"), pair, strict=True)
        ]  # fmt: skip
        await call.until(lambda: len(call.notes.tokens) == 3)
        assert call.notes.tokens[0] == Tokens(input=200, output=53)


async def test_words_that_come_late_keep_their_place(fake: FakeRealtime) -> None:
    fake.transcribe.clear()
    fake.program("Claro.")
    async with ring(fake) as call:
        call.ear.say("quero pagar na sexta")
        await call.until_heard("Claro.")
        assert call.notes.said == []
        fake.transcribe.set()
        await call.until_kept("quero pagar na sexta", "Claro.")


async def test_what_was_not_understood_is_left_out(fake: FakeRealtime) -> None:
    fake.transcripts.append(None)
    fake.program("Pode repetir?")
    async with ring(fake) as call:
        call.ear.say("mmmm")
        await call.until_kept("Pode repetir?")
        assert call.notes.lines == [("agent", "Pode repetir?")]


async def test_long_sentence_follows_its_words_before_it_ends(fake: FakeRealtime) -> None:
    text = "Eu vou te explicar com calma como funciona o nosso atendimento e o que a gente consegue fazer por aqui"
    fake.program(held := Answer(text=text, hold_at=8))
    async with ring(fake) as call:
        call.ear.say("como funciona?")
        await call.until(lambda: len(call.ear.player.heard) > 480 * 20)
        assert voice_of(text).startswith(call.ear.player.heard)
        held.go.set()
        await call.until_heard(text)


async def test_sound_whose_words_never_come_is_never_heard(fake: FakeRealtime) -> None:
    fake.program(Answer(text="Isto ninguém conferiu.", has_words=False), "Tudo certo.")
    async with ring(fake) as call:
        call.ear.say("oi")
        await fake.until("input_audio_buffer.append")
        await call.until(lambda: len(call.notes.tokens) == 1)
        call.ear.say("alô?")
        await call.until_heard("Tudo certo.")
        assert call.ear.player.heard == voice_of("Tudo certo.")


# --- the customer speaks into it


async def test_interrupted_agent_falls_silent_and_knows_what_was_heard(fake: FakeRealtime) -> None:
    text = "Temos dois planos bons para a sua casa, um de trezentos e outro de seiscentos mega."
    fake.program(text, "Diga.")
    async with ring(fake, is_paused=True) as call:
        call.ear.say("quais planos vocês têm?")
        await call.until(lambda: call.ear.player.waiting_ms == len(text) * 60)
        call.ear.hear(1300)
        call.ear.player.is_paused = False
        call.ear.say("espera um pouco")
        await call.until_heard("Diga.")
        assert call.ear.player.clears == 1
        assert call.ear.player.heard == voice_of(text)[: 1300 * 8] + voice_of("Diga.")
        (truncate,) = fake.events("conversation.item.truncate")
        assert truncate["audio_end_ms"] == 1200  # what the marks say
        await call.until_kept("espera um pouco", "Diga.")
        first = call.notes.said[1]
        assert (first.text, first.meant, first.is_interrupted) == ("Temos dois planos", text, True)


async def test_answer_that_nobody_heard_is_forgotten(fake: FakeRealtime) -> None:
    fake.program("Esta resposta ninguém ouve.", "Diga.")
    async with ring(fake, is_paused=True) as call:
        call.ear.say("oi")
        await call.until(lambda: call.ear.player.waiting_ms > 1000)
        call.ear.player.is_paused = False
        call.ear.say("não, espera")
        await call.until_kept("oi", "não, espera", "Diga.")
        assert len(fake.events("conversation.item.delete")) == 1
        assert not fake.events("conversation.item.truncate")


async def test_customer_who_interrupts_every_sentence_is_always_heard(fake: FakeRealtime) -> None:
    text = "Olha, vou te contar uma coisa bem comprida agora mesmo."
    async with ring(fake, is_paused=True) as call:
        for number in range(5):
            fake.program(text)
            call.ear.say(f"interrompo {number}")
            await call.until(lambda: call.ear.player.waiting_ms == len(text) * 60)
            call.ear.hear(400)
        call.ear.player.is_paused = False
        fake.program("Certo, encerro.")
        call.ear.say("agora pode falar")
        await call.until_heard("Certo, encerro.")
        await call.until_kept("agora pode falar", "Certo, encerro.")
        assert fake.heard == [*(f"interrompo {number}" for number in range(5)), "agora pode falar"]
        assert [end["audio_end_ms"] for end in fake.events("conversation.item.truncate")] == [400] * 5


async def test_answer_under_way_is_cancelled_by_the_voice_itself(fake: FakeRealtime) -> None:
    fake.program(Answer(text="Primeiro isto. E depois aquilo que não acaba.", hold_at=4), "Diga.")
    async with ring(fake) as call:
        call.ear.say("oi")
        await call.until_heard("Primeiro isto.")
        call.ear.say("para")
        await call.until_heard("Diga.")
        await call.until_kept("para", "Diga.")
        assert call.notes.said[1].is_interrupted
        assert not fake.events("response.cancel")


# --- our rules


@pytest.mark.parametrize(
    "answer",
    [
        Answer(text="Vou ver aqui. Você deve R$ 999,00 para a gente. Tudo bem?"),
        Answer(text="Vou ver aqui. Você deve R$ 999,00 para a gente. Tudo bem?", sound_first=True),
        Answer(text="Vou ver aqui. Você deve R$ 999,00 para a gente. Tudo bem?", words_late=2),
    ],
    ids=["words first", "sound first", "words late"],
)
async def test_sentence_that_breaks_a_rule_is_never_heard(fake: FakeRealtime, answer: Answer) -> None:
    fake.program(answer)
    async with ring(fake) as call:
        call.rules.forbidden = {"R$ 999"}
        call.ear.say("quanto eu devo?")
        await call.until_heard(CHECKING)
        heard = call.ear.player.heard.removesuffix(voice_of(CHECKING))
        assert voice_of(answer.text).startswith(heard)
        assert len(heard) <= len("Vou ver aqui. Você ") * 480
        assert [finding.reason for finding in call.notes.findings] == ["unbacked_amount"]
        await call.until_kept(CHECKING)
        kept = "".join(text or "" for _, text in call.notes.lines)
        assert "999" not in kept + str([one.meant for one in call.notes.said])
        notes = [event["item"] for event in fake.events("conversation.item.create")]
        assert [(note["role"], "cortada" in note["content"][0]["text"]) for note in notes] == [("system", True)]


async def test_answer_that_is_still_made_is_cancelled_when_it_breaks_a_rule(fake: FakeRealtime) -> None:
    fake.program(Answer(text="Há uma dívida. E mais uma coisa que não se ouve.", hold_at=4))
    async with ring(fake) as call:
        call.rules.forbidden, call.rules.reason = {"dívida"}, "debt_before_identity"
        call.ear.say("quem fala?")
        await call.until_heard(WHO_SPEAKS)
        assert call.ear.player.heard == voice_of(WHO_SPEAKS)
        assert len(fake.events("response.cancel")) == 1


async def test_what_the_customer_said_may_be_said_back_though_the_words_come_late(fake: FakeRealtime) -> None:
    fake.transcribe.clear()
    fake.program("Cinquenta reais, certo?")
    async with ring(fake) as call:
        call.rules.forbidden = {"Cinquenta", "cinquenta"}
        call.ear.say("posso dar cinquenta reais, Cinquenta mesmo")
        await call.until(lambda: any("Cinquenta" in text for text in fake.texts.values()))
        assert call.ear.player.heard == b""
        fake.transcribe.set()
        await call.until_heard("Cinquenta reais, certo?")
        assert call.notes.findings == []


async def test_words_that_never_come_excuse_nothing(fake: FakeRealtime) -> None:
    fake.transcribe.clear()
    fake.program("São R$ 999,00.")
    async with ring(fake, words=0.1) as call:
        call.rules.forbidden = {"R$ 999"}
        call.ear.say("quanto é?")
        await call.until_heard(CHECKING)
        assert call.ear.player.heard == voice_of(CHECKING)


async def test_agent_that_does_not_learn_is_taken_off_the_line(fake: FakeRealtime) -> None:
    async with ring(fake) as call:
        call.rules.forbidden = {"R$ 999", CHECKING[:20]}
        fake.program("São R$ 999,00.")
        call.ear.say("quanto é?")
        assert await call.ended() == "fall_back"
        assert call.ear.player.heard == b""
        assert len(call.notes.findings) == 3


# --- tools


async def test_tool_runs_once_and_its_answer_is_spoken_of(fake: FakeRealtime) -> None:
    fake.program(Answer(text="Um instante.", calls=(("consultar_faturas_cpf", {"cpf": "529"}),)), "São duas faturas.")
    async with ring(fake) as call:
        call.rules.answers["consultar_faturas_cpf"] = {"ok": True, "quantidade": 2}
        call.ear.say("meu cpf é 529")
        await call.until_heard("São duas faturas.")
        assert call.rules.used == [("consultar_faturas_cpf", {"cpf": "529"}, ["meu cpf é 529"])]
        assert fake.outputs == [{"ok": True, "quantidade": 2}]
        assert len(fake.events("response.create")) == 1


async def test_tool_waits_for_the_words_that_it_follows(fake: FakeRealtime) -> None:
    fake.transcribe.clear()
    fake.program(Answer(calls=(("consultar_faturas_cpf", {}),)), "Pronto.")
    async with ring(fake) as call:
        call.ear.say("meu cpf é 529")
        await call.until(lambda: len(call.notes.tokens) == 1)
        assert call.rules.used == []
        fake.transcribe.set()
        await call.until_heard("Pronto.")
        assert call.rules.used[0][2] == ["meu cpf é 529"]


async def test_tools_at_once_get_one_answer_of_the_agent(fake: FakeRealtime) -> None:
    fake.program(Answer(calls=(("buscar_conhecimento", {}), ("consultar_faturas_cpf", "{isto não é JSON"))), "Pronto.")
    async with ring(fake) as call:
        call.ear.say("duas coisas")
        await call.until_heard("Pronto.")
        assert [(name, arguments) for name, arguments, _ in call.rules.used] == [
            ("buscar_conhecimento", {}), ("consultar_faturas_cpf", {}),
        ]  # fmt: skip
        assert len(fake.events("response.create")) == 1


async def test_instructions_change_with_what_a_tool_taught(fake: FakeRealtime) -> None:
    fake.program(Answer(calls=(("consultar_faturas_cpf", {}),)), "Pronto.")
    async with ring(fake) as call:

        async def confirm() -> str:
            call.rules.instructions = "Você é a Lia. Identidade confirmada."
            return '{"ok": true}'

        call.rules.answers["consultar_faturas_cpf"] = confirm
        call.ear.say("529")
        await call.until_heard("Pronto.")
        assert [event["session"]["instructions"] for event in fake.events("session.update")] == [
            "Você é a Lia.", "Você é a Lia. Identidade confirmada.",
        ]  # fmt: skip


async def test_line_that_dies_in_the_middle_of_a_tool_leaves_the_tool_to_its_end(fake: FakeRealtime) -> None:
    fake.program(Answer(calls=(("registrar_promessa_pagamento", {}),)))
    async with ring(fake) as call:
        go = asyncio.Event()

        async def register() -> str:
            await go.wait()
            return '{"ok": true, "situacao": "registrada"}'

        call.rules.answers["registrar_promessa_pagamento"] = register
        call.ear.say("sim")
        await call.until(lambda: bool(call.rules.used))
        call.ear.coming.put_nowait(None)
        await asyncio.sleep(0)
        go.set()
        assert await call.ended() == "gone"
        assert call.rules.finished == ["registrar_promessa_pagamento"]
        assert call.notes.lines == [("customer", "sim")]


# --- endings


async def test_goodbye_is_heard_before_the_line_is_hung_up(fake: FakeRealtime) -> None:
    fake.program(Answer(text="Obrigada, Maria. Até logo!", calls=(("encerrar_ligacao", {"motivo": "fim"}),)))
    async with ring(fake, is_paused=True) as call:
        call.rules.answers["encerrar_ligacao"] = {"ok": True, "situacao": "encerrando"}
        call.ear.say("era só isso")
        await call.until(lambda: bool(fake.outputs) and call.ear.player.waiting_ms > 0)
        assert not call.ending.done()
        call.ear.hear()
        assert await call.ended() == "hang_up"
        assert call.ear.player.heard == voice_of("Obrigada, Maria. Até logo!")
        assert not fake.events("response.create")
        assert call.notes.lines[-1] == ("agent", "Obrigada, Maria. Até logo!")


async def test_goodbye_that_was_not_said_is_asked_for(fake: FakeRealtime) -> None:
    fake.program(Answer(calls=(("encerrar_ligacao", {}),)), "Até logo!")
    async with ring(fake) as call:
        call.rules.answers["encerrar_ligacao"] = {"ok": True, "situacao": "encerrando"}
        call.ear.say("tchau")
        assert await call.ended() == "hang_up"
        assert call.ear.player.heard == voice_of("Até logo!")


async def test_customer_who_speaks_into_the_goodbye_is_listened_to(fake: FakeRealtime) -> None:
    fake.program(Answer(text="Até logo!", calls=(("encerrar_ligacao", {}),)), "Claro, diga.")
    async with ring(fake, is_paused=True) as call:
        call.rules.answers["encerrar_ligacao"] = {"ok": True, "situacao": "encerrando"}
        call.ear.say("tchau")
        await call.until(lambda: bool(fake.outputs) and call.ear.player.waiting_ms > 0)
        call.ear.player.is_paused = False
        call.ear.say("ah, mais uma coisa")
        await call.until_kept("ah, mais uma coisa", "Claro, diga.")
        assert not call.ending.done()


@pytest.mark.parametrize(("can_transfer", "ending"), [(True, "transfer"), (False, "gone")])
async def test_call_is_handed_to_a_person_where_one_can_take_it(
    fake: FakeRealtime, can_transfer: bool, ending: Ending
) -> None:
    fake.program(Answer(text="Vou te passar.", calls=(("transferir_para_humano", {}),)), "Uma pessoa vai escrever.")
    async with ring(fake, can_transfer=can_transfer) as call:
        call.rules.answers["transferir_para_humano"] = {"ok": True, "situacao": "transferido"}
        call.ear.say("quero uma pessoa")
        if not can_transfer:
            await call.until_heard("Uma pessoa vai escrever.")
            await call.hang_up()
        assert await call.ended() == ending


async def test_silence_is_asked_about_once_and_then_ends_the_call(fake: FakeRealtime) -> None:
    async with ring(fake, greeting=GREETING, silence=0.15) as call:
        assert await call.ended() == "hang_up"
        assert call.notes.lines == [
            ("agent", text) for text in (GREETING, call_greetings.STILL_THERE, call_greetings.NOBODY_THERE)
        ]  # fmt: skip


async def test_talk_that_takes_too_long_ends_politely(fake: FakeRealtime) -> None:
    async with ring(fake, longest=0.2) as call:
        assert await call.ended() == "hang_up"
        assert call.ear.player.heard == voice_of(call_greetings.TIME_IS_UP)


# --- bad manners


async def test_voice_that_dies_without_a_word_leaves_the_line_to_what_follows(fake: FakeRealtime) -> None:
    fake.program("Claro, já vejo isso.")
    async with ring(fake, is_paused=True) as call:
        call.ear.say("oi")
        await call.until(lambda: call.ear.player.waiting_ms > 1000)
        call.ear.hear(500)
        await call.until(lambda: not call.ear.coming.qsize())
        fake.session.die()
        assert await call.ended() == "fall_back"
        assert [text for _, text in call.notes.lines] == ["oi", "Claro,"]


async def test_session_that_is_never_ready_falls_back(fake: FakeRealtime) -> None:
    fake.never_ready = True
    async with ring(fake, greeting=GREETING, ready=0.1) as call:
        assert await call.ended() == "fall_back"


async def test_odd_events_do_not_end_the_call(fake: FakeRealtime) -> None:
    fake.program("Estou aqui.")
    async with ring(fake, greeting=GREETING) as call:
        await call.until_heard(GREETING)
        session = fake.session
        await session.complain("rate_limit_exceeded")
        await session.tell("rate_limits.updated", rate_limits=[])
        await session.tell("response.output_audio.delta", response_id="r", item_id="i", delta="isto não é base64!")
        await session.tell("response.output_audio.delta", response_id="r", item_id="i", delta=17)
        await session.tell("response.done", response="isto não é um objeto")
        await session.tell("input_audio_buffer.committed")
        for text in ("{", "[]", "null", '{"type": 7}', "\x00", "[" * 5000):
            await session.connection.send(text)
        await session.connection.send(b"\xff\xfe")
        call.ear.say("você está aí?")
        await call.until_heard("Estou aqui.")


async def test_event_larger_than_any_falls_back(fake: FakeRealtime) -> None:
    async with ring(fake) as call:
        await fake.session.connection.send(json.dumps({"type": "x", "data": "a" * 5_000_000}))
        assert await call.ended() == "fall_back"


async def test_answer_that_meets_another_is_asked_for_again(fake: FakeRealtime) -> None:
    fake.busy = 2
    async with ring(fake, greeting=GREETING) as call:
        await call.until_heard(GREETING)
        assert len(fake.events("response.create")) == 3


async def test_server_that_does_not_name_our_answers_is_understood_too(fake: FakeRealtime) -> None:
    fake.echoes_metadata = False
    fake.program("Oi, Maria.")
    async with ring(fake, greeting=GREETING) as call:
        await call.until_heard(GREETING)
        call.ear.say("sou eu")
        await call.until_heard("Oi, Maria.")


async def test_answer_that_fails_is_apologised_for(fake: FakeRealtime) -> None:
    fake.program(Answer(status="failed"), "Agora sim.")
    async with ring(fake) as call:
        call.ear.say("oi")
        await call.until_heard(call_greetings.TROUBLE)
        call.ear.say("oi?")
        await call.until_heard("Agora sim.")


async def test_voice_that_only_fails_is_taken_off_the_line(fake: FakeRealtime) -> None:
    fake.fails = True
    async with ring(fake) as call:
        call.ear.say("oi")
        assert await call.ended() == "fall_back"
        assert call.notes.lines == [("customer", "oi")]


async def test_pressed_digits_are_words_too(fake: FakeRealtime) -> None:
    fake.program(Answer(calls=(("consultar_faturas_cpf", {}),)), "Achei aqui.")
    async with ring(fake) as call:
        call.ear.press("52998224725")
        await call.until_heard("Achei aqui.")
        assert call.rules.used[0][2] == ["[digitado no teclado] 52998224725"]
        (typed,) = [event["item"] for event in fake.events("conversation.item.create") if "role" in event["item"]]
        assert (typed["role"], typed["content"][0]["text"]) == ("user", "[digitado no teclado] 52998224725")


async def test_record_that_cannot_be_written_does_not_end_the_call(fake: FakeRealtime) -> None:
    fake.program("Primeira.", "Segunda.")
    async with ring(fake) as call:
        call.notes.is_broken = True
        call.ear.say("um")
        await call.until_heard("Primeira.")
        call.ear.say("dois")
        await call.until_heard("Segunda.")


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_refused_connection_is_unavailable(fake: FakeRealtime, status: int) -> None:
    fake.refuses = status
    with pytest.raises(RealtimeUnavailable):
        async with open_realtime(url=fake.url, model="gpt-realtime", api_key=KEY):
            pass


async def test_nobody_at_the_address_is_unavailable() -> None:
    with pytest.raises(RealtimeUnavailable):
        async with open_realtime(url="ws://127.0.0.1:9/v1/realtime", model="m", api_key=KEY):
            pass
