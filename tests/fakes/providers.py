"""Fake providers on loopback: Meta, Evolution, Twilio and a CRM as real HTTP, strict, programmable, with a ledger.

In a test: `with run_fake_provider() as fake: fake.url, fake.ledger`. From a shell: `python tests/fakes/providers.py
--port 9100`. Control: `POST /__control {"provider": "meta", "next": [{"status": 429, "retry_after": 2}]}`,
`GET /__ledger`, `GET /__reads`, `GET /__requests`, `POST /__reset`, `POST /__crm {"<document>": {answer}}`.

A step of `next` is used up by one request: `status` (+ `retry_after`, `code`, `body`), `accept_then_timeout`,
`accept_then_drop`, `accept_then_garbage`, `drop_connection`, `delay_seconds`; `times` repeats it.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import re
import socket
import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

META_TOKEN = "meta-token"
EVOLUTION_KEY = "evolution-key"
TWILIO_SID = "AC00000000000000000000000000000001"
TWILIO_TOKEN = "twilio-token"
CRM_KEY = "crm-key"

Json = dict[str, Any]


@dataclass
class State:
    """Everything the fakes remember; touched by the server's loop alone, read by tests."""

    ledger: list[Json] = field(default_factory=list)
    reads: list[Json] = field(default_factory=list)
    requests: list[Json] = field(default_factory=list)
    steps: dict[str, deque[Json]] = field(default_factory=lambda: defaultdict(deque))
    webhooks: dict[str, Json] = field(default_factory=dict)
    customers: dict[str, Any] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def reset(self) -> None:
        """Forget everything but the webhooks that are on their way."""
        for kept in (self.ledger, self.reads, self.requests, self.steps, self.webhooks, self.customers, self.states):
            kept.clear()

    def obey(self, order: Json) -> None:
        """Take an order of `/__control`: next answers, automatic webhooks, states shown."""
        provider = order["provider"]
        for step in order.get("next", []):
            self.steps[provider].extend([step] * int(step.get("times", 1)))
        if "webhooks" in order:
            self.webhooks[provider] = order["webhooks"]
        self.states.update(order.get("states", {}))

    def accept(self, provider: str, account: str, to: str, content: Json, reference: str | None, prefix: str) -> Json:
        """Write one accepted message into the ledger."""
        row = {
            "provider": provider,
            "account": account,
            "to": to,
            "text": content.get("text"),
            "part": content,
            "reference": reference,
            "provider_message_id": prefix + uuid.uuid4().hex,
            "at": datetime.now(UTC).isoformat(),
        }
        self.ledger.append(row)
        return row


class Refused(Exception):
    """The provider's own error answer."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status)
        self.response = JSONResponse(body, status_code=status)


class _DroppableProtocol(H11Protocol):
    """Lets a handler cut its own connection, which an ASGI application cannot ask for."""

    open_transports: ClassVar[dict[tuple[str, int], asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.open_transports[transport.get_extra_info("peername")[:2]] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.open_transports.pop(self.transport.get_extra_info("peername")[:2], None)
        super().connection_lost(exc)


async def _drop(request: Request) -> Response:
    assert request.client is not None
    _DroppableProtocol.open_transports[(request.client.host, request.client.port)].abort()
    return Response()


async def _until_gone(request: Request) -> Response:
    """Answer nothing until the caller gives up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


Handler = Callable[[Request, State], Awaitable[Response]]
_ERROR_BODIES: Mapping[str, Callable[[int, int], Json]] = {
    "meta": lambda status, code: meta_error(code or {429: 130429}.get(status, 131016), "as programmed"),
    "evolution": lambda status, code: {"status": status, "error": "Error", "response": {"message": ["as programmed"]}},
    "twilio": lambda status, code: twilio_error(status, code or {429: 20429}.get(status, 20500), "as programmed"),
    "crm": lambda status, code: {"erro": "as programmed"},
}


def _endpoint(provider: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler in the programmed behaviour of its provider."""

    async def respond(request: Request) -> Response:
        state: State = request.app.state.fake
        body = await request.body()
        state.requests.append({"provider": provider, "path": request.url.path, "body": body.decode("utf-8", "replace")})
        step = state.steps[provider].popleft() if state.steps[provider] else {}
        if step.get("delay_seconds"):
            await asyncio.sleep(float(step["delay_seconds"]))
        if step.get("drop_connection"):
            return await _drop(request)
        if "status" in step:
            return _programmed_error(provider, step)
        try:
            accepted = await handler(request, state)
        except Refused as refused:
            return refused.response
        if step.get("accept_then_timeout"):
            return await _until_gone(request)
        if step.get("accept_then_drop"):
            return await _drop(request)
        if step.get("accept_then_garbage"):
            return Response("<html>Bad proxy</html>", media_type="text/html")
        return accepted

    return respond


def _programmed_error(provider: str, step: Json) -> Response:
    status = int(step["status"])
    headers = {"retry-after": str(step["retry_after"])} if "retry_after" in step else {}
    if isinstance(step.get("body"), str):
        return Response(step["body"], status_code=status, headers=headers, media_type=step.get("type", "text/html"))
    body = step.get("body") or _ERROR_BODIES[provider](status, int(step.get("code", 0)))
    return JSONResponse(body, status_code=status, headers=headers)


async def _json_body(request: Request, on_error: Refused) -> Json:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise on_error from None
    if not isinstance(body, dict):
        raise on_error
    return body


# --- Meta -------------------------------------------------------------------------------------------------------


def meta_error(code: int, details: str) -> Json:
    """Build Meta's error body."""
    data = {"messaging_product": "whatsapp", "details": details}
    return {
        "error": {
            "message": f"(#{code}) {details}",
            "type": "OAuthException",
            "code": code,
            "error_data": data,
            "fbtrace_id": "AFake",
        }
    }


def _meta_authorised(request: Request) -> None:
    if request.headers.get("authorization") != f"Bearer {META_TOKEN}":
        raise Refused(401, meta_error(190, "Error validating access token"))


async def meta_number(request: Request, state: State) -> Response:
    """Answer `GET /{version}/{phone_number_id}`."""
    _meta_authorised(request)
    return JSONResponse({"id": request.path_params["account"]})


async def meta_messages(request: Request, state: State) -> Response:
    """Answer `POST /{version}/{phone_number_id}/messages`: a message, or a read receipt."""
    _meta_authorised(request)
    bad = Refused(400, meta_error(100, "Invalid parameter"))
    body = await _json_body(request, bad)
    account = request.path_params["account"]
    if body.get("messaging_product") != "whatsapp":
        raise Refused(400, meta_error(100, "messaging_product is required"))
    if body.get("status") == "read":
        if not body.get("message_id"):
            raise bad
        state.reads.append({"account": account, "message_id": body["message_id"]})
        return JSONResponse({"success": True})
    to = body.get("to") or body.get("recipient")
    if not isinstance(to, str) or not re.fullmatch(r"\+?\d{8,15}|[A-Z]{2}\.[\w.]+", to):
        raise Refused(400, meta_error(131009, "Recipient is not valid"))
    content = _meta_content(body)
    row = state.accept("meta", account, to, content, body.get("biz_opaque_callback_data"), "wamid.")
    person = {"user_id": to} if "." in to else {"wa_id": to.removeprefix("+")}
    _report_later(state, row, _meta_status)
    return JSONResponse(
        {
            "messaging_product": "whatsapp",
            "contacts": [{"input": to, **person}],
            "messages": [{"id": row["provider_message_id"]}],
        }
    )


def _require(condition: object, code: int, details: str) -> None:
    if not condition:
        raise Refused(400, meta_error(code, details))


def _length(value: object) -> int:
    return len(value) if isinstance(value, str) else -1


def _meta_content(body: Json) -> Json:
    kind = body.get("type")
    part = body.get(str(kind))
    _require(isinstance(part, dict), 100, f"{kind} is required")
    assert isinstance(part, dict)
    text = None
    if kind == "text":
        text = part.get("body")
        _require(0 < _length(text) <= 4096, 100, "text.body must be 1 to 4096 characters")
    elif kind in ("image", "audio", "video", "document"):
        text = part.get("caption")
        _require(bool(part.get("id")) != str(part.get("link", "")).startswith("http"), 131009, "id or link")
        _require(_length(part.get("caption", "")) <= 1024, 131009, "caption too long")
        _require(kind != "audio" or "caption" not in part, 131009, "audio has no caption")
    elif kind == "location":
        _require(isinstance(part.get("latitude"), float | int), 131009, "latitude")
    elif kind == "interactive":
        text = _meta_interactive(part)
    elif kind == "template":
        _require(part.get("name") and part.get("language", {}).get("code"), 132001, "template name and language")
        for component in part.get("components", []):
            for parameter in component.get("parameters", []):
                _require(not re.search(r"[\n\t]| {5}", parameter.get("text", "")), 132018, "newline in a parameter")
    else:
        _require(False, 131051, f"type {kind} is not supported")
    return {"type": kind, "text": text, "content": part}


def _meta_interactive(part: Json) -> str:
    text = part.get("body", {}).get("text")
    action = part.get("action", {})
    if part.get("type") == "button":
        replies = [button.get("reply", {}) for button in action.get("buttons", [])]
        _require(1 <= len(replies) <= 3, 131009, "1 to 3 buttons")
        _require(all(0 < _length(reply.get("title")) <= 20 for reply in replies), 131009, "button title")
        _require(0 < _length(text) <= 1024, 131009, "body")
    elif part.get("type") == "list":
        replies = [row for section in action.get("sections", []) for row in section.get("rows", [])]
        _require(1 <= len(replies) <= 10, 131009, "1 to 10 rows")
        _require(all(0 < _length(row.get("title")) <= 24 for row in replies), 131009, "row title")
        _require(all(_length(row.get("description", "")) <= 72 for row in replies), 131009, "row description")
        _require(0 < _length(action.get("button")) <= 20, 131009, "list button")
        _require(0 < _length(text) <= 4096, 131009, "body")
    else:
        _require(False, 131009, "interactive.type")
    _require(all(0 < _length(reply.get("id")) <= 256 for reply in replies), 131009, "id")
    _require(len({reply["id"] for reply in replies}) == len(replies), 131009, "ids must differ")
    return str(text)


def _meta_status(row: Json, status: str, settings: Json) -> tuple[str, bytes, dict[str, str]]:
    item = {
        "id": row["provider_message_id"],
        "status": status,
        "timestamp": str(int(datetime.now(UTC).timestamp())),
        "recipient_id": row["to"],
        "biz_opaque_callback_data": row["reference"],
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "551140001234", "phone_number_id": row["account"]},
        "statuses": [item],
    }
    body = json.dumps(
        {
            "object": "whatsapp_business_account",
            "entry": [{"id": "201500000000001", "changes": [{"field": "messages", "value": value}]}],
        }
    ).encode()
    signature = hmac.new(str(settings["secret"]).encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={signature}"}
    return settings["url"], body, headers


# --- Evolution --------------------------------------------------------------------------------------------------


def _evolution_refused(status: int, message: Any) -> Refused:
    errors = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}
    return Refused(status, {"status": status, "error": errors[status], "response": {"message": message}})


async def evolution_state(request: Request, state: State) -> Response:
    """Answer `GET /instance/connectionState/{instance}`."""
    if request.headers.get("apikey") != EVOLUTION_KEY:
        raise _evolution_refused(401, "Unauthorized")
    instance = request.path_params["instance"]
    return JSONResponse({"instance": {"instanceName": instance, "state": state.states.get(instance, "open")}})


_EVOLUTION_REQUIRED = {
    "sendText": ("text",),
    "sendMedia": ("mediatype", "media"),
    "sendButtons": ("title", "buttons"),
    "sendList": ("title", "buttonText", "sections"),
    "sendLocation": ("latitude", "longitude", "name", "address"),
}


async def evolution_send(request: Request, state: State) -> Response:
    """Answer `POST /message/{action}/{instance}` with 201 and the key."""
    if request.headers.get("apikey") != EVOLUTION_KEY:
        raise _evolution_refused(401, "Unauthorized")
    instance, action = request.path_params["instance"], request.path_params["action"]
    body = await _json_body(request, _evolution_refused(400, ["body must be an object"]))
    required = _EVOLUTION_REQUIRED.get(action)
    if required is None:
        raise _evolution_refused(404, [f"Cannot POST /message/{action}"])
    missing = [f'instance requires property "{name}"' for name in ("number", *required) if not body.get(name)]
    if missing:
        raise _evolution_refused(400, missing)
    number = str(body["number"])
    jid = number if "@" in number else f"{number}@s.whatsapp.net"
    if not re.fullmatch(r"\d{8,20}@(s\.whatsapp\.net|lid)", jid):
        raise _evolution_refused(400, [{"exists": False, "jid": jid, "number": number}])
    if action == "sendMedia" and body["mediatype"] not in ("image", "document", "video", "audio", "ptv"):
        raise _evolution_refused(400, ["mediatype is not one of enum values"])
    content = {"text": body.get("text") or body.get("caption") or body.get("title"), "action": action, **body}
    row = state.accept("evolution", instance, number, content, None, "")
    row["provider_message_id"] = row["provider_message_id"].upper()
    key = {"remoteJid": jid, "fromMe": True, "id": row["provider_message_id"]}
    row["jid"] = jid
    _report_later(state, row, _evolution_status)
    message = {"conversation": row["text"]}
    return JSONResponse(
        {"key": key, "status": "PENDING", "message": message, "messageTimestamp": int(datetime.now(UTC).timestamp())},
        status_code=201,
    )


_EVOLUTION_STATUS = {"sent": "SERVER_ACK", "delivered": "DELIVERY_ACK", "read": "READ", "failed": "ERROR"}


def _evolution_status(row: Json, status: str, settings: Json) -> tuple[str, bytes, dict[str, str]]:
    if status == "echo":
        key = {"remoteJid": row["jid"], "fromMe": True, "id": row["provider_message_id"]}
        stamp = int(datetime.now(UTC).timestamp())
        event = "send.message"
        data: Json = {"key": key, "message": {"conversation": row["text"]}, "messageTimestamp": stamp}
    else:
        event = "messages.update"
        data = {
            "keyId": row["provider_message_id"],
            "remoteJid": row["jid"],
            "fromMe": True,
            "status": _EVOLUTION_STATUS[status],
        }
    body = json.dumps({"event": event, "instance": row["account"], "data": data}).encode()
    headers = {"content-type": "application/json", settings.get("header", "x-webhook-secret"): settings["secret"]}
    return settings["url"], body, headers


# --- Twilio -----------------------------------------------------------------------------------------------------


def twilio_error(status: int, code: int, message: str) -> Json:
    """Build Twilio's error body."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return {"code": code, "message": message, "more_info": more, "status": status}


def _twilio_authorised(request: Request) -> None:
    expected = base64.b64encode(f"{TWILIO_SID}:{TWILIO_TOKEN}".encode()).decode()
    if request.headers.get("authorization") != f"Basic {expected}" or request.path_params["sid"] != TWILIO_SID:
        raise Refused(401, twilio_error(401, 20003, "Authenticate"))


async def twilio_account(request: Request, state: State) -> Response:
    """Answer `GET /2010-04-01/Accounts/{sid}.json`."""
    _twilio_authorised(request)
    return JSONResponse({"sid": TWILIO_SID, "status": state.states.get("twilio", "active")})


async def twilio_messages(request: Request, state: State) -> Response:
    """Answer `POST /2010-04-01/Accounts/{sid}/Messages.json` with 201 and a queued message."""
    _twilio_authorised(request)
    async with request.form() as fields:
        form = {name: str(value) for name, value in fields.items()}
    to, sender = form.get("To", ""), form.get("From") or form.get("MessagingServiceSid", "")
    whatsapp = r"whatsapp:(\+\d{8,15}|[A-Z]{2}\.[\w.]+)" if sender.startswith("whatsapp:") else r"\+\d{8,15}"
    if not re.fullmatch(whatsapp, to):
        raise Refused(400, twilio_error(400, 21211, f"Invalid 'To' Phone Number: {to}"))
    if not re.fullmatch(r"(whatsapp:)?\+\d{8,15}|MG\w{32}", sender):
        raise Refused(400, twilio_error(400, 21606, "The From phone number is not a valid number"))
    if not (form.get("Body") or form.get("MediaUrl") or form.get("ContentSid")):
        raise Refused(400, twilio_error(400, 21602, "Message body is required"))
    if len(form.get("Body", "")) > 1600:
        raise Refused(400, twilio_error(400, 21617, "The concatenated message body exceeds the 1600 character limit"))
    callback = form.get("StatusCallback", "")
    reference = httpx.URL(callback).params.get("ref") if callback else None
    provider = "twilio_whatsapp" if to.startswith("whatsapp:") else "twilio_sms"
    row = state.accept(provider, sender, to, {"text": form.get("Body"), **form}, reference, "SM")
    row["status_callback"] = callback
    if callback:
        _report_later(state, row, _twilio_status, channel="twilio")
    answer = {"sid": row["provider_message_id"], "status": "queued", "to": to, "from": sender, "error_code": None}
    return JSONResponse(answer, status_code=201)


def _twilio_status(row: Json, status: str, settings: Json) -> tuple[str, bytes, dict[str, str]]:
    form = {
        "MessageSid": row["provider_message_id"],
        "SmsSid": row["provider_message_id"],
        "MessageStatus": status,
        "SmsStatus": status,
        "To": row["to"],
        "From": row["account"],
        "AccountSid": TWILIO_SID,
    }
    signed = row["status_callback"] + "".join(name + form[name] for name in sorted(form))
    digest = hmac.new(str(settings["secret"]).encode(), signed.encode(), hashlib.sha1).digest()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": base64.b64encode(digest).decode(),
    }
    # The public URL is what was signed; `url` may point at where the service really listens.
    target = httpx.URL(settings["url"]) if settings.get("url") else httpx.URL(row["status_callback"])
    return str(target.copy_merge_params(httpx.URL(row["status_callback"]).params)), urlencode(form).encode(), headers


# --- CRM --------------------------------------------------------------------------------------------------------


async def crm_query(request: Request, state: State) -> Response:
    """Answer `POST /clientes/consultar_inadimplencia` from the customers set by `/__crm`."""
    if request.headers.get("authorization") != f"Bearer {CRM_KEY}":
        raise Refused(401, {"erro": "chave inválida"})
    body = await _json_body(request, Refused(400, {"erro": "corpo inválido"}))
    answer = state.customers.get(str(body.get("cpf_cnpj")))
    if answer is None:
        raise Refused(404, {"erro": "cliente não encontrado"})
    return JSONResponse(answer)


# --- control ----------------------------------------------------------------------------------------------------

StatusBuilder = Callable[[Json, str, Json], tuple[str, bytes, dict[str, str]]]


def _report_later(state: State, row: Json, build: StatusBuilder, *, channel: str | None = None) -> None:
    settings = state.webhooks.get(channel or row["provider"])
    if settings is None:
        return
    # Kept in a set: the loop itself holds tasks weakly.
    task = asyncio.get_running_loop().create_task(_report(row, build, settings))
    state.tasks.add(task)
    task.add_done_callback(state.tasks.discard)


async def _report(row: Json, build: StatusBuilder, settings: Json) -> None:
    async with httpx.AsyncClient(timeout=10) as http:
        for status in settings.get("statuses", ["sent", "delivered", "read"]):
            url, body, headers = build(row, status, settings)
            try:
                await http.post(url, content=body, headers=headers)
            except httpx.HTTPError:
                row.setdefault("lost_webhooks", []).append(status)


async def control(request: Request) -> Response:
    """Program the next answers, the automatic webhooks or the states shown."""
    state: State = request.app.state.fake
    order = await request.json()
    state.obey(order)
    return JSONResponse({"waiting": len(state.steps[order["provider"]])})


async def set_customers(request: Request) -> Response:
    """Set the CRM's answers by document."""
    request.app.state.fake.customers.update(await request.json())
    return JSONResponse({"ok": True})


async def reset(request: Request) -> Response:
    """Forget everything."""
    request.app.state.fake.reset()
    return JSONResponse({"ok": True})


def _listing(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        return JSONResponse(getattr(request.app.state.fake, name))

    return show


def create_app(state: State) -> Starlette:
    """Build the application of all fakes."""
    posts = {"/clientes/consultar_inadimplencia": ("crm", crm_query)}
    routes = [
        Route("/__control", control, methods=["POST"]),
        Route("/__crm", set_customers, methods=["POST"]),
        Route("/__reset", reset, methods=["POST"]),
        *(Route(f"/__{name}", _listing(name)) for name in ("ledger", "reads", "requests")),
        *(Route(path, _endpoint(name, handler), methods=["POST"]) for path, (name, handler) in posts.items()),
        Route("/2010-04-01/Accounts/{sid}/Messages.json", _endpoint("twilio", twilio_messages), methods=["POST"]),
        Route("/2010-04-01/Accounts/{sid}.json", _endpoint("twilio", twilio_account)),
        Route("/message/{action}/{instance}", _endpoint("evolution", evolution_send), methods=["POST"]),
        Route("/instance/connectionState/{instance}", _endpoint("evolution", evolution_state)),
        Route(r"/{version}/{account}/messages", _endpoint("meta", meta_messages), methods=["POST"]),
        Route(r"/{version}/{account}", _endpoint("meta", meta_number)),
    ]
    app = Starlette(routes=routes)
    app.state.fake = state
    return app


@dataclass(frozen=True, kw_only=True)
class FakeProviders:
    """A running server of fakes, as a test sees it."""

    url: str
    state: State

    @property
    def ledger(self) -> list[Json]:
        """Return what was accepted so far."""
        return list(self.state.ledger)

    def program(self, provider: str, *steps: Json) -> None:
        """Set the next answers of a provider."""
        self.state.obey({"provider": provider, "next": list(steps)})

    def report_to(self, provider: str, **webhooks: Any) -> None:
        """Send signed status webhooks for whatever is accepted: `url`, `secret`, `statuses`."""
        self.state.obey({"provider": provider, "webhooks": webhooks})

    def set_customers(self, customers: Mapping[str, Any]) -> None:
        """Set the CRM's answers by document."""
        self.state.customers.update(customers)

    def reset(self) -> None:
        """Forget everything."""
        self.state.reset()


def _server(state: State) -> uvicorn.Server:
    config = uvicorn.Config(
        create_app(state), http=_DroppableProtocol, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
    )
    return uvicorn.Server(config)


@contextmanager
def run_fake_provider(port: int = 0) -> Iterator[FakeProviders]:
    """Run the fakes on loopback in a thread of this process; port 0 takes a free one."""
    state = State()
    server = _server(state)
    listener = socket.create_server(("127.0.0.1", port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        # The socket listens already: requests wait in its backlog until the server is up.
        yield FakeProviders(url=f"http://127.0.0.1:{listener.getsockname()[1]}", state=state)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def main() -> None:
    """Run the fakes in the foreground until they are stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9100)
    arguments = parser.parse_args()
    with socket.create_server(("127.0.0.1", arguments.port)) as listener:
        _server(State()).run(sockets=[listener])


if __name__ == "__main__":
    main()
