"""A fake of Retell on loopback: its REST API with a ledger, its signed webhooks, and its end of the websocket.

As strict as Retell where Retell is strict (types on the socket, one answer per response id, agents as lists), and with
its manners: events twice, unordered or without a beginning, answers to old questions dropped without a word.
"""

import asyncio
import hashlib
import hmac
import json
import re
import socket
import threading
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

KEY = "key_ficticia_retell"
NUMBER = "+551140001234"
AGENT = "agent_801013174f32ac0c7e7769f3c9"
CUSTOMER = "+5511999990001"
PATIENCE_SECONDS = 20.0
_CREATION_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "from_number": str, "to_number": str, "override_agent_id": str, "override_agent_version": (int, str),
    "metadata": dict, "retell_llm_dynamic_variables": dict, "idempotency_key": str, "honor_internal_dnc": bool,
    "agent_override": dict,
}  # fmt: skip


def signed(body: bytes, *, now: datetime, key: str = KEY) -> dict[str, str]:
    """Give the headers with which Retell signs a body."""
    stamp = str(round(now.timestamp() * 1000))
    digest = hmac.new(key.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "x-retell-signature": f"v={stamp},d={digest}"}


def call_object(**changes: object) -> dict[str, object]:
    """Give a call as Retell describes one."""
    call: dict[str, object] = {
        "call_type": "phone_call", "from_number": CUSTOMER, "to_number": NUMBER, "direction": "inbound",
        "call_id": f"call_{uuid.uuid4().hex}", "agent_id": AGENT, "agent_version": 3, "call_status": "ongoing",
        "metadata": {}, "retell_llm_dynamic_variables": {}, "start_timestamp": 1795197600000,
    }  # fmt: skip
    return call | changes


def ended(call: Mapping[str, object], reason: str | None = "user_hangup", **changes: object) -> dict[str, object]:
    """Give the same call at its end."""
    end: dict[str, object] = {
        "call_status": "ended", "end_timestamp": 1795197673000, "duration_ms": 73000, "disconnection_reason": reason,
    }  # fmt: skip
    return {**call, **end, **changes}


def event(name: str, call: Mapping[str, object], **beside: object) -> bytes:
    return json.dumps({"event": name, "call": call, **beside}, ensure_ascii=False).encode()


# --- REST


@dataclass
class MadeCall:
    """One call that was asked for, as the ledger keeps it."""

    call_id: str
    request: Mapping[str, Any]
    resource: dict[str, object]
    times_asked: int = 1
    is_stopped: bool = False


@dataclass
class RetellRest:
    """The fake's memory, and its answers to tests."""

    calls: list[MadeCall] = field(default_factory=list)
    steps: deque[dict[str, Any]] = field(default_factory=deque)
    paths: list[str] = field(default_factory=list)
    url: str = ""

    def program(self, *steps: Mapping[str, Any]) -> None:
        """Set the next answers: `status` with `message`, `retry_after`, or `accept_then_garbage`."""
        self.steps.extend(dict(step) for step in steps)

    def know(self, call: Mapping[str, object]) -> None:
        """Take a call into the books that somebody else began."""
        self.calls.append(MadeCall(call_id=str(call["call_id"]), request={}, resource=dict(call)))

    def by_id(self, call_id: str) -> MadeCall | None:
        return next((call for call in self.calls if call.call_id == call_id), None)


class _Refusal(Exception):
    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.response = JSONResponse(
            {"status": "error", "message": message}, status_code=status, headers=dict(headers or {})
        )  # fmt: skip


def _handled(answer: Callable[[RetellRest, Request], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        fake: RetellRest = request.app.state.fake
        fake.paths.append(f"{request.method} {request.url.path}")
        try:
            if request.headers.get("authorization") != f"Bearer {KEY}":
                raise _Refusal(401, "Invalid API key")
            step = fake.steps.popleft() if fake.steps else {}
            if "status" in step:
                headers = {"retry-after": str(step["retry_after"])} if "retry_after" in step else {}
                raise _Refusal(int(step["status"]), str(step.get("message", "as programmed")), headers)
            response: Response = await answer(fake, request)
        except _Refusal as refusal:
            return refusal.response
        if step.get("accept_then_garbage"):
            return Response("<html>Bad proxy</html>", media_type="text/html")
        return response

    return endpoint


async def _create(fake: RetellRest, request: Request) -> Response:
    asked = json.loads(await request.body())
    for name, value in asked.items():
        wanted = _CREATION_TYPES.get(name)
        if wanted is None or not isinstance(value, wanted):
            raise _Refusal(400, f"{name} is not valid")
    if not re.fullmatch(r"\+[1-9]\d{7,14}", asked.get("to_number", "")):
        raise _Refusal(400, "to_number must be in E.164 format")
    if asked.get("from_number") != NUMBER:
        raise _Refusal(400, "from_number is not a number of yours")
    if any(not isinstance(value, str) for value in asked.get("retell_llm_dynamic_variables", {}).values()):
        raise _Refusal(400, "retell_llm_dynamic_variables must be strings")
    before = next(
        (call for call in fake.calls if call.request.get("idempotency_key") == asked.get("idempotency_key")), None
    )
    if before is not None:
        before.times_asked += 1
        return JSONResponse(before.resource, status_code=201)
    resource = call_object(
        from_number=asked["from_number"], to_number=asked["to_number"], direction="outbound",
        call_status="registered", metadata=asked.get("metadata", {}),
    )  # fmt: skip
    call = MadeCall(call_id=str(resource["call_id"]), request=asked, resource=resource)
    fake.calls.append(call)
    return JSONResponse(resource, status_code=201)


async def _get(fake: RetellRest, request: Request) -> Response:
    call = fake.by_id(request.path_params["call_id"])
    if call is None:
        raise _Refusal(422, "Cannot find requested asset under given api key.")
    return JSONResponse(call.resource)


async def _stop(fake: RetellRest, request: Request) -> Response:
    call = fake.by_id(request.path_params["call_id"])
    if call is None:
        raise _Refusal(422, "Cannot find requested asset under given api key.")
    if call.resource["call_status"] not in ("registered", "ongoing"):
        raise _Refusal(400, "The call has ended")
    call.is_stopped = True
    call.resource |= ended(call.resource, "manual_stopped")
    return Response(status_code=204)


async def _number(fake: RetellRest, request: Request) -> Response:
    if request.path_params["number"] != NUMBER:
        raise _Refusal(404, "not found")
    return JSONResponse({"phone_number": NUMBER})


async def _agent(fake: RetellRest, request: Request) -> Response:
    if request.path_params["agent_id"] != AGENT:
        raise _Refusal(404, "not found")
    return JSONResponse({"agent_id": AGENT})


@contextmanager
def run_fake_retell(port: int = 0) -> Iterator[RetellRest]:
    """Run the REST API on loopback in a thread of this process; port 0 takes a free one."""
    app = Starlette(
        routes=[
            Route("/v2/create-phone-call", _handled(_create), methods=["POST"]),
            Route("/v2/get-call/{call_id:path}", _handled(_get)),
            Route("/v2/stop-call/{call_id}", _handled(_stop), methods=["POST"]),
            Route("/get-phone-number/{number}", _handled(_number)),
            Route("/get-agent/{agent_id}", _handled(_agent)),
        ]
    )
    fake = RetellRest()
    app.state.fake = fake
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
    listener = socket.create_server(("127.0.0.1", port))
    fake.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


# --- the websocket, from Retell's end

_RESPONSE_TYPES: Mapping[str, type] = {
    "content": str, "content_complete": bool, "end_call": bool, "transfer_number": str, "digit_to_press": str,
    "no_interruption_allowed": bool, "show_transferee_as_caller": bool,
}  # fmt: skip
_CONFIG = {"auto_reconnect": True, "call_details": True, "transcript_with_tool_calls": True}


@dataclass
class Heard:
    """What came for one response id, or for one interruption by the agent."""

    text: str = ""
    is_complete: bool = False
    actions: dict[str, object] = field(default_factory=dict)


@dataclass
class RetellLine:
    """One call's socket: the customer speaks, Retell asks, and what comes back is spoken."""

    url: str
    call: Mapping[str, object] = field(default_factory=call_object)
    tells_details: bool = True
    transcript: list[dict[str, str]] = field(default_factory=list)
    pressed: str = ""
    response_id: int = 0
    frames: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[int, Heard] = field(default_factory=dict)
    interruptions: dict[int, Heard] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    pongs: list[object] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    close_code: int | None = None
    _socket: ClientConnection | None = None
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> Self:
        self._socket = await connect(self.url, proxy=None, max_size=None)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        if self._reader is not None:
            await self._reader
        assert self.violations == []

    @property
    def socket(self) -> ClientConnection:
        assert self._socket is not None
        return self._socket

    # --- what our service sends

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                message = await self.socket.recv()
                async with self._news:
                    self._take(message)
                    self._news.notify_all()
                if self.frames and self.frames[-1].get("response_type") == "config" and self.tells_details:
                    await self.send({"interaction_type": "call_details", "call": self.call})
        async with self._news:
            self.close_code = self.socket.close_code
            self._news.notify_all()

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.violations.append("a binary frame")
            return
        frame = json.loads(message)
        is_first = not self.frames
        self.frames.append(frame)
        kind = frame.get("response_type")
        if is_first != (kind == "config"):
            self.violations.append(f"{kind} in the wrong place")
        match kind:
            case "config":
                if frame.get("config") != _CONFIG:
                    self.violations.append(f"config {frame}")
            case "ping_pong":
                self.pongs.append(frame["timestamp"])
            case "response":
                self._hear(frame, "response_id", self.answers)
            case "agent_interrupt":
                self._hear(frame, "interrupt_id", self.interruptions)
            case "tool_call_invocation" | "tool_call_result":
                names = ["tool_call_id", "content"] if kind == "tool_call_result" else [
                    "tool_call_id", "name", "arguments",
                ]  # fmt: skip
                if any(not isinstance(frame.get(name), str) for name in names):
                    self.violations.append(f"types of {frame}")
                self.tools.append(frame)
            case _:
                self.violations.append(f"unknown frame {frame}")

    def _hear(self, frame: Mapping[str, Any], number: str, into: dict[int, Heard]) -> None:
        place = frame.get(number)
        wrong = [name for name, kind in _RESPONSE_TYPES.items() if name in frame and type(frame[name]) is not kind]
        if type(place) is not int or wrong or not {"content", "content_complete"} <= frame.keys():
            self.violations.append(f"Retell would not hear {frame}")
            return
        if number == "response_id" and place != self.response_id:
            self.dropped.append(place)  # silently, as Retell does
            return
        heard = into.setdefault(place, Heard())
        if heard.is_complete:
            self.violations.append(f"more after the end: {frame}")
        heard.text += frame["content"]
        heard.is_complete = frame["content_complete"]
        heard.actions |= {name: frame[name] for name in ("end_call", "transfer_number") if frame.get(name)}

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something has come."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(is_so)

    # --- what Retell sends

    async def send(self, frame: Mapping[str, object]) -> None:
        await self.socket.send(json.dumps(frame, ensure_ascii=False))

    async def ping(self, timestamp: int = 1795197600000) -> None:
        await self.send({"interaction_type": "ping_pong", "timestamp": timestamp})

    async def update(self, turn: str | None = None) -> None:
        """Tell how the transcript stands; nothing is asked."""
        await self.send({"interaction_type": "update_only", **self._so_far(), **({"turntaking": turn} if turn else {})})

    async def want(self, kind: str = "response_required", *, response_id: int | None = None) -> int:
        """Ask for an answer; give its number."""
        if response_id is None:
            self.response_id += 1
        asked = self.response_id if response_id is None else response_id
        await self.send({"interaction_type": kind, "response_id": asked, **self._so_far()})
        return asked

    def _so_far(self) -> dict[str, object]:
        woven: list[object] = [*self.transcript, *({"role": "dtmf", "digit": digit} for digit in self.pressed)]
        return {"transcript": self.transcript, "transcript_with_tool_calls": woven}

    async def listen(self) -> str:
        """Wait for the whole answer, and let it be spoken to its end."""
        asked = self.response_id
        await self.until(lambda: self.close_code is not None or (asked in self.answers and self._is_whole(asked)))
        assert self.close_code is None, f"closed with {self.close_code}"
        await self.speak(len(self.answers[asked].text.split()))
        return self.answers[asked].text.strip()

    def _is_whole(self, asked: int) -> bool:
        return self.answers[asked].is_complete

    async def speak(self, words: int) -> str:
        """Let that many words of the newest answer be spoken, and tell."""
        spoken = " ".join(self.answers[self.response_id].text.split()[:words])
        if spoken:
            self.transcript.append({"role": "agent", "content": spoken})
            await self.update("agent_turn")
        return spoken

    async def ask(self, text: str) -> int:
        """Let the customer say something; give the number of the answer that is wanted."""
        self.transcript.append({"role": "user", "content": text})
        await self.update("user_turn")
        return await self.want()

    async def say(self, text: str) -> str:
        """Let the customer say something and hear the whole answer."""
        await self.ask(text)
        return await self.listen()

    async def correct(self, text: str) -> int:
        """Let the recogniser understand the last words otherwise, or more of them."""
        assert self.transcript[-1]["role"] == "user"
        self.transcript[-1]["content"] = text
        return await self.want()

    async def interrupt(self, text: str, *, after_words: int) -> int:
        """Let the customer speak into the newest answer after some of its words."""
        asked = self.response_id
        await self.until(lambda: len(self.answers.get(asked, Heard()).text.split()) >= after_words)
        await self.speak(after_words)
        return await self.ask(text)

    async def answered(self, response_id: int) -> None:
        """Wait until an answer is complete, and let nothing of it be spoken yet."""
        await self.until(lambda: self.answers.get(response_id, Heard()).is_complete)

    async def spoken_up(self, interrupt_id: int) -> None:
        """Wait until the agent has spoken up by itself for that time."""
        await self.until(lambda: self.interruptions.get(interrupt_id, Heard()).is_complete)

    async def echoed(self, timestamp: int) -> None:
        """Wait for the echo of a ping."""
        await self.until(lambda: timestamp in self.pongs)

    async def hang_up(self) -> None:
        """Close as Retell does when the customer hangs up."""
        await self.socket.close(1000)
        if self._reader is not None:
            await self._reader

    async def die(self) -> None:
        """Lose the connection without a close frame."""
        self.socket.transport.abort()
        if self._reader is not None:
            await self._reader

    async def closed(self) -> int | None:
        """Wait until the other side closes; give its code."""
        await self.until(lambda: self.close_code is not None)
        return self.close_code


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[tuple[str, uvicorn.Server]]:
    """Serve an app on a loopback port in this loop, without its lifespan; give its host and port, and the server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_config=None, lifespan="off", access_log=False, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", server
        finally:
            server.should_exit = True
            await task
