"""The tools of a Realtime call: each runs once, beside the talk, with the words that it follows."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from channels.openai_realtime import FunctionCalled
from channels.reading import Unreadable, as_object, read_json
from graphs.realtime_dialogue import Dialogue
from graphs.realtime_parts import Brain, Ending, Pace, ToolDone

logger = structlog.get_logger(__name__)

_FAILED = json.dumps(
    {
        "ok": False,
        "erro": "sistema_indisponivel",
        "mensagem": "O sistema não respondeu. Diga que não foi possível agora e ofereça tentar depois.",
    },
    ensure_ascii=False,
)


class Hands:
    """Runs what the agent calls; `done` is told of each answer."""

    def __init__(
        self, *, brain: Brain, dialogue: Dialogue, pace: Pace, done: Callable[[ToolDone], Awaitable[None]]
    ) -> None:
        self._brain = brain
        self._dialogue = dialogue
        self._pace = pace
        self._done = done
        self._called: set[str] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()

    @property
    def are_busy(self) -> bool:
        return bool(self._running)

    def call(self, call: FunctionCalled) -> None:
        """Start a tool once, however often the server names the call."""
        if call.call_id in self._called:
            return
        self._called.add(call.call_id)
        self._running[call.call_id] = asyncio.create_task(self._use(call))

    def finished(self, call: FunctionCalled) -> None:
        """Its answer was taken."""
        self._running.pop(call.call_id, None)

    def heard(self) -> None:
        """The customer's words came."""
        self._news.set()
        self._news = asyncio.Event()

    async def _use(self, call: FunctionCalled) -> None:
        await self._wait_for_words(self._dialogue.unheard)
        try:
            arguments = as_object(read_json(call.arguments.encode("utf-8", "replace")))
        except Unreadable:
            arguments = {}
        try:
            output = await self._brain.use(call.name, arguments, self._dialogue)
        except Exception as error:  # without an answer the agent would wait for ever
            logger.error("realtime.tool_failed", tool=call.name, error=type(error).__name__)
            output = _FAILED
        await self._done(ToolDone(call=call, output=output))

    async def _wait_for_words(self, items: frozenset[str]) -> None:
        """Wait for the words that the call of a tool follows: a document or a yes is among them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.words):
                while items & self._dialogue.unheard:
                    await self._news.wait()

    async def finish(self) -> None:
        """Let what runs come to its end, also when the line is gone."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=self._pace.tools)
        for task in self._running.values():
            task.cancel()


def ending_after(done: ToolDone, *, can_transfer: bool) -> Ending | None:
    """Say what a tool's answer means for the line (docs/tools.md); None: the talk goes on."""
    try:
        content: object = json.loads(done.output)
    except ValueError:
        return None
    if not isinstance(content, dict) or content.get("ok") is not True:
        return None
    match content.get("situacao"):
        case "encerrando" | "descadastrado":
            return "hang_up"
        case "transferido" if can_transfer:
            return "transfer"
        case _:
            return None
