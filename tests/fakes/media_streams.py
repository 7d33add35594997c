"""A fake of Twilio's side of Media Streams: a caller whose words are sound in frames, and an ear that plays what it
gets in order and gives the marks back as Twilio does."""

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.fakes.openai_realtime import SILENCE, VAD_SILENCE_BYTES, sound_of

ODD_SIZES = (160, 7, 333, 1, 160, 2048, 160, 20)
PATIENCE_SECONDS = 15


def frames_of(words: str) -> Iterator[bytes]:
    """Say something and be silent for long enough, in chunks of odd sizes."""
    sound = sound_of(words) + SILENCE * (VAD_SILENCE_BYTES + 160)
    at = 0
    while at < len(sound):
        for size in ODD_SIZES:
            if chunk := sound[at : at + size]:
                yield chunk
            at += size


@dataclass(kw_only=True)
class Player:
    """What Twilio holds to be played. By itself it plays at once; with `is_paused` only what a test lets it."""

    is_paused: bool = False
    heard: bytes = b""
    clears: int = 0
    _queue: deque[bytes | str] = field(default_factory=deque)

    def add(self, what: bytes | str) -> list[str]:
        """Take sound or a mark; give the marks that come back."""
        self._queue.append(what)
        return [] if self.is_paused else self.play()

    def play(self, milliseconds: int | None = None) -> list[str]:
        """Play some of it, or all; give the marks that were passed."""
        left = None if milliseconds is None else milliseconds * 8
        marks: list[str] = []
        while self._queue:
            what = self._queue[0]
            if isinstance(what, str):
                marks.append(what)
                self._queue.popleft()
            elif left is None or len(what) <= left:
                self.heard += what
                left = None if left is None else left - len(what)
                self._queue.popleft()
            else:
                self.heard += what[:left]
                self._queue[0] = what[left:]
                break
        return marks

    def clear(self) -> list[str]:
        """Throw away what was not played; its marks come back all the same."""
        self.clears += 1
        marks = [what for what in self._queue if isinstance(what, str)]
        self._queue.clear()
        return marks

    @property
    def waiting_ms(self) -> int:
        return sum(len(what) for what in self._queue if isinstance(what, bytes)) // 8


class Caller:
    """One stream."""

    def __init__(self, connection: ClientConnection, call_sid: str, parameters: Mapping[str, str]) -> None:
        self.connection = connection
        self.call_sid = call_sid
        self.stream_sid = f"MZ{uuid4().hex}"
        self.parameters = parameters
        self.player = Player()
        self.received: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self._sequence = 0
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def send(self, event: str, **values: object) -> None:
        self._sequence += 1
        frame = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.stream_sid, **values}
        await self.connection.send(json.dumps(frame))

    async def begin(self) -> None:
        await self.connection.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        start = {
            "accountSid": "AC00000000000000000000000000000001", "streamSid": self.stream_sid, "callSid": self.call_sid,
            "tracks": ["inbound"], "customParameters": dict(self.parameters),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }  # fmt: skip
        await self.send("start", start=start)

    async def say(self, words: str) -> None:
        for chunk in frames_of(words):
            await self.sound(chunk)

    async def sound(self, chunk: bytes) -> None:
        payload = base64.b64encode(chunk).decode()
        media = {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": payload}
        await self.send("media", media=media)

    async def press(self, *digits: str) -> None:
        for digit in digits:
            await self.send("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    async def play(self, milliseconds: int | None = None) -> None:
        """Let some of what was held be played, and the marks come back."""
        await self._give_back(self.player.play(milliseconds))

    async def stop(self) -> None:
        await self.send("stop", stop={"accountSid": "AC1", "callSid": self.call_sid})

    def die(self) -> None:
        """Drop the connection without a close frame."""
        self.connection.transport.abort()

    async def _read(self) -> None:
        try:
            async for text in self.connection:
                frame = json.loads(text)
                assert frame["streamSid"] == self.stream_sid
                self.received.append(frame)
                await self._take(frame)
                self._tell()
        except ConnectionClosed:
            pass
        self.close_code = self.connection.close_code
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _take(self, frame: Mapping[str, Any]) -> None:
        match frame["event"]:
            case "media":
                await self._give_back(self.player.add(base64.b64decode(frame["media"]["payload"], validate=True)))
            case "mark":
                await self._give_back(self.player.add(frame["mark"]["name"]))
            case "clear":
                await self._give_back(self.player.clear())
            case other:
                raise AssertionError(f"unknown event {other}")

    async def _give_back(self, marks: list[str]) -> None:
        for mark in marks:
            await self.send("mark", mark={"name": mark})

    async def until_heard(self, sound: bytes) -> None:
        """Wait until all of this was played."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sound not in self.player.heard:
                await self._news.wait()

    async def until_waiting(self, milliseconds: int) -> None:
        """Wait until so much is held to be played."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.player.waiting_ms < milliseconds:
                await self._news.wait()

    async def until_closed(self) -> int:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._reader
        assert self.close_code is not None
        return self.close_code


@asynccontextmanager
async def ring_in(url: str, *, call_sid: str, parameters: Mapping[str, str]) -> AsyncIterator[Caller]:
    """Connect a stream as Twilio does; nothing is sent yet."""
    async with connect(url, max_size=None, close_timeout=0.5, proxy=None) as connection:
        caller = Caller(connection, call_sid, parameters)
        try:
            yield caller
        finally:
            caller._reader.cancel()
            await asyncio.gather(caller._reader, return_exceptions=True)
