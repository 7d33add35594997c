"""What else happens to debtors while a campaign contacts them: other processes that commit at random instants."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

from domain.effects import ClaimPayment, Effect, OptOut, RecordPromise
from domain.messages import Address, AddressKind
from domain.tenants import Tenant
from services.campaigns import activate_campaign, pause_campaign
from services.effects import apply_effects
from services.identity_resolution import resolve_contact
from services.ledger import NewInvoice, upsert_customer_invoices
from store import contact_changes, conversations, tenants
from store.database import RETRYABLE, Connection, Database
from tests.system.campaign_world import DUE_ON, invoice_of, name_of
from tests.system.customers import AMOUNT_CENTS, Customer
from tests.system.launch import start_function
from tests.system.shared_clock import SharedClock

_PROMISED_IN = timedelta(days=5)
_HELD_FOR = timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class Events:
    """Events of one kind, at random instants within `seconds`; the process ends with 0 when all are committed."""

    kind: str  # a name in KINDS
    database_url: str
    clock: SharedClock
    tenant_id: UUID
    account_id: UUID
    customers: Sequence[Customer]
    campaign_ids: Sequence[UUID]
    seconds: float
    seed: int


def start_events(events: Events, folder: Path) -> ForkServerProcess:
    """Let a process of its own commit them."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{events.kind}.log"
    return start_function(_run, (events,), {"PATH": "/usr/bin:/bin"}, log)


def _run(events: Events) -> None:
    asyncio.run(_commit_all(events))
    sys.exit(0)


async def _commit_all(events: Events) -> None:
    random = Random(events.seed)
    database = await Database(events.database_url, max_connections=4).open()
    try:
        async with database.platform() as connection:
            tenant = await tenants.by_id(connection, events.tenant_id)
        assert tenant is not None
        world = _World(database=database, tenant=tenant, events=events, random=random)
        started = asyncio.get_running_loop().time()
        instants = sorted(random.uniform(0, events.seconds) for _ in events.customers)
        for customer, instant in zip(events.customers, instants, strict=True):
            await asyncio.sleep(max(0.0, started + instant - asyncio.get_running_loop().time()))
            await _retried(KINDS[events.kind], world, customer)
    finally:
        await database.close()


@dataclass(frozen=True, kw_only=True)
class _World:
    database: Database
    tenant: Tenant
    events: Events
    random: Random

    @property
    def clock(self) -> SharedClock:
        return self.events.clock


Happening = Callable[[_World, Customer], Awaitable[None]]


async def _retried(happen: Happening, world: _World, customer: Customer) -> None:
    """A transaction that was rolled back for others' sake is simply run again, as the service does."""
    while True:
        try:
            await happen(world, customer)
        except RETRYABLE as error:
            print(type(error).__name__, error, flush=True)  # noqa: T201
        else:
            return


async def _pay(world: _World, customer: Customer) -> None:
    """The tenant's ledger learns that the invoice is paid."""
    invoice = NewInvoice(
        number=invoice_of(customer), amount_cents=AMOUNT_CENTS, due_on=DUE_ON, paid_at=world.clock.now()
    )
    await upsert_customer_invoices(
        world.database, tenant_id=world.tenant.id, document=customer.document, name=name_of(customer),
        phone=customer.phone, new_invoices=[invoice],
    )  # fmt: skip


async def _promise(world: _World, customer: Customer) -> None:
    due_on = (world.clock.now() + _PROMISED_IN).date()
    effect = RecordPromise(
        protocol=f"P{customer.number:08d}", document=customer.document, amount_cents=AMOUNT_CENTS, due_on=due_on
    )
    await _say(world, customer, effect)


async def _claim(world: _World, customer: Customer) -> None:
    hold_until = world.clock.now() + _HELD_FOR
    await _say(world, customer, ClaimPayment(document=customer.document, notes="paguei ontem", hold_until=hold_until))


async def _refuse(world: _World, customer: Customer) -> None:
    """Half of those who refuse never told who they are: only the phone is known."""
    is_confirmed = world.random.random() < 0.5
    await _say(world, customer, OptOut(scope="all", reason="não quero mais receber"), is_confirmed=is_confirmed)


async def _say(world: _World, customer: Customer, effect: Effect, *, is_confirmed: bool = True) -> None:
    """Commit what a turn of a conversation with this debtor has come to."""
    now = world.clock.now()
    async with world.database.tenant(world.tenant.id) as connection:
        contact_id, conversation_id = await _conversation(connection, world, customer)
        if is_confirmed:
            await contact_changes.confirm_document(
                connection, contact_id, document=customer.document, name=name_of(customer), now=now
            )
    async with world.database.tenant(world.tenant.id) as connection:
        await apply_effects(
            connection, [effect], tenant=world.tenant, contact_id=contact_id, conversation_id=conversation_id,
            turn_seq=1, now=now,
        )  # fmt: skip


async def _conversation(connection: Connection, world: _World, customer: Customer) -> tuple[UUID, UUID]:
    """Find this person's conversation, or open one."""
    now, account_id = world.clock.now(), world.events.account_id
    contact_id = await resolve_contact(
        connection, tenant_id=world.tenant.id, profile_name=name_of(customer),
        addresses=[Address(kind=AddressKind.PHONE, value=customer.phone)],
    )  # fmt: skip
    live = await conversations.live(connection, contact_id=contact_id, channel_account_id=account_id)
    if live is not None:
        return contact_id, live
    conversation_id = uuid4()
    await conversations.open_conversation(
        connection, tenant_id=world.tenant.id, conversation_id=conversation_id, contact_id=contact_id,
        channel_account_id=account_id, address_kind="phone", address_value=customer.phone, source="customer", now=now,
    )  # fmt: skip
    return contact_id, conversation_id


async def _pause(world: _World, customer: Customer) -> None:
    """An operator stops a campaign, whoever is in it, and lets it go on a moment later."""
    campaign_id = world.random.choice(world.events.campaign_ids)
    await pause_campaign(world.database, world.tenant.id, campaign_id, now=world.clock.now())
    await asyncio.sleep(world.random.uniform(0, 0.6))
    await activate_campaign(world.database, world.tenant.id, campaign_id, now=world.clock.now())


KINDS: Mapping[str, Happening] = {
    "payments": _pay, "promises": _promise, "claims": _claim, "opt_outs": _refuse, "pauses": _pause,
}  # fmt: skip
