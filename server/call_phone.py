"""A telephone without sound: it calls our own server as Retell does, over the same websocket and webhooks.

What the customer says is typed; what is spoken comes sentence by sentence, at the pace of a voice, and typing into it
interrupts. So prompt engineers try spoken behaviour with no phone and no account (protocols 5).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import uuid4

import httpx
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from domain.ports import Clock
from server.phone_line import PhoneCall, PhoneLine, PhoneReports
from server.spoken_pace import CALM, Voice

logger = structlog.get_logger(__name__)

SILENCE_SECONDS: Final = 12.0  # then Retell asks for a reminder
_MOST_REMINDERS: Final = 2
_PING_SECONDS: Final = 2.0
_ECHO_SECONDS: Final = 5.0  # a socket that echoes nothing for so long is given up
_OPEN_SECONDS: Final = 7.0
_RECONNECT_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)
_HANG_UP: Final = 1000
_REFUSED: Final = frozenset({1002, 1007, 1008})
_LOST: Final = "error_llm_websocket_lost_connection"
_BROKEN: Final = "error_llm_websocket_runtime"

Kind = Literal[
    "connected", "lost", "speaking", "pace", "spoken", "cut", "listening", "heard", "silence", "tool", "tool_result",
    "transferred", "ended",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class PhoneEvent:
    """What happened, `seconds` after the call began. `reply` groups the sentences of one answer.

    `speaking` and `pace` carry `seconds` (of the whole sentence) and `part` (that is out) in their details; `cut`
    carries the words that were heard of the sentence; `ended` the reason in Retell's words.
    """

    kind: Kind
    seconds: float
    text: str = ""
    reply: int = 0
    details: Mapping[str, object] = field(default_factory=dict)


class NotAnswered(Exception):
    """The service did not take the call."""


@dataclass(slots=True)
class _Speech:
    """What is being spoken of one reply, and where it stands in the transcript."""

    reply: int
    waiting: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    place: int | None = None
    is_complete: bool = False
    is_followed: bool = False  # by silence: the customer's turn was told
    ending: Mapping[str, object] = field(default_factory=dict)


class CallPhone:
    """One call of one customer. `pace` is in characters a second; None speaks at once. `silence_seconds` None waits
    for ever."""

    def __init__(
        self, line: PhoneLine, *, customer_phone: str, http: httpx.AsyncClient, clock: Clock,
        pace: float | None = CALM, silence_seconds: float | None = SILENCE_SECONDS, call_id: str | None = None,
        direction: Literal["inbound", "outbound"] = "inbound", metadata: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._line = line
        self._clock = clock
        self._reports = PhoneReports(line, http=http, clock=clock)
        self._call = PhoneCall(
            call_id=call_id or f"call_{uuid4().hex}", customer_phone=customer_phone, direction=direction,
            metadata=metadata or {},
        )  # fmt: skip
        self._voice = Voice(pace)
        self._silence_seconds = silence_seconds
        self._events: asyncio.Queue[PhoneEvent | None] = asyncio.Queue()
        self._transcript: list[dict[str, str]] = []
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._speech = _Speech(reply=0)
        self._news = asyncio.Event()
        self._response_id = 0
        self._reminders = 0
        self._started = 0.0
        self._lasted: float | None = None
        self._echoed_at = 0.0
        self._is_over = False
        self._has_reported = asyncio.Event()

    async def dial(self) -> None:
        """Call, or take the call that rings, and be greeted. Raises NotAnswered."""
        self._started = asyncio.get_running_loop().time()
        is_known = await self._reports.started(self._call)
        try:
            self._socket = await self._connect()
        except NotAnswered:
            self._is_over = True
            if is_known:
                await self._reports.ended(self._call, reason="error_llm_websocket_open")
            raise
        self._put("connected")
        loops = (self._receive(), self._ping(), self._speak())
        self._tasks = [asyncio.create_task(self._guarded(work)) for work in loops]

    async def say(self, text: str) -> None:
        """Say something; what is being spoken is cut where it is."""
        words = text.strip()
        if self._is_over or not words:
            return
        self._cut()
        self._reminders = 0
        self._transcript.append({"role": "user", "content": words})
        self._response_id += 1
        self._put("heard", words)
        self._turn_to(_Speech(reply=self._response_id))
        await self._update(turntaking="user_turn")
        await self._ask("response_required")

    async def hang_up(self) -> None:
        """End the call from the customer's side; returns when the service was told. Harmless twice."""
        await self._end("user_hangup")
        await self._has_reported.wait()

    async def drop(self) -> None:
        """Lose the socket without a goodbye, as a network does; the call goes on over a new one."""
        if self._socket is not None:
            self._socket.transport.abort()

    def set_pace(self, pace: float | None) -> None:
        """Let the voice go on faster or slower, from the word it is at."""
        self._voice.set_pace(pace)
        if sentence := self._voice.sentence:
            details = {"seconds": self._voice.seconds(sentence), "part": self._voice.part}
            self._put("pace", sentence, reply=self._speech.reply, details=details)

    def set_silence(self, seconds: float | None) -> None:
        """Change how long the customer may be silent; None is for ever."""
        self._silence_seconds = seconds
        self._news.set()

    def note_typing(self) -> None:
        """Somebody who types is about to speak: the silence begins anew."""
        self._news.set()

    async def events(self) -> AsyncIterator[PhoneEvent]:
        """Give what happens until the call is over and the service was told."""
        while (event := await self._events.get()) is not None:
            yield event

    @property
    def call_id(self) -> str:
        return self._call.call_id

    @property
    def is_over(self) -> bool:
        return self._is_over

    @property
    def seconds(self) -> float:
        """Give how long the call lasts, or has lasted."""
        return asyncio.get_running_loop().time() - self._started if self._lasted is None else self._lasted

    @property
    def words(self) -> str:
        """Give the words that are out of the sentence being spoken."""
        return self._voice.words

    @property
    def transcript(self) -> list[dict[str, str]]:
        """Give what was really said, by both sides."""
        return [dict(entry) for entry in self._transcript]

    # --- the socket

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """The outermost handler of a loop: a fault of the telephone ends the call, and does not leave it hanging."""
        try:
            await work
        except Exception:
            logger.exception("call_phone.failed")
            await self._end("error_unknown")

    async def _connect(self) -> ClientConnection:
        base = self._line.api_url.replace("http", "ws", 1)
        url = f"{base}/api/v1/voice/retell/llm/{self._line.webhook_key}/{self.call_id}"
        try:
            socket = await connect(url, open_timeout=_OPEN_SECONDS, proxy=None)
            details = {"interaction_type": "call_details", "call": self._call.describe(self._line, "ongoing")}
            await socket.send(json.dumps(details))
        except (OSError, TimeoutError, WebSocketException) as error:
            raise NotAnswered(type(error).__name__) from error
        self._echoed_at = asyncio.get_running_loop().time()
        return socket

    async def _receive(self) -> None:
        while not self._is_over and self._socket is not None:
            socket = self._socket
            try:
                async for frame in socket:
                    self._take(json.loads(frame))
            except WebSocketException as error:
                logger.info("call_phone.socket_lost", error=type(error).__name__)
            if self._is_over:
                return
            if socket.close_code == _HANG_UP:
                return await self._end("agent_hangup")
            if socket.close_code in _REFUSED:
                return await self._end(_BROKEN)
            self._put("lost")
            if not await self._again():
                return await self._end(_LOST)

    async def _again(self) -> bool:
        """Connect again to the same call, and ask for what is still owed to the customer."""
        for pause in _RECONNECT_PAUSES:
            await asyncio.sleep(pause)
            try:
                self._socket = await self._connect()
            except NotAnswered:
                continue
            self._put("connected", details={"is_again": True})
            if self._transcript and self._transcript[-1]["role"] == "user":
                await self._ask("response_required")
            elif not self._speech.is_complete and not self._speech.waiting:
                await self._remind()  # the rest of the reply is lost: at least nobody waits in silence
            return True
        return False

    async def _ping(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._is_over:
            await asyncio.sleep(_PING_SECONDS)
            await self._send({"interaction_type": "ping_pong", "timestamp": int(self._clock.now().timestamp() * 1000)})
            if loop.time() - self._echoed_at > _ECHO_SECONDS:
                await self.drop()

    async def _send(self, frame: Mapping[str, object]) -> None:
        if self._socket is not None:
            with suppress(WebSocketException, OSError):  # the reader notices, and connects again
                await self._socket.send(json.dumps(frame, ensure_ascii=False))

    async def _update(self, **more: object) -> None:
        await self._send({"interaction_type": "update_only", "transcript": self._transcript} | more)

    async def _ask(self, kind: Literal["response_required", "reminder_required"]) -> None:
        frame = {"interaction_type": kind, "response_id": self._response_id, "transcript": self._transcript}
        await self._send(frame)

    def _take(self, frame: Any) -> None:
        match frame.get("response_type") if isinstance(frame, dict) else None:
            case "response" if frame.get("response_id") == self._speech.reply:
                self._take_words(frame)
            case "agent_interrupt" if self._speech.is_complete:
                self._take_words(frame)
            case "ping_pong":
                self._echoed_at = asyncio.get_running_loop().time()
            case "tool_call_invocation":
                details = {"arguments": frame.get("arguments"), "id": frame.get("tool_call_id")}
                self._put("tool", str(frame.get("name")), details=details)
            case "tool_call_result":
                self._put("tool_result", str(frame.get("content")), details={"id": frame.get("tool_call_id")})

    def _take_words(self, frame: Mapping[str, object]) -> None:
        speech = self._speech
        if content := str(frame.get("content") or "").strip():
            speech.waiting.append(content)
        speech.is_complete = frame.get("content_complete") is True
        if speech.is_complete:
            speech.ending = {name: frame[name] for name in ("end_call", "transfer_number") if frame.get(name)}
        self._news.set()

    # --- the voice

    async def _speak(self) -> None:
        while not self._is_over:
            speech = self._speech
            if speech.waiting:
                await self._speak_one(speech, speech.waiting.pop(0))
            elif speech.is_complete and speech.ending:
                await self._finish(speech)
            else:
                await self._listen(speech)

    async def _speak_one(self, speech: _Speech, sentence: str) -> None:
        speech.is_followed = False
        details = {"seconds": self._voice.seconds(sentence), "part": 0.0}
        self._put("speaking", sentence, reply=speech.reply, details=details)
        is_whole = await self._voice.speak(sentence)
        if not is_whole or speech is not self._speech:
            return  # `_cut` has written down how far it came
        speech.spoken.append(sentence)
        self._write_down(speech)
        self._put("spoken", sentence, reply=speech.reply)
        await self._update()

    def _write_down(self, speech: _Speech, partial: str = "") -> None:
        content = " ".join([*speech.spoken, *([partial] if partial else [])])
        if speech.place is not None:
            self._transcript[speech.place]["content"] = content
        elif content:
            speech.place = len(self._transcript)
            self._transcript.append({"role": "agent", "content": content})

    def _cut(self) -> None:
        """Stop speaking: the transcript keeps the words that were out."""
        speech = self._speech
        heard = self._voice.cut()
        if heard is None and not speech.waiting:
            return
        self._write_down(speech, heard or "")
        self._put("cut", heard or "", reply=speech.reply, details={"unspoken": list(speech.waiting)})
        speech.waiting.clear()

    def _turn_to(self, speech: _Speech) -> None:
        self._speech = speech
        self._news.set()

    async def _finish(self, speech: _Speech) -> None:
        number = speech.ending.get("transfer_number")
        if number and not speech.ending.get("end_call"):
            self._put("transferred", str(number), reply=speech.reply)
            await self._end("call_transfer")
        else:
            await self._end("agent_hangup")

    async def _listen(self, speech: _Speech) -> None:
        """Wait for words of either side; where nobody speaks for long, ask for a reminder."""
        if speech.is_complete and not speech.is_followed:
            speech.is_followed = True
            self._put("listening", reply=speech.reply)
        self._news.clear()
        try:
            async with asyncio.timeout(self._silence_seconds if speech.is_complete else None):
                await self._news.wait()
        except TimeoutError:
            if self._reminders >= _MOST_REMINDERS:
                await self._end("inactivity")
            else:
                self._reminders += 1
                self._put("silence", reply=speech.reply)
                await self._remind()

    async def _remind(self) -> None:
        self._response_id += 1
        self._turn_to(_Speech(reply=self._response_id))
        await self._ask("reminder_required")

    # --- the end

    async def _end(self, reason: str) -> None:
        if self._is_over:
            return
        self._cut()
        self._lasted = self.seconds
        self._is_over = True
        self._news.set()
        await self._update()  # how far the voice came, also when nothing follows
        if self._socket is not None:
            with suppress(WebSocketException, OSError, TimeoutError):
                async with asyncio.timeout(_ECHO_SECONDS):
                    await self._socket.close(_HANG_UP)
        self._put("ended", reason)
        try:
            await self._reports.ended(
                self._call, reason=reason, seconds=self._lasted, transcript=self._transcript
            )  # fmt: skip
        finally:
            self._has_reported.set()
            self._events.put_nowait(None)
            for task in self._tasks:
                if task is not asyncio.current_task():
                    task.cancel()

    def _put(
        self, kind: Kind, text: str = "", *, reply: int | None = None, details: Mapping[str, object] | None = None
    ) -> None:
        self._events.put_nowait(
            PhoneEvent(
                kind=kind, seconds=round(self.seconds, 2), text=text, details=details or {},
                reply=self._response_id if reply is None else reply,
            )
        )  # fmt: skip
