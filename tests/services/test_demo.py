"""The demo tenant is whole, loaded once, and left as people made it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.documents import parse_document
from domain.tenants import Tenant
from services.accounts import secrets_identity
from services.demo import DEMO_CONTACTS, DEMO_SLUG, seed_demo
from services.knowledge import KnowledgeBase
from services.ledger import LedgerCrm
from services.offline_embeddings import OfflineEmbeddings
from store import (
    channel_accounts,
    contact_search,
    custom_fields,
    invoices,
    kanban,
    products,
    promises,
    tenants,
)
from store.cipher import Cipher, Sealed
from store.database import Database
from tests.factories import TEST_KEY, open_database
from tests.fakes_clock import DEFAULT_NOW, FakeClock


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
async def base(database_url: str) -> AsyncIterator[KnowledgeBase]:
    knowledge = KnowledgeBase(database_url, OfflineEmbeddings())
    yield knowledge
    await knowledge.close()


async def demo_tenant(database: Database) -> Tenant:
    async with database.platform() as connection:
        tenant = await tenants.by_slug(connection, DEMO_SLUG)
    assert tenant is not None
    return tenant


async def test_demo_has_what_the_tour_needs(database: Database, base: KnowledgeBase, clock: FakeClock) -> None:
    summary = await seed_demo(database, base, Cipher(TEST_KEY), now=clock.now())
    assert (summary.was_created, summary.contacts, summary.documents) == (True, 12, 12)
    tenant = await demo_tenant(database)
    assert (tenant.name, tenant.assistant_name) == ("TR Telecom", "Lia")
    assert tenant.settings.pix is not None
    assert tenant.settings.boleto is not None
    async with database.tenant(tenant.id) as connection:
        assert len(await products.active(connection)) == 8
        assert await kanban.stage_names(connection) == ["Novo", "Em conversa", "Proposta enviada", "Fechado", "Perdido"]
        assert await custom_fields.names(connection) == ["data_instalacao", "email", "endereco"]
        phone, account = sorted(await channel_accounts.list_all(connection), key=lambda row: row.provider)
        assert (await contact_search.search(connection, text=None, tag=None, limit=1, offset=0))[1] == 12
        promise = await promises.pending_of(connection, DEMO_CONTACTS[5].document)
    assert (account.provider, phone.provider) == ("simulator", "retell")
    assert phone.settings["is_simulated"] == "true"  # nobody's number: it is never dialed
    sealed = Sealed(ciphertext=account.secrets_ciphertext or b"", key_id=account.secrets_key_id or "")
    opened = Cipher(TEST_KEY).open(sealed, identity=secrets_identity(tenant.id, account.id))
    assert opened["webhook_secret"]
    assert promise is not None
    assert promise.protected_until > clock.now()
    assert await base.search(tenant.id, "qual o horário de atendimento?")


async def test_situations_are_true_in_the_ledger(database: Database, base: KnowledgeBase, clock: FakeClock) -> None:
    await seed_demo(database, base, Cipher(TEST_KEY), now=clock.now())
    tenant = await demo_tenant(database)
    crm = LedgerCrm(database, tenant.id, clock, tenant.time_zone)
    for contact in DEMO_CONTACTS:
        statement = await crm.open_invoices(parse_document(contact.document))
        assert bool(statement.invoices) == (contact.situation != "paid"), contact.name
        assert all(invoice.days_late > 0 for invoice in statement.invoices)
    async with database.tenant(tenant.id) as connection:
        rows, _ = await contact_search.search(connection, text=None, tag=None, limit=50, offset=0)
    opted_out = [row.name for row in rows if row.opted_out_at]
    assert opted_out == [contact.name for contact in DEMO_CONTACTS if contact.situation == "opted_out"]


async def test_second_load_keeps_what_people_changed(database: Database, base: KnowledgeBase, clock: FakeClock) -> None:
    await seed_demo(database, base, Cipher(TEST_KEY), now=DEFAULT_NOW)
    tenant = await demo_tenant(database)
    async with database.tenant(tenant.id) as connection:
        await invoices.mark_paid(connection, "FAT-1001", now=DEFAULT_NOW)
    await base.add_document(tenant.id, "Horário", "horarios.md", "Agora 24 horas.", DEFAULT_NOW)
    again = await seed_demo(database, base, Cipher(TEST_KEY), now=DEFAULT_NOW + timedelta(days=3))
    assert not again.was_created
    statement = await LedgerCrm(database, tenant.id, clock, tenant.time_zone).open_invoices(DEMO_CONTACTS[0].document)
    assert [(invoice.number, invoice.days_late) for invoice in statement.invoices] == [("FAT-1002", 11)]
    assert (await base.search(tenant.id, "qual o horário?"))[0].text == "Agora 24 horas."


async def test_load_that_was_cut_short_is_finished(database: Database, base: KnowledgeBase) -> None:
    await seed_demo(database, base, Cipher(TEST_KEY), now=DEFAULT_NOW)
    tenant = await demo_tenant(database)
    assert await base.remove_document(tenant.id, "planos.md")
    await seed_demo(database, base, Cipher(TEST_KEY), now=DEFAULT_NOW)
    assert await base.has_document(tenant.id, "planos.md")


def test_demo_people_are_fictional_and_valid() -> None:
    for contact in DEMO_CONTACTS:
        parse_document(contact.document)
        assert contact.phone.startswith("+55119999900")
    numbers = [invoice.number for contact in DEMO_CONTACTS for invoice in contact.invoices]
    assert len(set(numbers)) == len(numbers)
