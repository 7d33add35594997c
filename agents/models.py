"""The one place that makes and calls chat models: chains read at run time, fallback, circuit breaker, usage."""

import asyncio
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import structlog
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import BaseModel

from agents.model_stream import LONGEST_ANSWER, Listener, NonsenseAnswer, stream_message
from agents.offline import OfflineChatModel
from domain.ports import Clock
from domain.turns import ModelUsage
from services.model_failures import is_refused_request, is_silence, model_failures
from store.database import Database
from store.model_settings import get_platform_models, list_model_settings
from wiring.deps import Deps
from wiring.settings import Settings

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

logger = structlog.get_logger(__name__)

OFFLINE = "offline"
_FRESH_FOR = timedelta(seconds=30)
_BREAKER_OPENS_AT = 5
_BREAKER_STAYS_OPEN = timedelta(seconds=30)
_REQUEST_TIMEOUT = httpx.Timeout(20, connect=5, pool=5)
# With retries and whatever a server asks us to wait. A customer is answered within half a minute, so one silent model
# may cost a turn this once; see `one_turn`.
_CALL_SECONDS = 20.0
_silent_in_turn: ContextVar[set[str] | None] = ContextVar("silent_models_of_the_turn", default=None)
# Until the first word of a streamed answer, and between two: a caller hears nothing meanwhile.
_TOKEN_SECONDS = 8.0

Factory = Callable[[str, float | None], BaseChatModel]
_Said = tuple[AIMessage, BaseModel | None]


@contextmanager
def one_turn() -> Iterator[None]:
    """Ask a model that did not answer in time not again in this block: the next of the chain answers at once."""
    token = _silent_in_turn.set(set())
    try:
        yield
    finally:
        _silent_in_turn.reset(token)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """Model names in the order in which they are tried; the offline model is always the last."""

    names: tuple[str, ...]
    temperature: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a model said, which one, and what it took."""

    message: AIMessage
    model: str
    usage: tuple[ModelUsage, ...]
    failures: tuple[str, ...] = ()  # "openai:gpt-5-mini: OpenAITimeoutError", in the order tried
    parsed: BaseModel | None = None


class EveryModelFailed(Exception):
    """Not even the offline model answered."""

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__("every model of the chain failed")
        self.failures = tuple(failures)


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    open_until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        return self.open_until is not None and now < self.open_until

    def record(self, *, has_worked: bool, now: datetime) -> None:
        if has_worked:
            self.failures, self.open_until = 0, None
            return
        self.failures += 1
        if self.failures >= _BREAKER_OPENS_AT:
            self.open_until = now + _BREAKER_STAYS_OPEN


@dataclass(slots=True)
class _LoopModels:
    """What belongs to one event loop: an HTTP client used from another loop fails (each RQ job has its own loop)."""

    http: httpx.AsyncClient | None = None
    chat: dict[tuple[str, float | None], BaseChatModel] = field(default_factory=dict)
    runnable: dict[tuple[object, ...], Runnable[Any, Any]] = field(default_factory=dict)


class Models:
    """Chat models by agent. Chains: the tenant's rows, else the platform's, else the environment (spec 1.12)."""

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, *, factories: Mapping[str, Factory] | None = None,
        call_seconds: float = _CALL_SECONDS, token_seconds: float = _TOKEN_SECONDS,
    ) -> None:  # fmt: skip
        self.settings = settings
        self._database = database
        self._clock = clock
        self._call_seconds = call_seconds
        self._token_seconds = token_seconds
        self._factories = dict(factories or {})
        if settings.openai_api_key is not None:
            _openai_class()  # while starting, not while a customer waits
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopModels] = weakref.WeakKeyDictionary()
        self._chains: dict[UUID, tuple[datetime, dict[str, Chain]]] = {}
        self._breakers: dict[str, _Breaker] = {}

    async def aclose(self) -> None:
        """Close this event loop's HTTP client."""
        own = self._loops.pop(asyncio.get_running_loop(), None)
        if own and own.http:
            await own.http.aclose()

    async def chain(self, tenant_id: UUID, agent: str) -> Chain:
        """Give the chain of one agent; a change of settings is seen within 30 seconds."""
        now = self._clock.now()
        cached = self._chains.get(tenant_id)
        if cached is None or now - cached[0] >= _FRESH_FOR:
            cached = (now, await self._read_chains(tenant_id))
            self._chains[tenant_id] = cached
        chains = cached[1]
        return chains.get(agent) or chains.get("*") or self._default()

    async def _read_chains(self, tenant_id: UUID) -> dict[str, Chain]:
        async with self._database.tenant(tenant_id) as connection:
            rows = await list_model_settings(connection)
            # A tenant's own default stands before all of the platform's chains.
            has_default = any(row.agent == "*" for row in rows)
            platform = {} if has_default else await get_platform_models(connection)
        chains = {agent: Chain(names=self._known(names)) for agent, names in platform.items()}
        chains |= {row.agent: Chain(names=self._known(row.chain), temperature=row.temperature) for row in rows}
        return chains

    def _default(self) -> Chain:
        has_key = self.settings.openai_api_key is not None
        return Chain(names=(f"openai:{self.settings.openai_model}", OFFLINE) if has_key else (OFFLINE,))

    def _known(self, names: Sequence[str]) -> tuple[str, ...]:
        kept = [name for name in dict.fromkeys(names) if name != OFFLINE and self._can_make(name)]
        return (*kept, OFFLINE)

    def _can_make(self, name: str) -> bool:
        provider, _, model = name.partition(":")
        if provider in self._factories:
            return True
        return provider == "openai" and bool(model) and self.settings.openai_api_key is not None

    async def ask(
        self,
        messages: Sequence[BaseMessage],
        *,
        tenant_id: UUID,
        agent: str,
        feature: str,
        tools: Sequence[BaseTool] = (),
        schema: type[BaseModel] | None = None,
        is_on_phone: bool = False,
    ) -> Answer:
        """Let the first model of the agent's chain that works answer. With a schema, `parsed` holds the answer in it.

        With `is_on_phone` somebody listens to the silence, and a model has less time. Raises EveryModelFailed only;
        what a provider said went wrong is never text for a customer.
        """
        seconds = min(self._call_seconds, self._token_seconds) if is_on_phone else self._call_seconds

        async def call(name: str, temperature: float | None) -> _Said:
            return await self._call(name, temperature, messages, tools=tools, schema=schema, seconds=seconds)

        return await self._first_that_works(call, tenant_id=tenant_id, agent=agent, feature=feature, schema=schema)

    async def stream(
        self,
        messages: Sequence[BaseMessage],
        *,
        tenant_id: UUID,
        agent: str,
        feature: str,
        listener: Listener,
        tools: Sequence[BaseTool] = (),
    ) -> Answer:
        """Answer as `ask` does, and let a listener hear the words as they come.

        What the listener has passed on cannot be unsaid. When a model breaks off after that, the next of the chain is
        told what was said and asked to go on from there; when nothing was passed on, it answers anew. The message is
        that of the last model; the listener knows the whole.
        """

        async def call(name: str, temperature: float | None) -> _Said:
            runnable = self._runnable(name, temperature, tools=tools, schema=None)
            bound = getattr(runnable, "bound", runnable)
            message = await stream_message(
                runnable, messages, listener, call_seconds=self._call_seconds, token_seconds=self._token_seconds,
                tells_reason=_is_openai(bound),
            )  # fmt: skip
            return message, None

        return await self._first_that_works(call, tenant_id=tenant_id, agent=agent, feature=feature)

    async def _first_that_works(
        self,
        call: Callable[[str, float | None], Awaitable[_Said]],
        *,
        tenant_id: UUID,
        agent: str,
        feature: str,
        schema: type[BaseModel] | None = None,
    ) -> Answer:
        chain = await self.chain(tenant_id, agent)
        failures: list[str] = []
        spent: list[ModelUsage] = []
        silent = _silent_in_turn.get()
        silent = set() if silent is None else silent
        for name in chain.names:
            breaker = self._breakers.setdefault(name, _Breaker())
            if name != OFFLINE and breaker.is_open(self._clock.now()):
                failures.append(f"{name}: circuit open")
                continue
            if name in silent:
                failures.append(f"{name}: silent in this turn")
                continue
            try:
                message, parsed = await call(name, chain.temperature)
                spent += _usage(message, name=name, agent=agent, feature=feature)
                _refuse_nonsense(message, parsed, schema)
            except model_failures() as error:
                failures.append(f"{name}: {type(error).__name__}")
                logger.warning("model.failed", model=name, agent=agent, error=type(error).__name__)
                if is_silence(error):
                    silent.add(name)
                if not is_refused_request(error):  # which says nothing about its health
                    breaker.record(has_worked=False, now=self._clock.now())
                continue
            breaker.record(has_worked=True, now=self._clock.now())
            return Answer(message=message, model=name, usage=tuple(spent), failures=tuple(failures), parsed=parsed)
        raise EveryModelFailed(failures)

    async def _call(
        self,
        name: str,
        temperature: float | None,
        messages: Sequence[BaseMessage],
        *,
        tools: Sequence[BaseTool],
        schema: type[BaseModel] | None,
        seconds: float,
    ) -> _Said:
        runnable = self._runnable(name, temperature, tools=tools, schema=schema)
        async with asyncio.timeout(seconds):
            result = await runnable.ainvoke(list(messages))
        if schema is None:
            if not isinstance(result, AIMessage):
                raise NonsenseAnswer("no message")
            return result, None
        return result["raw"], result["parsed"]

    def _runnable(
        self, name: str, temperature: float | None, *, tools: Sequence[BaseTool], schema: type[BaseModel] | None
    ) -> Runnable[Any, Any]:
        own = self._loops.setdefault(asyncio.get_running_loop(), _LoopModels())
        key = (name, temperature, tuple(tool.name for tool in tools), schema)
        if key not in own.runnable:
            model = own.chat.get((name, temperature)) or self._make(name, temperature, own)
            own.chat[name, temperature] = model
            if schema is not None:
                own.runnable[key] = model.with_structured_output(schema, include_raw=True)
            else:
                own.runnable[key] = model.bind_tools(tools) if tools else model
        return own.runnable[key]

    def _make(self, name: str, temperature: float | None, own: _LoopModels) -> BaseChatModel:
        provider, _, model = name.partition(":")
        if provider in self._factories:
            return self._factories[provider](model, temperature)
        if provider == OFFLINE:
            return OfflineChatModel()
        own.http = own.http or httpx.AsyncClient(timeout=_REQUEST_TIMEOUT)
        return _openai_class()(
            model=model,
            api_key=self.settings.openai_api_key,
            base_url=self.settings.openai_base_url,
            timeout=_REQUEST_TIMEOUT,
            max_retries=1,
            temperature=temperature,
            stream_usage=True,
            stream_chunk_timeout=None,  # it would make a task for each word; stream_message has the same limit
            http_async_client=own.http,
        )


@asynccontextmanager
async def open_models(deps: Deps) -> AsyncIterator[Models]:
    """Make the models of this process, closed at the end."""
    models = Models(deps.settings, deps.database, deps.clock)
    try:
        yield models
    finally:
        await models.aclose()


def _openai_class() -> "type[ChatOpenAI]":
    from langchain_openai import ChatOpenAI  # long to import; who has no key need not

    return ChatOpenAI


def _is_openai(model: object) -> bool:
    return "langchain_openai" in sys.modules and isinstance(model, _openai_class())


def _refuse_nonsense(message: AIMessage, parsed: BaseModel | None, schema: type[BaseModel] | None) -> None:
    if schema is not None:
        if not isinstance(parsed, schema):
            raise NonsenseAnswer("not in the schema")
        return
    text = str(message.text)
    if not text.strip() and not message.tool_calls and not message.invalid_tool_calls:
        raise NonsenseAnswer("empty")
    if len(text) > LONGEST_ANSWER:
        raise NonsenseAnswer("endless")


def _usage(message: AIMessage, *, name: str, agent: str, feature: str) -> list[ModelUsage]:
    provider, _, model = name.partition(":")
    counted = message.usage_metadata
    return [
        ModelUsage(
            agent=agent,
            feature=feature,
            provider=provider,
            model=model or str(message.response_metadata.get("model_name") or provider),
            input_tokens=counted["input_tokens"] if counted else 0,
            output_tokens=counted["output_tokens"] if counted else 0,
        )
    ]
