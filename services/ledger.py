"""The tenant's own ledger behind the CRM port: used when no CRM URL is set (spec 2.3)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.documents import Document, parse_document
from domain.errors import DomainError
from domain.phones import match_key, parse_phone
from domain.ports import Clock, CustomerUnknown, DebtStatement, OpenInvoice
from services.plain_text import tidy_line
from store import customers, invoices
from store.customers import CustomerRow
from store.database import Connection, Database
from store.invoices import InvoiceRow
from store.locks import lock_debtor

_LARGEST_AMOUNT_CENTS = 9_999_999_999  # what a boleto can hold


class InvoiceRefused(DomainError):
    """An invoice that the ledger cannot take, and why."""

    def __init__(self, number: str, reason: str) -> None:
        super().__init__(f"invoice {number!r} refused: {reason}")
        self.number = number
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class NewInvoice:
    number: str
    amount_cents: int
    due_on: date
    paid_at: datetime | None = None
    canceled_at: datetime | None = None
    payment_line: str | None = None


class LedgerCrm:
    """Answer what a customer owes from the tenant's invoices."""

    def __init__(self, database: Database, tenant_id: UUID, clock: Clock, time_zone: ZoneInfo) -> None:
        self._database = database
        self._tenant_id = tenant_id
        self._clock = clock
        self._time_zone = time_zone

    async def open_invoices(self, document: str) -> DebtStatement:
        """List the unpaid invoices, those not yet due with zero days late. Raises CustomerUnknown."""
        async with self._database.tenant(self._tenant_id) as connection:
            customer = await customers.by_document(connection, document)
            rows = await invoices.open_of(connection, document) if customer else []
        if customer is None:
            raise CustomerUnknown
        return _statement(customer, rows, today=self._clock.now().astimezone(self._time_zone).date())


async def read_statements(
    connection: Connection, documents: Sequence[str], *, today: date
) -> Mapping[str, DebtStatement]:
    """Read what these documents owe, inside a transaction that is open; who is missing is no customer.

    Hold the debtors' locks: then no payment is recorded in the ledger meanwhile.
    """
    found = await customers.by_documents(connection, documents)
    owed: defaultdict[str, list[InvoiceRow]] = defaultdict(list)
    for row in await invoices.open_of_many(connection, documents):
        owed[row.document].append(row)
    return {customer.document: _statement(customer, owed[customer.document], today=today) for customer in found}


def _statement(customer: CustomerRow, rows: Sequence[InvoiceRow], *, today: date) -> DebtStatement:
    return DebtStatement(
        document=customer.document,
        customer_name=customer.name,
        invoices=tuple(
            OpenInvoice(
                number=row.number,
                amount_cents=row.amount_cents,
                due_on=row.due_on,
                days_late=max(0, (today - row.due_on).days),
                payment_line=row.payment_line,
            )
            for row in rows
        ),
    )


async def upsert_customer_invoices(
    database: Database, *, tenant_id: UUID, document: str, name: str, phone: str | None,
    new_invoices: Sequence[NewInvoice],
) -> Document:  # fmt: skip
    """Write a customer with invoices, all or nothing; what is paid or canceled stays so.

    Raises InvalidDocument, InvalidPhone, or InvoiceRefused (a number that is another customer's, a bad amount).
    """
    async with database.tenant(tenant_id) as connection:
        return await put_customer_invoices(
            connection, tenant_id=tenant_id, document=document, name=name, phone=phone, new_invoices=new_invoices
        )


async def put_customer_invoices(
    connection: Connection, *, tenant_id: UUID, document: str, name: str, phone: str | None,
    new_invoices: Sequence[NewInvoice],
) -> Document:  # fmt: skip
    """Do it inside an open transaction, under the debtor's lock: a contact sees all of it or comes first."""
    known = parse_document(document[:40])
    await lock_debtor(connection, tenant_id, known)
    number = parse_phone(phone[:60]) if phone else None
    key = match_key(number) if number else None
    row = CustomerRow(document=known, name=tidy_line(name, limit=120), phone=number, match_key=key)
    await customers.upsert(connection, tenant_id, row)
    for invoice in new_invoices:
        if not 0 < invoice.amount_cents <= _LARGEST_AMOUNT_CENTS:
            raise InvoiceRefused(invoice.number, "amount")
        if not invoice.number or tidy_line(invoice.number, limit=40) != invoice.number:
            raise InvoiceRefused(invoice.number[:40], "number")
        stored = InvoiceRow(
            document=known, number=invoice.number, amount_cents=invoice.amount_cents, due_on=invoice.due_on,
            paid_at=invoice.paid_at, canceled_at=invoice.canceled_at, payment_line=invoice.payment_line,
        )  # fmt: skip
        if not await invoices.upsert(connection, tenant_id, stored):
            raise InvoiceRefused(invoice.number, "belongs to another customer")
    return known
