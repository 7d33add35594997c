"""The offline model itself: one pure function from messages and tools to the next message."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Final, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, ToolCall
from langchain_core.messages.ai import UsageMetadata

from agents.offline.aloud import aloud
from agents.offline.collection_talk import collection_reply
from agents.offline.debt import cents_of
from agents.offline.phone_talk import on_the_phone
from agents.offline.phrases import with_one_emoji
from agents.offline.reading import CallNeeded, Json, Turn, as_text, first_json, read_turn
from agents.offline.refining import refine
from agents.offline.repetition import without_third_asking
from agents.offline.sales_talk import sales_reply
from agents.offline.structured import fill
from agents.offline.support_talk import support_reply

MODEL_NAME: Final = "offline-ptbr-1"
ToolSchema: TypeAlias = Mapping[str, object]
_CONTRACT_TOOLS: Final = frozenset(
    (
        "consultar_faturas_cpf", "registrar_promessa_pagamento", "atualizar_status_cobranca", "gerar_segunda_via",
        "transferir_para_humano", "registrar_opt_out", "buscar_conhecimento", "buscar_produtos", "mover_kanban",
        "salvar_dado_contato", "escalar_para_voz", "encerrar_ligacao",
    )
)  # fmt: skip
_FORCED: Final = frozenset(("any", "required"))
_EMPTY: Final[Json] = {}


def respond(
    messages: Sequence[BaseMessage],
    tools: Sequence[ToolSchema] = (),
    *,
    tool_choice: str | None = None,
    response_schema: ToolSchema | None = None,
) -> AIMessage:
    """Return the next message of the conversation; the same input always gives the same output.

    `tools` are OpenAI function schemas; `tool_choice` is "auto", "none", "any"/"required" or a tool's name;
    `response_schema` asks for JSON text in that schema instead of talk.
    """
    schemas = {name: parameters for name, parameters in map(_named_schema, tools) if name}
    usable = frozenset() if tool_choice == "none" else frozenset(schemas)
    turn = read_turn(messages, usable)
    reply = _reply(messages, turn, schemas, tool_choice, response_schema)
    reply.usage_metadata = _usage(messages, tools, reply)
    reply.response_metadata = {"model_name": MODEL_NAME, "finish_reason": "tool_calls" if reply.tool_calls else "stop"}
    return reply


def _reply(
    messages: Sequence[BaseMessage],
    turn: Turn,
    schemas: Mapping[str, Json],
    tool_choice: str | None,
    response_schema: ToolSchema | None,
) -> AIMessage:
    if response_schema is not None:
        name, parameters = _named_schema(response_schema)
        return AIMessage(content=json.dumps(fill(name, parameters, messages, turn), ensure_ascii=False))
    forced = _forced_tool(schemas, tool_choice)
    if forced is not None and (tool_choice not in _FORCED or len(schemas) == 1):
        return _called(messages, schemas, forced, fill(forced, schemas[forced], messages, turn))
    try:
        text = _talk(messages, turn)
    except CallNeeded as call:
        return _called(messages, schemas, call.name, call.arguments)
    if forced is not None:
        return _called(messages, schemas, forced, fill(forced, schemas[forced], messages, turn))
    text = with_one_emoji(without_third_asking(turn, text))
    return AIMessage(content=aloud(text) if turn.call is not None else text)


def _forced_tool(schemas: Mapping[str, Json], tool_choice: str | None) -> str | None:
    """Return the tool that must be called; of several, the one that is no tool of ours carries the final answer."""
    if tool_choice in schemas:
        return tool_choice
    if tool_choice not in _FORCED or not schemas:
        return None
    return next((name for name in schemas if name not in _CONTRACT_TOOLS), next(iter(schemas)))


def _talk(messages: Sequence[BaseMessage], turn: Turn) -> str:
    agent = turn.context.agent
    if agent == "refiner" and messages:
        block = first_json(str(messages[-1].text))
        if block is not None and as_text(block.get("rascunho")):
            return refine(block)
    phone = on_the_phone(turn)
    if phone is not None:
        return phone
    if agent == "cobranca" or (not agent and "consultar_faturas_cpf" in turn.tools):
        return collection_reply(turn)
    if agent == "sales" or (not agent and "buscar_produtos" in turn.tools):
        return sales_reply(turn)
    return support_reply(turn)


# --- tool calls


def _named_schema(tool: ToolSchema) -> tuple[str, Json]:
    """Return name and JSON schema of an OpenAI tool, a bare function or a response format."""
    for key in ("function", "json_schema"):
        inner = tool.get(key)
        if isinstance(inner, Mapping):
            tool = inner
            break
    parameters = tool.get("parameters", tool.get("schema"))
    if not isinstance(parameters, Mapping):
        parameters = tool if "properties" in tool else _EMPTY
    return as_text(tool.get("name")) or as_text(tool.get("title")), parameters


def _called(
    messages: Sequence[BaseMessage], schemas: Mapping[str, Json], name: str, args: Mapping[str, object]
) -> AIMessage:
    fitted = _fitted(args, schemas.get(name, _EMPTY))
    written = json.dumps([name, fitted, len(messages)], ensure_ascii=False, sort_keys=True, default=str)
    call_id = f"call_{blake2b(written.encode(), digest_size=12).hexdigest()}"
    return AIMessage(content="", tool_calls=[ToolCall(name=name, args=fitted, id=call_id, type="tool_call")])


def _fitted(args: Mapping[str, object], schema: Json) -> dict[str, object]:
    """Return the arguments the tool's schema knows, an amount as a number where the schema wants one."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return dict(args)
    return {name: _as_wanted(value, properties[name]) for name, value in args.items() if name in properties}


def _as_wanted(value: object, schema: object) -> object:
    wants_number = isinstance(schema, Mapping) and schema.get("type") in {"number", "integer"}
    if not wants_number or not isinstance(value, str):
        return value
    cents = cents_of(value)
    # JSON has no decimal type: the number is written from the exact decimal at this edge alone.
    return value if cents is None else float(Decimal(cents) / 100)


# --- usage


def _usage(messages: Sequence[BaseMessage], tools: Sequence[ToolSchema], reply: AIMessage) -> UsageMetadata:
    """Estimate tokens at four characters each, the usual rule of thumb; deterministic, never a bill."""
    read = sum(_size(message) for message in messages) + sum(_tool_size(tool) for tool in tools)
    written = _size(reply)
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)


def _size(message: BaseMessage) -> int:
    content = message.content
    length = len(content) if isinstance(content, str) else len(str(message.text))
    if isinstance(message, AIMessage) and message.tool_calls:
        length += sum(len(call["name"]) + len(str(call["args"])) for call in message.tool_calls)
    return 4 + (length + 3) // 4


def _tool_size(tool: ToolSchema) -> int:
    function = tool.get("function")
    described: Mapping[str, object] = function if isinstance(function, Mapping) else tool
    return 16 + len(as_text(described.get("description"))) // 4
