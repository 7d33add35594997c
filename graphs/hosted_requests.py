"""One call of a hosted tool as it comes: read, bounded, and what the customer said in it as the graph hears it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from agents.turn_context import Heard, hear
from domain.messages import Medium
from domain.turns import Identity, TurnContext
from graphs.memory import recognise
from services.plain_text import tidy
from store.hosted_tools import EarlierCalls

MOST_TEXTS = 1000
_LONGEST_ARGUMENTS = 8_000
_DEEPEST = 8
_LONGEST_TEXT = 4_000
_MOST_NEW_MESSAGES = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolRequest:
    """One call of a tool, made fit to store and to compare."""

    name: str
    arguments: dict[str, Any]
    texts: tuple[str, ...]
    dialogue: tuple[BaseMessage, ...]
    key: str


class UnreadableRequest(ValueError):
    """The arguments are not what any tool takes."""


def read_request(
    name: str, arguments: Mapping[str, object], texts: Sequence[str], dialogue: Sequence[BaseMessage]
) -> ToolRequest:
    """Make a request fit to store: bounded, without what PostgreSQL refuses. Raises UnreadableRequest."""
    cleaned = _clean(arguments, depth=0)
    if not isinstance(cleaned, dict):
        raise UnreadableRequest
    written = json.dumps(cleaned, sort_keys=True, ensure_ascii=False)
    if len(written) > _LONGEST_ARGUMENTS:
        raise UnreadableRequest
    kept = tuple(tidy(text, limit=_LONGEST_TEXT) for text in texts[-MOST_TEXTS:] if isinstance(text, str))
    # Asked again after the customer spoke it is another question: the second step of a promise, a name told later.
    what = f"{name}\n{written}\n{len(texts)}"
    key = hashlib.sha256(what.encode()).hexdigest()
    return ToolRequest(name=name, arguments=cleaned, texts=kept, dialogue=tuple(dialogue), key=key)


def _clean(value: object, *, depth: int) -> object:
    if depth > _DEEPEST:
        raise UnreadableRequest
    match value:
        case str():
            if len(value) > _LONGEST_ARGUMENTS:
                raise UnreadableRequest
            return tidy(value, limit=_LONGEST_ARGUMENTS)
        case Mapping():
            return {tidy(str(name), limit=64): _clean(item, depth=depth + 1) for name, item in value.items()}
        case list() | tuple():
            return [_clean(item, depth=depth + 1) for item in value]
        case bool() | None:
            return value
        case int() | float() if abs(value) < 1e15:  # false for NaN, which JSON has not
            return value
        case _:
            raise UnreadableRequest


def hear_call(texts: Sequence[str], answered: int, dialogue: Sequence[BaseMessage], turn: TurnContext) -> Heard:
    """Read the customer's words as the graph does; new are those since the tools before the newest utterance."""
    asked = next((str(message.text) for message in reversed(dialogue) if isinstance(message, AIMessage)), "")
    messages: list[BaseMessage] = [HumanMessage(content=text) for text in texts[:answered]]
    messages.append(AIMessage(content=asked))
    messages += [HumanMessage(content=text) for text in texts[answered:]]
    return hear(messages, today=turn.today, medium=Medium.VOICE)


def recognised(identity: Identity, dialogue: Sequence[BaseMessage], turn: TurnContext) -> Identity:
    """Confirm who was expected on the phone by what was said at any time of the call, to what the agent asked then."""
    for place, message in enumerate(dialogue):
        if identity["status"] != "pendente" or "expected_name" not in identity:
            break
        if isinstance(message, HumanMessage):
            until = dialogue[: place + 1]
            identity = recognise(identity, hear(until, today=turn.today, medium=Medium.VOICE), until)
    return identity


def new_messages(call_id: UUID, request: ToolRequest, earlier: EarlierCalls) -> list[BaseMessage]:
    """Give what was said since the last tool call, with ids of its own so that nothing is remembered twice."""
    if request.dialogue:
        return list(request.dialogue[-_MOST_NEW_MESSAGES:])
    first = max(earlier.known, len(request.texts) - _MOST_NEW_MESSAGES)
    return [
        HumanMessage(content=text, id=str(uuid5(call_id, f"utterance:{place}")))
        for place, text in enumerate(request.texts)
        if place >= first and text
    ]
