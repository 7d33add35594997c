"""The offline model as a LangChain chat model."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agents.offline.brain import MODEL_NAME, ToolSchema, respond

_WORDS_A_CHUNK: Final = 3
_CHARS_AN_ARGUMENT_CHUNK: Final = 24


def text_chunks(text: str) -> Iterator[str]:
    """Cut text into pieces of a few words that join up to the same text."""
    words = text.split(" ")
    for start in range(0, len(words), _WORDS_A_CHUNK):
        piece = " ".join(words[start : start + _WORDS_A_CHUNK])
        yield piece if start + _WORDS_A_CHUNK >= len(words) else f"{piece} "


def argument_chunks(arguments: str) -> Iterator[str]:
    """Cut a call's JSON arguments into pieces."""
    for start in range(0, len(arguments), _CHARS_AN_ARGUMENT_CHUNK):
        yield arguments[start : start + _CHARS_AN_ARGUMENT_CHUNK]


def choice_name(choice: object) -> str | None:
    """Return a tool choice as the brain takes it: a word or a tool's name."""
    if isinstance(choice, bool):
        return "any" if choice else None
    if isinstance(choice, str):
        return choice
    if isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else choice.get("name")
        return name if isinstance(name, str) else None
    return None


def wanted_schema(response_format: object) -> ToolSchema | None:
    """Return the schema a response format asks for, None when plain text will do."""
    if not isinstance(response_format, dict):
        return None
    if response_format.get("type") == "json_schema" or "json_schema" in response_format:
        return response_format
    return {"name": "json", "parameters": {"type": "object"}} if response_format.get("type") == "json_object" else None


def cut_at_stop(reply: AIMessage, stop: Sequence[str] | None) -> AIMessage:
    """Cut the text before the first stop sequence, as a provider would."""
    text = str(reply.text)
    ends = [at for word in stop or () if word and (at := text.find(word)) >= 0]
    return reply.model_copy(update={"content": text[: min(ends)]}) if ends else reply


class OfflineChatModel(BaseChatModel):
    """Deterministic Portuguese chat model; needs no key and no network."""

    model_name: str = MODEL_NAME

    @property
    def _llm_type(self) -> str:
        return "offline-ptbr"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools in OpenAI form."""
        schemas = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=schemas, tool_choice=choice_name(tool_choice), **kwargs)

    def _respond(self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> AIMessage:
        reply = respond(
            messages,
            kwargs.get("tools") or (),
            tool_choice=choice_name(kwargs.get("tool_choice")),
            response_schema=wanted_schema(kwargs.get("response_format")),
        )
        return cut_at_stop(reply, stop)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = self._respond(messages, stop, kwargs)
        return ChatResult(generations=[ChatGeneration(message=reply)], llm_output={"model_name": self.model_name})

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = self._respond(messages, stop, kwargs)
        return ChatResult(generations=[ChatGeneration(message=reply)], llm_output={"model_name": self.model_name})

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _pieces(self._respond(messages, stop, kwargs)):
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _pieces(self._respond(messages, stop, kwargs)):
            if run_manager is not None:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


def _pieces(reply: AIMessage) -> Iterator[ChatGenerationChunk]:
    """Yield a reply in pieces; usage and metadata come with the last."""
    for piece in text_chunks(str(reply.text)) if reply.text else ():
        yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
    for index, call in enumerate(reply.tool_calls):
        head = tool_call_chunk(name=call["name"], args="", id=call["id"], index=index)
        yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[head]))
        for piece in argument_chunks(json.dumps(call["args"], ensure_ascii=False)):
            part = tool_call_chunk(name=None, args=piece, id=None, index=index)
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[part]))
    yield ChatGenerationChunk(
        message=AIMessageChunk(
            content="",
            usage_metadata=reply.usage_metadata,
            response_metadata=reply.response_metadata,
            chunk_position="last",
        )
    )
