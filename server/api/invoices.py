"""Invoices of the tenant's own ledger, used when no CRM is connected."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import AwareDatetime, ConfigDict, Field

from domain.documents import mask_document
from server.api.wire import Given, Sent, Text
from server.auth import ProcessDeps, WritesInvoices
from services.ledger import NewInvoice, upsert_customer_invoices

router = APIRouter(prefix="/invoices", tags=["invoices"])


class Invoice(Sent):
    number: Annotated[Text, Field(min_length=1, max_length=40)]
    amount_cents: Annotated[int, Field(ge=1, le=9_999_999_999)]
    due_on: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]
    paid_at: AwareDatetime | None = None
    canceled_at: AwareDatetime | None = None
    payment_line: Annotated[Text, Field(max_length=60)] | None = None

    def domain(self) -> NewInvoice:
        return NewInvoice(
            number=self.number, amount_cents=self.amount_cents, due_on=self.due_on, paid_at=self.paid_at,
            canceled_at=self.canceled_at, payment_line=self.payment_line,
        )  # fmt: skip


class CustomerInvoices(Sent):
    """A customer with invoices. What is paid or canceled already stays so."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "document": "529.982.247-25",
                    "name": "Maria Aparecida",
                    "phone": "+5511999990001",
                    "invoices": [{"number": "2026-10-001", "amountCents": 12990, "dueOn": "2026-10-10"}],
                }
            ]
        }
    )

    document: Annotated[Text, Field(min_length=11, max_length=40)]
    name: Annotated[Text, Field(min_length=1, max_length=120)]
    phone: Annotated[Text, Field(max_length=60)] | None = None
    invoices: Annotated[list[Invoice], Field(max_length=1000, default_factory=list)]


class Stored(Given):
    document: str = Field(examples=["***.982.247-**"])
    invoices: int
    stored_at: datetime


@router.post("", summary="Write a customer with invoices: new ones are added, known ones brought up to date")
async def put_invoices(deps: ProcessDeps, caller: WritesInvoices, body: CustomerInvoices) -> Stored:
    document = await upsert_customer_invoices(
        deps.database, tenant_id=caller.tenant_id, document=body.document, name=body.name, phone=body.phone,
        new_invoices=[invoice.domain() for invoice in body.invoices],
    )  # fmt: skip
    return Stored(document=mask_document(document), invoices=len(body.invoices), stored_at=deps.clock.now())
