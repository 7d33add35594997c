"""A channel connected to the fakes: what the sending tests share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx

from channels.base import (
    Channel,
    ChannelAccount,
    Secrets,
)
from channels.evolution import EvolutionChannel
from channels.meta import MetaChannel
from channels.twilio import TwilioSms, TwilioWhatsApp
from domain.messages import (
    Address,
    AddressKind,
    Part,
    Provider,
    SendReceipt,
    SendRequest,
    Text,
)
from tests.fakes.providers import EVOLUTION_KEY, META_TOKEN, TWILIO_SID, TWILIO_TOKEN, FakeProviders
from tests.fakes_clock import FakeClock

PAYLOADS = Path(__file__).parents[1] / "payloads"

WA_ID = Address(kind=AddressKind.WA_ID, value="5511999990001")
PHONE = Address(kind=AddressKind.PHONE, value="+5511999990001")
BSUID = Address(kind=AddressKind.BSUID, value="BR.1502000000000000004")
LID = Address(kind=AddressKind.LID, value="103800000000001@lid")
TEXT = Text(text="Olá, Maria! Sua fatura de novembro é de R$ 119,90.")
CALLBACK = "https://exemplo.invalid/webhooks/twilio?conta=1"


def build(provider: Provider, http: httpx.AsyncClient, base_url: str) -> tuple[Channel, ChannelAccount]:
    """Make a channel and an account that the fakes accept."""
    twilio = {"account_sid": TWILIO_SID, "auth_token": TWILIO_TOKEN}
    made: dict[Provider, Callable[[], tuple[Channel, str, dict[str, str], dict[str, str]]]] = {
        Provider.META: lambda: (
            MetaChannel(http, base_url=base_url),
            "301500000000001",
            {"access_token": META_TOKEN},
            {},
        ),
        Provider.EVOLUTION: lambda: (
            EvolutionChannel(http, clock=FakeClock()),
            "tr-telecom",
            {"api_key": EVOLUTION_KEY},
            {"base_url": base_url},
        ),
        Provider.TWILIO_SMS: lambda: (
            TwilioSms(http, base_url=base_url, status_callback_url=CALLBACK),
            "+5511400012340",
            twilio,
            {},
        ),
        Provider.TWILIO_WHATSAPP: lambda: (
            TwilioWhatsApp(http, base_url=base_url),
            "whatsapp:+551140001234",
            twilio,
            {"status_callback_url": CALLBACK},
        ),
    }
    channel, external_id, secrets, settings = made[provider]()
    account = ChannelAccount(provider=provider, external_id=external_id, secrets=Secrets(secrets), settings=settings)
    return channel, account


class Line:
    """One channel, connected to the fakes."""

    def __init__(self, provider: Provider, http: httpx.AsyncClient, fake: FakeProviders) -> None:
        self.fake = fake
        self.name = {Provider.TWILIO_SMS: "twilio", Provider.TWILIO_WHATSAPP: "twilio"}.get(provider, provider.value)
        self.channel, self.account = build(provider, http, fake.url)
        self.to = PHONE if self.name == "twilio" else WA_ID

    async def send(self, part: Part = TEXT, **changed: Any) -> SendReceipt:
        request = SendRequest(**{"to": self.to, "part": part, "reference": "msg-1", **changed})
        return await self.channel.send(self.account, request)

    def last_json(self) -> Any:
        return json.loads(self.fake.state.requests[-1]["body"])

    def last_form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.fake.state.requests[-1]["body"]).items()}


PROVIDERS = (Provider.META, Provider.EVOLUTION, Provider.TWILIO_SMS, Provider.TWILIO_WHATSAPP)


def recorded(name: str) -> Any:
    """Give a recorded body."""
    return json.loads((PAYLOADS / name).read_bytes())
