"""Load the demo tenant: TR Telecom with its assistant Lia, debtors, catalogue, knowledge and board."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from channels.simulator import DEFAULT_ACCOUNT
from domain.messages import Address, AddressKind, Medium, Provider
from domain.phones import match_key
from domain.promised_day import protected_until
from domain.tenants import Tenant
from services.accounts import secrets_identity
from services.demo_content import (
    BOARD,
    CUSTOM_FIELDS,
    DEMO_CONTACTS,
    KNOWLEDGE,
    PRODUCTS,
    SETTINGS,
    STAGES,
    DemoContact,
)
from services.knowledge import KnowledgeBase
from services.ledger import NewInvoice, put_customer_invoices
from services.opt_out import EVERYTHING, record_opt_out
from store import (
    channel_accounts,
    contacts,
    custom_fields,
    kanban,
    products,
    promises,
    tenants,
)
from store.channel_accounts import AccountRow
from store.cipher import Cipher
from store.database import Connection, Database

__all__ = ["DEMO_CONTACTS", "DEMO_SLUG", "DemoContact", "DemoSummary", "seed_demo"]

DEMO_SLUG: Final = "tr-telecom"
DEMO_NUMBER: Final = "+551140009999"  # nobody's: only the simulated telephone calls it
_TENANT_ID: Final = UUID("7e1ec0de-0000-4000-8000-000000000001")
_ZONE: Final = ZoneInfo("America/Sao_Paulo")
_PROMISE_IN_DAYS: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoSummary:
    """What there is now; `was_created` is False when an earlier load had finished."""

    tenant_id: UUID
    was_created: bool
    contacts: int
    products: int
    documents: int


async def seed_demo(database: Database, knowledge: KnowledgeBase, cipher: Cipher, *, now: datetime) -> DemoSummary:
    """Load the demo tenant once. One that is there stays as people left it; a load that was cut short is finished."""
    async with database.platform() as connection:
        tenant = await tenants.by_slug(connection, DEMO_SLUG)
    is_new = tenant is None
    if tenant is None:
        tenant = await _load(database, cipher, now)
    else:
        async with database.platform() as connection:
            await _load_phone(connection, tenant.id, cipher)  # demos older than calls have none
    # The knowledge base writes through connections of its own, so it cannot share that transaction: each document is
    # stored once by its source, and documents that are there are left alone.
    for title, source, text in KNOWLEDGE:
        if not await knowledge.has_document(tenant.id, source):
            await knowledge.add_document(tenant.id, title, source, text, now)
    return DemoSummary(
        tenant_id=tenant.id, was_created=is_new, contacts=len(DEMO_CONTACTS), products=len(PRODUCTS),
        documents=len(KNOWLEDGE),
    )  # fmt: skip


async def _load(database: Database, cipher: Cipher, now: datetime) -> Tenant:
    """Write the tenant and all that is its own in one transaction: there is no half demo."""
    async with database.platform() as connection:
        tenant = await tenants.upsert(
            connection, tenant_id=_TENANT_ID, slug=DEMO_SLUG, name="TR Telecom", time_zone=_ZONE, state_code="SP",
            assistant_name="Lia", settings=SETTINGS,
        )  # fmt: skip
        await _load_simulator(connection, tenant.id, cipher)
        await _load_phone(connection, tenant.id, cipher)
        await _load_catalogue(connection, tenant.id)
        for contact in DEMO_CONTACTS:
            await _load_contact(connection, tenant.id, contact, now)
    return tenant


async def _load_simulator(connection: Connection, tenant_id: UUID, cipher: Cipher) -> None:
    account_id = uuid5(tenant_id, "simulator")
    sealed = cipher.seal(
        {"webhook_secret": secrets.token_urlsafe(32)}, identity=secrets_identity(tenant_id, account_id)
    )
    row = AccountRow(
        tenant_id=tenant_id,
        id=account_id,
        provider=Provider.SIMULATOR,
        medium=Medium.SIMULATOR,
        external_id=DEFAULT_ACCOUNT,
        display_name="Simulador",
        webhook_key=secrets.token_urlsafe(24),
        secrets_ciphertext=sealed.ciphertext,
        secrets_key_id=sealed.key_id,
        settings={},
        is_bot_enabled=True,
        status="active",
        stopped_reason=None,
        sends_per_second=50,
        burst=100,
    )
    await channel_accounts.insert(connection, row)


async def _load_phone(connection: Connection, tenant_id: UUID, cipher: Cipher) -> None:
    """Give the demo a number that only its own simulated telephone calls (server/call_phone.py)."""
    account_id = uuid5(tenant_id, "phone")
    sealed = cipher.seal({"api_key": secrets.token_urlsafe(32)}, identity=secrets_identity(tenant_id, account_id))
    row = AccountRow(
        tenant_id=tenant_id,
        id=account_id,
        provider=Provider.RETELL,
        medium=Medium.VOICE,
        external_id=DEMO_NUMBER,
        display_name="Telefone do simulador",
        webhook_key=secrets.token_urlsafe(24),
        secrets_ciphertext=sealed.ciphertext,
        secrets_key_id=sealed.key_id,
        settings={"agent_id": "agent_simulator", "is_simulated": "true"},
        is_bot_enabled=True,
        status="active",
        stopped_reason=None,
        sends_per_second=50,
        burst=100,
    )
    await channel_accounts.insert(connection, row)


async def _load_catalogue(connection: Connection, tenant_id: UUID) -> None:
    for product in PRODUCTS:
        await products.upsert(connection, tenant_id, product)
    for field in CUSTOM_FIELDS:
        await custom_fields.upsert(connection, tenant_id, field)
    board_id = await kanban.put_board(
        connection, tenant_id=tenant_id, board_id=uuid5(tenant_id, f"board:{BOARD}"), name=BOARD
    )
    await kanban.put_stages(connection, tenant_id=tenant_id, board_id=board_id, names=STAGES)


async def _load_contact(connection: Connection, tenant_id: UUID, contact: DemoContact, now: datetime) -> None:
    today = now.astimezone(_ZONE).date()
    await put_customer_invoices(
        connection, tenant_id=tenant_id, document=contact.document, name=contact.name, phone=contact.phone,
        new_invoices=[
            NewInvoice(
                number=invoice.number, amount_cents=invoice.amount_cents,
                due_on=today - timedelta(days=invoice.days_late), paid_at=now if invoice.is_paid else None,
            )
            for invoice in contact.invoices
        ],
    )  # fmt: skip
    contact_id = uuid5(tenant_id, contact.phone)
    await contacts.insert(connection, tenant_id=tenant_id, contact_id=contact_id, name=contact.name)
    for kind, key in ((AddressKind.SIMULATED, None), (AddressKind.PHONE, match_key(contact.phone))):
        address = Address(kind=kind, value=contact.phone)
        await contacts.add_address(
            connection, tenant_id=tenant_id, contact_id=contact_id, address=address, match_key=key
        )
    if contact.situation == "promised":
        await promises.put(connection, tenant_id, _promise(tenant_id, contact, contact_id, now))
    if contact.situation == "opted_out":
        reason = "pediu para não ser procurada"
        await record_opt_out(
            connection, tenant_id=tenant_id, contact_id=contact_id, scope=EVERYTHING, reason=reason, now=now
        )


def _promise(tenant_id: UUID, contact: DemoContact, contact_id: UUID, now: datetime) -> promises.PromiseRow:
    due_on = now.astimezone(_ZONE).date() + timedelta(days=_PROMISE_IN_DAYS)
    return promises.PromiseRow(
        id=uuid5(tenant_id, f"promise:{contact.document}"),
        protocol="PDEM2T6",
        document=contact.document,
        contact_id=contact_id,
        conversation_id=None,
        turn_seq=None,
        amount_cents=sum(invoice.amount_cents for invoice in contact.invoices),
        due_on=due_on,
        protected_until=protected_until(due_on, _ZONE),
        method="Pix",
        notes=None,
        status="pending",
        replaced_by=None,
        created_at=now,
        updated_at=now,
    )
