"""One call of a hosted tool as it comes: read, bounded, and what the customer said in it as the graph hears it."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid5

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from agents.turn_context import Heard, hear, questions_before
from domain.messages import Medium
from domain.turns import Identity, TurnContext
from graphs.memory import recognise
from services.identity import identity_after
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
    asked = _asked(dialogue)
    messages: list[BaseMessage] = [HumanMessage(content=text) for text in texts[:answered]]
    messages.append(AIMessage(content=asked))
    messages += [HumanMessage(content=text) for text in texts[answered:]]
    heard = hear(messages, today=turn.today, medium=Medium.VOICE)
    questions = questions_before(dialogue)
    return replace(heard, asked=questions) if len(questions) == len(texts) else heard


def _asked(dialogue: Sequence[BaseMessage]) -> str:
    """Give what the agent said before the customer's newest words; "um momento" said after them asks nothing."""
    places = [place for place, message in enumerate(dialogue) if isinstance(message, HumanMessage)]
    before = dialogue[: places[-1]] if places else dialogue
    return next((str(message.text) for message in reversed(before) if isinstance(message, AIMessage)), "")


def recognised(identity: Identity, dialogue: Sequence[BaseMessage], turn: TurnContext) -> Identity:
    """Confirm who was expected on the phone by what was said at any time of the call, to what the agent asked then;
    and set back who was confirmed once somebody else has taken the phone over."""
    for place, message in enumerate(dialogue):
        if identity["status"] != "pendente" or "expected_name" not in identity:
            break
        if isinstance(message, HumanMessage):
            until = dialogue[: place + 1]
            identity = recognise(identity, hear(until, today=turn.today, medium=Medium.VOICE), until)
    said = [str(message.text) for message in dialogue if isinstance(message, HumanMessage)]
    return identity_after(identity, said, asked=questions_before(dialogue))


def new_messages(call_id: UUID, request: ToolRequest, earlier: EarlierCalls) -> list[BaseMessage]:
    """Give what was said since the last tool call, with ids of its own so that nothing is remembered twice."""
    if request.dialogue:
        return list(_named(call_id, request.dialogue, known=earlier.known))[-_MOST_NEW_MESSAGES:]
    first = max(earlier.known, len(request.texts) - _MOST_NEW_MESSAGES)
    return [
        HumanMessage(content=text, id=str(uuid5(call_id, f"utterance:{place}")))
        for place, text in enumerate(request.texts)
        if place >= first and text
    ]


def _named(call_id: UUID, dialogue: Sequence[BaseMessage], *, known: int) -> Iterator[BaseMessage]:
    """Name what a transcript holds by its place there, and leave out what came before the utterances known already."""
    heard = said = 0
    for message in dialogue:
        is_heard = isinstance(message, HumanMessage)
        name = f"utterance:{heard}" if is_heard else f"said:{said}"
        heard, said = heard + is_heard, said + (not is_heard)
        if message.id is not None:  # whoever gives ids knows what is new
            yield message
        elif heard > known or (heard == known and not is_heard):
            yield message.model_copy(update={"id": str(uuid5(call_id, name))})
