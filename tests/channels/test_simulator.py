"""The simulator has the manners of a real provider."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.base import Channel, ChannelAccount, Secrets, WebhookRequest
from channels.simulator import SIGNATURE_HEADER, SimulatorChannel, sign
from domain.messages import (
    Address,
    AddressKind,
    DeliveryStatus,
    InboundMessage,
    MessageKind,
    ParsedWebhook,
    Provider,
    SendRequest,
    StatusUpdate,
    Text,
)
from tests.channels.conftest import RECEIVED_AT

ACCOUNT = ChannelAccount(
    provider=Provider.SIMULATOR, external_id="demo", secrets=Secrets(webhook_secret="segredo"), settings={}
)


def _request(body: Any, **headers: str) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WebhookRequest(method="POST", url="https://x.invalid", headers=headers, query={"account": "demo"}, body=raw)


def _parse(body: Any) -> ParsedWebhook:
    return SimulatorChannel().parse(_request(body), received_at=RECEIVED_AT)


def test_messages_and_statuses() -> None:
    parsed = _parse(
        {
            "messages": [
                {"id": "s1", "text": "oi", "from": "maria", "name": "Maria", "sent_at": "2026-11-20T15:00-03:00"}
            ],
            "statuses": [{"id": "sim-m1", "status": "read"}],
        }
    )

    assert parsed == ParsedWebhook(
        messages=(
            InboundMessage(
                provider_message_id="s1",
                account_external_id="demo",
                addresses=(Address(kind=AddressKind.SIMULATED, value="maria"),),
                sent_at=datetime(2026, 11, 20, 18, 0, tzinfo=UTC),
                kind=MessageKind.TEXT,
                text="oi",
                profile_name="Maria",
            ),
        ),
        statuses=(
            StatusUpdate(
                account_external_id="demo",
                provider_message_id="sim-m1",
                status=DeliveryStatus.READ,
                occurred_at=RECEIVED_AT,
                reference="m1",
            ),
        ),
    )


@pytest.mark.parametrize(
    "sent_at", [None, "ontem", "2026-11-20T15:00", "0001-01-01T00:00+23:00", "9999-12-31T23:59-23:00"]
)
def test_an_absurd_time_is_the_time_of_arrival(sent_at: object) -> None:
    parsed = _parse({"messages": [{"id": "s1", "text": "oi", "from": "maria", "sent_at": sent_at}]})

    assert parsed.messages[0].sent_at == RECEIVED_AT


@pytest.mark.parametrize(
    "body",
    [{}, [], b"", b"\xff", {"messages": [{}]}, {"messages": [1]}, {"statuses": [{"id": "x", "status": "eaten"}]}],
)
def test_what_is_not_understood_is_an_event(body: Any) -> None:
    parsed = _parse(body)

    assert not parsed.messages
    assert not parsed.statuses
    assert len(parsed.events) == 1


def test_signature() -> None:
    signed = sign(b"{}", secret="segredo")

    assert SimulatorChannel().verify(_request(b"{}", **{SIGNATURE_HEADER: signed}), ACCOUNT)
    assert not SimulatorChannel().verify(_request(b"{ }", **{SIGNATURE_HEADER: signed}), ACCOUNT)
    assert not SimulatorChannel().verify(_request(b"{}"), ACCOUNT)


async def test_there_is_nothing_to_prove_and_nothing_to_go_wrong() -> None:
    channel: Channel = SimulatorChannel()

    assert channel.handshake(_request(b""), ACCOUNT) is None
    assert await channel.check(ACCOUNT) is None


async def test_sending_twice_gives_the_same_id() -> None:
    request = SendRequest(to=Address(kind=AddressKind.SIMULATED, value="maria"), part=Text(text="oi"), reference="m1")

    first = await SimulatorChannel().send(ACCOUNT, request)

    assert first == await SimulatorChannel().send(ACCOUNT, request)
    assert first.provider_message_id == "sim-m1"
