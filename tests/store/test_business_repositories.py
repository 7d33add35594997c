"""The business tables on a real PostgreSQL: what the schema promises and what one tenant sees."""

from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from psycopg.errors import InsufficientPrivilege, UniqueViolation

from store import contacts, custom_fields, customers, invoices, kanban, opt_outs, products, promises, tenants
from store.customers import CustomerRow
from store.database import Connection, Database
from store.invoices import InvoiceRow
from store.promises import PromiseRow
from tests.business_world import MARIA
from tests.factories import make_tenant, open_database
from tests.fakes_clock import DEFAULT_NOW


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


async def add_contact(connection: Connection, tenant_id: UUID) -> UUID:
    contact_id = uuid4()
    await contacts.insert(connection, tenant_id=tenant_id, contact_id=contact_id, name="Maria")
    return contact_id


def promise(contact_id: UUID, protocol: str, *, status: str = "pending") -> PromiseRow:
    return PromiseRow(
        id=uuid4(), protocol=protocol, document=MARIA, contact_id=contact_id, conversation_id=None, turn_seq=None,
        amount_cents=100, due_on=date(2026, 11, 27), protected_until=DEFAULT_NOW, method=None, notes=None,
        status=status, replaced_by=None, created_at=DEFAULT_NOW, updated_at=DEFAULT_NOW,
    )  # fmt: skip


async def test_tenant_is_found_by_slug_and_its_settings_are_merged(database: Database) -> None:
    tenant_id = await make_tenant(database, promise_horizon_days=10, tone="seca")
    async with database.platform() as connection:
        found = await tenants.by_slug(connection, "tr-telecom")
        assert await tenants.by_slug(connection, "outra") is None
        assert [tenant.id for tenant in await tenants.list_all(connection)] == [tenant_id]
    assert found is not None
    assert (found.id, found.time_zone, found.settings.promise_horizon_days) == (
        tenant_id,
        ZoneInfo("America/Sao_Paulo"),
        10,
    )
    async with database.tenant(tenant_id) as connection:
        changed = await tenants.merge_settings(connection, tenant_id, {"promise_horizon_days": 20})
        assert await tenants.set_bot_enabled(connection, tenant_id, is_bot_enabled=False)
        again = await tenants.by_id(connection, tenant_id)
    assert changed is not None
    assert (changed.settings.promise_horizon_days, changed.settings.tone) == (20, "seca")
    assert again is not None
    assert not again.is_bot_enabled


async def test_upsert_keeps_the_id_of_the_slug(database: Database) -> None:
    first = await make_tenant(database)
    await make_tenant(database, tone="nova")
    async with database.platform() as connection:
        found = await tenants.by_slug(connection, "tr-telecom")
    assert found is not None
    assert (found.id, found.settings.tone) == (first, "nova")


async def test_tenant_sees_and_changes_no_other_tenant(database: Database) -> None:
    mine, other = await make_tenant(database), await make_tenant(database, "outra")
    async with database.tenant(other) as connection:
        await customers.upsert(connection, other, CustomerRow(document=MARIA, name="Maria", match_key="1199990001"))
        row = InvoiceRow(document=MARIA, number="FAT-1", amount_cents=1, due_on=date(2026, 1, 1))
        assert await invoices.upsert(connection, other, row)
        await promises.put(connection, other, promise(await add_contact(connection, other), "P1"))
        await products.upsert(
            connection, other, products.ProductRow(sku="A", name="A", description="", price_cents=1, period="")
        )
        board = await kanban.put_board(connection, tenant_id=other, board_id=uuid4(), name="Vendas")
        await kanban.put_stages(connection, tenant_id=other, board_id=board, names=["Novo"])
    async with database.tenant(mine) as connection:
        assert await tenants.by_id(connection, other) is None
        assert await customers.by_document(connection, MARIA) is None
        assert await customers.documents_of_phones(connection, ["1199990001"]) == []
        assert await invoices.open_of(connection, MARIA) == []
        assert not await invoices.mark_paid(connection, "FAT-1", now=DEFAULT_NOW)
        assert await promises.pending_of(connection, MARIA) is None
        assert not await promises.fulfill_pending(connection, MARIA, now=DEFAULT_NOW)
        assert await products.active(connection) == []
        assert await kanban.stages(connection) == []
        assert await tenants.merge_settings(connection, other, {"tone": "x"}) is None
        await customers.upsert(connection, mine, CustomerRow(document=MARIA, name="Outra Maria"))
        assert await invoices.upsert(connection, mine, row)  # the same number, another tenant's
    with pytest.raises(InsufficientPrivilege):
        await _write_as(database, mine, other)


async def _write_as(database: Database, tenant_id: UUID, other: UUID) -> None:
    async with database.tenant(tenant_id) as connection:
        await customers.upsert(connection, other, CustomerRow(document=MARIA, name="Intrusa"))


async def test_schema_holds_one_pending_promise_per_document(database: Database) -> None:
    tenant_id = await make_tenant(database)
    async with database.tenant(tenant_id) as connection:
        contact_id = await add_contact(connection, tenant_id)
        await promises.put(connection, tenant_id, promise(contact_id, "P1"))
        await promises.put(connection, tenant_id, promise(contact_id, "P2", status="broken"))
    with pytest.raises(UniqueViolation):
        await _put_promise(database, tenant_id, promise(contact_id, "P3"))


async def _put_promise(database: Database, tenant_id: UUID, row: PromiseRow) -> None:
    async with database.tenant(tenant_id) as connection:
        await promises.put(connection, tenant_id, row)


async def test_invoice_number_of_another_customer_is_not_taken_over(database: Database) -> None:
    tenant_id = await make_tenant(database)
    async with database.tenant(tenant_id) as connection:
        for document in (MARIA, "11144477735"):
            await customers.upsert(connection, tenant_id, CustomerRow(document=document, name="X"))
        row = InvoiceRow(document=MARIA, number="FAT-1", amount_cents=1, due_on=date(2026, 1, 1))
        assert await invoices.upsert(connection, tenant_id, row)
        theirs = InvoiceRow(document="11144477735", number="FAT-1", amount_cents=2, due_on=date(2026, 1, 1))
        assert not await invoices.upsert(connection, tenant_id, theirs)
        assert [invoice.amount_cents for invoice in await invoices.open_of(connection, MARIA)] == [1]


async def test_opt_out_is_live_until_it_is_revoked(database: Database) -> None:
    tenant_id = await make_tenant(database)
    async with database.tenant(tenant_id) as connection:
        contact_id = await add_contact(connection, tenant_id)
        for scope in ("all", "all", "sms"):
            await opt_outs.put(
                connection, tenant_id=tenant_id, contact_id=contact_id, scope=scope, reason="pediu", now=DEFAULT_NOW
            )
        assert await opt_outs.revoke_all(connection, contact_id, now=DEFAULT_NOW) == 2
        assert await opt_outs.live_of(connection, contact_id) == []


async def test_fields_and_stages_are_listed_in_order(database: Database) -> None:
    tenant_id = await make_tenant(database)
    async with database.tenant(tenant_id) as connection:
        for name in ("email", "cidade"):
            await custom_fields.upsert(connection, tenant_id, custom_fields.CustomFieldRow(name=name, label=name))
        assert await custom_fields.names(connection) == ["cidade", "email"]
        assert await custom_fields.delete(connection, "cidade")
        assert not await custom_fields.delete(connection, "cidade")
        board = await kanban.put_board(connection, tenant_id=tenant_id, board_id=uuid4(), name="Vendas")
        assert await kanban.put_board(connection, tenant_id=tenant_id, board_id=uuid4(), name="Vendas") == board
        await kanban.put_stages(connection, tenant_id=tenant_id, board_id=board, names=["B", "A"])
        assert await kanban.stage_names(connection) == ["B", "A"]
