"""Fakes of Twilio's numbers and SIP trunks and of Retell's numbers, on one loopback server, with a ledger.

`fail(n)` breaks the n-th request that changes something (or the n-th of all), before it is carried out (503) or after
it (the connection ends without an answer, as when a network dies).
"""

import base64
import json
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, unquote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.fakes.providers import TWILIO_SID, TWILIO_TOKEN, twilio_error

RETELL_KEY = "chave-ficticia-retell"
NUMBER = "+551140001234"
AGENT = "agent_801013174f32ac0c7e7769f3c9"

Json = dict[str, Any]
When = Literal["before", "after"]
_PAGE = 2  # small pages, so that lists are read to their end
_WRITES = ("POST", "PATCH", "DELETE")


class Refused(Exception):
    """A provider's own error answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass
class Telephony:
    """What both providers hold, and what was asked of them."""

    url: str = ""
    ledger: list[tuple[str, str]] = field(default_factory=list)
    numbers: dict[str, Json] = field(default_factory=dict)
    trunks: dict[str, Json] = field(default_factory=dict)
    origination: dict[str, list[Json]] = field(default_factory=dict)
    on_trunk: dict[str, list[str]] = field(default_factory=dict)  # credential lists of a trunk
    lists: dict[str, Json] = field(default_factory=dict)
    credentials: dict[str, dict[str, Json]] = field(default_factory=dict)
    taken_domains: set[str] = field(default_factory=set)
    agents: dict[str, list[Json]] = field(default_factory=dict)
    retell: dict[str, Json] = field(default_factory=dict)
    bodies: list[Json] = field(default_factory=list)  # what Retell was sent
    blind: int = 0  # so many looks at numbers do not see what is there yet
    _made: int = 0
    _failing: tuple[int, When, bool] | None = None
    _seen: int = 0

    def sid(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}{self._made:032d}"

    def own(self, phone: str = NUMBER, **fields: Any) -> Json:
        """Put a number into the Twilio account."""
        sid = self.sid("PN")
        self.numbers[sid] = {
            "sid": sid, "phone_number": phone, "trunk_sid": None, "voice_url": "",
            "capabilities": {"voice": True, "sms": True}, **fields,
        }  # fmt: skip
        return self.numbers[sid]

    def employ(self, agent_id: str = AGENT, *, versions: int = 1) -> None:
        """Put an agent with so many versions into the Retell workspace; all but the newest are published."""
        self.agents[agent_id] = [
            {"agent_id": agent_id, "agent_name": "Lia", "version": n, "is_published": n < versions - 1}
            for n in range(versions)
        ]

    def fail(self, n: int, when: When, *, counts_reads: bool = False) -> None:
        """Break one request, counted from now on."""
        self._failing, self._seen = (n, when, counts_reads), 0

    def fails_now(self, method: str) -> When | None:
        if self._failing is None:
            return None
        wanted, when, counts_reads = self._failing
        if method in _WRITES or counts_reads:
            self._seen += 1
            if self._seen == wanted:
                self._failing = None
                return when
        return None

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [entry for entry in self.ledger if entry[0] in _WRITES]

    @property
    def users(self) -> dict[str, str]:
        """Give the users that the trunks' lists hold, with their passwords."""
        listed = {sid for sids in self.on_trunk.values() for sid in sids}
        held = [one for sid in listed for one in self.credentials[sid].values()]
        return {one["username"]: one["password"] for one in held}


# --- Twilio --------------------------------------------------------------------------------------------------------


def _problem(status: int, code: int, message: str) -> Refused:
    return Refused(JSONResponse(twilio_error(status, code, message), status_code=status))


def _page(request: Request, rows: list[Json], key: str) -> JSONResponse:
    """Give one page in the form of the API that was asked."""
    start = int(request.query_params.get("Start", "0"))
    more = start + _PAGE < len(rows)
    path = f"{request.url.path}?Start={start + _PAGE}&PageSize={_PAGE}"
    body: Json = {key: rows[start : start + _PAGE]}
    if request.url.path.startswith("/v1/"):
        body["meta"] = {"key": key, "next_page_url": f"{_fake(request).url}{path}" if more else None}
    else:
        body["next_page_uri"] = path if more else None
    return JSONResponse(body)


def _fake(request: Request) -> Telephony:
    fake: Telephony = request.app.state.fake
    return fake


async def _form(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs((await request.body()).decode()).items()}


def _trunk_of(request: Request) -> str:
    sid = str(request.path_params["trunk"])
    if sid not in _fake(request).trunks:
        raise _problem(404, 20404, "The requested resource was not found")
    return sid


async def _numbers(request: Request) -> Response:
    wanted = request.query_params.get("PhoneNumber", "")
    # Twilio matches parts of numbers too.
    rows = [row for row in _fake(request).numbers.values() if wanted.lstrip("+") in row["phone_number"]]
    return _page(request, rows, "incoming_phone_numbers")


async def _trunks(request: Request) -> Response:
    fake = _fake(request)
    if request.method == "GET":
        return _page(request, list(fake.trunks.values()), "trunks")
    form = await _form(request)
    domain = form.get("DomainName", "")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}\.pstn\.twilio\.com", domain) or not form.get("FriendlyName"):
        raise _problem(400, 21245, f"Invalid domain name {domain}")
    if domain in fake.taken_domains:
        raise _problem(400, 21248, "Domain name is taken")
    sid = fake.sid("TK")
    fake.taken_domains.add(domain)
    fake.trunks[sid] = {"sid": sid, "friendly_name": form["FriendlyName"], "domain_name": domain, "secure": False}
    fake.origination[sid], fake.on_trunk[sid] = [], []
    return JSONResponse(fake.trunks[sid], status_code=201)


async def _trunk(request: Request) -> Response:
    return JSONResponse(_fake(request).trunks[_trunk_of(request)])


async def _origination_urls(request: Request) -> Response:
    fake, trunk = _fake(request), _trunk_of(request)
    if request.method == "GET":
        return _page(request, fake.origination[trunk], "origination_urls")
    form = await _form(request)
    if set(form) != {"FriendlyName", "SipUrl", "Weight", "Priority", "Enabled"} or not form["SipUrl"].startswith(
        "sip:"
    ):
        raise _problem(400, 20001, f"Invalid origination URL {form}")
    row = {"sid": fake.sid("OU"), "sip_url": form["SipUrl"], "enabled": form["Enabled"] == "true", "weight": 10}
    fake.origination[trunk].append(row)
    return JSONResponse(row, status_code=201)


async def _origination_url(request: Request) -> Response:
    fake, trunk = _fake(request), _trunk_of(request)
    (row,) = [row for row in fake.origination[trunk] if row["sid"] == request.path_params["sid"]]
    row["enabled"] = (await _form(request)).get("Enabled") == "true"
    return JSONResponse(row)


async def _trunk_numbers(request: Request) -> Response:
    fake, trunk = _fake(request), _trunk_of(request)
    sid = (await _form(request)).get("PhoneNumberSid", "")
    if sid not in fake.numbers:
        raise _problem(404, 20404, "The requested resource was not found")
    if fake.numbers[sid]["trunk_sid"] is not None:
        raise _problem(400, 21250, "The number is on a trunk")
    fake.numbers[sid]["trunk_sid"] = trunk
    return JSONResponse(fake.numbers[sid], status_code=201)


async def _trunk_lists(request: Request) -> Response:
    fake, trunk = _fake(request), _trunk_of(request)
    if request.method == "GET":
        return _page(request, [fake.lists[sid] for sid in fake.on_trunk[trunk]], "credential_lists")
    sid = (await _form(request)).get("CredentialListSid", "")
    if sid not in fake.lists or sid in fake.on_trunk[trunk]:
        raise _problem(400, 21231, "The list cannot be put on the trunk")
    fake.on_trunk[trunk].append(sid)
    return JSONResponse(fake.lists[sid], status_code=201)


async def _lists(request: Request) -> Response:
    fake = _fake(request)
    if request.method == "GET":
        return _page(request, list(fake.lists.values()), "credential_lists")
    name = (await _form(request)).get("FriendlyName", "")
    if not 0 < len(name) <= 64:
        raise _problem(400, 20001, "Invalid FriendlyName")
    sid = fake.sid("CL")
    fake.lists[sid], fake.credentials[sid] = {"sid": sid, "friendly_name": name}, {}
    return JSONResponse(fake.lists[sid], status_code=201)


async def _credentials(request: Request) -> Response:
    fake, held = _fake(request), _fake(request).credentials[request.path_params["list"]]
    if request.method == "GET":
        return _page(request, [{"sid": sid, "username": one["username"]} for sid, one in held.items()], "credentials")
    form = await _form(request)
    username, password = form.get("Username", ""), form.get("Password", "")
    is_strong = len(password) >= 12 and all(re.search(kind, password) for kind in ("[0-9]", "[a-z]", "[A-Z]"))
    if not 0 < len(username) <= 32 or not is_strong or any(one["username"] == username for one in held.values()):
        raise _problem(400, 21232, "Invalid credential")
    sid = fake.sid("CR")
    held[sid] = {"username": username, "password": password}
    return JSONResponse({"sid": sid, "username": username}, status_code=201)


async def _credential(request: Request) -> Response:
    held = _fake(request).credentials[request.path_params["list"]]
    if held.pop(request.path_params["sid"], None) is None:
        raise _problem(404, 20404, "The requested resource was not found")
    return Response(status_code=204)


# --- Retell --------------------------------------------------------------------------------------------------------


def _retell_problem(status: int, message: str) -> Refused:
    return Refused(JSONResponse({"status": "error", "message": message}, status_code=status))


_AGENT_FIELDS = {"agent_id", "weight", "agent_version"}
_FIELDS = {"termination_uri", "transport", "inbound_agents", "outbound_agents", "inbound_webhook_url", "nickname"}


def _check_agents(fake: Telephony, body: Json) -> None:
    for gone in ("inbound_agent_id", "outbound_agent_id", "inbound_agent_version", "outbound_agent_version"):
        if gone in body:
            raise _retell_problem(400, f"{gone} is no longer supported: use the agent lists")
    for name in ("inbound_agents", "outbound_agents"):
        agents = body.get(name)
        if agents is None:
            continue
        if not agents or sum(agent["weight"] for agent in agents) != 1 or any(set(a) - _AGENT_FIELDS for a in agents):
            raise _retell_problem(400, f"{name} must be agents whose weights add up to 1")
        for agent in agents:
            versions = fake.agents.get(agent["agent_id"], [])
            wanted = agent.get("agent_version")
            if not versions or (isinstance(wanted, int) and wanted >= len(versions)):
                raise _retell_problem(422, f"Item {agent['agent_id']} not found")


async def _agent(request: Request) -> Response:
    versions = _fake(request).agents.get(request.path_params["id"])
    wanted = request.query_params.get("version")
    found = [one for one in versions or [] if wanted in (None, str(one["version"])) or wanted == "latest"]
    if not found:
        raise _retell_problem(422, "Item not found")
    return JSONResponse(found[-1])


async def _retell_number(request: Request) -> Response:
    fake, phone = _fake(request), unquote(request.path_params["phone"])
    if request.method == "GET" and fake.blind:
        fake.blind -= 1
        raise _retell_problem(404, "not there yet")
    if phone not in fake.retell:
        raise _retell_problem(404, f"Phone number {phone} not found")
    if request.method == "PATCH":
        body = json.loads(await request.body())
        if set(body) - _FIELDS - {"auth_username", "auth_password"}:
            raise _retell_problem(400, f"unknown fields in {sorted(body)}")
        _check_agents(fake, body)
        fake.bodies.append(body)
        fake.retell[phone] |= body
    return JSONResponse(_shown(fake.retell[phone]))


async def _import(request: Request) -> Response:
    fake, body = _fake(request), json.loads(await request.body())
    if set(body) - _FIELDS - {"phone_number", "sip_trunk_auth_username", "sip_trunk_auth_password"}:
        raise _retell_problem(400, f"unknown fields in {sorted(body)}")
    if not str(body.get("termination_uri")).endswith(".pstn.twilio.com"):
        raise _retell_problem(400, "termination_uri is not valid")
    _check_agents(fake, body)
    if body["phone_number"] in fake.retell:
        raise _retell_problem(400, "Phone number already exists")
    fake.bodies.append(body)
    fake.retell[body["phone_number"]] = {
        **body, "phone_number_type": "custom", "auth_username": body.get("sip_trunk_auth_username"),
        "auth_password": body.get("sip_trunk_auth_password"),
    }  # fmt: skip
    return JSONResponse(_shown(fake.retell[body["phone_number"]]), status_code=201)


def _shown(number: Json) -> Json:
    """Show a number as Retell does: never with its password."""
    hidden = {"auth_username", "auth_password", "sip_trunk_auth_username", "sip_trunk_auth_password"}
    return {name: value for name, value in number.items() if name not in hidden | {"termination_uri"}} | {
        "sip_outbound_trunk_config": {
            "termination_uri": number.get("termination_uri"), "auth_username": number.get("auth_username"),
            "transport": number.get("transport"),
        }
    }  # fmt: skip


# --- The server ----------------------------------------------------------------------------------------------------

_Handler = Callable[[Request], Awaitable[Response]]
_BASIC = "Basic " + base64.b64encode(f"{TWILIO_SID}:{TWILIO_TOKEN}".encode()).decode()


def _at(provider: Literal["twilio", "retell"], handler: _Handler) -> _Handler:
    """Check who asks, fail where a test wants it, and answer the provider's own errors."""

    async def answer(request: Request) -> Response:
        fake = _fake(request)
        fake.ledger.append((request.method, request.url.path))
        failing = fake.fails_now(request.method)
        if failing == "before":
            return JSONResponse({"message": "try later", "code": 20500}, status_code=503)
        wanted = _BASIC if provider == "twilio" else f"Bearer {RETELL_KEY}"
        if request.headers.get("authorization") != wanted:
            body = twilio_error(401, 20003, "Authenticate") if provider == "twilio" else {"message": "Unauthorized"}
            return JSONResponse(body, status_code=401)
        try:
            response = await handler(request)
        except Refused as refused:
            response = refused.response
        return _Broken() if failing == "after" else response

    return answer


class _Broken(Response):
    """An answer whose connection ends before its body has come."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})


def _routes() -> list[Route]:
    account = f"/2010-04-01/Accounts/{TWILIO_SID}"
    lists = f"{account}/SIP/CredentialLists"
    both = ["GET", "POST"]
    return [
        Route(f"{account}/IncomingPhoneNumbers.json", _at("twilio", _numbers)),
        Route(f"{lists}.json", _at("twilio", _lists), methods=both),
        Route(f"{lists}/{{list}}/Credentials.json", _at("twilio", _credentials), methods=both),
        Route(f"{lists}/{{list}}/Credentials/{{sid}}.json", _at("twilio", _credential), methods=["DELETE"]),
        Route("/v1/Trunks", _at("twilio", _trunks), methods=both),
        Route("/v1/Trunks/{trunk}", _at("twilio", _trunk)),
        Route("/v1/Trunks/{trunk}/OriginationUrls", _at("twilio", _origination_urls), methods=both),
        Route("/v1/Trunks/{trunk}/OriginationUrls/{sid}", _at("twilio", _origination_url), methods=["POST"]),
        Route("/v1/Trunks/{trunk}/PhoneNumbers", _at("twilio", _trunk_numbers), methods=["POST"]),
        Route("/v1/Trunks/{trunk}/CredentialLists", _at("twilio", _trunk_lists), methods=both),
        Route("/get-agent/{id}", _at("retell", _agent)),
        Route("/get-phone-number/{phone}", _at("retell", _retell_number)),
        Route("/update-phone-number/{phone}", _at("retell", _retell_number), methods=["PATCH"]),
        Route("/import-phone-number", _at("retell", _import), methods=["POST"]),
    ]


@contextmanager
def run_fake_telephony() -> Iterator[Telephony]:
    """Run both fakes on a free port of loopback, in a thread of this process."""
    app = Starlette(routes=_routes())
    fake = Telephony()
    app.state.fake = fake
    # Broken answers are wanted: the server need not complain of them.
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
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
