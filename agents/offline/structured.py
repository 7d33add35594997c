"""Forced answers in a schema: the router's choice, the critic's verdict, valid neutral values for any other."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from langchain_core.messages import BaseMessage, HumanMessage

from agents.offline.reading import CONTEXT_MARK, Json, Turn, as_text, first_json
from agents.offline.routing import AgentName, route
from domain.documents import contains_full_document
from domain.wording import fold

_INTERNAL: Final = re.compile(r"Traceback|Exception|\bError\b|\bNone\b|\bnull\b|<tool|\{\s*\"|https?://localhost")
_ENGLISH: Final = re.compile(r"\b(the|sorry|please|your|you|with|invoice|payment|cannot|thank)\b", re.IGNORECASE)
_IN_DANGER: Final = re.compile(r"\b(me matar|suicid\w+|tirar minha vida|nao aguento mais viver|quero morrer)\b")
_NEUTRAL_TEXT: Final = "não informado"
_DEPTH_LIMIT: Final = 12
_FORMATS: Final = {
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "nao@informado.invalid",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "uri": "urn:nao-informado",
}


def fill(name: str, schema: Json, messages: Sequence[BaseMessage], turn: Turn) -> dict[str, object]:
    """Return arguments that satisfy the schema, meant where the schema is one we know."""
    known = {"rota": _rota, "critica": _critica}.get(name.lower().replace("í", "i"))
    values = neutral_object(schema)
    if known is not None:
        allowed = schema.get("properties")
        meant = known(messages, turn)
        values.update({key: value for key, value in meant.items() if isinstance(allowed, Mapping) and key in allowed})
    return values


def _rota(_messages: Sequence[BaseMessage], turn: Turn) -> dict[str, object]:
    current = turn.context.agent
    fallback: dict[str, AgentName] = {"cobranca": "cobranca", "sales": "sales"}
    agent, reason = route((*turn.earlier_texts[-3:], turn.new_text), fallback=fallback.get(current, "persona"))
    return {"agente": agent, "motivo": reason}


def _critica(messages: Sequence[BaseMessage], _turn: Turn) -> dict[str, object]:
    if any(
        isinstance(message, HumanMessage) and _IN_DANGER.search(fold(str(message.text))) for message in messages[-6:]
    ):
        return {"veredito": "transferir", "motivos": ["a pessoa pode estar em risco"]}
    draft = _draft_of(messages)
    reasons: list[str] = []
    if contains_full_document(draft):
        reasons.append("full_document")
    if _INTERNAL.search(draft):
        reasons.append("internal_text")
    if len(_ENGLISH.findall(draft)) >= 3:
        reasons.append("wrong_language")
    return {"veredito": "revisar" if reasons else "aprovar", "motivos": reasons}


def _draft_of(messages: Sequence[BaseMessage]) -> str:
    """Return the draft to judge: the `rascunho` of the last message's JSON, else its text when the model wrote it."""
    for message in reversed(messages):
        text = str(message.text)
        if CONTEXT_MARK in text:
            continue
        block = first_json(text)
        if block is not None and as_text(block.get("rascunho")):
            return as_text(block.get("rascunho"))
        marked = re.search(r"rascunho[^:\n]*:\s*(.+)", text, re.IGNORECASE | re.DOTALL)
        if marked:
            return marked[1]
        # The customer's own words are no draft: a document in them is theirs to write.
        return "" if isinstance(message, HumanMessage) else text
    return ""


# --- any other schema


def neutral_object(schema: Json) -> dict[str, object]:
    """Return the smallest object that the JSON schema accepts."""
    value = _neutral(schema, schema, 0)
    return value if isinstance(value, dict) else {}


def _resolved(schema: Json, root: Json) -> Json:
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    target: object = root
    for part in reference[2:].split("/"):
        target = target.get(part) if isinstance(target, Mapping) else None
    return target if isinstance(target, Mapping) else {}


def _neutral(raw: Json, root: Json, depth: int) -> object:
    schema = _resolved(raw, root)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    for key in ("anyOf", "oneOf", "allOf"):
        options = schema.get(key)
        if isinstance(options, list) and options and depth < _DEPTH_LIMIT:
            if any(option.get("type") == "null" for option in options if isinstance(option, Mapping)):
                return None
            first = options[0]
            return _neutral(first, root, depth + 1) if isinstance(first, Mapping) else None
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = "null" if "null" in kind else kind[0]
    if depth >= _DEPTH_LIMIT:
        return None
    maker = _MAKERS.get(str(kind))
    if maker is None:
        return _object(schema, root, depth) if "properties" in schema else _NEUTRAL_TEXT
    return maker(schema, root, depth)


def _object(schema: Json, root: Json, depth: int) -> dict[str, object]:
    properties = schema.get("properties")
    required = schema.get("required")
    if not isinstance(properties, Mapping):
        return {}
    names = required if isinstance(required, list) else []
    return {
        name: _neutral(properties[name], root, depth + 1)
        for name in names
        if isinstance(name, str) and isinstance(properties.get(name), Mapping)
    }


def _array(schema: Json, root: Json, depth: int) -> list[object]:
    count = schema.get("minItems")
    items = schema.get("items")
    if not isinstance(count, int) or not isinstance(items, Mapping):
        return []
    return [_neutral(items, root, depth + 1) for _ in range(min(count, 20))]


def _string(schema: Json, _root: Json, _depth: int) -> str:
    fixed = _FORMATS.get(str(schema.get("format")))
    least, most = schema.get("minLength"), schema.get("maxLength")
    text = fixed or _NEUTRAL_TEXT
    if isinstance(least, int):
        text = text.ljust(min(least, 4096), ".")
    return text[:most] if isinstance(most, int) else text


def _number(schema: Json, _root: Json, _depth: int) -> int | float:
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    value: int | float = 0
    if isinstance(least, int | float):
        value = max(value, least)
    if isinstance(above, int | float) and above >= value:
        value = above + 1
    if isinstance(most, int | float):
        value = min(value, most)
    if isinstance(below, int | float) and value >= below:
        value = below - 1
    return int(value) if schema.get("type") == "integer" else value


_MAKERS: Final[dict[str, Callable[[Json, Json, int], object]]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _number,
    "number": _number,
    "boolean": lambda _schema, _root, _depth: False,
    "null": lambda _schema, _root, _depth: None,
}
