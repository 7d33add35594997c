"""What the channel tests share: the payload files, the clock of their data, a client, the fake providers."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from channels.base import WebhookRequest
from domain.messages import Provider
from tests.channels.lines import PAYLOADS, PROVIDERS, Line
from tests.fakes.providers import FakeProviders

RECEIVED_AT = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)

Payload = Callable[[str], WebhookRequest]


@pytest.fixture
def payload() -> Payload:
    """Give a recorded body as the webhook request it came in."""

    def read(name: str) -> WebhookRequest:
        kind = "application/json" if name.endswith(".json") else "application/x-www-form-urlencoded"
        return WebhookRequest(
            method="POST",
            url="https://exemplo.invalid/webhooks",
            headers={"content-type": kind},
            query={},
            body=(PAYLOADS / name).read_bytes(),
        )

    return read


@pytest.fixture
def received_at() -> datetime:
    """Give half an hour after the clock of the recorded data."""
    return RECEIVED_AT


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """Give a client as `wiring` makes one; without the certificates, which take longer to load than a test."""
    async with httpx.AsyncClient(timeout=5, verify=False) as client:
        yield client


@pytest.fixture(params=PROVIDERS, ids=lambda provider: str(provider.value))
async def line(request: pytest.FixtureRequest, http: httpx.AsyncClient, fake_providers: FakeProviders) -> Line:
    """Each channel in turn."""
    return Line(request.param, http, fake_providers)


@pytest.fixture
async def meta(http: httpx.AsyncClient, fake_providers: FakeProviders) -> Line:
    """Meta."""
    return Line(Provider.META, http, fake_providers)


@pytest.fixture
async def evolution(http: httpx.AsyncClient, fake_providers: FakeProviders) -> Line:
    """Evolution."""
    return Line(Provider.EVOLUTION, http, fake_providers)


@pytest.fixture
async def whatsapp(http: httpx.AsyncClient, fake_providers: FakeProviders) -> Line:
    """WhatsApp through Twilio."""
    return Line(Provider.TWILIO_WHATSAPP, http, fake_providers)


@pytest.fixture
async def sms(http: httpx.AsyncClient, fake_providers: FakeProviders) -> Line:
    """SMS through Twilio."""
    return Line(Provider.TWILIO_SMS, http, fake_providers)
