"""The api on a real PostgreSQL and Redis, called through ASGI or a real port, with tenants of its own."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import BaseRoute
from twilio.request_validator import RequestValidator

from channels.simulator import SIGNATURE_HEADER, sign
from domain.messages import Provider
from server.app import create_app
from services.api_keys import create_key
from store.channel_accounts import AccountRow
from store.database import Database
from tests.factories import TEST_KEY, make_account, make_tenant
from tests.fakes_clock import FakeClock
from wiring.deps import Deps
from wiring.settings import Settings

PAYLOADS = Path(__file__).parents[1] / "payloads"
PUBLIC_URL = "https://ia.exemplo.com.br"
FORM = "application/x-www-form-urlencoded"


@cache  # to read them takes longer than many a test
def make_settings(database_url: str, redis_url: str | None = None, **changes: Any) -> Settings:
    """Make the settings of an api under test."""
    keys = ",".join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in TEST_KEY.items())
    values: dict[str, Any] = {
        "database_url": SecretStr(database_url),
        "redis_url": SecretStr(redis_url) if redis_url else None,
        "encryption_keys": SecretStr(keys),
        "public_base_url": PUBLIC_URL,
        "db_pool_max": 4,
        "webhook_max_bytes": 200_000,
    }
    return Settings(_env_file=None, **(values | changes))  # type: ignore[call-arg]


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """A running api and a client of it."""

    app: FastAPI
    http: httpx.AsyncClient

    @property
    def deps(self) -> Deps:
        return cast(Deps, self.app.state.deps)

    @property
    def database(self) -> Database:
        return self.deps.database

    async def count(self, table: str) -> int:
        """Count a table's rows over all tenants."""
        async with self.database.platform() as connection:
            cursor = await connection.execute(f"SELECT count(*) AS n FROM {table}")
            row = await cursor.fetchone()
        assert row
        return int(row["n"])

    async def key(self, tenant_id: UUID, *scopes: str) -> dict[str, str]:
        """Make an API key and give the header that carries it."""
        key, _ = await create_key(self.database, tenant_id, "teste", scopes or ("admin",), self.deps.clock.now())
        return {"authorization": f"Bearer {key}"}


@cache
def _routes() -> list[BaseRoute]:
    return create_app(make_settings("postgresql://unused.invalid/unused")).router.routes


def make_app(settings: Settings, clock: FakeClock | None = None, **options: Any) -> FastAPI:
    """Make an api whose routes are the same objects in every test: FastAPI works out each one's parameters and schemas
    when the first request comes, for each app anew, and that takes longer than most tests."""
    app = create_app(settings, clock=clock, **({"is_runner_wanted": False} | options))
    app.router.routes[:] = _routes()
    return app


@asynccontextmanager
async def open_api(settings: Settings, clock: FakeClock | None = None, **options: Any) -> AsyncIterator[Api]:
    """Run an api's lifespan around a client that calls it in process."""
    app = make_app(settings, clock, **options)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://qualquer.invalid") as http,
    ):
        yield Api(app=app, http=http)


@pytest.fixture
async def api(database_url: str, clock: FakeClock) -> AsyncIterator[Api]:
    """Give an api without Redis and without a turn runner."""
    async with open_api(make_settings(database_url), clock) as opened:
        yield opened


@pytest.fixture
async def tenant_id(api: Api) -> UUID:
    return await make_tenant(api.database)


SECRETS: Mapping[Provider, dict[str, str]] = {
    Provider.META: {"app_secret": "segredo-do-app", "verify_token": "token-de-verificacao", "access_token": "t"},
    Provider.EVOLUTION: {"webhook_secret": "segredo-evolution", "api_key": "k"},
    Provider.TWILIO_SMS: {"account_sid": "AC1", "auth_token": "segredo-twilio"},
    Provider.TWILIO_WHATSAPP: {"account_sid": "AC1", "auth_token": "segredo-twilio"},
    Provider.SIMULATOR: {"webhook_secret": "segredo-simulador"},
}
EXTERNAL_IDS: Mapping[Provider, str] = {
    Provider.META: "106540352242922",
    Provider.EVOLUTION: "tr-telecom",
    Provider.TWILIO_SMS: "+5511400012340",
    Provider.TWILIO_WHATSAPP: "whatsapp:+551140001234",
    Provider.SIMULATOR: "simulador",
}

MakeAccount = Callable[[Provider], Awaitable[AccountRow]]


@pytest.fixture
def account_of(api: Api, tenant_id: UUID) -> MakeAccount:
    """Make the tenant's account at a provider, with known secrets."""

    async def make(provider: Provider) -> AccountRow:
        return await make_account(
            api.database, tenant_id, provider=provider, external_id=EXTERNAL_IDS[provider], secrets=SECRETS[provider]
        )

    return make


def webhook_path(account: AccountRow, *, query: str = "") -> str:
    name = "twilio" if account.provider.startswith("twilio") else account.provider.value
    return f"/webhooks/{name}/{account.webhook_key}" + (f"?{query}" if query else "")


def signed(account: AccountRow, path: str, body: bytes) -> dict[str, str]:
    """Give the headers with which the account's provider would sign this body."""
    secrets = SECRETS[account.provider]
    match account.provider:
        case Provider.META:
            digest = hmac.new(secrets["app_secret"].encode(), body, hashlib.sha256).hexdigest()
            return {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}
        case Provider.EVOLUTION:
            return {"content-type": "application/json", "x-webhook-secret": secrets["webhook_secret"]}
        case Provider.SIMULATOR:
            return {
                "content-type": "application/json",
                SIGNATURE_HEADER: sign(body, secret=secrets["webhook_secret"]),
            }
        case _:
            fields: dict[str, str] = dict(parse_qsl(body.decode(), keep_blank_values=True))
            signature = RequestValidator(secrets["auth_token"]).compute_signature(PUBLIC_URL + path, fields)
            return {"content-type": FORM, "x-twilio-signature": signature}


async def post_webhook(api: Api, account: AccountRow, body: bytes, *, query: str = "") -> httpx.Response:
    """Post a body as the account's provider would."""
    path = webhook_path(account, query=query)
    return await api.http.post(path, content=body, headers=signed(account, path, body))


def simulator_body(text: str = "oi", *, id: str = "m-1", sender: str = "+5511999990001", name: str = "Maria") -> bytes:
    message = {"id": id, "from": sender, "text": text, "name": name}
    return json.dumps({"account": "simulador", "messages": [message]}).encode()
