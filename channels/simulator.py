"""The simulator: a channel of our own for the demo, the browser page and the tests, with the manners of a real one."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from channels.base import ChannelAccount, WebhookRequest
from channels.reading import (
    JsonObject,
    Unreadable,
    as_id,
    as_list,
    as_object,
    as_text,
    digest,
    read_json,
    sent_time,
)
from channels.signatures import hmac_sha256_hex, verify_sha256_header
from domain.messages import (
    Address,
    AddressKind,
    DeliveryStatus,
    InboundMessage,
    MessageKind,
    ParsedWebhook,
    Provider,
    ProviderEvent,
    SendReceipt,
    SendRequest,
    StatusUpdate,
)

SIGNATURE_HEADER = "x-simulator-signature"
DEFAULT_ACCOUNT = "simulator"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SENT_PREFIX = "sim-"
_PHONE = re.compile(r"\+55\d{10,11}", re.ASCII)
_STATUSES = {
    status.value: status
    for status in (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.READ, DeliveryStatus.FAILED)
}


def sign(body: bytes, *, secret: str) -> str:
    """Return the value of X-Simulator-Signature for a body."""
    return f"sha256={hmac_sha256_hex(secret, body)}"


class SimulatorChannel:
    """A provider that always accepts: the message is in our own tables, where the page reads it."""

    provider = Provider.SIMULATOR

    def verify(self, request: WebhookRequest, account: ChannelAccount) -> bool:
        """Check X-Simulator-Signature with `webhook_secret`."""
        return verify_sha256_header(
            request.body,
            secret=account.secrets.get("webhook_secret", ""),
            header=request.headers.get(SIGNATURE_HEADER),
        )

    def handshake(self, request: WebhookRequest, account: ChannelAccount) -> str | None:
        """Return None: the simulator asks for no proof."""
        return None

    def parse(self, request: WebhookRequest, *, received_at: datetime) -> ParsedWebhook:
        """Read `{account?, messages: [{id, text, from, name?, sent_at?, choice_id?}], statuses: [{id, status}]}`."""
        try:
            body = as_object(read_json(request.body))
        except Unreadable as error:
            data = {"reason": str(error), "bytes": len(request.body)}
            return ParsedWebhook(events=(_event(None, "unreadable", data, key=digest(request.body)),))
        account = as_id(body.get("account")) or as_id(request.query.get("account")) or DEFAULT_ACCOUNT
        found = [
            *_messages(body, account, received_at=received_at),
            *_statuses(body, account, received_at=received_at),
        ] or [_event(account, "unknown", body)]
        return ParsedWebhook(
            messages=tuple(item for item in found if isinstance(item, InboundMessage)),
            statuses=tuple(item for item in found if isinstance(item, StatusUpdate)),
            events=tuple(item for item in found if isinstance(item, ProviderEvent)),
        )

    async def send(self, account: ChannelAccount, request: SendRequest) -> SendReceipt:
        """Accept; the same reference gives the same id."""
        return SendReceipt(provider_message_id=f"{_SENT_PREFIX}{request.reference}")

    async def check(self, account: ChannelAccount) -> str | None:
        """Return None: there is nothing that could be wrong."""
        return None


def _event(account: str | None, kind: str, data: JsonObject, *, key: str | None = None) -> ProviderEvent:
    name = f"simulator:{kind}:{key or digest(data)}"
    return ProviderEvent(account_external_id=account, kind=kind, key=name, data=data)


def _messages(body: JsonObject, account: str, *, received_at: datetime) -> Iterator[InboundMessage | ProviderEvent]:
    for item in map(as_object, as_list(body.get("messages"))):
        message_id, sender, text = as_id(item.get("id")), as_id(item.get("from")), as_text(item.get("text"))
        choice_id = as_id(item.get("choice_id"))
        if message_id is None or sender is None or (text is None and choice_id is None):
            yield _event(account, "message_incomplete", {"message": item})
            continue
        yield InboundMessage(
            provider_message_id=message_id,
            account_external_id=account,
            addresses=_addresses(sender),
            sent_at=_sent_at(item.get("sent_at"), received_at=received_at),
            kind=MessageKind.CHOICE if choice_id else MessageKind.TEXT,
            text=text,
            profile_name=as_text(item.get("name")),
            choice_id=choice_id,
            reply_to=as_id(item.get("reply_to")),
        )


def _addresses(sender: str) -> tuple[Address, ...]:
    """Give who writes; a phone is also known as one, so that it is the debtor whom a campaign wrote to."""
    own = Address(kind=AddressKind.SIMULATED, value=sender)
    return (own, Address(kind=AddressKind.PHONE, value=sender)) if _PHONE.fullmatch(sender) else (own,)


def _statuses(body: JsonObject, account: str, *, received_at: datetime) -> Iterator[StatusUpdate | ProviderEvent]:
    for item in map(as_object, as_list(body.get("statuses"))):
        message_id = as_id(item.get("id"))
        status = _STATUSES.get(as_text(item.get("status")) or "")
        if message_id is None or status is None:
            yield _event(account, "status_unknown", {"status": item})
            continue
        yield StatusUpdate(
            account_external_id=account,
            provider_message_id=message_id,
            status=status,
            occurred_at=received_at,
            reference=message_id.removeprefix(_SENT_PREFIX) if message_id.startswith(_SENT_PREFIX) else None,
        )


def _sent_at(value: object, *, received_at: datetime) -> datetime:
    """Read Unix seconds or an ISO instant with its zone."""
    if isinstance(value, str):
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            return sent_time(value, received_at=received_at)
        if instant.tzinfo is None:
            return received_at
        value = (instant - _EPOCH).total_seconds()
    return sent_time(value, received_at=received_at)
