"""OpenAI Realtime over its websocket: what we send, what it tells, and the connection (protocols 7).

The plain `websockets` client, not the SDK's connection: the SDK wraps the same client, builds a model of every one of
the fifty events a second, and fails on what it does not know.
"""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlencode

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException

from channels.reading import Unreadable, as_id, as_list, as_object, as_text, read_json

logger = structlog.get_logger(__name__)

_OPEN_SECONDS: Final = 8.0
_LARGEST_EVENT: Final = 4 * 1024 * 1024
_LONGEST_TEXT: Final = 16_000
_LONGEST_ARGUMENTS: Final = 20_000
_FORMAT: Final = {"type": "audio/pcmu"}
_WISH: Final = "wish"
_TRANSCRIPTION: Final = "gpt-4o-mini-transcribe"
Event = dict[str, object]


class RealtimeUnavailable(Exception):
    """There is no connection: it was refused, did not answer in time, or broke."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionReady:
    """The session is as we asked for it (`session.updated`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechStarted:
    """The customer began to speak."""

    item_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechStopped:
    item_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Committed:
    """What the customer said is an item of the conversation now; its words come later."""

    item_id: str
    previous_item_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcribed:
    """The customer's words; None when they could not be understood."""

    item_id: str
    text: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseStarted:
    """The agent begins to answer; `wish` is the name that we gave the answer when we asked for it."""

    response_id: str
    wish: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemStarted:
    """The agent begins to say something."""

    response_id: str
    item_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundDelta:
    response_id: str
    item_id: str
    audio: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundDone:
    item_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WordsDelta:
    response_id: str
    item_id: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WordsDone:
    """The item's whole text."""

    item_id: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionCalled:
    """The agent calls a tool; `arguments` is JSON, if the model wrote it well."""

    response_id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    input: int
    output: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseDone:
    response_id: str
    status: str
    calls: tuple[FunctionCalled, ...] = ()
    tokens: Tokens | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Complaint:
    """An `error` event: mostly about one event of ours, the session goes on."""

    code: str


ServerEvent = (
    SessionReady | SpeechStarted | SpeechStopped | Committed | Transcribed | ResponseStarted | ItemStarted | SoundDelta
    | SoundDone | WordsDelta | WordsDone | FunctionCalled | ResponseDone | Complaint
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionWish:
    """How the agent is to speak and what it may call."""

    instructions: str
    voice: str
    tools: Sequence[Mapping[str, object]] = field(default_factory=tuple)


def configure(wish: SessionWish) -> Event:
    """Ask for mu-law both ways, as the phone has it, so that nothing is converted."""
    return {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": wish.instructions,
            "audio": {
                "input": {
                    "format": dict(_FORMAT),
                    "transcription": {"model": _TRANSCRIPTION, "language": "pt"},
                    "noise_reduction": {"type": "near_field"},
                    "turn_detection": {
                        "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
                        "create_response": True, "interrupt_response": True,
                    },
                },
                "output": {"format": dict(_FORMAT), "voice": wish.voice, "speed": 1.0},
            },
            "tools": [dict(tool) for tool in wish.tools],
            "tool_choice": "auto",
        },
    }  # fmt: skip


def instruct(instructions: str) -> Event:
    """Change what the agent goes by, nothing else."""
    return {"type": "session.update", "session": {"type": "realtime", "instructions": instructions}}


def append(audio: bytes) -> Event:
    """Let the agent hear some of what the customer says."""
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode("ascii")}


def respond(wish: str, instructions: str | None = None) -> Event:
    """Ask for an answer; with instructions for this one alone, and then without tools."""
    response: Event = {"metadata": {_WISH: wish}}
    if instructions is not None:
        response |= {"instructions": instructions, "tool_choice": "none"}
    return {"type": "response.create", "response": response}


def cancel(response_id: str) -> Event:
    return {"type": "response.cancel", "response_id": response_id}


def truncate(item_id: str, *, audio_end_ms: int) -> Event:
    """Let the agent know how much of its words was heard."""
    return {
        "type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms,
    }  # fmt: skip


def forget(item_id: str) -> Event:
    """Take out of the conversation what was never heard."""
    return {"type": "conversation.item.delete", "item_id": item_id}


def answer_call(call_id: str, output: str) -> Event:
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    return {"type": "conversation.item.create", "item": item}


def write(text: str, *, role: Literal["user", "system"]) -> Event:
    """Put words into the conversation that nobody spoke."""
    item = {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}
    return {"type": "conversation.item.create", "item": item}


def read_event(text: str | bytes) -> ServerEvent | None:
    """Read one event; None for those that say nothing to us, and for broken ones."""
    try:
        body = as_object(read_json(text.encode("utf-8", "replace") if isinstance(text, str) else text))
    except Unreadable:
        logger.warning("realtime.event_not_understood")
        return None
    kind = body.get("type")
    if kind == "error":
        error = as_object(body.get("error"))
        return Complaint(code=(as_text(error.get("code")) or as_text(error.get("type")) or "unknown")[:60])
    if kind == "session.updated":
        return SessionReady()
    if isinstance(kind, str) and kind.startswith("response."):
        return _of_response(kind, body)
    return _of_input(kind, body)


def _of_input(kind: object, body: Mapping[str, object]) -> ServerEvent | None:
    item_id = as_id(body.get("item_id"))
    if item_id is None:
        return None
    match kind:
        case "input_audio_buffer.speech_started":
            return SpeechStarted(item_id=item_id)
        case "input_audio_buffer.speech_stopped":
            return SpeechStopped(item_id=item_id)
        case "input_audio_buffer.committed":
            return Committed(item_id=item_id, previous_item_id=as_id(body.get("previous_item_id")))
        case "conversation.item.input_audio_transcription.completed":
            return Transcribed(item_id=item_id, text=_text(body.get("transcript")))
        case "conversation.item.input_audio_transcription.failed":
            return Transcribed(item_id=item_id, text=None)
        case _:
            return None


def _of_response(kind: str, body: Mapping[str, object]) -> ServerEvent | None:
    if kind in ("response.created", "response.done"):
        return _response(kind, as_object(body.get("response")))
    response_id = as_id(body.get("response_id")) or ""
    if kind == "response.output_item.added":
        item = as_object(body.get("item"))
        added = as_id(item.get("id"))
        is_speech = item.get("type") == "message" and added is not None
        return ItemStarted(response_id=response_id, item_id=added or "") if is_speech else None
    item_id = as_id(body.get("item_id"))
    if item_id is None:
        return None
    match kind:
        case "response.output_audio.delta":
            return _sound(response_id, item_id, body.get("delta"))
        case "response.output_audio.done":
            return SoundDone(item_id=item_id)
        case "response.output_audio_transcript.delta":
            delta = body.get("delta")
            text = delta if isinstance(delta, str) else ""
            return WordsDelta(response_id=response_id, item_id=item_id, text=text[:_LONGEST_TEXT])
        case "response.output_audio_transcript.done":
            return WordsDone(item_id=item_id, text=_text(body.get("transcript")))
        case "response.function_call_arguments.done":
            return _called(response_id, body)
        case _:
            return None


def _sound(response_id: str, item_id: str, delta: object) -> SoundDelta | None:
    try:
        audio = base64.b64decode(delta, validate=True) if isinstance(delta, str) else b""
    except (binascii.Error, ValueError):
        logger.warning("realtime.sound_not_understood")
        return None
    return SoundDelta(response_id=response_id, item_id=item_id, audio=audio) if audio else None


def _called(response_id: str, body: Mapping[str, object]) -> FunctionCalled | None:
    call_id, name = as_id(body.get("call_id")), as_text(body.get("name"))
    arguments = body.get("arguments")
    if call_id is None or not name:
        return None
    text = arguments if isinstance(arguments, str) else "{}"
    return FunctionCalled(
        response_id=response_id, call_id=call_id, name=name[:100], arguments=text[:_LONGEST_ARGUMENTS]
    )


def _response(kind: str, response: Mapping[str, object]) -> ServerEvent | None:
    response_id = as_id(response.get("id"))
    if response_id is None:
        return None
    if kind == "response.created":
        wish = as_text(as_object(response.get("metadata")).get(_WISH))
        return ResponseStarted(response_id=response_id, wish=wish)
    items = [as_object(item) for item in as_list(response.get("output"))]
    calls = [_called(response_id, item) for item in items if item.get("type") == "function_call"]
    usage = as_object(response.get("usage"))
    return ResponseDone(
        response_id=response_id, status=as_text(response.get("status")) or "unknown",
        calls=tuple(call for call in calls if call is not None),
        tokens=Tokens(input=_count(usage.get("input_tokens")), output=_count(usage.get("output_tokens")))
        if usage
        else None,
    )  # fmt: skip


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 2**31 else 0


def _text(value: object) -> str:
    return value.strip()[:_LONGEST_TEXT] if isinstance(value, str) else ""


class RealtimeSocket:
    """One open session."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, event: Mapping[str, object]) -> None:
        """Raises RealtimeUnavailable when the connection is gone."""
        try:
            await self._connection.send(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
        except (ConnectionClosed, OSError) as error:
            raise RealtimeUnavailable(type(error).__name__) from error

    async def events(self) -> AsyncIterator[ServerEvent]:
        """Give what the server tells, until the connection ends, however it ends."""
        try:
            async for text in self._connection:
                event = read_event(text)
                if event is not None:
                    yield event
        except (ConnectionClosed, OSError) as error:
            logger.info("realtime.connection_closed", error=type(error).__name__)


@asynccontextmanager
async def open_realtime(*, url: str, model: str, api_key: str) -> AsyncIterator[RealtimeSocket]:
    """Connect, and close at the end. Raises RealtimeUnavailable when nobody answers, or not with yes."""
    address = f"{url}{'&' if '?' in url else '?'}{urlencode({'model': model})}"
    try:
        connection = await connect(
            address, additional_headers={"Authorization": f"Bearer {api_key}"}, open_timeout=_OPEN_SECONDS,
            max_size=_LARGEST_EVENT, close_timeout=2, ping_interval=20, ping_timeout=20, proxy=None,
        )  # fmt: skip
    except (WebSocketException, InvalidURI, OSError, TimeoutError) as error:
        raise RealtimeUnavailable(type(error).__name__) from error
    try:
        yield RealtimeSocket(connection)
    finally:
        await connection.close()
