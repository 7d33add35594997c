"""A fake of Twilio's phone calls on loopback: strict HTTP, a ledger, and calls that really happen.

Each accepted call is played by a script: it rings, somebody or something answers, the TwiML is fetched, spoken and
answered by pressed keys or, over ConversationRelay, by words, and every event is posted, signed, as Twilio posts it.
 With `deliver_to` the fake plays by
itself against a service that listens there; else a test plays the calls through a client of its own.
"""

import asyncio
import base64
import re
import socket
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from tests.fakes.providers import TWILIO_SID, TWILIO_TOKEN, twilio_error
from tests.fakes.twilio_relay import Caller, dial_in, read_offer

NUMBER = "+5511400012340"
CALLER = "+5511999990001"
PUBLIC_URL = "https://ia.exemplo.com.br"
VOICE = "/api/v1/voice"
FORM = "application/x-www-form-urlencoded"
_EVENTS = {"initiated", "ringing", "answered", "completed"}
_VERBS = {
    "Response", "Say", "Gather", "Hangup", "Pause", "Connect", "ConversationRelay", "Stream", "Parameter", "Dial",
    "Number", "Start", "Recording", "Redirect",
}  # fmt: skip
_MOST_STEPS = 10
_NOT_IN_PROGRESS = 21220


@dataclass(frozen=True, kw_only=True)
class Script:
    """What happens to a call: `ending` without an answer, or who answers, which keys are pressed, how long it takes."""

    ending: str = "completed"
    answered_by: str = "human"
    keys: tuple[str, ...] = ()
    words: tuple[str, ...] = ()  # what the customer says, each after a reply of the agent's
    operator: str = "completed"  # what comes of ringing a person
    found: str | None = None  # what asynchronous detection finds once the agent has spoken
    duration: int = 40
    sip_code: int | None = None
    error_code: str | None = None
    lost: frozenset[str] = frozenset()  # events whose callbacks never arrive


@dataclass
class Call:
    """One accepted call, as the ledger keeps it."""

    sid: str
    form: Mapping[str, list[str]]
    script: Script
    status: str = "queued"
    heard: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    is_hung_up: bool = False
    is_inbound: bool = False
    retries: Mapping[str, str] = field(default_factory=dict)  # connection overrides, which stand in URL fragments
    instructed: list[str] = field(default_factory=list)  # TwiML that replaced what the call did
    whispered: list[str] = field(default_factory=list)  # what a person who took over heard first

    def value(self, name: str) -> str:
        return self.form[name][0]

    @property
    def to(self) -> str:
        return self.value("To")


class Refused(Exception):
    """Twilio's own error answer."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.response = JSONResponse(twilio_error(status, code, message), status_code=status)


@dataclass
class TwilioCalls:
    """The fake's memory, and its answers to tests."""

    calls: list[Call] = field(default_factory=list)
    steps: deque[dict[str, Any]] = field(default_factory=deque)
    scripts: dict[str, Script] = field(default_factory=dict)
    script: Script = field(default_factory=Script)
    deliver_to: str | None = None
    url: str = ""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def program(self, *steps: Mapping[str, Any]) -> None:
        """Set the next answers: `status` with `code`, `retry_after`, or `accept_then_garbage`."""
        self.steps.extend(dict(step) for step in steps)

    def of(self, to: str) -> list[Call]:
        """List the calls to a phone."""
        return [call for call in self.calls if call.to == to]

    def by_sid(self, sid: str) -> Call | None:
        return next((call for call in self.calls if call.sid == sid), None)

    async def play(self, call: Call, http: httpx.AsyncClient, *, base_url: str = "") -> None:
        """Let one call happen: events to the StatusCallback, TwiML from the Url, keys as the script says."""
        script = call.script
        await self._tell(call, http, base_url, "initiated", 0)
        await self._tell(call, http, base_url, "ringing", 1)
        if script.ending != "completed":
            await self._tell(call, http, base_url, script.ending, 2, CallDuration="0")
            return
        await self._tell(call, http, base_url, "in-progress", 2)
        await self._talk(call, http, base_url)
        verdict = script.found if "AsyncAmd" in call.form else script.answered_by
        more = {"AnsweredBy": verdict} if verdict else {}
        await self._tell(call, http, base_url, "completed", 3, CallDuration=str(script.duration), **more)

    async def _tell(
        self, call: Call, http: httpx.AsyncClient, base_url: str, status: str, number: int, **more: str
    ) -> None:
        call.status = status
        fields = self._fields(call, SequenceNumber=str(number), CallbackSource="call-progress-events", **more)
        if status == call.script.ending:
            fields |= {"SipResponseCode": str(call.script.sip_code)} if call.script.sip_code else {}
            fields |= {"ErrorCode": call.script.error_code} if call.script.error_code else {}
        if status not in call.script.lost:
            answer = await self._post(http, call.value("StatusCallback"), base_url, fields)
            call.answers.append(answer.status_code)

    async def _talk(self, call: Call, http: httpx.AsyncClient, base_url: str) -> None:
        """Fetch the TwiML and do what it says, until it hangs up."""
        url: str | None = call.value("Url")
        fields = self._fields(call, **self._detected(call))
        keys = list(call.script.keys)
        for _ in range(_MOST_STEPS):
            if url is None:
                return
            answer = await self._post(http, url, base_url, fields)
            call.answers.append(answer.status_code)
            root = self._heard(call, answer)
            gather, dial, offer = root.find("Gather"), root.find("Dial"), read_offer(answer.content)
            if gather is not None:
                url, fields = gather.attrib["action"], self._fields(call, Digits=keys.pop(0) if keys else "")
            elif offer is not None:
                async with dial_in(base_url, offer, call.sid) as caller:
                    told = await self._converse(call, caller, http, base_url)
                fields = self._fields(call, **told)
                url = None if call.instructed else offer.action_url
            elif dial is not None:
                url, fields = await self._ring(call, dial, http, base_url)
            else:
                call.is_hung_up = root.find("Hangup") is not None
                url = None
        assert url is None, "the call never ends"

    def _detected(self, call: Call) -> dict[str, str]:
        """Give what is known of who answered when the TwiML is asked for: nothing, with asynchronous detection."""
        return {} if "AsyncAmd" in call.form else {"AnsweredBy": call.script.answered_by}

    def _heard(self, call: Call, answer: httpx.Response) -> ElementTree.Element:
        """Hear one TwiML document as strictly as Twilio reads it."""
        assert answer.headers["content-type"].startswith("text/xml"), answer.text
        root = ElementTree.fromstring(answer.content)  # our own answer
        assert root.tag == "Response"
        assert {element.tag for element in root.iter()} <= _VERBS
        for say in root.iter("Say"):
            assert say.attrib["language"] == "pt-BR"
            assert say.text
            call.heard.append(say.text)
        for gather in root.iter("Gather"):
            assert gather.attrib["method"] == "POST"
            assert gather.attrib["numDigits"] == "1"
        return root

    async def _converse(self, call: Call, caller: Caller, http: httpx.AsyncClient, base_url: str) -> dict[str, str]:
        """Talk with the agent until it ends the session; give what the action URL is told."""
        for words in call.script.words:
            call.heard.append(await caller.reply())
            if call.script.found is not None:
                await self.detect(call, http, call.script.found, base_url=base_url)
            if call.instructed:  # the session ends with the TwiML that it was part of
                return {}
            await caller.say(words)
        end = await caller.is_ended()
        while not caller.replies.empty():
            call.heard.append(caller.replies.get_nowait())
        return session_fields("ended", handoff=end.get("handoffData"))

    async def _ring(
        self, call: Call, dial: ElementTree.Element, http: httpx.AsyncClient, base_url: str
    ) -> tuple[str, dict[str, str]]:
        """Ring the person of a transfer, who hears the whisper before the two are connected."""
        number = dial.find("Number")
        assert number is not None
        assert number.text
        if call.script.operator == "completed":
            child = {**self._fields(call), "CallSid": f"CA{uuid.uuid4().hex}", "ParentCallSid": call.sid}
            answer = await self._post(http, number.attrib["url"], base_url, child)
            call.whispered += [say.text or "" for say in ElementTree.fromstring(answer.content).iter("Say")]
        return dial.attrib["action"], self._fields(call, DialCallStatus=call.script.operator)

    async def call_in(
        self, webhook_key: str, script: Script, *, base_url: str, base: str = PUBLIC_URL, caller: str = CALLER
    ) -> Call:
        """Let a customer call the number, and play the call to its end. Such a number tells of endings alone."""
        url, status_url = f"{base}{VOICE}/twilio/inbound/{webhook_key}", f"{base}{VOICE}/webhooks/twilio/status"
        form = {"To": [caller], "From": [NUMBER], "Url": [url], "StatusCallback": [status_url], "AsyncAmd": ["true"]}
        call = Call(sid=f"CA{uuid.uuid4().hex}", form=form, script=script, status="ringing", is_inbound=True)
        self.calls.append(call)
        async with httpx.AsyncClient(timeout=15) as http:
            await self._talk(call, http, base_url)
            await self._tell(call, http, base_url, "completed", 0, CallDuration=str(script.duration))
        return call

    async def detect(self, call: Call, http: httpx.AsyncClient, answered_by: str, *, base_url: str = "") -> int:
        """Tell what asynchronous detection found; give the status of the answer."""
        fields = {
            "CallSid": call.sid, "AccountSid": TWILIO_SID, "AnsweredBy": answered_by,
            "MachineDetectionDuration": "2310",
        }  # fmt: skip
        answer = await self._post(http, call.value("AsyncAmdStatusCallback"), base_url, fields)
        return answer.status_code

    async def tell_of_recording(self, call: Call, http: httpx.AsyncClient, *, base_url: str = "") -> str:
        """Tell that the recording is ready; give its address."""
        sid = f"RE{uuid.uuid4().hex}"
        url = f"https://api.twilio.com/2010-04-01/Accounts/{TWILIO_SID}/Recordings/{sid}"
        fields = {
            "CallSid": call.sid, "AccountSid": TWILIO_SID, "RecordingSid": sid, "RecordingUrl": url,
            "RecordingStatus": "completed", "RecordingDuration": "40", "RecordingChannels": "2",
        }  # fmt: skip
        await self._post(http, call.value("RecordingStatusCallback"), base_url, fields)
        return url

    def _fields(self, call: Call, **more: str) -> dict[str, str]:
        ends = (call.to, call.value("From")) if call.is_inbound else (call.value("From"), call.to)
        return {
            "CallSid": call.sid, "AccountSid": TWILIO_SID, "From": ends[0], "To": ends[1], "CallStatus": call.status,
            "Direction": "inbound" if call.is_inbound else "outbound-api", "ApiVersion": "2010-04-01", **more,
        }  # fmt: skip

    async def _post(
        self, http: httpx.AsyncClient, url: str, base_url: str, fields: Mapping[str, str]
    ) -> httpx.Response:
        """Post as Twilio does: signed over the public URL, sent to where the service really listens."""
        url = url.partition("#")[0]  # connection overrides: neither signed nor sent
        parts = urlsplit(url)
        where = f"{base_url}{parts.path}?{parts.query}" if parts.query else f"{base_url}{parts.path}"
        return await http.post(where, content=urlencode(fields), headers=signed(url, fields))

    def play_by_itself(self, call: Call) -> None:
        """Start playing a call against `deliver_to`, when there is one."""
        if self.deliver_to is None:
            return
        task = asyncio.get_running_loop().create_task(self._play_alone(call, self.deliver_to))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _play_alone(self, call: Call, base_url: str) -> None:
        async with httpx.AsyncClient(timeout=15) as http:
            await self.play(call, http, base_url=base_url)


def session_fields(status: str, *, handoff: str | None = None, error: str | None = None) -> dict[str, str]:
    """Give what the action URL is told of a ConversationRelay session."""
    fields = {"SessionId": f"VX{uuid.uuid4().hex}", "SessionStatus": status, "SessionDuration": "71"}
    fields |= {"HandoffData": handoff} if handoff is not None else {}
    return fields | ({"ErrorCode": error, "ErrorMessage": "WebSocket closed"} if error else {})


def signed(url: str, fields: Mapping[str, str], *, token: str = TWILIO_TOKEN) -> dict[str, str]:
    """Give the headers with which Twilio signs a form."""
    return {"content-type": FORM, "x-twilio-signature": RequestValidator(token).compute_signature(url, dict(fields))}


def _authorised(request: Request) -> None:
    expected = base64.b64encode(f"{TWILIO_SID}:{TWILIO_TOKEN}".encode()).decode()
    if request.headers.get("authorization") != f"Basic {expected}" or request.path_params["sid"] != TWILIO_SID:
        raise Refused(401, 20003, "Authenticate")


def _check(form: Mapping[str, list[str]]) -> None:
    """Refuse what Twilio refuses."""

    def one(name: str, pattern: str, code: int) -> None:
        values = form.get(name, [])
        if len(values) != 1 or not re.fullmatch(pattern, values[0]):
            raise Refused(400, code, f"{name} is not valid: {values}")

    one("To", r"\+[1-9]\d{7,14}", 21211)
    one("From", re.escape(NUMBER), 21212)
    one("Url", r"https?://[^\s#]+", 21205)
    one("StatusCallback", r"https?://[^\s#]+", 21218)
    one("MachineDetection", "Enable|DetectMessageEnd", 21218)
    if "AsyncAmd" in form:
        one("AsyncAmd", "true", 21218)
        one("AsyncAmdStatusCallback", r"https?://[^\s#]+", 21218)
    if "Record" in form:
        one("Record", "true", 21218)
        one("RecordingStatusCallback", r"https?://[^\s#]+", 21218)
    one("Timeout", r"[1-9]\d{0,2}", 21218)
    one("TimeLimit", r"[1-9]\d{0,4}", 21218)
    if set(form.get("StatusCallbackEvent", [])) != _EVENTS:
        raise Refused(400, 21218, "StatusCallbackEvent")


async def _create(request: Request) -> Response:
    """Answer `POST …/Calls.json` with 201 and a queued call."""
    fake: TwilioCalls = request.app.state.fake
    given = parse_qs((await request.body()).decode(), keep_blank_values=True)
    form = {name: [value.partition("#")[0] for value in values] for name, values in given.items()}
    retries = {name: values[0].partition("#")[2] for name, values in given.items() if "#" in values[0]}
    step = fake.steps.popleft() if fake.steps else {}
    if "status" in step:
        status = int(step["status"])
        headers = {"retry-after": str(step["retry_after"])} if "retry_after" in step else {}
        code = int(step.get("code", {429: 20429}.get(status, 20500)))
        return JSONResponse(twilio_error(status, code, "as programmed"), status_code=status, headers=headers)
    try:
        _authorised(request)
        _check(form)
    except Refused as refused:
        return refused.response
    to = form["To"][0]
    script = fake.scripts.get(to, fake.script)
    call = Call(sid=f"CA{uuid.uuid4().hex}", form=form, script=script, retries=retries)
    fake.calls.append(call)
    fake.play_by_itself(call)
    if step.get("accept_then_garbage"):
        return Response("<html>Bad proxy</html>", media_type="text/html")
    return JSONResponse(_resource(call), status_code=201)


async def _call(request: Request) -> Response:
    """Answer `GET …/Calls/{call}.json`, and `POST` that ends it."""
    fake: TwilioCalls = request.app.state.fake
    try:
        _authorised(request)
        call = fake.by_sid(request.path_params["call"])
        if call is None:
            raise Refused(404, 20404, "The requested resource was not found")
    except Refused as refused:
        return refused.response
    if request.method == "POST":
        form = parse_qs((await request.body()).decode())
        step = fake.steps.popleft() if fake.steps else {}
        if "status" in step:
            return JSONResponse(twilio_error(int(step["status"]), 20500, "as programmed"), status_code=step["status"])
        if "Twiml" in form:
            if call.status == "completed":
                return Refused(400, _NOT_IN_PROGRESS, "Call is not in-progress. Cannot redirect.").response
            call.instructed.append(form["Twiml"][0])
        else:
            call.status = "completed"
    return JSONResponse(_resource(call))


def _resource(call: Call) -> dict[str, object]:
    has_ended = call.status in ("completed", "busy", "no-answer", "failed", "canceled")
    was_answered = call.status == "completed"
    return {
        "sid": call.sid, "account_sid": TWILIO_SID, "status": call.status, "to": call.to, "from": call.value("From"),
        "duration": str(call.script.duration if was_answered else 0) if has_ended else None,
        "answered_by": call.script.answered_by if was_answered else None,
    }  # fmt: skip


async def _account(request: Request) -> Response:
    try:
        _authorised(request)
    except Refused as refused:
        return refused.response
    return JSONResponse({"sid": TWILIO_SID, "status": "active"})


@contextmanager
def run_fake_calls(port: int = 0) -> Iterator[TwilioCalls]:
    """Run the fake on loopback in a thread of this process; port 0 takes a free one."""
    base = "/2010-04-01/Accounts/{sid}"
    app = Starlette(
        routes=[
            Route(base + "/Calls.json", _create, methods=["POST"]),
            Route(base + "/Calls/{call}.json", _call, methods=["GET", "POST"]),
            Route(base + ".json", _account),
        ]
    )
    fake = TwilioCalls()
    app.state.fake = fake
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
    listener = socket.create_server(("127.0.0.1", port))
    fake.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        # The socket listens already: requests wait in its backlog until the server is up.
        yield fake
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
