"""Customers who write through a provider's real webhooks, and what became of what they wrote."""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import httpx
from twilio.request_validator import RequestValidator

from domain.documents import make_cpf
from domain.messages import Provider
from services.ledger import NewInvoice, upsert_customer_invoices
from tests.factories import open_database
from tests.fakes.providers import TWILIO_SID, TWILIO_TOKEN
from tests.system.stack import (
    EVOLUTION_SECRET,
    EXTERNAL_IDS,
    META_APP_SECRET,
    RECOVERY_SECONDS,
    Stack,
    wait_for,
)

FORM = "application/x-www-form-urlencoded"
AMOUNT_CENTS = 11990


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A person at one provider."""

    number: int
    provider: Provider = Provider.META

    @property
    def phone(self) -> str:
        return f"+551198{self.number:07d}"

    @property
    def digits(self) -> str:
        return self.phone.removeprefix("+")

    @property
    def document(self) -> str:
        return make_cpf(529_000_000 + self.number)


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A signed webhook, to be posted once or, unchanged, again."""

    path: str
    body: bytes
    headers: dict[str, str]


async def add_debtors(stack: Stack, customers: Sequence[Customer]) -> None:
    """Put each customer into the ledger with one overdue invoice of R$ 119,90."""
    async with open_database(stack.database_url) as database:
        for customer in customers:
            await upsert_customer_invoices(
                database, tenant_id=stack.accounts[customer.provider].tenant_id, document=customer.document,
                name=f"Maria da Silva {_letters(customer.number)}", phone=customer.phone,
                new_invoices=[
                    NewInvoice(
                        number=f"FAT-{customer.number}", amount_cents=AMOUNT_CENTS,
                        due_on=(datetime.now(UTC) - timedelta(days=40)).date(),
                    )
                ],
            )  # fmt: skip


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number)).capitalize()


def signed_webhook(stack: Stack, provider: Provider, body: bytes, *, query: str = "") -> Webhook:
    """Sign a body as the provider would."""
    account = stack.accounts[provider]
    folder = "twilio" if provider.startswith("twilio") else str(provider)
    path = f"/webhooks/{folder}/{account.webhook_key}" + (f"?{query}" if query else "")
    match provider:
        case Provider.META:
            digest = hmac.new(META_APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
            headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}
        case Provider.EVOLUTION:
            headers = {"content-type": "application/json", "x-webhook-secret": EVOLUTION_SECRET}
        case _:
            fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
            signature = RequestValidator(TWILIO_TOKEN).compute_signature(stack.base_url() + path, fields)
            headers = {"content-type": FORM, "x-twilio-signature": signature}
    return Webhook(path=path, body=body, headers=headers)


def message_webhook(stack: Stack, customer: Customer, text: str, *, id: str | None = None) -> Webhook:
    """Make the webhook of one message of the customer."""
    message_id = id or uuid4().hex
    build = {Provider.META: _meta_message, Provider.EVOLUTION: _evolution_message}.get(
        customer.provider, _twilio_message
    )
    return signed_webhook(stack, customer.provider, build(customer, text, message_id))


def _meta_message(customer: Customer, text: str, message_id: str) -> bytes:
    message = {
        "from": customer.digits, "id": f"wamid.{message_id}", "timestamp": str(int(time.time())), "type": "text",
        "text": {"body": text},
    }  # fmt: skip
    contact = {"profile": {"name": "Cliente"}, "wa_id": customer.digits}
    return meta_body({"contacts": [contact], "messages": [message]})


def meta_body(value: dict[str, object]) -> bytes:
    """Wrap what a Meta webhook brings in its envelope."""
    metadata = {"display_phone_number": "551140001234", "phone_number_id": EXTERNAL_IDS[Provider.META]}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    entry = {"id": "201500000000001", "changes": [change]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def meta_status_webhook(
    stack: Stack, customer: Customer, *, status: str, reference: str, provider_message_id: str
) -> Webhook:
    """Make the webhook by which Meta reports on a message that carried our reference."""
    item = {
        "id": provider_message_id, "status": status, "timestamp": str(int(time.time())),
        "recipient_id": customer.digits, "biz_opaque_callback_data": reference,
    }  # fmt: skip
    return signed_webhook(stack, Provider.META, meta_body({"statuses": [item]}))


def _evolution_message(customer: Customer, text: str, message_id: str) -> bytes:
    key = {"remoteJid": f"{customer.digits}@s.whatsapp.net", "fromMe": False, "id": message_id.upper()}
    data = {
        "key": key, "pushName": "Cliente", "message": {"conversation": text}, "messageType": "conversation",
        "messageTimestamp": int(time.time()),
    }  # fmt: skip
    instance = EXTERNAL_IDS[Provider.EVOLUTION]
    return json.dumps({"event": "messages.upsert", "instance": instance, "data": data}).encode()


def _twilio_message(customer: Customer, text: str, message_id: str) -> bytes:
    prefix = "whatsapp:" if customer.provider is Provider.TWILIO_WHATSAPP else ""
    sid = f"SM{message_id}"
    form = {
        "SmsMessageSid": sid, "NumMedia": "0", "SmsSid": sid, "SmsStatus": "received", "Body": text,
        "To": EXTERNAL_IDS[customer.provider], "NumSegments": "1", "MessageSid": sid, "AccountSid": TWILIO_SID,
        "From": prefix + customer.phone, "ApiVersion": "2010-04-01",
    }  # fmt: skip
    return urlencode(form).encode()


async def post(stack: Stack, webhook: Webhook, *, slot: int = 0) -> int | None:
    """Post a webhook once; give the status, None when no answer came."""
    async with httpx.AsyncClient(verify=False, timeout=20) as http:
        try:
            answer = await http.post(stack.base_url(slot) + webhook.path, content=webhook.body, headers=webhook.headers)
        except httpx.TransportError:
            return None
    return answer.status_code


async def deliver(stack: Stack, webhook: Webhook, *, slots: Sequence[int] = (0,)) -> None:
    """Post a webhook as providers do: until it is answered 2xx, at whichever api answers."""

    async def is_taken() -> bool:
        for slot in slots:
            status = await post(stack, webhook, slot=slot)
            if status is not None and 200 <= status < 300:
                return True
        return False

    await wait_for("a webhook is accepted", is_taken)


def received(stack: Stack, customer: Customer) -> list[str]:
    """Give the texts the provider has taken for this customer, in order."""
    return [
        str(row["text"])
        for row in stack.ledger
        if row["provider"] == customer.provider and re.sub(r"\D", "", row["to"]) == customer.digits
    ]


async def until_settled(stack: Stack, customer: Customer, *, seconds: float = RECOVERY_SECONDS) -> None:
    """Wait until what the customer wrote is answered, or a person has it, and nothing waits to be sent."""

    async def is_settled() -> bool:
        rows = await stack.query(
            """
            SELECT c.turn_due_at IS NULL AND c.locked_by IS NULL
                AND (c.answered_seq >= c.last_inbound_seq OR c.handler = 'human')
                AND NOT EXISTS (SELECT FROM messages m WHERE m.conversation_id = c.id
                                AND m.direction = 'out' AND m.status IN ('queued', 'sending')) AS is_settled
            FROM conversations c JOIN addresses a ON a.tenant_id = c.tenant_id AND a.contact_id = c.contact_id
            WHERE c.channel_account_id = %s AND regexp_replace(a.value, '[^0-9]', '', 'g') = %s
            """,
            stack.accounts[customer.provider].id, customer.digits,
        )  # fmt: skip
        return bool(rows) and all(row["is_settled"] for row in rows)

    await wait_for(f"customer {customer.number} is answered", is_settled, seconds=seconds)


async def say(
    stack: Stack, customer: Customer, *texts: str, slots: Sequence[int] = (0,), seconds: float = RECOVERY_SECONDS
) -> list[str]:
    """Write a burst, wait for the answer; give the new texts at the provider."""
    before = len(received(stack, customer))
    for text in texts:
        await deliver(stack, message_webhook(stack, customer, text), slots=slots)
    await until_settled(stack, customer, seconds=seconds)
    return received(stack, customer)[before:]
