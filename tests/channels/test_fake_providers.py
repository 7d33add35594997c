"""The fakes are worth testing against: strict as the providers, and usable from another process."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from channels.base import ChannelAccount, Secrets, WebhookRequest
from channels.evolution import EvolutionChannel
from channels.meta import MetaChannel
from channels.twilio import TwilioSms
from domain.messages import (
    Address,
    AddressKind,
    DeliveryStatus,
    ParsedWebhook,
    Provider,
    SendRequest,
    Text,
)
from tests.fakes.providers import EVOLUTION_KEY, META_TOKEN, TWILIO_SID, TWILIO_TOKEN, FakeProviders, run_fake_provider
from tests.fakes_clock import FakeClock
from tests.ports import free_port

META_HEADERS = {"authorization": f"Bearer {META_TOKEN}"}
REQUEST = SendRequest(
    to=Address(kind=AddressKind.PHONE, value="+5511999990001"), part=Text(text="Oi, Maria!"), reference="msg-1"
)


async def _post_meta(http: httpx.AsyncClient, fake: FakeProviders, body: dict[str, Any]) -> httpx.Response:
    full = {"messaging_product": "whatsapp", "to": "5511999990001", **body}
    return await http.post(f"{fake.url}/v26.0/301/messages", headers=META_HEADERS, json=full)


def _buttons(*titles: str) -> dict[str, Any]:
    replies = [{"type": "reply", "reply": {"id": str(n), "title": title}} for n, title in enumerate(titles)]
    interactive = {"type": "button", "body": {"text": "?"}, "action": {"buttons": replies}}
    return {"type": "interactive", "interactive": interactive}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "text", "text": {"body": ""}},
        {"type": "text", "text": {"body": "x" * 4097}},
        {"type": "text"},
        {"type": "hologram", "hologram": {}},
        {"to": "não é um número", "type": "text", "text": {"body": "x"}},
        {"messaging_product": "telegram", "type": "text", "text": {"body": "x"}},
        {"type": "audio", "audio": {"link": "https://x.invalid/a", "caption": "x"}},
        {"type": "image", "image": {}},
        _buttons("a", "b", "c", "d"),
        _buttons("x" * 21),
        _buttons(),
    ],
)
async def test_meta_refuses_what_meta_refuses(
    http: httpx.AsyncClient, fake_providers: FakeProviders, body: dict[str, Any]
) -> None:
    answer = await _post_meta(http, fake_providers, body)

    assert answer.status_code == 400
    assert isinstance(answer.json()["error"]["code"], int)
    assert fake_providers.ledger == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("sendText", {"number": "5511999990001"}),
        ("sendText", {"number": "joão", "text": "x"}),
        ("sendMedia", {"number": "5511999990001", "mediatype": "gif", "media": "https://x.invalid"}),
        ("sendButtons", {"number": "5511999990001", "title": "?", "buttons": []}),
        ("sendSmoke", {"number": "5511999990001"}),
    ],
)
async def test_evolution_refuses_what_evolution_refuses(
    http: httpx.AsyncClient, fake_providers: FakeProviders, path: str, body: dict[str, Any]
) -> None:
    url = f"{fake_providers.url}/message/{path}/tr-telecom"

    answer = await http.post(url, headers={"apikey": EVOLUTION_KEY}, json=body)

    assert answer.status_code in (400, 404)
    assert fake_providers.ledger == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"To": "+55119x"}, 21211), ({"From": "TR"}, 21606), ({"Body": ""}, 21602), ({"Body": "x" * 1601}, 21617)],
)
async def test_twilio_refuses_what_twilio_refuses(
    http: httpx.AsyncClient, fake_providers: FakeProviders, changed: dict[str, str], code: int
) -> None:
    form = {"To": "+5511999990001", "From": "+5511400012340", "Body": "oi", **changed}
    url = f"{fake_providers.url}/2010-04-01/Accounts/{TWILIO_SID}/Messages.json"

    answer = await http.post(url, data=form, auth=(TWILIO_SID, TWILIO_TOKEN))

    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_a_step_is_used_up_and_may_be_repeated(http: httpx.AsyncClient, fake_providers: FakeProviders) -> None:
    fake_providers.program("meta", {"status": 500, "times": 2}, {"delay_seconds": 0.01})
    body = {"type": "text", "text": {"body": "oi"}}

    statuses = [(await _post_meta(http, fake_providers, body)).status_code for _ in range(4)]

    assert statuses == [500, 500, 200, 200]
    assert len(fake_providers.ledger) == 2


class _Inbox(HTTPServer):
    """Takes webhooks and keeps them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.received: list[WebhookRequest] = []
        self.arrived = threading.Semaphore(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Taker(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, _Inbox)
        body = self.rfile.read(int(self.headers["content-length"]))
        url = httpx.URL(f"http://127.0.0.1:{self.server.server_port}{self.path}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append(
            WebhookRequest(method="POST", url=str(url), headers=headers, query=dict(url.params), body=body)
        )
        self.send_response(200)
        self.end_headers()
        self.server.arrived.release()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def inbox() -> Iterator[_Inbox]:
    """A webhook receiver on loopback."""
    with _Inbox() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _statuses(parsed: list[ParsedWebhook]) -> list[tuple[str | None, DeliveryStatus]]:
    return [(update.reference, update.status) for webhook in parsed for update in webhook.statuses]


def _wait_for(inbox: _Inbox, count: int) -> list[WebhookRequest]:
    assert all(inbox.arrived.acquire(timeout=10) for _ in range(count))
    return list(inbox.received)


NOW = datetime.now(UTC)
TICKS = [DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.READ]


async def test_meta_reports_what_became_of_a_message(
    http: httpx.AsyncClient, fake_providers: FakeProviders, inbox: _Inbox
) -> None:
    fake_providers.report_to("meta", url=inbox.url, secret="segredo-app")
    channel = MetaChannel(http, base_url=fake_providers.url)
    secrets = Secrets(access_token=META_TOKEN, app_secret="segredo-app")
    account = ChannelAccount(provider=Provider.META, external_id="301", secrets=secrets, settings={})

    await channel.send(account, REQUEST)

    received = _wait_for(inbox, 3)
    assert all(channel.verify(request, account) for request in received)
    assert _statuses([channel.parse(request, received_at=NOW) for request in received]) == [
        ("msg-1", tick) for tick in TICKS
    ]


async def test_twilio_reports_to_the_status_callback(
    http: httpx.AsyncClient, fake_providers: FakeProviders, inbox: _Inbox
) -> None:
    fake_providers.report_to("twilio", secret=TWILIO_TOKEN, statuses=["sent", "delivered"])
    channel = TwilioSms(http, base_url=fake_providers.url, status_callback_url=inbox.url)
    secrets = Secrets(account_sid=TWILIO_SID, auth_token=TWILIO_TOKEN)
    account = ChannelAccount(provider=Provider.TWILIO_SMS, external_id="+5511400012340", secrets=secrets, settings={})

    await channel.send(account, REQUEST)

    received = _wait_for(inbox, 2)
    assert all(channel.verify(request, account) for request in received)
    assert _statuses([channel.parse(request, received_at=NOW) for request in received]) == [
        ("msg-1", tick) for tick in TICKS[:2]
    ]


async def test_evolution_reports_the_echo_and_the_states(
    http: httpx.AsyncClient, fake_providers: FakeProviders, inbox: _Inbox
) -> None:
    fake_providers.report_to(
        "evolution", url=inbox.url, secret="segredo", statuses=["echo", "sent", "delivered", "read"]
    )
    channel = EvolutionChannel(http, clock=FakeClock())
    account = ChannelAccount(
        provider=Provider.EVOLUTION,
        external_id="tr-telecom",
        secrets=Secrets(api_key=EVOLUTION_KEY, webhook_secret="segredo"),
        settings={"base_url": fake_providers.url},
    )

    receipt = await channel.send(account, REQUEST)

    received = _wait_for(inbox, 4)
    assert all(channel.verify(request, account) for request in received)
    echo, *states = [channel.parse(request, received_at=NOW) for request in received]
    assert [(message.is_echo, message.provider_message_id) for message in echo.messages] == [
        (True, receipt.provider_message_id)
    ]
    assert _statuses(states) == [(None, tick) for tick in TICKS]


def test_it_starts_as_a_script_and_obeys_over_http() -> None:
    script = Path(__file__).parents[1] / "fakes" / "providers.py"
    port = free_port()
    transport = httpx.HTTPTransport(retries=10, verify=False)
    with (
        subprocess.Popen([sys.executable, str(script), "--port", str(port)]) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=20) as client,
    ):
        try:
            order = {"provider": "meta", "next": [{"status": 429, "retry_after": 2}]}
            assert client.post("/__control", json=order).json() == {"waiting": 1}
            body = {"messaging_product": "whatsapp", "to": "5511999990001", "type": "text", "text": {"body": "oi"}}
            answers = [client.post("/v26.0/301/messages", headers=META_HEADERS, json=body) for _ in range(2)]
            ledger = client.get("/__ledger").json()
            client.post("/__crm", json={"52998224725": {"nome": "Maria"}})
            client.post("/__reset")
            assert client.get("/__ledger").json() == []
        finally:
            process.terminate()

    assert [(answer.status_code, answer.headers.get("retry-after")) for answer in answers] == [(429, "2"), (200, None)]
    assert [(row["provider"], row["account"], row["to"], row["text"]) for row in ledger] == [
        ("meta", "301", "5511999990001", "oi")
    ]
    assert ledger[0]["provider_message_id"] == json.loads(answers[1].content)["messages"][0]["id"]


def test_two_servers_keep_their_own_ledgers() -> None:
    with run_fake_provider() as first, run_fake_provider() as second:
        first.program("meta", {"status": 500})

        assert first.url != second.url
        assert not second.state.steps["meta"]
