"""The OpenAI wire format: requests read strictly enough to refuse nonsense, answers written as providers write them."""

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from agents.offline.chat_model import argument_chunks, text_chunks


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore")


class WireFunction(_Wire):
    """The function of a tool call in the history."""

    name: str
    arguments: str = "{}"


class WireToolCall(_Wire):
    """A tool call in the history."""

    id: str = ""
    function: WireFunction


class WirePart(_Wire):
    """A part of a message's content; only text is read."""

    type: str
    text: str = ""
    refusal: str = ""


class WireMessage(_Wire):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[WirePart] | None = None
    name: str | None = None
    tool_calls: list[WireToolCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """Return the text of the content."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(_Wire):
    """What a stream carries besides the reply."""

    include_usage: bool = False


class ChatRequest(_Wire):
    """Body of `POST /v1/chat/completions`."""

    model: str = Field(min_length=1, max_length=200)
    messages: list[WireMessage] = Field(min_length=1)
    tools: list[dict[str, JsonValue]] | None = None
    tool_choice: str | dict[str, JsonValue] | None = None
    response_format: dict[str, JsonValue] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    stop: str | list[str] | None = None
    n: int | None = Field(default=1, ge=1, le=1)


class EmbeddingRequest(_Wire):
    """Body of `POST /v1/embeddings`; token ids are refused, this model has no tokenizer."""

    model: str = Field(min_length=1, max_length=200)
    input: str | list[str]
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = None


class InvalidToolArguments(ValueError):
    """A tool call of the history carries arguments that are no JSON object."""


def messages_of(request: ChatRequest) -> list[BaseMessage]:
    """Turn the wire messages into LangChain messages."""
    return [_message_of(message) for message in request.messages]


def _message_of(message: WireMessage) -> BaseMessage:
    match message.role:
        case "system" | "developer":
            return SystemMessage(message.text)
        case "user":
            return HumanMessage(message.text)
        case "assistant":
            return AIMessage(content=message.text, tool_calls=[_call_of(call) for call in message.tool_calls or ()])
        case _:
            return ToolMessage(content=message.text, tool_call_id=message.tool_call_id or "", name=message.name)


def _call_of(call: WireToolCall) -> ToolCall:
    try:
        args = json.loads(call.function.arguments or "{}")
    except ValueError as error:
        raise InvalidToolArguments(call.function.name) from error
    if not isinstance(args, dict):
        raise InvalidToolArguments(call.function.name)
    return ToolCall(name=call.function.name, args=args, id=call.id, type="tool_call")


def _wire_calls(reply: AIMessage) -> list[dict[str, object]]:
    return [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["args"], ensure_ascii=False)},
        }
        for call in reply.tool_calls
    ]


def _usage(reply: AIMessage) -> dict[str, int]:
    usage = reply.usage_metadata
    if usage is None:
        return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["total_tokens"],
    }


def _finish_reason(reply: AIMessage) -> str:
    return "tool_calls" if reply.tool_calls else "stop"


def _completion_id(reply: AIMessage) -> str:
    """Return an id made of the answer itself: the server keeps no state and no clock."""
    written = json.dumps([str(reply.text), _wire_calls(reply), _usage(reply)], ensure_ascii=False)
    return f"chatcmpl-{blake2b(written.encode(), digest_size=12).hexdigest()}"


# A fixed value: answers are a pure function of the request, and no client of ours reads it.
_CREATED: Final = 0


def completion(reply: AIMessage, *, model: str) -> dict[str, object]:
    """Write a whole reply."""
    message: dict[str, object] = {"role": "assistant", "content": str(reply.text) or None, "refusal": None}
    if reply.tool_calls:
        message["tool_calls"] = _wire_calls(reply)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(reply)}
    return {
        "id": _completion_id(reply),
        "object": "chat.completion",
        "created": _CREATED,
        "model": model,
        "choices": [choice],
        "usage": _usage(reply),
    }


def completion_events(reply: AIMessage, *, model: str, include_usage: bool) -> Iterator[str]:
    """Write a reply as server-sent events, the way the streaming API does."""
    head: dict[str, object] = {
        "id": _completion_id(reply),
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": model,
    }

    def event(choices: list[dict[str, object]], usage: Mapping[str, int] | None = None) -> str:
        body = {**head, "choices": choices, **({"usage": usage} if include_usage else {})}
        return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"

    def delta(change: Mapping[str, object], finish: str | None = None) -> list[dict[str, object]]:
        return [{"index": 0, "delta": change, "logprobs": None, "finish_reason": finish}]

    yield event(delta({"role": "assistant", "content": "" if reply.text else None}))
    for piece in text_chunks(str(reply.text)) if reply.text else ():
        yield event(delta({"content": piece}))
    for index, call in enumerate(reply.tool_calls):
        first = {
            "index": index,
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": ""},
        }
        yield event(delta({"tool_calls": [first]}))
        for piece in argument_chunks(json.dumps(call["args"], ensure_ascii=False)):
            yield event(delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))
    yield event(delta({}, _finish_reason(reply)))
    if include_usage:
        yield event([], _usage(reply))
    yield "data: [DONE]\n\n"


def error_body(
    message: str, *, kind: str = "invalid_request_error", param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Write an error as the API does."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
