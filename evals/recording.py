"""Models' answers as a provider gave them, kept to be played again without a key: one line per HTTP exchange.

A talk asks its models in one order, so an exchange is found by its talk and its place in it. The customer must have
said the same by then: a talk that took another course has left the recording, and says so. Calls are no good for it:
what they store is named by chance, and a model's answers repeat the names.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

_LONGEST_BODY = 4 * 1024 * 1024


class RecordingInvalid(Exception):
    """A recording that cannot be read; the message says where."""


class Exchange(BaseModel):
    """What was asked and answered. `place` counts the requests of one talk from 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    talk: str
    place: int
    asked: str  # hash of what the customer had said until then
    status: int
    content_type: str
    body: str


@dataclass(kw_only=True)
class _Course:
    talk: str
    place: int = 0


_course: ContextVar[_Course | None] = ContextVar("recorded_course", default=None)


@contextmanager
def recorded_talk(talk: str) -> Iterator[None]:
    """Number the requests that this block makes as those of one talk."""
    token = _course.set(_Course(talk=talk))
    try:
        yield
    finally:
        _course.reset(token)


class RecordingTransport(httpx.AsyncBaseTransport):
    """Passes requests on and writes each answer down before it is given back."""

    def __init__(self, inner: httpx.AsyncBaseTransport, path: Path) -> None:
        self._inner = inner
        self._path = path
        self._lock = Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        talk, place = _next_place()
        asked = fingerprint(await request.aread())
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        kept = {key: value for key, value in response.headers.items() if key.lower() == "content-type"}
        if len(body) <= _LONGEST_BODY:
            self._write(
                Exchange(
                    talk=talk, place=place, asked=asked, status=response.status_code,
                    content_type=kept.get("content-type", "application/json"), body=body.decode("utf-8", "replace"),
                )
            )  # fmt: skip
        return httpx.Response(response.status_code, headers=kept, content=body, request=request)

    def _write(self, exchange: Exchange) -> None:
        with self._lock, self._path.open("a", encoding="utf-8") as lines:
            lines.write(exchange.model_dump_json() + "\n")

    async def aclose(self) -> None:
        await self._inner.aclose()


class ReplayTransport(httpx.AsyncBaseTransport):
    """Answers from a recording. What it does not hold is a failed connection, so the run counts as infrastructure."""

    def __init__(self, path: Path) -> None:
        self._exchanges = read_recording(path)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        talk, place = _next_place()
        exchange = self._exchanges.get(talk, {}).get(place)
        if exchange is None:
            raise httpx.ConnectError(f"the recording holds no answer {place} of {talk}", request=request)
        if exchange.asked != fingerprint(await request.aread()):
            raise httpx.ConnectError(f"{talk} left its recording at request {place}", request=request)
        return httpx.Response(
            exchange.status, headers={"content-type": exchange.content_type}, content=exchange.body.encode(),
            request=request,
        )  # fmt: skip


def read_recording(path: Path) -> dict[str, dict[int, Exchange]]:
    """Read a recording by talk and place. Raises RecordingInvalid; a line that a crash cut short at the end is left."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingInvalid(f"{path}: {error}") from error
    found: dict[str, dict[int, Exchange]] = defaultdict(dict)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            exchange = Exchange.model_validate_json(line)
        except ValidationError as error:
            if number == len(lines):
                break
            raise RecordingInvalid(f"{path}, line {number}: no exchange of a recording") from error
        found[exchange.talk][exchange.place] = exchange
    return dict(found)


def fingerprint(request_body: bytes) -> str:
    """Hash what the customer had said when a model was asked. Prompts and tools' results may change; that is what a
    recording is played for."""
    try:
        request = json.loads(request_body)
    except ValueError:
        return hashlib.sha256(request_body).hexdigest()[:16]
    messages = request.get("messages") if isinstance(request, dict) else None
    said = [
        message.get("content")
        for message in (messages if isinstance(messages, list) else ())
        if isinstance(message, dict) and message.get("role") == "user"
    ]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]


def _next_place() -> tuple[str, int]:
    course = _course.get()
    if course is None:
        return "", 0
    place = course.place
    course.place += 1
    return course.talk, place
