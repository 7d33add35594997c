"""A fake of Twilio's ConversationRelay: it dials our websocket as Twilio does and plays the customer on the phone.

It has Twilio's manners, the bad ones too: events replayed after a reconnect, sockets that die without a close frame,
partial prompts, interruptions, frames that nobody documented.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.fakes.providers import TWILIO_SID, TWILIO_TOKEN

_PATIENCE = 20.0
_ALLOWED: Mapping[str, tuple[set[str], set[str]]] = {  # frame type: what it must have, what it may have
    "text": ({"type", "token", "last"}, {"lang", "interruptible", "preemptible"}),
    "end": ({"type"}, {"handoffData"}),
    "language": ({"type"}, {"ttsLanguage", "transcriptionLanguage"}),
    "play": ({"type", "source"}, {"loop", "preemptible", "interruptible"}),
    "sendDigits": ({"type", "digits"}, set()),
}


@dataclass(frozen=True, kw_only=True)
class RelayOffer:
    """What TwiML says of a session."""

    url: str
    action_url: str
    attributes: Mapping[str, str]
    parameters: Mapping[str, str]


def read_offer(twiml: bytes | str) -> RelayOffer | None:
    """Read the ConversationRelay noun as strictly as Twilio; None when there is none."""
    root = ElementTree.fromstring(twiml)  # our own answer
    connect_verb = root.find("Connect")
    noun = connect_verb.find("ConversationRelay") if connect_verb is not None else None
    if connect_verb is None or noun is None:
        return None
    assert urlsplit(noun.attrib["url"]).scheme in ("wss", "ws")
    parameters = {child.attrib["name"]: child.attrib["value"] for child in noun.iter("Parameter")}
    return RelayOffer(
        url=noun.attrib["url"], action_url=connect_verb.attrib["action"], attributes=dict(noun.attrib),
        parameters=parameters,
    )  # fmt: skip


@dataclass
class Caller:
    """One socket, with the person on the phone. `replies` are the talk cycles that were closed, in order."""

    connection: ClientConnection
    offer: RelayOffer
    call_sid: str
    tells_playback: bool = True
    replies: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    tokens: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    sounds: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    languages: list[dict[str, Any]] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    end_frame: dict[str, Any] | None = None
    close_code: int | None = None
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    _cycle: str = ""

    async def listen(self) -> None:
        """Take in what our side sends, and refuse what Twilio would refuse."""
        try:
            async for raw in self.connection:
                await self._take(json.loads(raw))
        except ConnectionClosed:
            pass
        finally:
            self.close_code = self.connection.close_code
            self.closed.set()

    async def _take(self, frame: dict[str, Any]) -> None:
        needed, optional = _ALLOWED[frame["type"]]
        assert needed <= frame.keys() <= needed | optional, frame
        assert self.end_frame is None, "Twilio was told to end, and then something else"
        self.frames.append(frame)
        if frame["type"] == "end":
            self.end_frame = frame
            self.ended.set()
            await self.connection.close()  # Twilio goes on with the action URL
        elif frame["type"] == "play":
            assert urlsplit(frame["source"]).scheme == "https"
            assert not self._cycle, "a sound in the middle of a talk cycle"
            self.sounds.put_nowait(frame)
        elif frame["type"] == "language":
            assert frame.keys() & {"ttsLanguage", "transcriptionLanguage"}
            self.languages.append(frame)
        elif frame["type"] == "text":
            assert isinstance(frame["token"], str)
            assert isinstance(frame["last"], bool)
            await self._speak(frame["token"], is_last=frame["last"])

    async def _speak(self, token: str, *, is_last: bool) -> None:
        if token:
            self.tokens.put_nowait(token)
        self._cycle += token
        if token and self.tells_playback:
            await self.send({"type": "info", "name": "agentSpeaking", "value": "on"})
            await self.send({"type": "info", "name": "tokensPlayed", "value": token})
        if is_last:
            if self.tells_playback:
                await self.send({"type": "info", "name": "agentSpeaking", "value": "off"})
            self.replies.put_nowait(self._cycle.strip())
            self._cycle = ""

    async def reply(self) -> str:
        """Wait for the next reply that is complete."""
        async with asyncio.timeout(_PATIENCE):
            return await self.replies.get()

    async def token(self) -> str:
        """Wait for the next piece of text."""
        async with asyncio.timeout(_PATIENCE):
            return await self.tokens.get()

    async def sound(self) -> dict[str, Any]:
        """Wait for the next sound that is played."""
        async with asyncio.timeout(_PATIENCE):
            return await self.sounds.get()

    async def gone(self) -> int | None:
        """Wait until our side has closed the socket; give the code."""
        async with asyncio.timeout(_PATIENCE):
            await self.closed.wait()
        return self.close_code

    async def is_ended(self) -> dict[str, Any]:
        """Wait for the frame that ends the session."""
        async with asyncio.timeout(_PATIENCE):
            await self.ended.wait()
        assert self.end_frame is not None
        return self.end_frame

    async def setup(self, **changes: Any) -> None:
        await self.send(setup_frame(self.offer, self.call_sid, **changes))

    async def say(self, text: str, *, language: str = "pt-BR") -> None:
        """Say something to its end, as the recogniser hears it."""
        frame = {"type": "prompt", "voicePrompt": text, "lang": language, "last": True}
        self.sent.append(json.dumps(frame))
        await self.send(frame)

    async def begin_to_say(self, text: str) -> None:
        await self.send({"type": "prompt", "voicePrompt": text, "lang": "pt-BR", "last": False})

    async def interrupt(self, heard: str) -> None:
        """Speak into the agent's words, of which these were heard."""
        frame = {"type": "interrupt", "utteranceUntilInterrupt": heard, "durationUntilInterruptMs": 900}
        self.sent.append(json.dumps(frame))
        await self.send(frame)

    async def press(self, digits: str) -> None:
        for digit in digits:
            await self.send({"type": "dtmf", "digit": digit})

    async def send(self, frame: Mapping[str, Any]) -> None:
        await self.send_raw(json.dumps(frame))

    async def send_raw(self, frame: str | bytes) -> None:
        try:
            await self.connection.send(frame)
        except ConnectionClosed:
            self.closed.set()

    async def replay(self, frames: list[str]) -> None:
        """Tell again what was told on an earlier socket."""
        for frame in frames:
            await self.connection.send(frame)

    async def hang_up(self) -> None:
        await self.connection.close()

    def die(self) -> None:
        """Let the socket go without a close frame."""
        self.connection.transport.abort()


def setup_frame(offer: RelayOffer, call_sid: str, **changes: Any) -> dict[str, Any]:
    return {
        "type": "setup", "sessionId": f"VX{call_sid[2:]}", "accountSid": TWILIO_SID, "parentCallSid": "",
        "callSid": call_sid, "from": "+5511999990001", "to": "+5511400012340", "forwardedFrom": "",
        "callType": "PSTN", "callerName": "", "direction": "inbound", "callStatus": "IN-PROGRESS",
        "customParameters": dict(offer.parameters), **changes,
    }  # fmt: skip


@asynccontextmanager
async def dial_in(
    base_url: str, offer: RelayOffer, call_sid: str, *, token: str = TWILIO_TOKEN, is_signed: bool = True,
    tells_playback: bool = True, is_set_up: bool = True,
) -> AsyncIterator[Caller]:  # fmt: skip
    """Open one socket to the service that really listens at `base_url`, signed over the public URL."""
    headers = {}
    if is_signed:
        headers["X-Twilio-Signature"] = RequestValidator(token).compute_signature(offer.url, {})
    where = f"ws{base_url.removeprefix('http')}{urlsplit(offer.url).path}"
    async with connect(where, additional_headers=headers, max_size=None, proxy=None) as connection:
        caller = Caller(connection=connection, offer=offer, call_sid=call_sid, tells_playback=tells_playback)
        listening = asyncio.create_task(caller.listen())
        try:
            if is_set_up:
                await caller.setup()
            yield caller
        finally:
            await connection.close()
            await listening
