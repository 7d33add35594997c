"""A chat model that says what a test has written down, and keeps what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr


class ScriptedModel(BaseChatModel):
    """Answers with `script` in order, an exception in it is raised; at the end the last entry repeats."""

    script: list[Any]
    _asked: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _offered: list[list[str]] = PrivateAttr(default_factory=list)

    @property
    def asked(self) -> list[list[BaseMessage]]:
        return self._asked

    @property
    def offered(self) -> list[list[str]]:
        """Names of the tools that each call offered."""
        return self._offered

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _next(self, messages: list[BaseMessage], tools: Sequence[dict[str, Any]]) -> ChatResult:
        entry = self.script[min(len(self._asked), len(self.script) - 1)]
        self._asked.append(messages)
        self._offered.append([tool["function"]["name"] for tool in tools])
        if isinstance(entry, BaseException):
            raise entry
        message = entry.model_copy() if isinstance(entry, AIMessage) else AIMessage(content=entry)
        if message.usage_metadata is None:
            message.usage_metadata = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None, **kwargs: Any,
    ) -> ChatResult:  # fmt: skip
        return self._next(messages, kwargs.get("tools", ()))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None, **kwargs: Any,
    ) -> ChatResult:  # fmt: skip
        return self._next(messages, kwargs.get("tools", ()))


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """An answer in the pieces in which it comes: texts, parts of tool calls, an event to wait for, an error."""

    pieces: tuple[Any, ...]


class StreamingModel(ScriptedModel):
    """Streams its script. A text comes word by word; `ended` counts the streams that were closed, read out or not."""

    _begun: int = PrivateAttr(default=0)
    _ended: int = PrivateAttr(default=0)

    @property
    def begun(self) -> int:
        return self._begun

    @property
    def ended(self) -> int:
        return self._ended

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None, **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:  # fmt: skip
        entry = self.script[min(len(self._asked), len(self.script) - 1)]
        if not isinstance(entry, Streamed):
            message = self._next(messages, kwargs.get("tools", ())).generations[0].message
            assert isinstance(message, AIMessage)
            entry = Streamed(pieces=tuple(pieces_of(message)))
        else:
            self._asked.append(messages)
            self._offered.append([tool["function"]["name"] for tool in kwargs.get("tools", ())])
        self._begun += 1
        try:
            for piece in entry.pieces:
                if isinstance(piece, BaseException):
                    raise piece
                if isinstance(piece, asyncio.Event):
                    await piece.wait()
                    continue
                await asyncio.sleep(0)
                chunk = AIMessageChunk(content=piece) if isinstance(piece, str) else piece
                yield ChatGenerationChunk(message=chunk)
            usage: Any = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
            yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=usage))
        finally:
            self._ended += 1


def pieces_of(message: AIMessage) -> list[Any]:
    """Cut a message as a provider streams it: words first, then each call's name, then its arguments in two parts."""
    words = str(message.text).split(" ")
    pieces: list[Any] = [word if at == 0 else f" {word}" for at, word in enumerate(words) if word]
    for index, call in enumerate(message.tool_calls):
        pieces += call_pieces(call["name"], json.dumps(call["args"], ensure_ascii=False), at=index, call_id=call["id"])
    return pieces


def call_pieces(name: str, arguments: str, *, at: int = 0, call_id: str | None = "call_0") -> list[AIMessageChunk]:
    half = len(arguments) // 2
    parts = [(name, "", call_id), (None, arguments[:half], None), (None, arguments[half:], None)]
    return [
        AIMessageChunk(
            content="", tool_call_chunks=[tool_call_chunk(name=called, args=args, id=identity, index=at)]
        )
        for called, args, identity in parts
    ]  # fmt: skip


def calls(*named: tuple[str, dict[str, Any]]) -> AIMessage:
    """Make the answer of a model that calls tools."""
    return AIMessage(
        content="",
        tool_calls=[
            {"name": name, "args": args, "id": f"call_{number}", "type": "tool_call"}
            for number, (name, args) in enumerate(named)
        ],
    )
