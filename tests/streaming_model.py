"""A chat model that speaks in pieces when a test says so."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

Step = str | asyncio.Event | BaseException | tuple[str, str]


class StreamingModel(BaseChatModel):
    """Each answer is a list of steps: a text is a piece, an event is waited for, an exception is raised, a pair is a
    tool call (name, arguments in JSON). At the end the last answer repeats."""

    answers: list[list[Any]]
    _asked: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _running: int = PrivateAttr(default=0)
    _was_asked: asyncio.Condition = PrivateAttr(default_factory=asyncio.Condition)

    @property
    def asked(self) -> list[list[BaseMessage]]:
        return self._asked

    async def wait_until_asked(self, times: int) -> None:
        """Wait until it was asked so often."""
        async with self._was_asked, asyncio.timeout(20):
            await self._was_asked.wait_for(lambda: len(self._asked) >= times)

    @property
    def running(self) -> int:
        """How many answers are being given now."""
        return self._running

    @property
    def _llm_type(self) -> str:
        return "streaming"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None, **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:  # fmt: skip
        steps = self.answers[min(len(self._asked), len(self.answers) - 1)]
        self._asked.append(messages)
        async with self._was_asked:
            self._was_asked.notify_all()
        self._running += 1
        try:
            for place, step in enumerate(steps):
                match step:
                    case asyncio.Event():
                        await step.wait()
                    case BaseException():
                        raise step
                    case (name, arguments):
                        call = tool_call_chunk(name=name, args=arguments, id=f"call_{place}", index=place)
                        yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[call]))
                    case _:
                        await asyncio.sleep(0)
                        yield ChatGenerationChunk(message=AIMessageChunk(content=str(step)))
        finally:
            self._running -= 1

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None, **kwargs: Any,
    ) -> ChatResult:  # fmt: skip
        raise NotImplementedError("this model only streams")
