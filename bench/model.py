"""The bench's chat model: always the same words, at once or after a given time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

FIRST_TOKEN_SECONDS = 0.3  # of a model that streams
_TOKEN_SECONDS = 0.02
REPLY = "Entendi, obrigada por avisar! Pode me contar um pouco mais do que acontece?"


class SteadyModel(BaseChatModel):
    """Says `REPLY` after `seconds`, without any work of its own."""

    seconds: float = 0

    @property
    def _llm_type(self) -> str:
        return "bench"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None, **kwargs: Any,
    ) -> ChatResult:  # fmt: skip
        usage = {"input_tokens": 900, "output_tokens": 30, "total_tokens": 930}
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=REPLY, usage_metadata=usage))])

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None, **kwargs: Any,
    ) -> ChatResult:  # fmt: skip
        if self.seconds:
            await asyncio.sleep(self.seconds)
        return self._generate(messages)


class TalkingModel(SteadyModel):
    """Streams `REPLY`: its first sentence after `seconds`, the others token by token."""

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None, **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:  # fmt: skip
        if self.seconds:
            await asyncio.sleep(self.seconds)
        first, rest = REPLY.split("! ", 1)
        words = rest.split(" ")
        yield ChatGenerationChunk(message=AIMessageChunk(content=f"{first}! {words[0]}"))
        for word in words[1:]:
            if self.seconds:
                await asyncio.sleep(_TOKEN_SECONDS)
            yield ChatGenerationChunk(message=AIMessageChunk(content=f" {word}"))
