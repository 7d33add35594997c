"""The service with telephones: apis of their own processes on one clock, with Retell, Twilio and Vapi around them."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import httpx

from domain.folded_text import folded
from domain.messages import Provider
from jobs import call_summary, delivery, dialer, post_call, scheduling
from tests.factories import make_account, make_tenant, open_database
from tests.fakes import retell, twilio_calls, vapi
from tests.fakes.providers import TWILIO_SID, TWILIO_TOKEN, run_fake_provider
from tests.fakes.retell import Heard, MadeCall, RetellLine, RetellRest, call_object, run_fake_retell
from tests.fakes.twilio_calls import TwilioCalls, run_fake_calls
from tests.fakes.twilio_relay import RelayOffer, read_offer
from tests.system.campaign_world import START
from tests.system.clocked_api import serve
from tests.system.customers import Customer, Webhook, deliver, meta_body, received, signed_webhook, until_settled
from tests.system.launch import log_path, start_function
from tests.system.shared_clock import SharedClock
from tests.system.stack import EXTERNAL_IDS, PAY_SETTINGS, Stack, secrets_of, wait_for
from wiring.deps import open_deps
from wiring.settings import load_settings

VOICE = "/api/v1/voice"
VAPI_KEY = {"x-vapi-secret": vapi.VAPI_SECRET}
LINE_OF = {Provider.META: Provider.RETELL, Provider.EVOLUTION: Provider.TWILIO_VOICE}
"""The number that calls those who write there: of the same tenant."""
# What nobody may hear, read or guess from before it is certain who they are.
DEBT_STEMS = (
    "fatur", "divid", "debit", "atras", "vencid", "vencim", "boleto", "cobran", "inadimpl", "em aberto", "penden",
    "negoci", "parcel", "pagar", "pagam", "r$", "reais", "centavo", "promess", "acordo", "quitar", "deve ", "devendo",
    "119", "cento e dezenove", "pix", "segunda via",
)  # fmt: skip
_DRAINS = (scheduling.drain, dialer.drain, post_call.drain, call_summary.drain, delivery.drain)
_NO_REDIS = "redis://127.0.0.1:1/0"


def debt_words(*texts: str) -> list[str]:
    """Give the words of a debt in what somebody heard or read."""
    return [f"{stem}: {text}" for text in texts for stem in DEBT_STEMS if stem in folded(text)]


@dataclass(kw_only=True)
class CallStack(Stack):
    """A stack whose tenants call: Meta with Retell, Evolution with Twilio, and one with Vapi alone."""

    clock: SharedClock
    retell: RetellRest
    twilio: TwilioCalls

    # --- what it is made of

    async def create_tenants(self) -> None:
        """Insert the tenants, each with its numbers."""
        base = {"base_url": self.fakes.url}
        agent = {"agent_id": retell.AGENT, "agent_version": "3"}
        hosted = {"agent_id": vapi.ASSISTANT, "phone_number_id": vapi.PHONE_NUMBER}
        keys = {"api_key": vapi.VAPI_KEY, "webhook_secret": vapi.VAPI_SECRET}
        twilio = {"account_sid": TWILIO_SID, "auth_token": TWILIO_TOKEN}
        async with open_database(self.database_url) as database:

            async def add(slug: str, *numbers: tuple[Provider, str, dict[str, str], dict[str, str]]) -> None:
                tenant_id = await make_tenant(database, slug, **PAY_SETTINGS)
                for provider, number, secrets, settings in numbers:
                    self.accounts[provider] = await make_account(
                        database, tenant_id, provider=provider, external_id=number, secrets=secrets, settings=settings
                    )

            meta, evolution = Provider.META, Provider.EVOLUTION
            await add(
                "com-retell", (meta, EXTERNAL_IDS[meta], secrets_of(meta), base),
                (Provider.RETELL, retell.NUMBER, {"api_key": retell.KEY}, agent),
            )  # fmt: skip
            await add(
                "com-twilio", (evolution, EXTERNAL_IDS[evolution], secrets_of(evolution), base),
                (Provider.TWILIO_VOICE, twilio_calls.NUMBER, twilio, {}),
            )  # fmt: skip
            await add("com-vapi", (Provider.VAPI, "+551140004321", keys, hosted))

    def process_environment(self, **changes: str) -> dict[str, str]:
        addresses = {"RETELL_API_URL": self.retell.url, "TWILIO_API_URL": self.twilio.url}
        return super().process_environment(**{**addresses, **changes})

    def start_api(self, slot: int = 0, **changes: str) -> None:
        """Start an api that follows the shared clock; `FAILPOINT=...` arms it, other names change its settings."""
        folder = self.folder / f"api{slot}"
        folder.mkdir(parents=True, exist_ok=True)
        environment = self.process_environment(API_PORT=str(self.ports[slot]), **changes)
        log = log_path(folder, ("serve", "api"))
        self.processes[f"api{slot}"] = start_function(serve, (self.clock,), environment, log)

    async def work(self) -> None:
        """Do what workers would, until nothing is left to do."""
        values = {name.lower(): value for name, value in self.process_environment().items()}
        settings = load_settings(env_file=None, **values)
        async with open_deps(settings, clock=self.clock) as deps:
            while sum([await drain(deps) for drain in _DRAINS]):
                pass

    # --- customers who write

    async def write(self, customer: Customer, *texts: str, slots: Sequence[int] = (0,)) -> list[str]:
        """Let the customer write, wait for the answer; give the new texts at the provider."""
        before = len(received(self, customer))
        for text in texts:
            await self.deliver_text(customer, text, slots=slots)
        await until_settled(self, customer)
        return received(self, customer)[before:]

    async def deliver_text(self, customer: Customer, text: str, *, slots: Sequence[int] = (0,)) -> None:
        await deliver(self, self._text_webhook(customer, text), slots=slots)

    def _text_webhook(self, customer: Customer, text: str) -> Webhook:
        """Write what the customer says as the provider would at this hour of the shared clock."""
        stamp, name = int(self.clock.now().timestamp()), name_of(customer)
        if customer.provider is Provider.META:
            message = {
                "from": customer.digits, "id": f"wamid.{uuid4().hex}", "timestamp": str(stamp), "type": "text",
                "text": {"body": text},
            }  # fmt: skip
            contact = {"profile": {"name": name}, "wa_id": customer.digits}
            return signed_webhook(self, Provider.META, meta_body({"contacts": [contact], "messages": [message]}))
        key = {"remoteJid": f"{customer.digits}@s.whatsapp.net", "fromMe": False, "id": uuid4().hex.upper()}
        data = {
            "key": key, "pushName": name, "message": {"conversation": text}, "messageType": "conversation",
            "messageTimestamp": stamp,
        }  # fmt: skip
        body = {"event": "messages.upsert", "instance": EXTERNAL_IDS[Provider.EVOLUTION], "data": data}
        return signed_webhook(self, Provider.EVOLUTION, json.dumps(body).encode())

    async def confirm_in_text(self, customer: Customer, *, slots: Sequence[int] = (0,)) -> list[str]:
        """Let the customer ask for the invoices in writing, and say who they are."""
        await self.write(customer, "oi, quero ver minha fatura", slots=slots)
        return await self.write(customer, customer.document, slots=slots)

    # --- calls over Retell

    def line(self, call: Mapping[str, object], *, slot: int = 0, **options: Any) -> RetellLine:
        """Give Retell's end of a call's websocket, not opened yet."""
        key = self.accounts[Provider.RETELL].webhook_key
        path = f"{VOICE}/retell/llm/{key}/{call['call_id']}"
        return RetellLine(url=f"ws://127.0.0.1:{self.ports[slot]}{path}", call=call, **options)

    def ringing(self, customer: Customer | None = None) -> dict[str, object]:
        """Give the call of a customer who rings us, with a hidden number when it is nobody."""
        return call_object(from_number=customer.phone if customer else "anonymous", to_number=retell.NUMBER)

    def dialed(self, customer: Customer) -> MadeCall:
        """Give the newest call that Retell was asked to make to this customer, and let it be picked up."""
        (*_, made) = (call for call in self.retell.calls if call.request["to_number"] == customer.phone)
        made.resource["call_status"] = "ongoing"
        return made

    async def tell_retell(self, name: str, call: Mapping[str, object], *, slot: int = 0) -> int:
        """Post an event of Retell's; give the status."""
        body = retell.event(name, call)
        return (await self._post_signed("webhooks/retell", body, slot=slot)).status_code

    async def use_function(
        self, call: Mapping[str, object], name: str, said: Sequence[str], arguments: Mapping[str, object], *,
        slot: int = 0,
    ) -> dict[str, Any]:  # fmt: skip
        """Let an agent hosted at Retell use a tool after the customer has said all this."""
        transcript = [{"role": "user", "content": text} for text in said]
        body = {"name": name, "call": {**call, "transcript_object": transcript}, "args": dict(arguments)}
        answer = await self._post_signed("retell/functions", json.dumps(body).encode(), slot=slot)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    async def _post_signed(self, what: str, body: bytes, *, slot: int) -> httpx.Response:
        key = self.accounts[Provider.RETELL].webhook_key
        async with httpx.AsyncClient(timeout=30) as http:
            return await http.post(
                f"{self.base_url(slot)}{VOICE}/{what}/{key}", content=body,
                headers=retell.signed(body, now=self.clock.now()),
            )  # fmt: skip

    # --- calls over Twilio and Vapi

    async def picked_up(self, customer: Customer, **fields: str) -> tuple[str, RelayOffer | None, str]:
        """Let the customer pick up Twilio's newest call to them; give its SID, what it connects to, and the TwiML."""
        call = self.twilio.of(customer.phone)[-1]
        told = {"CallSid": call.sid, "AccountSid": TWILIO_SID, "CallStatus": "in-progress", **fields}
        answer = await self.post_form(call.value("Url"), told)
        return call.sid, read_offer(answer.content), answer.text

    async def tell_twilio(self, customer: Customer, status: str, **fields: str) -> int:
        """Post a status callback of Twilio's newest call to this customer; give the answer's status."""
        call = self.twilio.of(customer.phone)[-1]
        told = {
            "CallSid": call.sid, "AccountSid": TWILIO_SID, "CallStatus": status, "SequenceNumber": "3",
            "CallDuration": "40", **fields,
        }  # fmt: skip
        call.status = status
        return (await self.post_form(call.value("StatusCallback"), told)).status_code

    async def post_form(self, url: str, fields: Mapping[str, str], *, slot: int = 0) -> httpx.Response:
        """Post a form as Twilio signs it, to whichever api listens in the slot."""
        parts = urlsplit(url)
        where = f"{self.base_url(slot)}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        async with httpx.AsyncClient(timeout=15) as http:
            return await http.post(where, content=urlencode(fields), headers=twilio_calls.signed(url, fields))

    async def tell_vapi(self, body: bytes, *, slot: int = 0) -> dict[str, Any]:
        """Post one of Vapi's server messages; give the answer."""
        key = self.accounts[Provider.VAPI].webhook_key
        async with httpx.AsyncClient(timeout=30) as http:
            url = f"{self.base_url(slot)}{VOICE}/webhooks/vapi/{key}"
            answer = await http.post(url, content=body, headers=VAPI_KEY)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    # --- what was kept

    async def history(self, provider_call_id: object) -> list[tuple[str, str]]:
        """Read what a call's history keeps, oldest first: direction and words."""
        rows = await self.query(
            "SELECT m.direction, m.text FROM messages m JOIN calls c ON c.tenant_id = m.tenant_id AND c.id = m.call_id "
            "WHERE c.provider_call_id = %s ORDER BY m.seq",
            str(provider_call_id),
        )
        return [(row["direction"], row["text"]) for row in rows]

    async def promises(self, customer: Customer) -> list[tuple[int, str]]:
        """Read the promises of a customer: cents and status."""
        rows = await self.query(
            "SELECT amount_cents, status FROM promises WHERE document = %s ORDER BY created_at", customer.document
        )
        return [(row["amount_cents"], row["status"]) for row in rows]

    async def locked(self) -> list[dict[str, Any]]:
        """Read what of conversations and calls is held by somebody now."""
        return await self.query(
            "SELECT 'conversation' AS what, id, locked_by FROM conversations WHERE locked_by IS NOT NULL "
            "UNION ALL SELECT 'call', id, locked_by FROM calls WHERE locked_by IS NOT NULL"
        )

    async def held(self) -> list[dict[str, Any]]:
        """Read what is held still by a lease that has not run out: of a process that died, after a while, nothing."""
        return await self.query(
            "SELECT id, locked_by FROM conversations WHERE locked_until > %s "
            "UNION ALL SELECT id, locked_by FROM calls WHERE locked_until > %s",
            self.clock.now(), self.clock.now(),
        )  # fmt: skip

    async def until_unlocked(self) -> None:
        async def is_free() -> bool:
            return not await self.locked()

        await wait_for("nothing is held any more", is_free)

    async def status_of(self, provider_call_id: object) -> str:
        (row,) = await self.query("SELECT status FROM calls WHERE provider_call_id = %s", str(provider_call_id))
        return str(row["status"])


def name_of(customer: Customer) -> str:
    """Give the name under which the customer writes and is in the ledger."""
    return "Maria da Silva " + "".join(chr(ord("a") + int(digit)) for digit in str(customer.number)).capitalize()


def promise_day(stack: CallStack) -> str:
    """Give a day next week as customers say it: Friday of the week after the clock's."""
    day = stack.clock.now() + timedelta(days=9)
    return f"dia {day:%d/%m}"


def reconnected(stack: CallStack, line: RetellLine, *, slot: int = 0, spoken: int = 0) -> RetellLine:
    """Give the socket that Retell opens after this one was lost: same address and call, the transcript so far.

    `spoken` words of the newest answer were heard before; what was given out and not heard is forgotten.
    """
    heard = " ".join(line.answers.get(line.response_id, Heard()).text.split()[:spoken])
    said = [{"role": "agent", "content": heard}] if heard else []
    return stack.line(
        line.call, slot=slot, transcript=[*line.transcript, *said], response_id=line.response_id, pressed=line.pressed
    )


@contextmanager
def open_call_stack(
    database_url: str, folder: Path, *, environment: Mapping[str, str] | None = None, start: datetime = START
) -> Iterator[CallStack]:
    """Give a stack on a Wednesday morning, without any process yet; end all its processes afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with run_fake_provider() as fakes, run_fake_retell() as retell_rest, run_fake_calls() as twilio:
        stack = CallStack(
            database_url=database_url, folder=folder, fakes=fakes, redis_url=_NO_REDIS,
            environment=dict(environment or {}), clock=SharedClock(folder / "clock", start=start), retell=retell_rest,
            twilio=twilio,
        )  # fmt: skip
        try:
            yield stack
        finally:
            stack.stop()


@asynccontextmanager
async def on_the_phone(stack: CallStack, customer: Customer, *, slot: int = 0) -> AsyncIterator[RetellLine]:
    """Let a customer ring us over Retell, and hear the greeting."""
    async with stack.line(stack.ringing(customer), slot=slot) as line:
        await line.listen()
        yield line
