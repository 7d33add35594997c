"""Frames of Retell's custom-LLM websocket (protocols 5.5): read what comes, build what goes.

Retell drops a frame with a wrong type without a word, so every field here is exactly of the type it documents.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from channels.reading import JsonObject, Unreadable, as_list, as_number, as_object, objects_in, read_json
from channels.retell_calls import RetellCall, read_call
from domain.call_talk import ReplyDone, Say, ToolUsed
from domain.masking import mask_text

MAX_FRAME_CHARS = 2 * 1024 * 1024  # two hours of talk, with room
_LONGEST_UTTERANCE = 4000
_MOST_DIGITS = 200
_LARGEST_ID = 2**53
_DIGITS = frozenset("0123456789*#ABCD")

Turn = Literal["agent", "user"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcript:
    """What was said so far, as far as an answer needs it.

    `user_text` is all that the customer said since the agent last spoke, and `user_index` the place of its first
    utterance: a place keeps its number while its text grows or is corrected.
    """

    user_text: str = ""
    user_index: int = 0
    agent_texts: tuple[tuple[int, str], ...] = ()  # place and text of each of the agent's utterances
    digits: str = ""  # every key pressed in the call

    def spoken_after(self, index: int) -> str:
        """Give what the agent said after a place."""
        return " ".join(text for place, text in self.agent_texts if place > index)

    @property
    def last_agent_index(self) -> int:
        return self.agent_texts[-1][0] if self.agent_texts else -1


@dataclass(frozen=True, kw_only=True, slots=True)
class CallDetails:
    call: RetellCall


@dataclass(frozen=True, kw_only=True, slots=True)
class Ping:
    """Retell wants exactly this echoed."""

    timestamp: int | float


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """The transcript has grown. `turn` says whose turn it has become, when it has changed."""

    transcript: Transcript
    turn: Turn | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An answer is wanted; only the newest `response_id` is heard."""

    response_id: int
    is_reminder: bool
    transcript: Transcript


Frame = CallDetails | Ping | Update | Wanted


def read_frame(text: str) -> Frame | None:
    """Read one frame; None for a kind that is new to us. Raises Unreadable for what no Retell sends."""
    if len(text) > MAX_FRAME_CHARS:
        raise Unreadable("enormous")
    payload = _parse(text)
    match payload.get("interaction_type"):
        case "ping_pong":
            return Ping(timestamp=_timestamp(payload.get("timestamp")))
        case "call_details":
            call = read_call(as_object(read_json(text.encode("utf-8", "replace"))).get("call"))
            if call is None:
                raise Unreadable("call details without a call")
            return CallDetails(call=call)
        case "update_only":
            return Update(transcript=read_transcript(payload), turn=_turn(payload.get("turntaking")))
        case "response_required" | "reminder_required" as kind:
            return Wanted(
                response_id=_response_id(payload.get("response_id")), is_reminder=kind == "reminder_required",
                transcript=read_transcript(payload),
            )  # fmt: skip
        case str():
            return None
        case _:
            raise Unreadable("no interaction type")


def _parse(text: str) -> JsonObject:
    """Parse a frame as fast as can be: a transcript comes whole with every update, several times a second.

    What of it is kept is cleaned where it is read.
    """
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(type(error).__name__) from error
    if not isinstance(payload, dict):
        raise Unreadable("no object")
    return payload


def _timestamp(value: object) -> int | float:
    number = value if isinstance(value, int) and not isinstance(value, bool) else as_number(value)
    if number is None or abs(number) > _LARGEST_ID:
        raise Unreadable("a ping without a timestamp")
    return number


def _response_id(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_ID:
        raise Unreadable("no response id")
    return value


def _turn(value: object) -> Turn | None:
    return "user" if value == "user_turn" else "agent" if value == "agent_turn" else None


def read_transcript(payload: JsonObject) -> Transcript:
    """Read a transcript of any shape; roles that are new to us keep their place and say nothing."""
    utterances = [as_object(entry) for entry in as_list(payload.get("transcript"))]
    first = len(utterances)
    while first > 0 and utterances[first - 1].get("role") == "user":
        first -= 1
    said = (_content(utterance) for utterance in utterances[first:])
    return Transcript(
        user_text=_storable(" ".join(text for text in said if text)[:_LONGEST_UTTERANCE]),
        user_index=first,
        agent_texts=tuple(
            (place, text)
            for place, utterance in enumerate(utterances)
            if utterance.get("role") == "agent" and (text := _content(utterance))
        ),
        digits=_pressed(payload.get("transcript_with_tool_calls")),
    )


def _content(utterance: JsonObject) -> str:
    content = utterance.get("content")
    return content.strip()[:_LONGEST_UTTERANCE] if isinstance(content, str) else ""


def _storable(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _pressed(value: object) -> str:
    digits = [entry.get("digit") for entry in objects_in(value) if entry.get("role") == "dtmf"]
    return "".join(digit for digit in digits if isinstance(digit, str) and digit in _DIGITS)[:_MOST_DIGITS]


# --- out


def config_frame() -> str:
    """Ask for keep-alive with reconnects, the call's details, and the keys that are pressed. Always the first frame."""
    config = {"auto_reconnect": True, "call_details": True, "transcript_with_tool_calls": True}
    return _text({"response_type": "config", "config": config})


def pong_frame(ping: Ping) -> str:
    return _text({"response_type": "ping_pong", "timestamp": ping.timestamp})


def say_frame(say: Say, *, interrupt_id: int | None = None) -> str:
    """Speak one sentence; more follows. With an `interrupt_id` the agent speaks up by itself, outside any reply."""
    more = {} if say.is_interruptible else {"no_interruption_allowed": True}
    return _spoken_frame(say.reply, interrupt_id, f"{say.text} ", is_complete=False, more=more)


def done_frame(done: ReplyDone, *, interrupt_id: int | None = None) -> str:
    """End a reply; what follows it happens at Retell once everything was spoken, unless the customer interrupts."""
    more: dict[str, object] = {}
    if done.then == "hang_up":
        more["end_call"] = True
    elif done.then == "transfer" and done.transfer_to:
        more["transfer_number"] = done.transfer_to
    return _spoken_frame(done.reply, interrupt_id, "", is_complete=True, more=more)


def _spoken_frame(
    reply: int, interrupt_id: int | None, content: str, *, is_complete: bool, more: Mapping[str, object]
) -> str:
    number: dict[str, object] = (
        {"response_type": "response", "response_id": reply}
        if interrupt_id is None
        else {"response_type": "agent_interrupt", "interrupt_id": interrupt_id}
    )
    return _text({**number, "content": content, "content_complete": is_complete, **more})


def tool_frames(used: ToolUsed) -> tuple[str, str]:
    """Tell Retell's timeline of a tool, without personal data."""
    arguments = json.dumps(_masked(used.arguments), ensure_ascii=False, default=str)
    result = mask_text(used.result)
    return (
        _text(
            {
                "response_type": "tool_call_invocation", "tool_call_id": used.tool_call_id, "name": used.name,
                "arguments": arguments,
            }
        ),
        _text({"response_type": "tool_call_result", "tool_call_id": used.tool_call_id, "content": result}),
    )  # fmt: skip


def _masked(value: object) -> object:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {str(key): _masked(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_masked(item) for item in value]
    return value


def _text(frame: Mapping[str, object]) -> str:
    return json.dumps(frame, ensure_ascii=False)
