"""Promises of payment: what was promised, what came of it, and what an operator knows better."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from domain.documents import mask_document, parse_document
from domain.masking import mask_text
from domain.promises import PromiseStatus
from server.api.wire import Given, Limit, Offset, Page, Sent, Text
from server.auth import ProcessDeps, ReadsCampaigns, WritesCampaigns
from services import promises_admin
from services.promises_admin import Ending, PromisePatch
from store.promises import PromiseRow

router = APIRouter(prefix="/promises", tags=["promises"])


class InvoiceThen(Given):
    """An invoice that was open when the promise was made, with what it came to then."""

    number: str
    amount_cents: int


class Promise(Given):
    """A promise. The document is masked: who needs it whole has the CRM."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "8f14e45f-ceea-467f-a8d8-4f0c6f3c9b1a",
                    "protocol": "P7F3K2Q",
                    "status": "pending",
                    "document": "***.***.***-25",
                    "contactId": "3c59dc04-8e88-4024-b2a4-1c5d8d9a9d11",
                    "conversationId": None,
                    "amountCents": 11990,
                    "paidCents": 0,
                    "debtCents": 23980,
                    "dueOn": "2026-11-27",
                    "protectedUntil": "2026-11-28T03:00:00Z",
                    "method": "Pix",
                    "notes": None,
                    "invoices": [{"number": "2026-10-001", "amountCents": 11990}],
                    "replacedBy": None,
                    "remindedAt": None,
                    "fulfilledAt": None,
                    "brokenAt": None,
                    "createdAt": "2026-11-20T14:00:00Z",
                    "updatedAt": "2026-11-20T14:00:00Z",
                }
            ]
        }
    )

    id: UUID
    protocol: str
    status: PromiseStatus
    document: str = Field(examples=["***.***.***-25"])
    contact_id: UUID
    conversation_id: UUID | None
    amount_cents: int
    paid_cents: int = Field(description="Of the promised invoices, as far as the CRM has shown it")
    debt_cents: int | None = Field(description="All that was open when it was made")
    due_on: date
    protected_until: datetime = Field(description="Nobody collects before: the end of the promised day, customer time")
    method: str | None
    notes: str | None
    invoices: list[InvoiceThen]
    replaced_by: UUID | None
    reminded_at: datetime | None
    fulfilled_at: datetime | None
    broken_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: PromiseRow) -> "Promise":
        values = {name: getattr(row, name) for name in cls.model_fields}
        return cls.model_validate(
            values
            | {
                "document": mask_document(row.document),
                "notes": None if row.notes is None else mask_text(row.notes),
            }
        )


class PromiseChanges(Sent):
    """How it ended, or its new day or amount: then the promise is renegotiated and the answer is the new one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "fulfilled"}, {"dueOn": "2026-12-04", "amountCents": 8000}]}
    )

    status: Ending | None = None
    due_on: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))] | None = None
    amount_cents: Annotated[int, Field(ge=1, le=9_999_999_999)] | None = None


@router.get("", summary="List promises, newest first")
async def list_promises(
    deps: ProcessDeps,
    caller: ReadsCampaigns,
    status: Annotated[PromiseStatus | None, Query(description="Only those that stand so")] = None,
    contact_document: Annotated[
        Text | None,
        Query(alias="contactDocument", max_length=40, description="Only those of this CPF or CNPJ"),
    ] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Promise]:
    document = parse_document(contact_document) if contact_document else None
    rows, total = await promises_admin.list_promises(
        deps.database, caller.tenant_id, status=status, document=document, limit=limit, offset=offset
    )
    return Page(items=[Promise.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/{promise_id}", summary="Read one promise")
async def get_promise(deps: ProcessDeps, caller: ReadsCampaigns, promise_id: UUID) -> Promise:
    return Promise.of(await promises_admin.get_promise(deps.database, caller.tenant_id, promise_id))


@router.patch("/{promise_id}", summary="Say how a pending promise ended, or move its day or amount")
async def patch_promise(deps: ProcessDeps, caller: WritesCampaigns, promise_id: UUID, body: PromiseChanges) -> Promise:
    tenant = (await deps.tenants.profile(caller.tenant_id)).tenant
    patch = PromisePatch(status=body.status, due_on=body.due_on, amount_cents=body.amount_cents)
    return Promise.of(
        await promises_admin.patch_promise(
            deps.database, deps.crm_for(tenant), tenant, promise_id, patch, now=deps.clock.now()
        )
    )
