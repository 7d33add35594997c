"""Reads one streamed answer of a chat model to its end, or to where it breaks off."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Protocol, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, InvalidToolCall, SystemMessage, ToolCall
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.runnables import Runnable

LONGEST_ANSWER = 20_000
_CUT_OFF = frozenset({"length", "content_filter"})


class Listener(Protocol):
    """Who hears an answer while it is made."""

    def begin(self) -> str:
        """A model starts to answer. Give what an earlier one said that cannot be taken back, empty for nothing."""
        ...

    def take(self, delta: str) -> None:
        """Hear more words."""
        ...

    def end(self) -> None:
        """Hear that no more words come; said twice it means nothing more."""
        ...


class NonsenseAnswer(ValueError):
    """The model answered with nothing that can be used."""


class ListenerFailed(Exception):
    """Whoever listened broke: no fault of the model, so no other model is asked."""


async def stream_message(
    runnable: Runnable[Any, Any],
    messages: Sequence[BaseMessage],
    listener: Listener,
    *,
    call_seconds: float,
    token_seconds: float,
    tells_reason: bool,
) -> AIMessage:
    """Let a model answer to a listener; give the whole message.

    A model that gives nothing for `token_seconds`, at the start or later, has failed as one has that takes longer than
    `call_seconds`. With `tells_reason` an answer that stops without saying why was cut off on its way.
    """
    said = _guarded(listener.begin)
    asked = [*messages, _go_on(said)] if said else list(messages)
    chunks: list[AIMessage] = []
    length = 0
    reason: str | None = None
    now = asyncio.get_running_loop().time
    ends_at = now() + call_seconds
    stream = cast(AsyncGenerator[AIMessage], runnable.astream(asked))
    try:
        async with asyncio.timeout(min(token_seconds, call_seconds)) as limit, aclosing(stream):
            async for chunk in stream:
                chunks.append(chunk)
                delta = str(chunk.text)
                length += len(delta)
                if length > LONGEST_ANSWER:
                    raise NonsenseAnswer("endless")
                if delta:
                    _guarded(partial(listener.take, delta))
                reason = chunk.response_metadata.get("finish_reason") or reason
                if _calls_tools(chunk) or _is_whole(reason):
                    _guarded(listener.end)  # what follows is no speech: the last words need not wait for it
                if delta or _calls_tools(chunk):
                    limit.reschedule(min(now() + token_seconds, ends_at))
    except ListenerFailed:
        raise
    except Exception:
        if not _is_whole(reason):
            raise  # after the last word nothing but its count of tokens can be missing
    if tells_reason and not _is_whole(reason):
        raise NonsenseAnswer("cut off")
    _guarded(listener.end)
    return _joined(chunks)


def _is_whole(reason: str | None) -> bool:
    return reason is not None and reason not in _CUT_OFF


def _guarded(heard: Callable[[], str | None]) -> str:
    try:
        return heard() or ""
    except Exception as error:
        raise ListenerFailed from error


def _go_on(said: str) -> SystemMessage:
    """Tell a model that it takes over in mid-reply."""
    written = json.dumps(said, ensure_ascii=False)
    return SystemMessage(
        content=f"O cliente já ouviu o começo desta resposta: {written}. "
        "Continue daí, sem repetir nada do que já foi dito e sem cumprimentar de novo."
    )


def _calls_tools(chunk: AIMessage) -> bool:
    return bool(chunk.tool_call_chunks if isinstance(chunk, AIMessageChunk) else chunk.tool_calls)


def _joined(chunks: Sequence[AIMessage]) -> AIMessage:
    """Put an answer together. Only whole arguments count: LangChain would mend broken JSON by guessing."""
    pieces = [chunk for chunk in chunks if isinstance(chunk, AIMessageChunk)]
    if len(pieces) != len(chunks) or not pieces:
        if len(chunks) != 1:
            raise NonsenseAnswer("no message")
        return chunks[0]  # of a model that cannot stream
    whole = add_ai_message_chunks(pieces[0], *pieces[1:])
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for part in whole.tool_call_chunks:
        arguments = _arguments(part["args"])
        if arguments is None or not part["name"]:
            invalid.append(
                InvalidToolCall(
                    name=part["name"], args=part["args"], id=part["id"], error=None, type="invalid_tool_call"
                )
            )
        else:
            calls.append(ToolCall(name=part["name"], args=arguments, id=part["id"], type="tool_call"))
    return AIMessage(
        content=whole.content, tool_calls=calls, invalid_tool_calls=invalid, usage_metadata=whole.usage_metadata,
        response_metadata=whole.response_metadata, id=whole.id,
    )  # fmt: skip


def _arguments(written: str | None) -> dict[str, Any] | None:
    try:
        arguments = json.loads(written or "{}")
    except ValueError:
        return None
    return arguments if isinstance(arguments, dict) else None
