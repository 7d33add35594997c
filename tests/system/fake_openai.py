"""An OpenAI-compatible server that answers well, slowly, badly or not at all, as a test says."""

import asyncio
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import uvicorn

from agents.offline import create_openai_app

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How requests are answered: after a delay, by a status and body, by a text, or, with neither, sensibly."""

    delay_seconds: float = 0.0
    status: int = 200
    body: bytes | None = None
    content_type: str = "application/json"
    text: str | None = None
    first_word_seconds: float = 0.0  # of a streamed text: until its first word, then between two words
    word_seconds: float = 0.0
    words: int | None = None  # after so many the stream ends as `ending` says
    ending: Literal["done", "cut", "error", "silence"] = "done"


@dataclass(kw_only=True)
class FakeModel:
    """The server as a test sees it. `once` is used up first, a request each; then `behaviour` holds."""

    url: str
    behaviour: Behaviour = field(default_factory=Behaviour)
    once: deque[Behaviour] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)
    waiting: int = 0
    most_waiting: int = 0
    left: threading.Event = field(default_factory=threading.Event)  # set when a client leaves a stream before its end

    def environment(self) -> dict[str, str]:
        """Give the settings that make a process use it."""
        return {"OPENAI_API_KEY": "chave", "OPENAI_BASE_URL": self.url}


def completion(text: str) -> bytes:
    """Wrap a text as OpenAI answers it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    answer = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": int(time.time()), "model": "gpt-5-mini",
        "choices": [choice], "usage": usage,
    }  # fmt: skip
    return json.dumps(answer).encode()


def _event(delta: dict[str, Any], *, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    chunk = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": int(time.time()), "model": "gpt-5-mini",
        "choices": [choice],
    }  # fmt: skip
    return f"data: {json.dumps(chunk)}\n\n".encode()


_COUNTED = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini", "choices": [],
        "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
    }
)  # fmt: skip


class _Left(Exception):
    """The client closed the stream."""


async def _stream(chosen: Behaviour, receive: Receive, send: Send) -> None:
    """Send a text word by word, as server-sent events, to its end or to where the behaviour breaks it off."""
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
    )  # fmt: skip
    left = asyncio.ensure_future(receive())  # answers only when the client goes away

    async def write(event: bytes, *, after: float | None) -> None:
        if after is None or after > 0:
            await asyncio.wait({left}, timeout=after)
        if left.done():
            raise _Left
        await send({"type": "http.response.body", "body": event, "more_body": True})

    try:
        await write(_event({"role": "assistant", "content": ""}), after=0)
        pieces = (chosen.text or "").split(" ")
        for at, word in enumerate(pieces[: chosen.words]):
            delta = {"content": word if at == 0 else f" {word}"}
            await write(_event(delta), after=chosen.word_seconds if at else chosen.first_word_seconds)
        if chosen.ending == "silence":
            await write(b"", after=None)
        if chosen.ending == "error":
            await write(b'data: {"error": {"message": "segredo do provedor", "code": 500}}\n\n', after=0)
        if chosen.ending == "done":
            await write(_event({}, reason="stop"), after=0)
            await write(f"data: {_COUNTED}\n\ndata: [DONE]\n\n".encode(), after=0)
        await send({"type": "http.response.body", "body": b""})
    finally:
        left.cancel()


def _wants_stream(body: bytes) -> bool:
    try:
        return bool(json.loads(body).get("stream"))
    except (ValueError, AttributeError):
        return False


def _application(model: FakeModel) -> Callable[[dict[str, Any], Receive, Send], Awaitable[None]]:
    sensible: Any = create_openai_app()

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = b""
        is_more = True
        while is_more:
            event = await receive()
            body += event.get("body", b"")
            is_more = event.get("more_body", False)
        model.asked.append(body.decode("utf-8", "replace"))
        chosen = model.once.popleft() if model.once else model.behaviour
        if chosen.delay_seconds:
            model.waiting += 1
            model.most_waiting = max(model.most_waiting, model.waiting)
            await asyncio.sleep(chosen.delay_seconds)
            model.waiting -= 1
        if chosen.text is None and chosen.body is None:
            unread = [{"type": "http.request", "body": body, "more_body": False}]

            async def replay() -> dict[str, Any]:
                return unread.pop() if unread else await receive()  # then it waits for the client to go away

            await sensible(scope, replay, send)
            return
        if chosen.text is not None and _wants_stream(body):
            try:
                await _stream(chosen, receive, send)
            except _Left:
                model.left.set()
            return
        answer = chosen.body if chosen.text is None else completion(chosen.text)
        # The client library waits before it tries again; a millisecond is enough here.
        headers = [(b"content-type", chosen.content_type.encode()), (b"retry-after-ms", b"1")]
        await send({"type": "http.response.start", "status": chosen.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


@contextmanager
def run_fake_openai() -> Iterator[FakeModel]:
    """Run it on loopback in a thread of this process."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    model = FakeModel(url=f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
    config = uvicorn.Config(_application(model), log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
