"""Domain errors as HTTP answers: one table, one form of body, nothing internal and nothing personal in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from domain.documents import InvalidDocument
from domain.errors import (
    Conflict,
    DomainError,
    InvalidInput,
    NotFound,
    ScopeMissing,
    Unauthenticated,
)
from domain.masking import mask_text
from domain.phones import InvalidPhone
from server import portuguese
from server.languages import Language, language_of
from services.ledger import InvoiceRefused
from store.cipher import SecretUnreadable
from store.database import UNAVAILABLE

logger = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 5
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,40}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """How an error looks to an API caller. `message` None means the error's own words."""

    status: int
    code: str
    message: str | None = None


# The first class that fits an error decides.
_TABLE: tuple[tuple[type[Exception], Answer], ...] = (
    (Unauthenticated, Answer(status=401, code="unauthenticated")),
    (ScopeMissing, Answer(status=403, code="scope_missing")),
    (NotFound, Answer(status=404, code="not_found")),
    (Conflict, Answer(status=409, code="conflict")),
    (InvalidInput, Answer(status=422, code="invalid_input")),
    (InvalidDocument, Answer(status=422, code="invalid_document", message="This is no valid CPF or CNPJ")),
    (InvalidPhone, Answer(status=422, code="invalid_phone", message="This is no valid phone number")),
    (InvoiceRefused, Answer(status=422, code="invoice_refused")),
    (SecretUnreadable, Answer(status=503, code="unavailable", message="Stored credentials cannot be read")),
)
_UNAVAILABLE = Answer(status=503, code="unavailable", message="The service cannot reach its database; try again soon")
_INTERNAL = Answer(status=500, code="internal", message="Something went wrong; the request id names it in the logs")
_HTTP_CODES: Mapping[int, str] = {
    400: "bad_request", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    413: "too_large", 415: "unsupported_media_type", 422: "invalid_input",
}  # fmt: skip
_HTTP_MESSAGES: Mapping[int, str] = {
    400: "The request cannot be read", 404: "There is nothing here", 405: "This method is not allowed here",
    413: "The request is too large", 415: "This kind of content is not taken",
}  # fmt: skip
_LENGTHS: Mapping[str, str] = {"too_long": "string_too_long", "too_short": "string_too_short"}


def install_error_handlers(app: FastAPI) -> None:
    """Let every error of the app answer in one form."""
    app.add_exception_handler(DomainError, _on_domain_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    for kind in UNAVAILABLE:
        app.add_exception_handler(kind, _on_unavailable)


def error_response(
    answer: Answer, request_id: str, *, message: str | None = None, details: Sequence[Mapping[str, str]] = (),
    language: Language = Language.ENGLISH,
) -> JSONResponse:  # fmt: skip
    """Write `{"error": {"code", "message", "requestId"}}`; `message` is in `language`."""
    body: dict[str, object] = {
        "code": answer.code,
        "message": mask_text(message or answer.message or answer.code),
        "requestId": request_id,
    }
    if details:
        body["details"] = [dict(item) for item in details]
    headers = {"content-language": language.value, "vary": "accept-language"}
    if answer.status == 503:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    if answer.status == 401:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse({"error": body}, status_code=answer.status, headers=headers)


def internal_error(request_id: str, language: Language = Language.ENGLISH) -> JSONResponse:
    """Answer an error nobody expected."""
    message = portuguese.INTERNAL if language is Language.PORTUGUESE else None
    return error_response(_INTERNAL, request_id, message=message, language=language)


def too_large_error(request_id: str, language: Language = Language.ENGLISH) -> JSONResponse:
    """Refuse a body beyond the limit."""
    answer = Answer(status=413, code=_HTTP_CODES[413], message=_HTTP_MESSAGES[413])
    message = portuguese.message_of_status(413) if language is Language.PORTUGUESE else None
    return error_response(answer, request_id, message=message, language=language)


def unavailable_error(request_id: str, language: Language = Language.ENGLISH) -> JSONResponse:
    """Ask the caller to come again: PostgreSQL is away."""
    message = portuguese.message_of_status(503) if language is Language.PORTUGUESE else None
    return error_response(_UNAVAILABLE, request_id, message=message, language=language)


def request_id_of(request: Request) -> str:
    """Give the id that the middleware has given to this request."""
    return str(request.scope.get("request_id", ""))


def answer_for(error: DomainError) -> Answer:
    """Look the error up in the table; one that is not in it is our fault."""
    for kind, answer in _TABLE:
        if isinstance(error, kind):
            if isinstance(error, Conflict):
                return Answer(status=answer.status, code=error.code)
            return answer
    return _INTERNAL


async def _on_domain_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DomainError)  # noqa: S101 - what the handler is registered for
    answer = answer_for(error)
    language = language_of(request)
    request_id = request_id_of(request)
    if answer.status >= 500:
        logger.error("request.failed", error=type(error).__name__, path=route_of(request), exc_info=error)
    if answer is _INTERNAL:
        return internal_error(request_id, language)
    return error_response(
        answer, request_id, message=_message(error, answer, language), details=_details(error, language),
        language=language,
    )  # fmt: skip


def _message(error: DomainError, answer: Answer, language: Language) -> str:
    if language is Language.PORTUGUESE:
        return portuguese.sentence_for(error)
    return answer.message or str(error)


def _details(error: DomainError, language: Language) -> Sequence[Mapping[str, str]]:
    """Name the field and the reason as they are named for bodies that do not fit."""
    if not isinstance(error, InvalidInput):
        return ()
    reason = portuguese.reason_for(error) if language is Language.PORTUGUESE else error.reason
    return ({"field": mask_text(error.field), "problem": mask_text(reason)},)


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what the handler is registered for
    language = language_of(request)
    details = [_detail(item, language) for item in error.errors()[:20]]
    answer = Answer(status=422, code="invalid_request", message="The request does not fit; see the details")
    message = portuguese.UNFIT if language is Language.PORTUGUESE else None
    return error_response(answer, request_id_of(request), message=message, details=details, language=language)


def _detail(item: Mapping[str, object], language: Language) -> dict[str, str]:
    """Say where and what, without what was sent: it may be anything, also somebody's name."""
    location = item.get("loc")
    parts = [str(part) for part in location] if isinstance(location, tuple | list) else []
    if item.get("type") == "extra_forbidden":
        parts[-1:] = ["(campo desconhecido)" if language is Language.PORTUGUESE else "(unknown field)"]
    field = ".".join(part if _FIELD.fullmatch(part) or part.isdecimal() or "(" in part else "…" for part in parts)
    given = item.get("input")
    kind, message = str(item.get("type")), str(item.get("msg", "is wrong"))
    if isinstance(given, str) and kind in _LENGTHS:  # pydantic takes a text that was checked before for a list
        kind = _LENGTHS[kind]
        message = message.replace("items after validation", "characters").replace("item after validation", "character")
    if language is Language.PORTUGUESE:
        context = item.get("ctx")
        message = portuguese.problem(kind, context if isinstance(context, dict) else {}, message)
    if isinstance(given, str) and len(given) > 1 and given in message:
        message = portuguese.reason("is wrong") if language is Language.PORTUGUESE else "is wrong"
    return {"field": mask_text(field), "problem": mask_text(message)}


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    code = _HTTP_CODES.get(error.status_code, "error")
    language = language_of(request)
    message = _HTTP_MESSAGES.get(error.status_code, code)
    if language is Language.PORTUGUESE:
        message = portuguese.message_of_status(error.status_code)
    answer = Answer(status=error.status_code, code=code)
    response = error_response(answer, request_id_of(request), message=message, language=language)
    for name, value in (error.headers or {}).items():
        response.headers.setdefault(name, value)
    return response


async def _on_unavailable(request: Request, error: Exception) -> JSONResponse:
    logger.warning("request.database_unavailable", error=type(error).__name__, path=route_of(request))
    return unavailable_error(request_id_of(request), language_of(request))


def route_of(request: Request) -> str:
    """Name the route without the ids that a caller put into the path."""
    route = request.scope.get("route")
    return str(getattr(route, "path", "unknown"))
