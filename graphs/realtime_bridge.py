"""Between a phone line and OpenAI Realtime: sound both ways, our tools, our rules with the power to cut and correct.

Everything that happens comes through one queue to one loop, so nothing here needs a lock. The bridge reaches the world
only through the protocols of `graphs.realtime_parts`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from channels import openai_realtime as realtime
from channels.media_streams import KeyPressed, MarkPassed, Sound, StreamFrame, StreamStopped
from channels.openai_realtime import (
    Committed,
    Complaint,
    FunctionCalled,
    ItemStarted,
    RealtimeUnavailable,
    ResponseDone,
    ResponseStarted,
    ServerEvent,
    SessionReady,
    SessionWish,
    SoundDelta,
    SoundDone,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
    WordsDelta,
    WordsDone,
)
from domain import call_greetings
from domain.evidence import Finding
from graphs.realtime_dialogue import Dialogue
from graphs.realtime_floor import Floor
from graphs.realtime_hands import Hands, ending_after
from graphs.realtime_keypad import Keypad
from graphs.realtime_mouth import Mouth
from graphs.realtime_parts import Brain, Ending, Pace, Phone, Record, ToolDone, Voice
from graphs.realtime_record_queue import RecordQueue
from graphs.realtime_speech import SpokenItem

logger = structlog.get_logger(__name__)

CHECKING = "Desculpe, deixa eu conferir isso com calma. Você pode repetir o que precisa, por favor?"
WHO_SPEAKS = "Antes de continuar, preciso confirmar com quem eu falo. Você pode me dizer o CPF do titular, por favor?"
_SAY_EXACTLY = "Diga em português do Brasil exatamente a frase abaixo, sem acrescentar nem mudar nada.\n\n{text}"
_SAY_GOODBYE = "Despeça-se em uma frase curta, em português do Brasil. A ligação termina em seguida."
_NOTE = (
    "A sua última fala foi cortada: ela dizia algo que nenhuma ferramenta confirmou ou que esta pessoa não pode ouvir. "
    "Não repita. Só diga valores, datas e registros que vieram de uma ferramenta nesta ligação, e não fale de dívida "
    "antes de consultar_faturas_cpf responder que a identidade está confirmada."
)
_TYPED = "[digitado no teclado] {digits}"
_MOST_CORRECTIONS = 5
_CORRECTIONS_IN_A_ROW = 2
_FAILURES_IN_A_ROW = 2
_QUEUE = 2_000


class _Gone(Exception):
    """The customer's line is gone."""


@dataclass(slots=True)
class _Timers:
    """When what is due, by the loop's clock."""

    ready_by: float
    talk_ends: float
    ends_at_last: float | None = None
    quiet_since: float | None = None
    doubt_until: float | None = None


_Event = StreamFrame | ServerEvent | ToolDone | Literal["phone_gone", "voice_gone"]


class RealtimeBridge:
    """Carries one call. `run` ends with what is to become of the line."""

    def __init__(
        self, *, phone: Phone, voice: Voice, brain: Brain, record: Record, dialogue: Dialogue, greeting: str | None,
        voice_name: str, can_transfer: bool, pace: Pace,
    ) -> None:  # fmt: skip
        self._phone = phone
        self._voice = voice
        self._mouth = Mouth(phone=phone, voice=voice, brain=brain, dialogue=dialogue)
        self._brain = brain
        self._record = RecordQueue(record)
        self._dialogue = dialogue
        self._greeting = greeting
        self._voice_name = voice_name
        self._can_transfer = can_transfer
        self._pace = pace
        self._events: asyncio.Queue[_Event] = asyncio.Queue(_QUEUE)
        self._now = asyncio.get_running_loop().time
        self._timers = _Timers(ready_by=self._now() + pace.ready, talk_ends=self._now() + pace.longest)
        self._floor = Floor(patience=pace.asked)
        self._hands = Hands(brain=brain, dialogue=dialogue, pace=pace, done=self._events.put)
        self._keypad = Keypad(patience=pace.keys)
        self._instructions = ""
        self._is_ready = self._is_over = False
        self._after: Ending | None = None
        self._ending: Ending | None = None
        self._silences = self._failures = self._corrections = self._corrections_in_a_row = 0

    @property
    def is_ready(self) -> bool:
        """Tell whether the agent hears the customer by now."""
        return self._is_ready

    async def run(self) -> Ending:
        """Carry the talk until it ends; nothing of it is lost, also when a line dies."""
        readers = [
            asyncio.create_task(self._read(self._phone.frames(), "phone_gone")),
            asyncio.create_task(self._read(self._voice.events(), "voice_gone")),
        ]
        writer = asyncio.create_task(self._record.write())
        try:
            return await self._talk()
        except RealtimeUnavailable:
            return "fall_back"
        except _Gone:
            return "gone"
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            await asyncio.shield(self._finish(writer))

    async def _talk(self) -> Ending:
        self._instructions = self._brain.instructions
        wish = SessionWish(instructions=self._instructions, voice=self._voice_name, tools=self._brain.tools)
        await self._voice.send(realtime.configure(wish))
        while self._ending is None:
            event = await self._next()
            if event is not None:
                await self._take(event)
            await self._advance()
        return self._ending

    async def _next(self) -> _Event | None:
        """Wait for what happens next, or until something is due."""
        with suppress(asyncio.QueueEmpty):
            return self._events.get_nowait()
        try:
            async with asyncio.timeout_at(self._due_at()):
                return await self._events.get()
        except TimeoutError:
            return None

    def _due_at(self) -> float:
        timers, pace = self._timers, self._pace
        dues = [
            self._mouth.due_at(now=self._now()), timers.talk_ends, timers.ends_at_last, self._floor.asked_by,
            self._keypad.due_at, timers.doubt_until,
        ]  # fmt: skip
        if not self._is_ready:
            dues.append(timers.ready_by)
        if timers.quiet_since is not None:
            dues.append(timers.quiet_since + pace.silence)
        return min(due for due in dues if due is not None)

    async def _read(self, source: AsyncIterator[Any], end: Literal["phone_gone", "voice_gone"]) -> None:
        try:
            async for event in source:
                await self._events.put(event)
        except Exception as error:  # a socket may break in any way: the call ends as if it had closed
            logger.warning("realtime.line_broke", line=end, error=type(error).__name__)
        await self._events.put(end)

    # --- what happens

    async def _take(self, event: _Event) -> None:
        match event:
            case "phone_gone" | StreamStopped():
                raise _Gone
            case "voice_gone":
                raise RealtimeUnavailable("closed")
            case Sound():
                if self._is_ready:
                    await self._voice.send(realtime.append(event.audio))
            case MarkPassed():
                self._mouth.passed(event.name)
            case KeyPressed():
                self._keypad.press(event.digit, now=self._now())
            case ToolDone():
                await self._tool_done(event)
            case SessionReady():
                self._ready()
            case SpeechStarted() | SpeechStopped() | Committed() | Transcribed():
                await self._take_from_customer(event)
            case _:
                await self._take_from_agent(event)

    def _ready(self) -> None:
        if self._is_ready:
            return
        self._is_ready = True
        if self._greeting is not None:
            self._say(self._greeting)

    async def _take_from_customer(self, event: ServerEvent) -> None:
        match event:
            case SpeechStarted():
                self._floor.is_customer_speaking = True
                self._silences = 0
                if self._floor.active is not None:
                    self._mouth.mute(self._floor.active)
                await self._interrupt()
            case SpeechStopped():
                self._floor.is_customer_speaking = False
            case Committed():
                self._floor.is_customer_speaking = False
                self._dialogue.begin(event.item_id, "customer", after=event.previous_item_id)
            case Transcribed():
                self._dialogue.begin(event.item_id, "customer")
                self._dialogue.settle(event.item_id, event.text or "")
                self._heard()

    def _heard(self) -> None:
        self._corrections_in_a_row = 0
        self._brain.hear(self._dialogue)
        self._hands.heard()

    async def _take_from_agent(self, event: ServerEvent | StreamFrame) -> None:
        match event:
            case ResponseStarted():
                self._floor.begin(event)
            case ItemStarted() | SoundDelta() | SoundDone() | WordsDelta() | WordsDone():
                self._mouth.take(event, now=self._now())
            case FunctionCalled():
                self._hands.call(event)
            case ResponseDone():
                self._response_done(event)
            case Complaint():
                self._complaint(event.code)

    def _response_done(self, done: ResponseDone) -> None:
        self._floor.end(done.response_id)
        self._mouth.end(done)
        for call in done.calls:
            self._hands.call(call)
        if done.tokens is not None:
            self._record.used(done.tokens)
        if done.status != "failed":
            self._failures = 0
            return
        self._failures += 1
        logger.warning("realtime.response_failed", failures=self._failures)
        if self._failures >= _FAILURES_IN_A_ROW:
            self._ending = "fall_back"
        elif not self._mouth.has_spoken(done.response_id):
            self._say(call_greetings.TROUBLE)

    def _complaint(self, code: str) -> None:
        logger.warning("realtime.complaint", code=code)
        self._floor.be_refused(code, now=self._now())

    # --- what the agent says

    async def _advance(self) -> None:
        """Play what may be played, ask for what is wanted, and do what is due."""
        if self._ending is not None:
            return
        await self._review()
        await self._mouth.play(now=self._now())
        await self._keep_time()
        await self._ask()
        self._keep()

    async def _review(self) -> None:
        now, timers = self._now(), self._timers
        found = self._mouth.review()
        if found is None:
            timers.doubt_until = None
            return
        if self._dialogue.unheard:
            # What the customer said may be what backs it: their words come a little later than the answer.
            timers.doubt_until = timers.doubt_until or now + self._pace.words
            if now < timers.doubt_until:
                return
        timers.doubt_until = None
        await self._correct(*found)

    async def _interrupt(self) -> None:
        """The customer speaks: be silent, and let the agent know what was heard."""
        if self._after == "hang_up" and not self._is_over:
            self._after = self._timers.ends_at_last = None  # they have more to say
        if self._mouth.can_be_heard:
            await self._mouth.fall_silent()

    async def _correct(self, item: SpokenItem, findings: Sequence[Finding]) -> None:
        """Cut what may not be said, and have a safe sentence said in its place."""
        self._corrections += 1
        self._corrections_in_a_row += 1
        logger.warning("realtime.cut", reasons=sorted({finding.reason for finding in findings}))
        self._record.found(findings)
        if self._floor.active == item.response_id:
            await self._voice.send(realtime.cancel(item.response_id))
        await self._mouth.fall_silent(is_meaning_kept=False)
        self._floor.forget_wishes()
        if self._corrections_in_a_row > _CORRECTIONS_IN_A_ROW or self._corrections > _MOST_CORRECTIONS:
            self._ending = "fall_back"
            return
        await self._voice.send(realtime.write(_NOTE, role="system"))
        is_debt = any(finding.reason == "debt_before_identity" for finding in findings)
        self._say(WHO_SPEAKS if is_debt else CHECKING)

    def _say(self, text: str) -> None:
        self._floor.wish(_SAY_EXACTLY.format(text=text))

    async def _ask(self) -> None:
        if not self._is_ready or self._ending is not None:
            return
        wish = self._floor.next_wish(now=self._now())
        if wish is not None:
            await self._voice.send(realtime.respond(wish.name, wish.instructions))

    # --- tools and keys

    async def _tool_done(self, done: ToolDone) -> None:
        self._hands.finished(done.call)
        await self._voice.send(realtime.answer_call(done.call.call_id, done.output))
        if self._brain.instructions != self._instructions:
            self._instructions = self._brain.instructions
            await self._voice.send(realtime.instruct(self._instructions))
        after = ending_after(done, can_transfer=self._can_transfer)
        if after is not None:
            self._after = after
            self._timers.ends_at_last = self._now() + self._pace.ending
        if self._hands.are_busy:
            return
        if after is not None and self._mouth.has_spoken(done.call.response_id):
            return  # the goodbye was said before the tool was called
        self._floor.wish(_SAY_GOODBYE if after == "hang_up" else None)

    async def _take_keys(self) -> None:
        digits = self._keypad.take(now=self._now())
        if not digits:
            return
        await self._interrupt()
        if self._floor.active is not None:
            await self._voice.send(realtime.cancel(self._floor.active))
        text = _TYPED.format(digits=digits)
        item_id = f"typed_{len(self._dialogue.messages())}_{int(self._now() * 1000)}"
        self._dialogue.begin(item_id, "customer")
        self._dialogue.settle(item_id, text)
        self._heard()
        await self._voice.send(realtime.write(text, role="user"))
        self._floor.wish()

    # --- time

    @property
    def _is_quiet(self) -> bool:
        is_busy = not self._floor.is_idle or self._hands.are_busy
        return self._is_ready and not is_busy and not self._mouth.is_speaking

    async def _keep_time(self) -> None:
        now, timers = self._now(), self._timers
        if not self._is_ready and now >= timers.ready_by:
            self._ending = "fall_back"
        self._floor.give_up_waiting(now=now)
        await self._take_keys()
        if now >= timers.talk_ends:
            timers.talk_ends = float("inf")
            await self._last_words(call_greetings.TIME_IS_UP)
        if timers.ends_at_last is not None and now >= timers.ends_at_last:
            self._ending = self._after or "hang_up"
        if not self._is_quiet:
            timers.quiet_since = None
            return
        if self._after is not None:
            self._ending = self._after
        timers.quiet_since = timers.quiet_since or now
        if now - timers.quiet_since >= self._pace.silence:
            timers.quiet_since = now
            await self._silent()

    async def _silent(self) -> None:
        """Nobody has said anything for a while: ask once, then say goodbye."""
        self._silences += 1
        if self._silences == 1:
            self._say(call_greetings.STILL_THERE)
        else:
            await self._last_words(call_greetings.NOBODY_THERE)

    async def _last_words(self, text: str) -> None:
        if self._floor.active is not None:
            await self._voice.send(realtime.cancel(self._floor.active))
        await self._mouth.fall_silent()
        self._floor.forget_wishes()
        self._say(text)
        self._after, self._is_over = "hang_up", True
        self._timers.ends_at_last = self._now() + self._pace.ending

    # --- what stays

    def _keep(self) -> None:
        self._record.keep([one for one in self._dialogue.take_known() if one.text])

    async def _finish(self, writer: asyncio.Task[None]) -> None:
        """Let tools that run come to their end, and write what was said until now."""
        await self._hands.finish()
        self._mouth.close()
        self._dialogue.settle_rest()
        self._keep()
        await self._record.finish(writer, within=self._pace.ending)
