"""A fake of Vapi on loopback: its REST calls with a ledger, and the server messages a call of an assistant sends.

`Message` builds them as recorded in `tests/payloads/vapi`; `headers` signs them in each form that Vapi knows.
"""

import base64
import hashlib
import hmac
import json
import socket
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

VAPI_KEY = "chave-ficticia-vapi"
VAPI_SECRET = "segredo-vapi-ficticio"
ASSISTANT = "0c1f0000-0000-4000-8000-0000000000cc"
PHONE_NUMBER = "0c1f0000-0000-4000-8000-0000000000bb"
NUMBER = "+551140001234"
CUSTOMER = "+5511999990001"

Json = dict[str, Any]


@dataclass
class VapiApi:
    """The fake's memory, and its answers to tests."""

    url: str = ""
    calls: dict[str, Json] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Json] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    control_headers: list[Mapping[str, str]] = field(default_factory=list)
    steps: deque[Json] = field(default_factory=deque)

    def program(self, *steps: Json) -> None:
        """Set the next answers to POST /call: `status` with `message`, `then_made`, or `garbage`."""
        self.steps.extend(steps)


def _refused(status: int, message: object, error: str = "Bad Request") -> JSONResponse:
    return JSONResponse({"message": message, "error": error, "statusCode": status}, status_code=status)


def _is_allowed(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {VAPI_KEY}"


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False


def _problems(body: Json) -> list[str]:
    """Refuse what Vapi refuses: it names every field that is wrong."""
    found = [f"{name} must be a UUID" for name in ("assistantId", "phoneNumberId") if not _is_uuid(body.get(name))]
    number = str(body.get("customer", {}).get("number"))
    if not (number.startswith("+") and number[1:].isdigit() and 8 <= len(number) <= 16):
        found.append("customer.number must be a valid phone number in the E.164 format")
    overrides = body.get("assistantOverrides", {})
    if not all(isinstance(value, str) for value in overrides.get("variableValues", {}).values()):
        found.append("assistantOverrides.variableValues must hold strings")
    if not 10 <= overrides.get("maxDurationSeconds", 600) <= 43200:
        found.append("assistantOverrides.maxDurationSeconds must not be less than 10")
    found += [f"property {name} should not exist" for name in set(body) - _FIELDS]
    return found


_FIELDS = {"assistantId", "phoneNumberId", "customer", "assistantOverrides", "name"}


def _fake(request: Request) -> VapiApi:
    fake: VapiApi = request.app.state.fake
    fake.requests.append((request.method, request.url.path))
    return fake


async def _create(request: Request) -> Response:
    fake = _fake(request)
    if not _is_allowed(request):
        return _refused(401, "Invalid Key.", "Unauthorized")
    body = json.loads(await request.body())
    step = fake.steps.popleft() if fake.steps else {}
    if "status" in step and not step.get("then_made"):
        return _refused(step["status"], step.get("message", "as programmed"))
    problems = _problems(body)
    if problems:
        return _refused(400, problems)
    call_id = str(uuid.uuid4())
    fake.bodies.append(body)
    fake.calls[call_id] = {
        "id": call_id, "type": "outboundPhoneCall", "status": "queued", **body,
        "monitor": {"controlUrl": f"{fake.url}/control/{call_id}", "listenUrl": "wss://exemplo.invalid/x"},
    }  # fmt: skip
    if step.get("then_made"):
        return _refused(step["status"], "broke after it")
    if step.get("garbage"):
        return Response("<html>", media_type="text/html", status_code=201)
    return JSONResponse(fake.calls[call_id], status_code=201)


async def _call(request: Request) -> Response:
    fake = _fake(request)
    if not _is_allowed(request):
        return _refused(401, "Invalid Key.", "Unauthorized")
    found = fake.calls.get(request.path_params["id"])
    return JSONResponse(found) if found else _refused(404, "Call not found", "Not Found")


async def _control(request: Request) -> Response:
    fake = _fake(request)
    call_id = request.path_params["id"]
    assert json.loads(await request.body()) == {"type": "end-call"}
    fake.control_headers.append(dict(request.headers))
    fake.hung_up.append(call_id)
    fake.calls[call_id] |= {"status": "ended", "endedReason": "manually-canceled"}
    return JSONResponse({})


async def _known(request: Request) -> Response:
    _fake(request)
    if not _is_allowed(request):
        return _refused(401, "Invalid Key.", "Unauthorized")
    wanted = request.path_params["id"]
    return JSONResponse({"id": wanted}) if wanted in (ASSISTANT, PHONE_NUMBER) else _refused(404, "no", "Not Found")


@contextmanager
def run_fake_vapi() -> Iterator[VapiApi]:
    """Run the fake on a free port of loopback, in a thread of this process."""
    app = Starlette(
        routes=[
            Route("/call", _create, methods=["POST"]),
            Route("/call/{id}", _call),
            Route("/control/{id}", _control, methods=["POST"]),
            Route("/phone-number/{id}", _known),
            Route("/assistant/{id}", _known),
        ]
    )
    fake = VapiApi()
    app.state.fake = fake
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
    listener = socket.create_server(("127.0.0.1", 0))
    fake.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


# --- Server messages -----------------------------------------------------------------------------------------------


def message(
    kind: str, *, call_id: str = "", ours: object = None, direction: str = "inboundPhoneCall",
    phone: str | None = CUSTOMER, **fields: Any,
) -> bytes:  # fmt: skip
    """Write one server message about a call; `ours` is what we gave as metadata."""
    call: Json = {
        "id": call_id or "0c1f0000-0000-4000-8000-000000000001", "type": direction, "status": "in-progress",
        "phoneNumberId": PHONE_NUMBER, "assistantId": ASSISTANT,
    }  # fmt: skip
    if phone is not None:
        call["customer"] = {"number": phone}
    if ours is not None:
        call["assistantOverrides"] = {"metadata": {"call_id": str(ours)}}
    return json.dumps({"message": {"timestamp": 1795197600000, "type": kind, "call": call, **fields}}).encode()


def spoken(*texts: str, role: str = "user") -> Json:
    """Give an artifact in which this was said, second by second."""
    return {
        "messages": [
            {"role": "system", "message": "Instruções do assistente", "secondsFromStart": 0},
            *({"role": role, "message": text, "secondsFromStart": at} for at, text in enumerate(texts, start=1)),
        ]
    }


def hmac_headers(
    payload: bytes, *, secret: bytes = VAPI_SECRET.encode(), algorithm: str = "sha256", encoding: str = "hex",
    prefix: str = "", signature_header: str = "x-signature", more: Mapping[str, str] | None = None,
) -> dict[str, str]:  # fmt: skip
    """Sign what the plan says is signed."""
    made = hmac.new(secret, payload, getattr(hashlib, algorithm)).digest()
    text = made.hex() if encoding == "hex" else base64.b64encode(made).decode()
    return {signature_header: prefix + text, **(more or {})}
