"""Health, readiness, counters, spans, the runner's supervision, and nothing personal in logs or errors."""

import asyncio
import io
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import structlog
import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from domain.messages import Provider
from server.app import create_app
from tests.factories import make_account, make_tenant
from tests.fakes_clock import FakeClock
from tests.server.conftest import (
    EXTERNAL_IDS,
    SECRETS,
    Api,
    MakeAccount,
    make_settings,
    open_api,
    post_webhook,
    simulator_body,
    webhook_path,
)
from wiring.logging import configure_logging
from wiring.settings import Settings

CPF, BARE_CPF = "529.982.247-25", "52998224725"
PHONE, NAME, EMAIL = "+5511987654321", "Zuleide Canarinha", "zuleide@canario.example"
CANARIES = (CPF, BARE_CPF, PHONE, PHONE[3:], NAME, "Canarinha", EMAIL)


async def test_health_needs_nothing(api: Api) -> None:
    answer = await api.http.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_names_each_dependency(database_url: str, redis_url: str) -> None:
    async with open_api(make_settings(database_url, redis_url)) as api:
        answer = await api.http.get("/ready")
    found = answer.json()["dependencies"]
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert {name: item["status"] for name, item in found.items()} == {
        "postgres": "ok", "redis": "ok", "migrations": "ok", "runner": "ok",
    }  # fmt: skip
    assert found["postgres"]["milliseconds"] > 0
    assert found["redis"]["milliseconds"] > 0


async def test_ready_without_redis_is_degraded_and_still_ready(database_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"redis://127.0.0.1:{taken.getsockname()[1]}/0"
    async with open_api(make_settings(database_url, nobody)) as api:
        answer = await api.http.get("/ready")
    assert answer.status_code == 200
    assert answer.json()["dependencies"]["redis"]["status"] == "degraded"


async def test_ready_says_when_the_schema_is_old(api: Api) -> None:
    async with api.database.listener() as connection:
        await connection.execute("DELETE FROM alembic_version")
    answer = await api.http.get("/ready")
    assert answer.status_code == 503
    assert "migrate" in answer.json()["dependencies"]["migrations"]["problem"]


async def test_ready_says_when_the_runner_is_down(api: Api) -> None:
    api.app.state.runner.is_wanted = True
    answer = await api.http.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["dependencies"]["runner"]["status"] == "failed"


async def _until(is_so: Callable[[], bool]) -> None:
    """Wait for something that has no event to wait for; a run that never gets there fails after a minute."""
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_runner_that_dies_starts_again(database_url: str, redis_url: str) -> None:
    async with open_api(make_settings(database_url, redis_url), is_runner_wanted=True) as api:
        runner = api.app.state.runner
        await _until(lambda: runner.is_alive)
        for task in asyncio.all_tasks():
            coroutine: Any = task.get_coro()
            if coroutine.__qualname__.startswith("keep_running"):
                inner = coroutine.cr_await
                while inner is not None and inner.__qualname__ != "TurnRunner.run":
                    inner = inner.cr_await
                runner_object = inner.cr_frame.f_locals["self"]
        runner_object._turns = None  # the next step fails as a defect would
        await _until(lambda: runner.restarts > 0 and runner.is_alive)
        assert (await api.http.get("/ready")).status_code == 200


async def test_conversation_is_answered_by_the_running_api(database_url: str, redis_url: str) -> None:
    quick = {"quiet_complete_seconds": 0.05, "quiet_broken_seconds": 0.05, "quiet_cap_seconds": 0.1}
    async with open_api(make_settings(database_url, redis_url, **quick), is_runner_wanted=True) as api:
        account = await _simulator(api)
        key = await api.key(account.tenant_id)
        await post_webhook(api, account, simulator_body("oi, quero ver minha fatura"))
        conversation = (await api.http.get("/api/v1/conversations", headers=key)).json()["items"][0]["id"]
        async with asyncio.timeout(60):
            while True:
                timeline = (await api.http.get(f"/api/v1/conversations/{conversation}/timeline", headers=key)).json()
                replies = [entry["message"] for entry in timeline["items"] if entry["message"]]
                if any(message["status"] == "sent" for message in replies):
                    break
                await asyncio.sleep(0.02)
    assert {entry["type"] for entry in timeline["items"]} == {"message", "turn"}


async def test_metrics_count_webhooks(api: Api, account_of: MakeAccount) -> None:
    account = await account_of(Provider.SIMULATOR)
    await post_webhook(api, account, simulator_body())
    await api.http.post("/webhooks/simulator/unknown", content=b"{}")
    text = (await api.http.get("/metrics")).text
    assert 'master_ia_webhooks_total{outcome="stored",provider="simulator"}' in text
    assert 'master_ia_webhooks_total{outcome="unknown",provider="simulator"}' in text
    assert "master_ia_webhook_seconds_bucket" in text
    assert account.webhook_key not in text


async def _simulator(api: Api) -> Any:
    tenant_id = await make_tenant(api.database, f"t-{uuid4().hex[:8]}")
    return await make_account(
        api.database, tenant_id, external_id=EXTERNAL_IDS[Provider.SIMULATOR], secrets=SECRETS[Provider.SIMULATOR]
    )


class _Collector(BaseHTTPRequestHandler):
    bodies: list[bytes]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Run an OTLP collector that keeps what it is sent."""
    bodies: list[bytes] = []
    handler = type("Collector", (_Collector,), {"bodies": bodies})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
        server.shutdown()
        thread.join()


async def test_each_webhook_is_a_span_without_personal_data(
    database_url: str, collector: tuple[str, list[bytes]]
) -> None:
    endpoint, bodies = collector
    settings = make_settings(database_url, otel_exporter_otlp_endpoint=endpoint)
    async with open_api(settings) as api:
        account = await _simulator(api)
        await post_webhook(api, account, simulator_body(f"meu cpf {CPF}", sender=PHONE, name=NAME))
    spans = [
        span
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert [span.name for span in spans] == ["webhook"]
    assert {item.key: item.value.string_value for item in spans[0].attributes} == {
        "webhook.provider": "simulator", "webhook.outcome": "stored",
    }  # fmt: skip
    assert not any(canary.encode() in body for body in bodies for canary in (*CANARIES, account.webhook_key))


@pytest.fixture
def log(database_url: str) -> Iterator[io.StringIO]:
    """Catch what the service logs at every level, as it would be written."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(make_settings(database_url, log_level="DEBUG", log_format="json"), stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


async def test_canaries_are_neither_in_logs_nor_in_errors(log: io.StringIO, api: Api, tenant_id: UUID) -> None:
    key = await api.key(tenant_id)
    account = await make_account(
        api.database, tenant_id, external_id=EXTERNAL_IDS[Provider.SIMULATOR], secrets=SECRETS[Provider.SIMULATOR]
    )
    text = f"sou {NAME}, cpf {CPF} ou {BARE_CPF}, fone {PHONE}, e-mail {EMAIL}"
    body = simulator_body(text, sender=PHONE, name=NAME)
    assert (await post_webhook(api, account, body)).status_code == 200
    answers = [
        await api.http.post(webhook_path(account), content=body, headers={"x-simulator-signature": CPF}),
        await api.http.post(f"/webhooks/simulator/{BARE_CPF}", content=body),
        await api.http.get(f"/api/v1/contacts/{NAME}", headers=key),
        await api.http.get(f"/api/v1/{BARE_CPF}", headers=key),
        await api.http.get("/api/v1/contacts", headers=key, params={"limit": text}),
        await api.http.post("/api/v1/invoices", headers=key, json={"document": CPF, NAME: EMAIL, "name": {PHONE: CPF}}),
        await api.http.post(
            "/api/v1/invoices",
            headers=key,
            json={"document": "529.982.247-26", "name": NAME, "phone": PHONE, "invoices": []},
        ),
        await api.http.post(
            "/api/v1/channel-accounts",
            headers=key,
            json={"provider": "meta", "externalId": PHONE, "displayName": NAME, "secrets": {EMAIL: CPF}},
        ),
        await api.http.put("/api/v1/models/cobranca", headers=key, json={"chain": [text]}),
        await api.http.post("/api/v1/prompts/cobranca/versions", headers=key, json={"body": "{{" + EMAIL + "}}"}),
    ]
    assert all(400 <= answer.status_code < 500 for answer in answers)
    # A defect that meets personal data: the log says that it happened, and nobody's name.
    api.deps.tenants._entries.clear()
    broken = api.app.state.api_keys
    api.app.state.api_keys = _Broken(text)
    crashed = await api.http.get("/api/v1/usage", headers=key)
    api.app.state.api_keys = broken
    assert (crashed.status_code, crashed.json()["error"]["code"]) == (500, "internal")
    for answer in (*answers, crashed):
        for canary in (*CANARIES, "529.982.247-26"):
            assert canary not in answer.text, answer.request.url.path
    written = log.getvalue()
    assert "request.crashed" in written
    assert "webhook.signature_wrong" in written
    assert all(json.loads(line)["level"] for line in written.splitlines())
    for canary in CANARIES:
        if canary not in (NAME, "Canarinha"):  # a name is only known where a contact is: see the next test
            assert canary not in written
    assert SECRETS[Provider.SIMULATOR]["webhook_secret"] not in written
    assert key["authorization"].split("_")[-1] not in written


class _Broken:
    def __init__(self, text: str) -> None:
        self._text = text

    async def caller(self, key: str, **_: object) -> None:
        raise RuntimeError(self._text)


async def test_names_are_not_logged_on_the_usual_path(log: io.StringIO, api: Api, account_of: MakeAccount) -> None:
    account = await account_of(Provider.SIMULATOR)
    key = await api.key(account.tenant_id)
    await post_webhook(api, account, simulator_body(f"sou {NAME}", sender=PHONE, name=NAME))
    found = (await api.http.get("/api/v1/contacts", headers=key)).json()["items"][0]
    await api.http.patch(f"/api/v1/contacts/{found['id']}", headers=key, json={"name": f"{NAME} Silva"})
    await api.http.patch(f"/api/v1/contacts/{found['id']}", headers=key, json={NAME: NAME})
    assert all(canary not in log.getvalue() for canary in CANARIES)


@asynccontextmanager
async def _served(settings: Settings, clock: FakeClock) -> AsyncIterator[tuple[str, Any]]:
    app = create_app(settings, is_runner_wanted=False, clock=clock)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False))
    task = asyncio.create_task(server.serve())
    await _until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", app
    finally:
        server.should_exit = True
        await task


async def test_a_real_server_takes_webhooks_and_hostile_connections(database_url: str, clock: FakeClock) -> None:
    async with (
        _served(make_settings(database_url), clock) as (url, app),
        httpx.AsyncClient(base_url=url) as http,
    ):
        api = Api(app=app, http=http)
        account = await _simulator(api)
        answers = await asyncio.gather(
            *(post_webhook(api, account, simulator_body(id=f"m-{number % 20}")) for number in range(40))
        )
        assert {answer.status_code for answer in answers} == {200}
        assert await api.count("messages") == 20
        assert await api.count("contacts") == 1

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 10_000

        for content in (endless(), b"x" * 1_000_000):
            refused = await http.post(webhook_path(account), content=content)
            assert refused.status_code == 413
            assert refused.json()["error"]["code"] == "too_large"
        port = int(url.rsplit(":", 1)[1])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST " + webhook_path(account).encode() + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc"
        )
        await writer.drain()
        writer.close()
        assert (await http.get("/health")).status_code == 200
