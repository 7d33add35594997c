"""One HTTP exchange with a provider, its failures sorted by what they say of the message: sent, not sent, unknown."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from channels.base import ChannelError, OutcomeUnknown, RateLimited, Rejected, Unavailable
from channels.reading import JsonObject, Unreadable, as_number, as_object, read_json
from domain.messages import ErrorClass

MAX_ANSWER_BYTES = 1024 * 1024
TOTAL_SECONDS = 20.0
TIMEOUT = httpx.Timeout(connect=3.0, read=15.0, write=10.0, pool=3.0)
_LAST_PORT = 65_535
_LONGEST_RETRY_AFTER_SECONDS = 86_400.0
_DIGIT_RUN = re.compile(r"\d{5,}")
# The request never left when one of these is raised.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_UNSENDABLE = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back. `body` is None when it was larger than any answer of a provider is."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> JsonObject:
        """Return the body as an object; an empty one when it is HTML, broken, or not an object."""
        try:
            return as_object(read_json(self.body or b""))
        except Unreadable:
            return {}


def checked_url(url: str) -> httpx.URL:
    """Parse a configured address; a port beyond the range would blow up deep inside the connection."""
    parsed = httpx.URL(url)
    if parsed.port is not None and not 0 < parsed.port <= _LAST_PORT:
        raise httpx.InvalidURL(f"no such port: {parsed.port}")
    return parsed


async def exchange(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    json_body: Mapping[str, Any] | None = None,
    form: Mapping[str, str | list[str]] | None = None,
    auth: tuple[str, str] | None = None,
    total_seconds: float = TOTAL_SECONDS,
) -> Answer:
    """Send one request once. Raises Unavailable (it never left), OutcomeUnknown (it may have) or Rejected."""
    try:
        content = None if json_body is None else json.dumps(json_body, ensure_ascii=False).encode()
    except (ValueError, TypeError) as error:
        raise Rejected(error_class=ErrorClass.CONTENT, code="unsendable", detail=type(error).__name__) from error
    try:
        request = http.build_request(
            method,
            checked_url(url),
            headers={**(headers or {}), **({"content-type": "application/json"} if content is not None else {})},
            content=content,
            data=form,
            timeout=TIMEOUT,
        )
    except (ValueError, TypeError, httpx.InvalidURL) as error:
        raise Rejected(error_class=ErrorClass.STOP, code="unsendable", detail=type(error).__name__) from error
    credentials = httpx.BasicAuth(*auth) if auth else None
    try:
        async with asyncio.timeout(total_seconds):
            response = await http.send(request, auth=credentials, stream=True, follow_redirects=False)
            try:
                body = await _read_limited(response)
            finally:
                await response.aclose()
    except _UNSENDABLE as error:
        raise Rejected(error_class=ErrorClass.STOP, code="unsendable", detail=type(error).__name__) from error
    except _NOT_SENT as error:
        raise Unavailable(error_class=ErrorClass.RETRY, code="no_connection", detail=type(error).__name__) from error
    except (httpx.HTTPError, TimeoutError) as error:
        raise OutcomeUnknown(error_class=ErrorClass.RETRY, code="no_answer", detail=type(error).__name__) from error
    return Answer(status=response.status_code, headers=response.headers, body=body)


async def _read_limited(response: httpx.Response) -> bytes | None:
    received = bytearray()
    async for piece in response.aiter_bytes():
        received += piece
        if len(received) > MAX_ANSWER_BYTES:
            return None
    return bytes(received)


def masked(detail: str) -> str:
    """Shorten a provider's words for logs and hide every phone and document in them."""
    return _DIGIT_RUN.sub("…", detail)[:300]


def retry_after_seconds(answer: Answer) -> float | None:
    """Return the provider's Retry-After, in seconds or as a date against the answer's own Date, at most a day."""
    raw = answer.headers.get("retry-after", "")
    seconds = as_number(raw)
    if seconds is None:
        try:
            until = parsedate_to_datetime(raw) - parsedate_to_datetime(answer.headers.get("date", ""))
        except (ValueError, TypeError, IndexError):
            return None
        seconds = until.total_seconds()
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_SECONDS)


def class_of_status(status: int) -> ErrorClass:
    """Say what an HTTP status means when the provider's own code is missing or unknown."""
    if status in (408, 425, 429) or status >= 500:
        return ErrorClass.RETRY
    if status in (401, 403, 404) or status < 400:
        return ErrorClass.STOP
    return ErrorClass.CONTENT


def refusal(
    answer: Answer, *, error_class: ErrorClass, code: str, detail: str, is_rate_limit: bool, wait: float | None = None
) -> ChannelError:
    """Build the error for an answer that is not a success; the provider's Retry-After wins over `wait`."""
    text = masked(detail)
    if answer.status == 504 and code == str(answer.status):
        # A gateway gave up waiting: the provider behind it may have taken the message.
        return OutcomeUnknown(error_class=ErrorClass.RETRY, code=code, detail=text)
    may_pass_later = error_class in (ErrorClass.RETRY, ErrorClass.PAIR)
    if is_rate_limit or (answer.status == 429 and may_pass_later):
        told = retry_after_seconds(answer)
        return RateLimited(
            error_class=error_class,
            code=code,
            detail=text,
            retry_after_seconds=wait if told is None else told,
        )
    if error_class is ErrorClass.RETRY:
        return Unavailable(error_class=error_class, code=code, detail=text)
    return Rejected(error_class=error_class, code=code, detail=text)


def unreadable_success(answer: Answer) -> OutcomeUnknown:
    """Build the error for a 2xx whose body names no message: it was probably taken, so it must not go again."""
    return OutcomeUnknown(error_class=ErrorClass.RETRY, code="unreadable_answer", detail=f"HTTP {answer.status}")
