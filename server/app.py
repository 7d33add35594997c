"""The api process: webhooks, REST, health, and the turn runner beside them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.routing import BaseRoute

from domain.ports import Clock
from graphs.call_center import open_call_center
from graphs.hosted_tools import HostedTools
from server.api import (
    activity,
    api_keys,
    bot,
    channel_accounts,
    contacts,
    conversations,
    health,
    invoices,
    models,
    prompts,
)
from server.api.voice import calls, campaigns, holidays, imports, promises, stats, targets, templates
from server.api.wire import ERRORS
from server.errors import install_error_handlers
from server.observability import RequestFrame, start_tracing
from server.turns import RunnerState, running_turns
from server.voice import media_streams, retell, retell_talk, twilio, vapi
from server.webhooks.routes import webhook_routes
from services.api_keys import ApiKeyDirectory
from wiring.deps import open_deps
from wiring.garbage import set_startup_aside
from wiring.settings import Settings, load_settings

API_PREFIX = "/api/v1"
VOICE_PREFIXES = (f"{API_PREFIX}/voice", "/api/voice")
_ROUTERS = (
    conversations.router, contacts.router, bot.router, channel_accounts.router, models.router, prompts.router,
    api_keys.router, invoices.router, activity.router,
)  # fmt: skip
_VOICE_ROUTERS = (
    campaigns.router, targets.router, imports.router, stats.router, promises.router, templates.router, holidays.router,
    calls.router,
)  # fmt: skip
_SIGNED_ROUTERS = (twilio.router, media_streams.router, retell.router, retell_talk.router, vapi.router)
_DESCRIPTION = """
The API of one tenant. Send `Authorization: Bearer mia_...`; each key has scopes, and `admin` includes them all.

Names are camelCase, instants ISO 8601 in UTC, money in integer cents. Lists are
`{"items": [...], "total": n, "limit": n, "offset": n}`. Errors are
`{"error": {"code": "...", "message": "...", "requestId": "..."}}`, with `details` of `{"field", "problem"}` where a
value was not taken; every answer carries the id as `X-Request-Id`. Messages are in English, or in Portuguese with
`Accept-Language: pt-BR`; codes never change.
"""


@cache
def _api_routes() -> Sequence[BaseRoute]:
    """Put the routes under their prefixes, once for all apps of a process.

    FastAPI works all of them out again for each place they are put, at the first request: half a second.
    """
    placed = APIRouter(redirect_slashes=False)
    placed.include_router(health.router)
    for router in _ROUTERS:
        placed.include_router(router, prefix=API_PREFIX, responses=ERRORS)
    for router in _VOICE_ROUTERS:
        for prefix in VOICE_PREFIXES:  # the second is the address of old integrations
            is_shown = prefix == VOICE_PREFIXES[0]
            placed.include_router(router, prefix=prefix, include_in_schema=is_shown, responses=ERRORS)
    for prefix in VOICE_PREFIXES:  # signed by the provider, like the webhooks: no part of what callers read
        for router in _SIGNED_ROUTERS:
            placed.include_router(router, prefix=prefix, include_in_schema=False)
    return tuple(placed.routes)


def work_out_routes() -> None:
    """Do now what the first request would have to wait for."""
    nowhere = {"type": "http", "method": "GET", "path": "/", "headers": []}
    for route in _api_routes():
        route.matches(nowhere)


def create_app(
    settings: Settings | None = None, *, is_runner_wanted: bool = True, clock: Clock | None = None
) -> FastAPI:
    """Make the api. Its lifespan opens and closes everything it needs; `app.state.deps` holds it meanwhile."""
    chosen = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            tracing = start_tracing(chosen)
            stack.callback(tracing.shut_down)
            deps = await stack.enter_async_context(open_deps(chosen, clock=clock))
            runner = RunnerState(is_wanted=is_runner_wanted)
            app.state.deps = deps
            app.state.tracing = tracing
            app.state.api_keys = ApiKeyDirectory(deps.database)
            app.state.runner = runner
            app.state.calls = await stack.enter_async_context(open_call_center(deps))
            app.state.hosted_tools = HostedTools(deps)
            app.state.dependencies = await stack.enter_async_context(health.open_dependencies(deps))
            await stack.enter_async_context(running_turns(deps, runner))
            work_out_routes()
            set_startup_aside()
            yield

    app = FastAPIOffline(  # its documentation pages load nothing from elsewhere
        title="Master IA",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,  # a redirect would be built from the Host header
        # Its own telemetry would put whole URLs, webhook keys and error texts into spans.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.router.routes += [*_api_routes()]
    app.router.routes[:0] = webhook_routes()
    app.add_middleware(RequestFrame, max_body_bytes=chosen.webhook_max_bytes, max_upload_bytes=chosen.import_max_bytes)
    install_error_handlers(app)
    return app
