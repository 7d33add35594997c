"""ConversationRelay: the frames of its websocket, and the token that ties a socket to a call (protocols 4.5)."""

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from channels.reading import Unreadable, as_id, as_object, as_text, read_json
from channels.signatures import hmac_sha256_hex

MAX_FRAME_CHARS = 64_000
"""Twilio's own frames hold one utterance; more than this it never sends."""
_LONGEST_UTTERANCE = 4_000
_LONGEST_PARAMETER = 256
_MOST_PARAMETERS = 50
_DIGITS = frozenset("0123456789*#ABCD")
_E164 = re.compile(r"\+[1-9][0-9]{7,14}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{2,8}){0,2}")
_TRANSFER = "live-agent-handoff"
CALL_PARAMETER = "callId"
TOKEN_PARAMETER = "token"  # noqa: S105  the parameter's name, not a secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """The first frame: which call this is, with the parameters that our TwiML gave."""

    session_id: str
    call_sid: str
    account_sid: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """What the customer said; not the last one: more of the same utterance follows. `language` is what it was heard
    in."""

    text: str
    is_last: bool
    language: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Interrupt:
    """The customer spoke into our words, of which these were heard."""

    spoken: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Digit:
    """One pressed key."""

    digit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """These words of ours have been played."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Speaking:
    """Our voice has begun, or has ended."""

    is_on: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RelayTrouble:
    """Twilio took offence at a frame of ours. `kind` is what it says before it quotes it."""

    kind: str


RelayFrame = Setup | Prompt | Interrupt | Digit | Played | Speaking | RelayTrouble


class MalformedFrame(Exception):
    """It is not JSON, no object, or without what its type must have."""


def read_frame(text: str) -> RelayFrame | None:
    """Read one frame of Twilio's; None for types that say nothing to us. Raises MalformedFrame."""
    try:
        body = as_object(read_json(text.encode("utf-8", "replace")))
    except Unreadable as error:
        raise MalformedFrame(str(error)) from error
    kind = body.get("type")
    if not isinstance(kind, str):
        raise MalformedFrame("no type")
    match kind:
        case "setup":
            return _setup(body)
        case "prompt":
            return Prompt(
                text=_words(body.get("voicePrompt")), is_last=body.get("last") is not False,
                language=as_language(as_text(body.get("lang"))),
            )  # fmt: skip
        case "interrupt":
            return Interrupt(spoken=_words(body.get("utteranceUntilInterrupt")))
        case "dtmf":
            return _digit(body)
        case "info":
            return _info(body)
        case "error":
            return RelayTrouble(kind=_words(body.get("description")).partition(":")[0][:60])
        case _:
            return None


def _setup(body: Mapping[str, object]) -> Setup:
    call_sid = as_id(body.get("callSid"))
    if call_sid is None:
        raise MalformedFrame("setup without callSid")
    given = as_object(body.get("customParameters"))
    parameters = {name: text for name, value in list(given.items())[:_MOST_PARAMETERS] if (text := as_text(value))}
    return Setup(
        session_id=as_id(body.get("sessionId")) or "", call_sid=call_sid,
        account_sid=as_id(body.get("accountSid")) or "",
        parameters={name: text for name, text in parameters.items() if len(text) <= _LONGEST_PARAMETER},
    )  # fmt: skip


def _digit(body: Mapping[str, object]) -> Digit:
    digit = as_text(body.get("digit")) or ""
    if digit not in _DIGITS:
        raise MalformedFrame("no key of a phone")
    return Digit(digit=digit)


def _info(body: Mapping[str, object]) -> Played | Speaking | None:
    """Read the events that our TwiML subscribes to; their shape is known from recorded calls only."""
    value = as_text(body.get("value")) or ""
    match body.get("name"):
        case "tokensPlayed":
            return Played(text=value[:_LONGEST_UTTERANCE])
        case "agentSpeaking" if value in ("on", "off"):
            return Speaking(is_on=value == "on")
        case _:
            return None


def _words(value: object) -> str:
    return " ".join((as_text(value) or "")[:_LONGEST_UTTERANCE].split())


def text_frame(token: str, *, is_last: bool, is_interruptible: bool = True, is_preemptible: bool | None = None) -> str:
    """Make a frame that has a piece of text spoken; the last one closes the talk cycle.

    What is not preemptible is spoken to its end before a newer cycle; by default the session's own rule holds.
    """
    frame: dict[str, object] = {"type": "text", "token": token, "last": is_last}
    if not is_interruptible:
        frame["interruptible"] = False
    if is_preemptible is not None:
        frame["preemptible"] = is_preemptible
    return _dumped(frame)


def play_frame(source: str) -> str:
    """Make a frame that plays a sound once; whatever is said next takes its place."""
    return _dumped({"type": "play", "source": source, "preemptible": True, "interruptible": True})


def language_frame(*, spoken: str, heard: str) -> str:
    """Make a frame that sets the language of the voice, and the one the customer is listened to in."""
    return _dumped({"type": "language", "ttsLanguage": spoken, "transcriptionLanguage": heard})


def end_frame(*, transfer_to: str | None = None) -> str:
    """Make the frame that ends the session; the call goes on with what the action URL answers."""
    if transfer_to is None:
        return _dumped({"type": "end"})
    # Twilio logs it: the number is the company's own, and nothing is said of the customer.
    handoff = {"reasonCode": _TRANSFER, "transferTo": transfer_to}
    return _dumped({"type": "end", "handoffData": json.dumps(handoff, separators=(",", ":"))})


def read_handoff(data: str) -> tuple[bool, str | None]:
    """Read our own handoff data as the action URL brings it back: is it a transfer, and to which number."""
    try:
        body = as_object(read_json(data[:_LONGEST_UTTERANCE].encode("utf-8", "replace")))
    except Unreadable:
        return False, None
    return body.get("reasonCode") == _TRANSFER, as_number_to_call(as_text(body.get("transferTo")))


def as_number_to_call(text: str | None) -> str | None:
    """Give a phone number in E.164; None for anything else, hidden callers and SIP addresses too."""
    return text if text and _E164.fullmatch(text) else None


def as_language(text: str | None) -> str | None:
    """Give the name of a language (`pt-BR`, `multi`); None for anything else."""
    return text if text and _LANGUAGE.fullmatch(text) else None


def is_same_language(one: str, other: str) -> bool:
    """Compare two names; one without a country is that of any country."""
    first, second = one.lower().split("-"), other.lower().split("-")
    return first[: len(second)] == second[: len(first)]


def session_token(webhook_key: str, call_id: UUID, call_sid: str) -> str:
    """Give what proves that a socket's setup comes from our own TwiML, for this very call."""
    return hmac_sha256_hex(webhook_key, f"twilio:{call_id}:{call_sid}".encode())


def is_session_token(given: str, webhook_key: str, call_id: UUID, call_sid: str) -> bool:
    """Check it in constant time."""
    expected = session_token(webhook_key, call_id, call_sid)
    return bool(webhook_key) and hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def _dumped(frame: Mapping[str, object]) -> str:
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
