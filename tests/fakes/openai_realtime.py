"""A fake of OpenAI Realtime on loopback, by the recorded protocol: strict with what it gets, a ledger of all of it.

It hears text: `sound_of` writes words as sound that is no silence, and the server's own ears read them back, so a word
that arrives has really travelled as sound. Its own voice is made of the words too, so what reached the ear is compared.
"""

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

KEY = "sk-realtime-de-teste"
SILENCE = b"\xff"
VAD_SILENCE_BYTES = 4000  # 500 ms
MS_A_CHARACTER = 60
_EXACTLY = "\n\n"
_LARGEST_APPEND = 15 * 1024 * 1024


def sound_of(words: str) -> bytes:
    """Write words as mu-law sound; UTF-8 never holds a byte of silence."""
    return words.encode()


def voice_of(text: str) -> bytes:
    """Speak a text: 60 ms for each character, told apart by its place."""
    return b"".join((f"{place}{letter}".encode() * 480)[:480] for place, letter in enumerate(text))


@dataclass(kw_only=True)
class Answer:
    """What the agent does in one response."""

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, object] | str], ...] = ()
    sound_first: bool = False  # each piece of sound before its words
    words_late: int = 0  # pieces by which the words come behind the sound
    hold_at: int | None = None  # stop before this piece until `go` is set
    status: str = "completed"
    has_words: bool = True
    go: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(kw_only=True)
class FakeRealtime:
    """The fake's memory, and its answers to tests."""

    answers: deque[Answer] = field(default_factory=deque)
    received: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    sent_sound: dict[str, bytes] = field(default_factory=dict)  # by item
    texts: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    transcripts: deque[str | None] = field(default_factory=deque)  # instead of what was heard; None: not understood
    transcribe: asyncio.Event = field(default_factory=asyncio.Event)  # words of the customer wait for it
    sessions: list["Session"] = field(default_factory=list)
    refuses: int | None = None  # the status with which connections are refused
    never_ready: bool = False
    fails: bool = False
    busy: int = 0  # so many answers asked for meet one that nobody told of
    echoes_metadata: bool = True
    url: str = ""

    def program(self, *answers: Answer | str) -> None:
        """Set what the agent answers next; then it says "Certo."."""
        self.answers.extend(Answer(text=answer) if isinstance(answer, str) else answer for answer in answers)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.received if event["type"] == kind]

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """Give what tools answered."""
        items = [event["item"] for event in self.events("conversation.item.create")]
        return [json.loads(item["output"]) for item in items if item["type"] == "function_call_output"]

    @property
    def session(self) -> "Session":
        return self.sessions[-1]

    async def until(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until so many events of a kind have come."""
        async with asyncio.timeout(15):
            while len(found := self.events(kind)) < count:
                await self.session.news() if self.sessions else await asyncio.sleep(0.005)
        return found


class Session:
    """One connection."""

    def __init__(self, fake: FakeRealtime, connection: ServerConnection) -> None:
        self.fake = fake
        self.connection = connection
        self.active: str | None = None
        self.items: dict[str, int] = {}  # of the agent, with the bytes that were generated
        self.calls: set[str] = set()
        self.last_item: str | None = None
        self._number = 0
        self._answering: asyncio.Task[None] | None = None
        self._speech = bytearray()
        self._silence = 0
        self._speaking: str | None = None
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def _id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}_{self._number}"

    async def news(self) -> None:
        await self._news.wait()

    async def tell(self, kind: str, **values: object) -> None:
        event = {"type": kind, "event_id": self._id("event"), **values}
        await self.connection.send(json.dumps(event))

    async def complain(self, code: str, message: str = "as the protocol says") -> None:
        error = {"type": "invalid_request_error", "code": code, "message": message, "param": None, "event_id": None}
        await self.tell("error", error=error)

    def die(self) -> None:
        """Drop the connection without a close frame."""
        self.connection.transport.abort()

    async def run(self) -> None:
        await self.tell("session.created", session={"type": "realtime", "id": "sess_1", "object": "realtime.session"})
        try:
            async for text in self.connection:
                event = json.loads(text)
                self.fake.received.append(event)
                await self._take(event)
                self._news.set()
                self._news = asyncio.Event()
        finally:
            for task in (*self._tasks, self._answering):
                if task is not None:
                    task.cancel()

    async def _take(self, event: Mapping[str, Any]) -> None:
        match event["type"]:
            case "session.update":
                await self._update(event["session"])
            case "input_audio_buffer.append":
                await self._listen(base64.b64decode(event["audio"], validate=True))
            case "response.create":
                await self._create(event.get("response") or {})
            case "response.cancel":
                await self._cancel(event.get("response_id"))
            case "conversation.item.create":
                await self._add(event["item"])
            case "conversation.item.truncate":
                await self._truncate(event)
            case "conversation.item.delete":
                if event["item_id"] not in self.items:
                    await self._refuse("item_delete_invalid_item_id")
                await self.tell("conversation.item.deleted", item_id=event["item_id"])
            case other:
                await self._refuse(f"unknown event {other}")

    async def _refuse(self, problem: str) -> None:
        self.fake.problems.append(problem)
        await self.complain(problem)

    async def _update(self, session: Mapping[str, Any]) -> None:
        if session.get("type") != "realtime":
            await self._refuse("session.type must be realtime")
        for side in ("input", "output"):
            form = (session.get("audio") or {}).get(side, {}).get("format")
            if form is not None and form != {"type": "audio/pcmu"}:
                await self._refuse("format must be an object")
        if any(tool.get("type") != "function" or "name" not in tool for tool in session.get("tools", ())):
            await self._refuse("tools must be flat functions")
        if not self.fake.never_ready:
            await self.tell("session.updated", session={"type": "realtime", "id": "sess_1"})

    # --- hearing

    async def _listen(self, sound: bytes) -> None:
        if not 0 < len(sound) <= _LARGEST_APPEND:
            await self._refuse("append of no sound")
        for byte in sound:
            if byte != SILENCE[0]:
                if self._speaking is None:
                    await self._speech_started()
                self._speech.append(byte)
                self._silence = 0
            elif self._speaking is not None:
                self._silence += 1
                if self._silence >= VAD_SILENCE_BYTES:
                    await self._speech_stopped()

    async def _speech_started(self) -> None:
        self._speaking = self._id("item")
        await self.tell("input_audio_buffer.speech_started", item_id=self._speaking, audio_start_ms=0)
        if self._answering is not None and self.active is not None:
            await self._stop("turn_detected")

    async def _speech_stopped(self) -> None:
        item_id, self._speaking = self._speaking or "", None
        words = self._speech.decode()
        self._speech.clear()
        self.fake.heard.append(words)
        await self.tell("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=0)
        await self.tell("input_audio_buffer.committed", item_id=item_id, previous_item_id=self.last_item)
        self.last_item = item_id
        transcript = self.fake.transcripts.popleft() if self.fake.transcripts else words
        self._start(self._transcribe(item_id, transcript))
        if self.active is None:
            await self._respond({})

    async def _transcribe(self, item_id: str, words: str | None) -> None:
        await self.fake.transcribe.wait()
        base = "conversation.item.input_audio_transcription"
        if words is None:
            await self.tell(f"{base}.failed", item_id=item_id, content_index=0, error={"code": "audio_unintelligible"})
        else:
            await self.tell(f"{base}.completed", item_id=item_id, content_index=0, transcript=words)

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- answering

    async def _create(self, wish: Mapping[str, Any]) -> None:
        if self.fake.busy:
            self.fake.busy -= 1
            await self.complain("conversation_already_has_active_response")
            await self._done("resp_of_its_own", "completed")
        elif self.active is not None:
            await self.complain("conversation_already_has_active_response")
        else:
            await self._respond(wish)

    async def _respond(self, wish: Mapping[str, Any]) -> None:
        instructions = wish.get("instructions")
        if isinstance(instructions, str) and _EXACTLY in instructions and not self.fake.fails:
            answer = Answer(text=instructions.partition(_EXACTLY)[2])
        elif self.fake.fails:
            answer = Answer(status="failed")
        else:
            answer = self.fake.answers.popleft() if self.fake.answers else Answer(text="Certo.")
        self.active = self._id("resp")
        metadata = wish.get("metadata") if self.fake.echoes_metadata else None
        response = {"id": self.active, "object": "realtime.response", "status": "in_progress", "metadata": metadata}
        await self.tell("response.created", response=response)
        self._answering = asyncio.create_task(self._answer(self.active, answer))

    async def _answer(self, response_id: str, answer: Answer) -> None:
        output: list[dict[str, object]] = []
        try:
            if answer.text:
                await self._speak(response_id, answer)
            output = [await self._call(response_id, name, given) for name, given in answer.calls]
        except ConnectionClosed:
            return
        await self._done(response_id, answer.status, output)

    async def _speak(self, response_id: str, answer: Answer) -> None:
        item_id = self._id("item")
        self.items[item_id] = 0
        self.last_item = item_id
        self.fake.texts[item_id] = answer.text
        self.fake.sent_sound[item_id] = b""
        where: dict[str, object] = {"response_id": response_id, "item_id": item_id, "output_index": 0}
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        await self.tell("response.output_item.added", response_id=response_id, output_index=0, item=item)
        sound = voice_of(answer.text)
        pieces = [(answer.text[at : at + 7], sound[at * 480 : (at + 7) * 480]) for at in range(0, len(answer.text), 7)]
        owed: deque[str] = deque()
        for place, (words, piece) in enumerate(pieces):
            if place == answer.hold_at:
                await answer.go.wait()
            owed.append(words)
            if answer.has_words and not answer.sound_first and not answer.words_late:
                await self._words(where, owed.popleft())
            await self._sound(where, item_id, piece)
            if answer.has_words and (answer.sound_first or answer.words_late) and len(owed) > answer.words_late:
                await self._words(where, owed.popleft())
        while owed and answer.has_words:
            await self._words(where, owed.popleft())
        await self.tell("response.output_audio.done", **where, content_index=0)
        text = answer.text if answer.has_words else ""
        await self.tell("response.output_audio_transcript.done", **where, content_index=0, transcript=text)

    async def _words(self, where: Mapping[str, Any], words: str) -> None:
        await self.tell("response.output_audio_transcript.delta", **where, content_index=0, delta=words)

    async def _sound(self, where: Mapping[str, Any], item_id: str, sound: bytes) -> None:
        self.fake.sent_sound[item_id] += sound
        self.items[item_id] += len(sound)
        delta = base64.b64encode(sound).decode()
        await self.tell("response.output_audio.delta", **where, content_index=0, delta=delta)

    async def _call(self, response_id: str, name: str, given: Mapping[str, object] | str) -> dict[str, object]:
        call_id, item_id = self._id("call"), self._id("item")
        arguments = given if isinstance(given, str) else json.dumps(given)
        self.calls.add(call_id)
        await self.tell(
            "response.function_call_arguments.done", response_id=response_id, item_id=item_id, output_index=0,
            call_id=call_id, name=name, arguments=arguments,
        )  # fmt: skip
        return {"id": item_id, "type": "function_call", "name": name, "call_id": call_id, "arguments": arguments}

    async def _done(self, response_id: str, status: str, output: list[dict[str, object]] | None = None) -> None:
        if self.active == response_id:
            self.active = None
        usage = {"total_tokens": 253, "input_tokens": 200, "output_tokens": 53}
        response = {"id": response_id, "status": status, "output": output or [], "usage": usage}
        await self.tell("response.done", response=response)

    async def _cancel(self, response_id: str | None) -> None:
        if self.active is None or response_id not in (None, self.active):
            await self.complain("response_cancel_not_active")
            return
        await self._stop("client_cancelled")

    async def _stop(self, reason: str) -> None:
        stopped, self.active = self.active or "", None
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.gather(self._answering, return_exceptions=True)
        details = {"type": "cancelled", "reason": reason}
        response = {"id": stopped, "status": "cancelled", "status_details": details, "output": []}
        await self.tell("response.done", response=response)

    async def _add(self, item: Mapping[str, Any]) -> None:
        if item["type"] == "function_call_output":
            if item["call_id"] not in self.calls:
                await self._refuse("output of an unknown call")
            if not isinstance(item["output"], str):
                await self._refuse("output must be a string")
        elif item["type"] != "message" or item["content"][0]["type"] != "input_text":
            await self._refuse("item not understood")
        await self.tell("conversation.item.added", item=dict(item))

    async def _truncate(self, event: Mapping[str, Any]) -> None:
        generated = self.items.get(event["item_id"])
        if generated is None or not isinstance(event["audio_end_ms"], int) or event["audio_end_ms"] * 8 > generated:
            await self._refuse("audio_end_ms beyond the item")
        await self.tell("conversation.item.truncated", item_id=event["item_id"], audio_end_ms=event["audio_end_ms"])


@asynccontextmanager
async def run_fake_realtime() -> AsyncIterator[FakeRealtime]:
    """Run the fake on loopback in this event loop. What the customer says is transcribed at once."""
    fake = FakeRealtime()
    fake.transcribe.set()

    async def talk(connection: ServerConnection) -> None:
        session = Session(fake, connection)
        fake.sessions.append(session)
        await session.run()

    def admit(connection: ServerConnection, request: Any) -> Any:
        if fake.refuses is not None:
            return connection.respond(fake.refuses, "no")
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return connection.respond(401, "no")
        if "OpenAI-Beta" in request.headers or "model=" not in request.path:
            fake.problems.append("handshake")
        return None

    server: Server
    async with serve(talk, "127.0.0.1", 0, process_request=admit, max_size=None, close_timeout=0.2) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        fake.url = f"ws://127.0.0.1:{port}/v1/realtime"
        yield fake
