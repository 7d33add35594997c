"""What the cells of the matrix need: models by mode, and the tenants' rows that choose them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import uvicorn
from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from agents.models import OFFLINE, Factory
from agents.offline import MODEL_NAME, create_openai_app
from evals.prompt_sets import PromptSet
from evals.recording import RecordingTransport, ReplayTransport
from evals.results import Cell, Mode
from evals.session import EvalSession, open_session
from evals.world import CellSetup

_TIMEOUT: Final = httpx.Timeout(60, connect=5, pool=60)
_WIRE_MODEL: Final = f"openai:{MODEL_NAME}"
_CUSTOMER_MODEL: Final = "gpt-5-mini"  # plays customers of kind llm
FALLEN_BACK: Final = "fallen back to offline"


class ModeUnavailable(Exception):
    """A mode that cannot run as things are; the message says what is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """What a run may use beyond this machine, and what it plays again."""

    openai_api_key: str | None = None
    openai_base_url: str | None = None
    recording: Path | None = None  # to play in mode replay, to write in mode live
    judge_model: str | None = None  # that answers the scenarios' questions; it advises


def setup_of(cell: Cell, prompts: PromptSet) -> CellSetup:
    """Give the rows that make a tenant talk as a cell says."""
    return CellSetup(chain=(model_of(cell),), prompts=prompts.bodies)


def model_of(cell: Cell) -> str:
    """Name a cell's model as the chains do."""
    return _WIRE_MODEL if cell.mode is Mode.WIRE else cell.model


def named_models(cell: Cell, used: tuple[str, ...]) -> tuple[str, ...]:
    """Name the models of a talk as its cell does: the offline model behind another one is a fallback."""
    names = {model_of(cell): cell.model}
    if cell.mode is not Mode.OFFLINE:
        names[OFFLINE] = FALLEN_BACK
    return tuple(dict.fromkeys(names.get(name, name) for name in used))


@asynccontextmanager
async def open_mode(mode: Mode, database_url: str, access: Access, *, connections: int) -> AsyncIterator[EvalSession]:
    """Open the harness with the models of one mode. Raises ModeUnavailable."""
    match mode:
        case Mode.OFFLINE:
            async with open_session(database_url, connections=connections) as session:
                yield session
        case Mode.WIRE:
            async with (
                _offline_front() as base_url,
                open_session(
                    database_url, connections=connections, openai_api_key="offline", openai_base_url=base_url
                ) as session,
            ):
                yield session
        case Mode.REPLAY:
            if access.recording is None:
                raise ModeUnavailable("mode replay needs --recording FILE, written by an earlier run with --record")
            replayed = Access(openai_api_key="replay")
            async with (
                httpx.AsyncClient(transport=ReplayTransport(access.recording)) as http,
                open_session(database_url, connections=connections, factories=_factories(http, replayed)) as session,
            ):
                yield session
        case Mode.LIVE:
            async with _live(database_url, access, connections=connections) as session:
                yield session


@asynccontextmanager
async def open_judge(access: Access) -> AsyncIterator[BaseChatModel | None]:
    """Open the model that judges, in whatever mode the talks run; None when none is wanted."""
    if access.judge_model is None:
        yield None
        return
    async with httpx.AsyncClient(timeout=_TIMEOUT) as http:
        yield _chat(http, access, access.judge_model)


@asynccontextmanager
async def _live(database_url: str, access: Access, *, connections: int) -> AsyncIterator[EvalSession]:
    if not access.openai_api_key:
        raise ModeUnavailable("mode live needs OPENAI_API_KEY; without a key there are offline, wire and replay")
    plain = httpx.AsyncHTTPTransport()
    transport = RecordingTransport(plain, access.recording) if access.recording else plain
    settings: dict[str, object] = {"openai_api_key": access.openai_api_key}
    if access.openai_base_url:
        settings["openai_base_url"] = access.openai_base_url
    async with (
        httpx.AsyncClient(transport=transport, timeout=_TIMEOUT) as http,
        open_session(
            database_url, connections=connections, factories=_factories(http, access),
            customer_model=_chat(http, access, _CUSTOMER_MODEL), **settings,
        ) as session,
    ):  # fmt: skip
        yield session


def _factories(http: httpx.AsyncClient, access: Access) -> Mapping[str, Factory]:
    def make(model: str, temperature: float | None) -> BaseChatModel:
        return _chat(http, access, model, temperature)

    return {"openai": make}


def _chat(http: httpx.AsyncClient, access: Access, model: str, temperature: float | None = None) -> BaseChatModel:
    from langchain_openai import ChatOpenAI  # long to import; offline talks need it not

    return ChatOpenAI(
        model=model, api_key=SecretStr(access.openai_api_key or ""), base_url=access.openai_base_url,
        timeout=_TIMEOUT, max_retries=2, temperature=temperature, stream_usage=True, stream_chunk_timeout=None,
        http_async_client=http,
    )  # fmt: skip


@asynccontextmanager
async def _offline_front() -> AsyncIterator[str]:
    """Serve the offline model over HTTP on loopback."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_openai_app(), log_config=None, lifespan="off"))
    # Not `serve`, which would take the process's signals.
    serving = asyncio.create_task(server._serve(sockets=[listening]))
    try:
        while not server.started:
            if serving.done():
                raise ModeUnavailable("the offline model's HTTP front did not start")
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        await serving
