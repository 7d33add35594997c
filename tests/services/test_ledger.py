"""The tenant's own ledger answers as a CRM does."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from domain.documents import InvalidDocument
from domain.phones import InvalidPhone
from domain.ports import Crm, CustomerUnknown
from services.ledger import InvoiceRefused, LedgerCrm, NewInvoice, upsert_customer_invoices
from store import customers, invoices
from tests.business_world import JOAO, MARIA, TODAY, World, add_debtor, make_world
from tests.fakes_clock import DEFAULT_NOW, FakeClock

INVOICE = NewInvoice(number="FAT-1", amount_cents=11990, due_on=date(2026, 10, 10))


def ledger(world: World, clock: FakeClock) -> Crm:
    return LedgerCrm(world.database, world.tenant.id, clock, world.tenant.time_zone)


async def put(world: World, *new: NewInvoice, document: str = MARIA, phone: str | None = None) -> None:
    await upsert_customer_invoices(
        world.database,
        tenant_id=world.tenant.id,
        document=document,
        name="Maria da Silva",
        phone=phone,
        new_invoices=new,
    )


async def test_open_invoices_come_in_the_order_of_the_due_dates(world: World, clock: FakeClock) -> None:
    future = TODAY + timedelta(days=9)
    await put(
        world,
        replace(INVOICE, number="B", due_on=TODAY - timedelta(days=1)),
        INVOICE,
        replace(INVOICE, number="C", due_on=future),
        replace(INVOICE, number="PAGA", paid_at=DEFAULT_NOW),
        replace(INVOICE, number="CANCELADA", canceled_at=DEFAULT_NOW),
    )
    found = await ledger(world, clock).open_invoices(MARIA)
    assert [(i.number, i.days_late) for i in found.invoices] == [("FAT-1", 41), ("B", 1), ("C", 0)]
    assert (found.customer_name, found.total_cents) == ("Maria da Silva", 3 * 11990)


async def test_unknown_customer_is_not_somebody_without_debt(world: World, clock: FakeClock) -> None:
    await put(world)
    assert (await ledger(world, clock).open_invoices(MARIA)).invoices == ()
    with pytest.raises(CustomerUnknown):
        await ledger(world, clock).open_invoices(JOAO)


async def test_other_tenants_customers_are_unknown(world: World, clock: FakeClock) -> None:
    other = await make_world(world.database, slug="outra")
    await add_debtor(other)
    with pytest.raises(CustomerUnknown):
        await ledger(world, clock).open_invoices(MARIA)


async def test_paid_invoice_is_not_opened_again_by_an_import(world: World, clock: FakeClock) -> None:
    await put(world, INVOICE)
    async with world.database.tenant(world.tenant.id) as connection:
        assert await invoices.mark_paid(connection, "FAT-1", now=DEFAULT_NOW)
        assert not await invoices.mark_paid(connection, "FAT-1", now=DEFAULT_NOW)
    await put(world, INVOICE)
    assert (await ledger(world, clock).open_invoices(MARIA)).invoices == ()


async def test_phone_gives_the_key_that_contacts_are_matched_by(world: World) -> None:
    await put(world, INVOICE, phone="(11) 99999-0001")
    async with world.database.tenant(world.tenant.id) as connection:
        assert await customers.documents_of_phones(connection, ["1199990001"]) == [MARIA]
        assert await customers.documents_of_phones(connection, ["1199990002"]) == []


async def test_refused_row_leaves_nothing_of_the_others(world: World, clock: FakeClock) -> None:
    await put(world, INVOICE)
    with pytest.raises(InvoiceRefused):
        await put(world, replace(INVOICE, number="NOVA"), INVOICE, document=JOAO)
    with pytest.raises(CustomerUnknown):
        await ledger(world, clock).open_invoices(JOAO)


@pytest.mark.parametrize("amount", [0, -1, 10**12])
async def test_amount_out_of_range_is_refused(world: World, amount: int) -> None:
    with pytest.raises(InvoiceRefused):
        await put(world, replace(INVOICE, amount_cents=amount))


async def test_bad_documents_and_phones_are_refused(world: World) -> None:
    with pytest.raises(InvalidDocument):
        await put(world, INVOICE, document="529.982.247-26")
    with pytest.raises(InvalidPhone):
        await put(world, INVOICE, phone="123")
