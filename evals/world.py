"""The world of one talk: a tenant of its own with what the scenario seeds, and its rows read back after each turn."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from domain.messages import Address, AddressKind, Medium, Provider
from domain.phones import match_key
from domain.promised_day import protected_until
from evals.scenario import Channel, Scenario, SeedCustomer, SeedProduct, SeedPromise
from services.accounts import secrets_identity
from services.demo_content import BOARD, CUSTOM_FIELDS, PRODUCTS, SETTINGS, STAGES
from services.ledger import NewInvoice, put_customer_invoices
from services.opt_out import EVERYTHING, record_opt_out
from store import (
    channel_accounts,
    contacts,
    conversations,
    messages,
    promises,
    tenants,
)
from store.channel_accounts import AccountRow
from store.cipher import Cipher
from store.database import Connection, Database
from store.messages import NewOutbound
from store.model_settings import put_model_setting
from store.products import ProductRow
from store.prompts import activate_prompt, add_prompt

_PROVIDERS: Final[Mapping[Channel, Provider]] = {
    Channel.WHATSAPP: Provider.META, Channel.SMS: Provider.TWILIO_SMS, Channel.VOICE: Provider.RETELL,
}  # fmt: skip
_NUMBERS: Final[Mapping[Channel, str]] = {
    Channel.WHATSAPP: "551140001001", Channel.SMS: "+551140001002", Channel.VOICE: "+551140001003",
}  # fmt: skip
_TEAM_NUMBER: Final = "+551140001009"  # where a person takes a call over
_NAMESPACE: Final = UUID("5ca1ab1e-0000-4000-8000-000000000001")
_SINCE_CAMPAIGN: Final = timedelta(minutes=5)  # between what we wrote first and the customer's answer
# One read of all that expectations and policies look at; the tenant is this talk's alone.
_SNAPSHOT: LiteralString = """
    SELECT
        (SELECT coalesce(jsonb_object_agg(p.id, jsonb_build_object(
                'document', p.document, 'amount_cents', p.amount_cents, 'due_on', p.due_on, 'status', p.status,
                'protocol', p.protocol, 'method', p.method)), '{}') FROM promises p) AS promises,
        (SELECT coalesce(jsonb_object_agg(c.id, jsonb_build_object('document', c.document, 'status', c.status)), '{}')
            FROM payment_claims c) AS payment_claims,
        (SELECT coalesce(jsonb_object_agg(o.id, jsonb_build_object(
                'scope', o.scope, 'is_revoked', o.revoked_at IS NOT NULL)), '{}') FROM opt_outs o) AS opt_outs,
        (SELECT coalesce(jsonb_object_agg(v.id, jsonb_build_object(
                'handler', v.handler, 'reason', v.handoff_reason)), '{}') FROM conversations v) AS conversations,
        (SELECT coalesce(jsonb_object_agg(t.id, jsonb_build_object(
                'document', t.document, 'fields', t.custom_fields, 'is_opted_out', t.opted_out_at IS NOT NULL,
                'wrong_person', t.facts ? 'wrong_person')), '{}') FROM contacts t) AS contacts,
        (SELECT coalesce(jsonb_object_agg(k.id, jsonb_build_object('stage', s.name)), '{}')
            FROM cards k JOIN stages s ON s.tenant_id = k.tenant_id AND s.id = k.stage_id) AS cards,
        (SELECT coalesce(jsonb_object_agg(r.id, jsonb_build_object(
                'state', r.state, 'wanted_at', r.wanted_at)), '{}') FROM call_requests r) AS call_requests
"""
# What is sold, what a buyer is asked, and the board of sales: fourteen statements of the store in one.
_PUT_CATALOGUE: LiteralString = """
    WITH sold AS (
        INSERT INTO products (tenant_id, sku, name, description, price_cents, period, is_active)
        SELECT %(tenant_id)s, sku, name, description, price_cents, period, is_active FROM jsonb_to_recordset(%(sold)s)
            AS given (sku text, name text, description text, price_cents bigint, period text, is_active boolean)
    ), asked AS (
        INSERT INTO custom_fields (tenant_id, name, label, kind)
        SELECT %(tenant_id)s, name, label, kind FROM jsonb_to_recordset(%(asked)s)
            AS given (name text, label text, kind text)
    ), board AS (
        INSERT INTO boards (tenant_id, id, name) VALUES (%(tenant_id)s, gen_random_uuid(), %(board)s) RETURNING id
    )
    INSERT INTO stages (tenant_id, id, board_id, name, position)
    SELECT %(tenant_id)s, gen_random_uuid(), board.id, given.name, given.position
    FROM board CROSS JOIN unnest(%(stages)s::text[]) WITH ORDINALITY AS given (name, position)
"""
_TRIED: LiteralString = """
    UPDATE contacts SET identity_tries = %(tries)s, identity_tries_on = %(today)s WHERE id = %(id)s
"""
Snapshot = Mapping[str, Mapping[str, Mapping[str, object]]]  # table -> row's id -> columns


@dataclass(frozen=True, kw_only=True, slots=True)
class CellSetup:
    """What a cell of the matrix changes in the tenant: prompts over the shipped ones, and the models' chain."""

    chain: tuple[str, ...]
    prompts: Mapping[str, str]  # name -> body


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """The tenant of one talk."""

    scenario: Scenario
    tenant_id: UUID
    contact_id: UUID
    account: AccountRow  # where the customer writes or calls
    documents: tuple[str, ...]  # of everybody in it
    seeded_promises: frozenset[str] = frozenset()
    seeded: Snapshot = field(default_factory=dict)  # the rows at the start

    def addresses(self) -> tuple[Address, ...]:
        """Give the customer's addresses as a webhook of the channel brings them."""
        phone = self.scenario.seed.contact.phone
        if self.account.provider is Provider.META:
            return (Address(kind=AddressKind.WA_ID, value=phone.removeprefix("+")),)
        return (Address(kind=AddressKind.PHONE, value=phone),)


async def make_world(
    database: Database, cipher: Cipher, scenario: Scenario, setup: CellSetup, *, name: str | None = None
) -> World:
    """Seed a new tenant as the scenario says. Raises the product's domain errors when the seed cannot exist.

    Ids follow from a `name`, so that codes made of them are the same each time; without one they are new.
    """
    tenant_id = uuid4() if name is None else uuid5(_NAMESPACE, name)
    contact_id = uuid5(tenant_id, "contact")
    seed, now = scenario.seed, scenario.now
    zone = ZoneInfo(seed.time_zone)
    async with database.platform() as connection, connection.pipeline():
        await tenants.upsert(
            connection, tenant_id=tenant_id, slug=f"talk-{tenant_id.hex}", name="TR Telecom", time_zone=zone,
            state_code=seed.state, assistant_name="Lia", settings={**SETTINGS, **seed.policy},
        )  # fmt: skip
        accounts = [_account(tenant_id, cipher, scenario, channel) for channel in sorted(_PROVIDERS, key=str)]
        await channel_accounts.insert_new(connection, accounts)
        await _put_catalogue(connection, tenant_id, scenario)
        await put_model_setting(
            connection, tenant_id=tenant_id, agent="*", chain=list(setup.chain), temperature=None, now=now
        )
    account = next(row for row in accounts if row.provider is _PROVIDERS[scenario.channel])
    documents = tuple(customer.document for customer in seed.customers)
    world = World(scenario=scenario, tenant_id=tenant_id, contact_id=contact_id, account=account, documents=documents)
    today = scenario.local_now.date()
    async with database.tenant(tenant_id) as connection:
        for prompt, body in setup.prompts.items():
            row = await add_prompt(
                connection, tenant_id=tenant_id, prompt_id=uuid4(), name=prompt, body=body, note="evals", now=now
            )
            await activate_prompt(connection, name=prompt, version=row.version)
        for customer in seed.customers:
            await _put_customer(connection, tenant_id, customer, today=today, now=now)
        async with connection.pipeline():
            await _put_contact(connection, world, today=today)
            promised = [
                await _put_promise(connection, tenant_id, contact_id, item, zone, now) for item in seed.promises
            ]
            if scenario.channel is not Channel.VOICE:
                await _open_conversation(connection, world)
        if seed.contact.is_opted_out:
            await record_opt_out(
                connection, tenant_id=tenant_id, contact_id=contact_id, scope=EVERYTHING, reason="pediu antes", now=now
            )
        return replace(world, seeded_promises=frozenset(promised), seeded=await _snapshot(connection))


async def read_snapshot(database: Database, tenant_id: UUID) -> Snapshot:
    """Read the rows that a talk may change."""
    async with database.tenant(tenant_id) as connection:
        return await _snapshot(connection)


async def _snapshot(connection: Connection) -> Snapshot:
    cursor = await connection.execute(_SNAPSHOT)
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("a query without FROM gave no row")
    return {name: value if isinstance(value, dict) else json.loads(value) for name, value in row.items()}


def _account(tenant_id: UUID, cipher: Cipher, scenario: Scenario, channel: Channel) -> AccountRow:
    account_id, provider = uuid4(), _PROVIDERS[channel]
    settings = {"agent_id": "agent_evals"}
    if channel is Channel.VOICE and scenario.seed.can_transfer:
        settings["transfer_number"] = _TEAM_NUMBER
    sealed = cipher.seal({"api_key": "evals"}, identity=secrets_identity(tenant_id, account_id))
    return AccountRow(
        tenant_id=tenant_id, id=account_id, provider=provider, medium=Medium(channel.value),
        # A number belongs to one tenant of the platform, so each talk's has its own.
        external_id=f"{_NUMBERS[channel]}-{tenant_id.hex[:16]}", display_name=channel.value, webhook_key=uuid4().hex,
        secrets_ciphertext=sealed.ciphertext, secrets_key_id=sealed.key_id, settings=settings,
        is_bot_enabled=True, status="active", stopped_reason=None, sends_per_second=1000, burst=1000,
    )  # fmt: skip


async def _put_catalogue(connection: Connection, tenant_id: UUID, scenario: Scenario) -> None:
    parameters = {
        "tenant_id": tenant_id, "sold": Jsonb([asdict(item) for item in _products(scenario)]),
        "asked": Jsonb([asdict(item) for item in CUSTOM_FIELDS]), "board": BOARD, "stages": list(STAGES),
    }  # fmt: skip
    await connection.execute(_PUT_CATALOGUE, parameters)


def _products(scenario: Scenario) -> Sequence[ProductRow]:
    catalogue = scenario.seed.catalogue
    if catalogue == "demo":
        return PRODUCTS
    return [_product(item) for item in catalogue if isinstance(item, SeedProduct)]


def _product(item: SeedProduct) -> ProductRow:
    return ProductRow(
        sku=item.sku, name=item.name, description=item.description, price_cents=item.price_cents, period=item.period
    )


async def _put_customer(
    connection: Connection, tenant_id: UUID, customer: SeedCustomer, *, today: date, now: datetime
) -> None:
    await put_customer_invoices(
        connection, tenant_id=tenant_id, document=customer.document, name=customer.name, phone=customer.phone,
        new_invoices=[
            NewInvoice(
                number=item.number, amount_cents=item.amount_cents,
                due_on=item.due_on or today - timedelta(days=item.days_late or 0),
                paid_at=now if item.is_paid else None,
            )
            for item in customer.invoices
        ],
    )  # fmt: skip


async def _put_contact(connection: Connection, world: World, *, today: date) -> None:
    contact = world.scenario.seed.contact
    await contacts.insert(
        connection, tenant_id=world.tenant_id, contact_id=world.contact_id, name=contact.name,
        document=contact.document,
    )  # fmt: skip
    addresses = [Address(kind=AddressKind.PHONE, value=contact.phone)]
    if world.scenario.channel is not Channel.VOICE:
        addresses += world.addresses()  # a customer who has written here before
    for address in dict.fromkeys(addresses):
        await contacts.add_address(
            connection, tenant_id=world.tenant_id, contact_id=world.contact_id, address=address,
            match_key=match_key(address.value),
        )  # fmt: skip
    if contact.identity_tries_today:
        tried = {"id": world.contact_id, "tries": contact.identity_tries_today, "today": today}
        await connection.execute(_TRIED, tried)


async def _put_promise(
    connection: Connection, tenant_id: UUID, contact_id: UUID, item: SeedPromise, zone: ZoneInfo, now: datetime
) -> str:
    promise_id = uuid4()
    row = promises.PromiseRow(
        id=promise_id, protocol=f"P{promise_id.hex[:6].upper()}", document=item.document, contact_id=contact_id,
        conversation_id=None, turn_seq=None, amount_cents=item.amount_cents, due_on=item.due_on,
        protected_until=protected_until(item.due_on, zone), method=None, notes=None, status=item.status,
        replaced_by=None, created_at=now - timedelta(days=3), updated_at=now - timedelta(days=3),
    )  # fmt: skip
    await promises.put(connection, tenant_id, row)
    return str(promise_id)


async def _open_conversation(connection: Connection, world: World) -> None:
    """Open the conversation; a campaign's words stand in it, and its agent is cobranca."""
    scenario, conversation_id = world.scenario, uuid5(world.tenant_id, "conversation")
    written_at = scenario.now - _SINCE_CAMPAIGN
    address = world.addresses()[0]
    source = f"{scenario.channel}_campaign" if scenario.seed.campaign else "customer"
    await conversations.open_conversation(
        connection, tenant_id=world.tenant_id, conversation_id=conversation_id, contact_id=world.contact_id,
        channel_account_id=world.account.id, address_kind=address.kind, address_value=address.value,
        source=source, now=written_at,
    )  # fmt: skip
    if not scenario.seed.campaign:
        return
    await conversations.assign(connection, conversation_id, "cobranca")
    text = scenario.seed.campaign_text
    message = NewOutbound(id=uuid4(), author="campaign", kind="text", text=text, content={"type": "text", "text": text})
    await messages.insert_outbound(
        connection, [message], tenant_id=world.tenant_id, conversation_id=conversation_id,
        channel_account_id=world.account.id, now=written_at,
    )  # fmt: skip
