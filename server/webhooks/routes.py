"""One door for every provider: verify the raw bytes, parse, store, answer. The hot path of the service.

Plain Starlette on purpose: nothing here needs what FastAPI does for a route, and design 11 (P1) counts the time.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast
from urllib.parse import parse_qsl

import structlog
from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from channels.base import WebhookRequest
from domain.messages import Provider
from server.errors import RETRY_AFTER_SECONDS
from server.observability import WEBHOOK_SECONDS, WEBHOOKS, Tracing
from services.accounts import OpenAccount
from store.database import UNAVAILABLE
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

PREFIXES = ("/webhooks", "/api/v1/webhooks")
# What a URL calls a provider, and whose accounts it serves.
_PROVIDERS: Mapping[str, frozenset[Provider]] = {
    "meta": frozenset({Provider.META}),
    "evolution": frozenset({Provider.EVOLUTION}),
    "twilio": frozenset({Provider.TWILIO_SMS, Provider.TWILIO_WHATSAPP}),
    "simulator": frozenset({Provider.SIMULATOR}),
}
_META_SIGNATURE = "x-hub-signature-256"
_LONGEST_KEY = 100
_MOST_QUERY_FIELDS = 100
# Providers hang up after some 5 to 20 s and send it again; storing takes milliseconds unless PostgreSQL is away.
_STORE_SECONDS = 5.0
_METHODS = ("GET", "POST")


def webhook_routes() -> list[BaseRoute]:
    """Give the webhooks' routes; they belong before all others."""
    path = "/{provider}/{webhook_key}"
    return [Route(prefix + path, _webhook, methods=list(_METHODS), include_in_schema=False) for prefix in PREFIXES]


async def _webhook(request: Request) -> Response:
    started = time.perf_counter()
    name = request.path_params["provider"]
    try:
        body = await request.body()  # 413 beyond the limit of `RequestFrame`
    except ClientDisconnect:
        return _counted(name, "disconnected", Response(status_code=400))
    deps = cast(Deps, request.app.state.deps)
    try:
        with _span(request, name) as span:
            outcome, response = await _answer(deps, request, name, body)
            if span is not None:
                span.set_attribute("webhook.outcome", outcome)
    except (*UNAVAILABLE, TimeoutError) as error:
        logger.warning("webhook.database_unavailable", provider=name, error=type(error).__name__)
        outcome, response = "unavailable", _try_again()
    except Exception:
        # The provider keeps it and sends it again; a 500 would say the same with less manners.
        logger.exception("webhook.failed", provider=name)
        outcome, response = "failed", _try_again()
    WEBHOOK_SECONDS.observe(time.perf_counter() - started)
    return _counted(name, outcome, response)


async def _answer(deps: Deps, request: Request, name: str, body: bytes) -> tuple[str, Response]:
    account = await _account(deps, name, request.path_params["webhook_key"])
    if account is None:
        return "unknown", Response(status_code=404)
    channel = deps.channels[account.row.provider]
    webhook = read_webhook(deps, request, body)
    if request.method != "POST":
        challenge = channel.handshake(webhook, account.channel)
        if challenge is None:
            logger.warning("webhook.handshake_refused", provider=name, account_id=str(account.row.id))
            return "refused", Response(status_code=403)
        return "handshake", PlainTextResponse(challenge)
    if not channel.verify(webhook, account.channel):
        logger.warning("webhook.signature_wrong", provider=name, account_id=str(account.row.id), bytes=len(body))
        is_unsigned = account.row.provider is Provider.META and _META_SIGNATURE not in webhook.headers
        return "refused", Response(status_code=401 if is_unsigned else 403)
    now = deps.clock.now()
    parsed = channel.parse(webhook, received_at=now)
    async with asyncio.timeout(_STORE_SECONDS):
        received = await deps.inbox.receive(account.row, parsed, now=now)
    deps.failpoint("inbox.stored")
    if received.messages:
        deps.bell.ring()
    return "stored", Response(status_code=204) if name == "twilio" else JSONResponse({})


async def _account(deps: Deps, name: str, webhook_key: str) -> OpenAccount | None:
    """Find the account the URL names. Unknown, malformed and somebody else's provider look the same."""
    served = _PROVIDERS.get(name)
    if served is None or len(webhook_key) > _LONGEST_KEY or not webhook_key.isascii() or not webhook_key.isprintable():
        return None
    async with asyncio.timeout(_STORE_SECONDS):
        account = await deps.accounts.by_webhook_key(webhook_key)
    return account if account is not None and account.row.provider in served else None


def read_webhook(deps: Deps, request: Request, body: bytes) -> WebhookRequest:
    """Rebuild the URL as the provider called it: from the configured base, never from the Host header."""
    scope = request.scope
    query_string = scope["query_string"].decode("latin-1")
    raw_path = scope.get("raw_path")
    path = raw_path.decode("latin-1") if raw_path else scope["path"]
    url = deps.settings.public_base_url + path
    return WebhookRequest(
        method=scope["method"],
        url=f"{url}?{query_string}" if query_string else url,
        headers={key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]},
        query=_query(query_string),
        body=body,
    )


def _query(query_string: str) -> dict[str, str]:
    if not query_string:
        return {}
    try:
        return dict(parse_qsl(query_string, keep_blank_values=True, max_num_fields=_MOST_QUERY_FIELDS))
    except ValueError:
        return {}


def _try_again() -> Response:
    return Response(status_code=503, headers={"retry-after": str(RETRY_AFTER_SECONDS)})


def _span(request: Request, name: str) -> AbstractContextManager[Any]:
    tracing = cast(Tracing, request.app.state.tracing)
    if tracing.tracer is None:
        return nullcontext()
    provider = name if name in _PROVIDERS else "unknown"
    return tracing.tracer.start_as_current_span(
        "webhook", attributes={"webhook.provider": provider}, record_exception=False, set_status_on_exception=False
    )


_children: dict[tuple[str, str], Counter] = {}


def _counted(name: str, outcome: str, response: Response) -> Response:
    key = (name if name in _PROVIDERS else "unknown", outcome)
    child = _children.get(key)
    if child is None:
        child = _children.setdefault(key, WEBHOOKS.labels(*key))
    child.inc()
    return response
