"""The server processes of the bench: `python -m bench.apps webhook|crowd|calls|bare --port 1234 ...`."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from agents.models import Models
from bench.ground import POOL_SIZE
from bench.model import SteadyModel, TalkingModel
from graphs.call_center import open_call_center
from graphs.engine import open_runner
from server.app import create_app
from wiring.logging import configure_logging
from wiring.settings import load_settings

_INSERT = "INSERT INTO bare_inbox (body) VALUES (%s)"


def bare_app(database_url: str) -> FastAPI:
    """Make the baseline of a webhook: one FastAPI route, one INSERT in autocommit, a pool like ours."""
    pool = AsyncConnectionPool(
        database_url, kwargs={"autocommit": True}, min_size=POOL_SIZE, max_size=POOL_SIZE, open=False
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/inbox")
    async def take_in(body: dict[str, Any]) -> dict[str, Any]:
        async with pool.connection() as connection:
            await connection.execute(_INSERT, (Jsonb(body),))
        return {}

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {}

    return app


def webhook_app() -> FastAPI:
    """Make the api as it is, without the turn runner."""
    return create_app(load_settings(env_file=None), is_runner_wanted=False)


def crowd_app(model_seconds: float) -> FastAPI:
    """Make the api with its turn runner in the same process, over a model that takes its time."""
    app = webhook_app()
    opened = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(inner: FastAPI) -> AsyncIterator[None]:
        async with opened(inner):
            deps = inner.state.deps
            slow = {"bench": lambda _name, _temperature: SteadyModel(seconds=model_seconds)}
            models = Models(deps.settings, deps.database, deps.clock, factories=slow)
            async with open_runner(deps, models=models) as runner:
                task = asyncio.create_task(runner.run())
                yield
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    app.router.lifespan_context = lifespan
    return app


def calls_app(model_seconds: float) -> FastAPI:
    """Make the api with a model that streams what it says on calls."""
    app = webhook_app()
    opened = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(inner: FastAPI) -> AsyncIterator[None]:
        async with opened(inner):
            deps = inner.state.deps
            talking = {"bench": lambda _name, _temperature: TalkingModel(seconds=model_seconds)}
            models = Models(deps.settings, deps.database, deps.clock, factories=talking)
            async with open_call_center(deps, models=models) as calls:
                inner.state.calls = calls
                yield

    app.router.lifespan_context = lifespan
    return app


def main() -> int:
    """Serve one of them with the settings that the service itself is served with."""
    parser = argparse.ArgumentParser(prog="python -m bench.apps")
    parser.add_argument("app", choices=("webhook", "crowd", "calls", "bare"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--model-seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    configure_logging(load_settings(env_file=None), process="bench")
    if arguments.app == "bare":
        app = bare_app(arguments.database_url)
    else:
        seconds = arguments.model_seconds
        makers: dict[str, Callable[[], FastAPI]] = {
            "webhook": webhook_app, "crowd": partial(crowd_app, seconds), "calls": partial(calls_app, seconds),
        }  # fmt: skip
        app = makers[arguments.app]()
    uvicorn.run(
        app, host="127.0.0.1", port=arguments.port, log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
