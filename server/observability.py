"""What every request gets: an id, safe headers, a last net for errors, counts and, when asked for, spans."""

import re
import uuid
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import Counter, Histogram
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import internal_error, too_large_error
from server.languages import language_of
from wiring.settings import Settings

logger = structlog.get_logger(__name__)

REQUESTS = Counter("master_ia_http_requests_total", "Requests by method and status class", ["method", "class"])
WEBHOOKS = Counter("master_ia_webhooks_total", "Webhooks by provider and what became of them", ["provider", "outcome"])
WEBHOOK_SECONDS = Histogram(
    "master_ia_webhook_seconds", "From the first byte of a webhook to its answer",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
# The interactive documentation runs scripts of its own, some of them inside the page; ReDoc's search is a worker.
_DOCUMENTATION = ("/docs", "/redoc")
_DOCUMENTATION_POLICY = (
    b"content-security-policy",
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; worker-src blob:; frame-ancestors 'none'",
)
# Where debtors' files are uploaded; they go to disk piece by piece and are never whole in memory.
_UPLOADS = re.compile(r"/api(?:/v1)?/voice/campaigns/[^/]{1,60}/targets/(?:import|preview)")


class RequestFrame:
    """Plain ASGI middleware: `BaseHTTPMiddleware` would start a task per request, on the webhooks' path too."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, max_upload_bytes: int | None = None) -> None:
        # The limiter counts what comes without a declared length; what is declared too large is answered here, in
        # the form of all errors.
        self._ordinary = _Limited(app, max_body_bytes)
        self._uploads = _Limited(app, max_upload_bytes or max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._ordinary.app(scope, receive, send)
            return
        limited = self._uploads if _UPLOADS.fullmatch(scope["path"]) else self._ordinary
        request_id = uuid.uuid4().hex
        scope["request_id"] = request_id
        status = 500
        has_started = False
        extra = [(b"x-request-id", request_id.encode()), *_headers_for(scope["path"])]

        async def framed(message: Message) -> None:
            nonlocal status, has_started
            if message["type"] == "http.response.start":
                has_started = True
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            if _declared_bytes(scope) > limited.max_bytes:
                await too_large_error(request_id, language_of(HTTPConnection(scope)))(scope, receive, framed)
                return
            await limited.app(scope, receive, framed)
        except Exception:
            logger.exception("request.crashed", path=_route_path(scope))
            if has_started:
                raise
            response: Response = internal_error(request_id, language_of(HTTPConnection(scope)))
            await response(scope, receive, framed)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            _counted(method, status // 100).inc()


class _Limited:
    """The app behind a limit of what a request may send."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = RequestBodyLimitMiddleware(app, max_body_size=max_bytes)
        self.max_bytes = max_bytes


def _declared_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else 0
    return 0


def _headers_for(path: str) -> tuple[tuple[bytes, bytes], ...]:
    return (*_SECURITY_HEADERS[:-1], _DOCUMENTATION_POLICY) if path in _DOCUMENTATION else _SECURITY_HEADERS


def _route_path(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unknown"))


_children: MutableMapping[tuple[str, int], Any] = {}


def _counted(method: str, status_class: int) -> Any:
    key = (method, status_class)
    if key not in _children:
        _children[key] = REQUESTS.labels(method, f"{status_class}xx")
    return _children[key]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracing:
    """Where spans go. Without an endpoint there is no tracer, and nobody makes spans."""

    tracer: trace.Tracer | None
    shut_down: Callable[[], None]


def start_tracing(settings: Settings) -> Tracing:
    """Send spans to the OTLP endpoint when one is set.

    Spans carry ids and outcomes only: no texts, names, phones or documents.
    """
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        return Tracing(tracer=None, shut_down=lambda: None)
    provider = TracerProvider(resource=Resource.create({"service.name": "master-ia"}), shutdown_on_exit=False)
    url = endpoint if endpoint.endswith("/v1/traces") else f"{endpoint}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=5)))
    trace.set_tracer_provider(provider)  # for the turns, which take their tracer from the API alone
    return Tracing(tracer=provider.get_tracer("master_ia"), shut_down=provider.shutdown)
