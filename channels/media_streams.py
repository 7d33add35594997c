"""Twilio Media Streams: the frames of a call's sound, mu-law at 8 kHz both ways (protocols 4.6)."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from channels.reading import Unreadable, as_id, as_object, as_text, read_json

MAX_FRAME_CHARS = 64_000
"""Twilio's own frames hold 20 ms, some 300 characters; more than this it never sends."""
BYTES_A_MILLISECOND = 8
SILENCE = b"\xff"
"""One sample of silence in mu-law."""
_MOST_PARAMETERS = 50
_LONGEST_PARAMETER = 256
_LONGEST_MARK = 64
_DIGITS = frozenset("0123456789*#ABCD")
_ENCODING = "audio/x-mulaw"


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamStarted:
    """The first frame that matters: which call this is, with the parameters that our TwiML gave."""

    stream_sid: str
    call_sid: str
    account_sid: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """Some milliseconds of what the customer says."""

    audio: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkPassed:
    """All that was sent before this mark has been played, or was cleared."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyPressed:
    """One pressed key."""

    digit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamStopped:
    """The call has ended, or was taken elsewhere."""


StreamFrame = StreamStarted | Sound | MarkPassed | KeyPressed | StreamStopped


class MalformedFrame(Exception):
    """It is not JSON, no object, or without what its event must have."""


def read_frame(text: str) -> StreamFrame | None:
    """Read one frame of Twilio's; None for events that say nothing to us. Raises MalformedFrame."""
    try:
        body = as_object(read_json(text.encode("utf-8", "replace")))
    except Unreadable as error:
        raise MalformedFrame(str(error)) from error
    event = body.get("event")
    if not isinstance(event, str):
        raise MalformedFrame("no event")
    match event:
        case "media":
            return _sound(as_object(body.get("media")))
        case "mark":
            name = as_text(as_object(body.get("mark")).get("name")) or ""
            return MarkPassed(name=name) if len(name) <= _LONGEST_MARK else None
        case "dtmf":
            digit = as_text(as_object(body.get("dtmf")).get("digit")) or ""
            if digit not in _DIGITS:
                raise MalformedFrame("no key of a phone")
            return KeyPressed(digit=digit)
        case "start":
            return _started(body)
        case "stop":
            return StreamStopped()
        case _:
            return None


def _sound(media: Mapping[str, object]) -> Sound | None:
    if media.get("track") not in (None, "inbound"):
        return None  # what we say ourselves
    payload = media.get("payload")
    if not isinstance(payload, str):
        raise MalformedFrame("media without payload")
    try:
        audio = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedFrame("payload is no base64") from error
    return Sound(audio=audio) if audio else None


def _started(body: Mapping[str, object]) -> StreamStarted:
    start = as_object(body.get("start"))
    stream_sid = as_id(body.get("streamSid")) or as_id(start.get("streamSid"))
    call_sid = as_id(start.get("callSid"))
    if stream_sid is None or call_sid is None:
        raise MalformedFrame("start without ids")
    encoding = as_text(as_object(start.get("mediaFormat")).get("encoding"))
    if encoding not in (None, _ENCODING):
        raise MalformedFrame("not mu-law")
    given = list(as_object(start.get("customParameters")).items())[:_MOST_PARAMETERS]
    parameters = {name: text for name, value in given if (text := as_text(value))}
    return StreamStarted(
        stream_sid=stream_sid, call_sid=call_sid, account_sid=as_id(start.get("accountSid")) or "",
        parameters={name: text for name, text in parameters.items() if len(text) <= _LONGEST_PARAMETER},
    )  # fmt: skip


def sound_frame(stream_sid: str, audio: bytes) -> str:
    """Make a frame that has some sound played after what was sent before."""
    media = {"payload": base64.b64encode(audio).decode("ascii")}
    return json.dumps({"event": "media", "streamSid": stream_sid, "media": media}, separators=(",", ":"))


def mark_frame(stream_sid: str, name: str) -> str:
    """Make a frame that comes back once all before it was played."""
    return json.dumps({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}}, separators=(",", ":"))


def clear_frame(stream_sid: str) -> str:
    """Make a frame that throws away what was not played yet; its marks come back at once."""
    return json.dumps({"event": "clear", "streamSid": stream_sid}, separators=(",", ":"))
