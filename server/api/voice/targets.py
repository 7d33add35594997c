"""Targets: the debtors of a campaign, how each stands, and what the contact gate decided about each."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from domain.campaigns import Method, TargetOutcome, TargetState
from domain.documents import mask_document
from domain.masking import mask_phone, mask_text
from server.api.voice.changes import emptied
from server.api.wire import Given, Limit, Offset, Page, Sent, Text
from server.auth import ProcessDeps, ReadsCampaigns, WritesCampaigns
from services import campaign_targets
from services.api_keys import Caller, Scope
from services.campaign_targets import TargetPatch
from store.contact_decisions import DecisionRow
from store.targets import TargetRow

router = APIRouter(tags=["targets"])

Line = Annotated[Text, Field(min_length=1, max_length=120)]
Uf = Annotated[Text, Field(min_length=2, max_length=2, description="Of the address: it beats the area code")]
Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000, description="Higher ones are contacted first")]
_MOST_DEPTH = 6
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class Target(Given):
    """A target. The document is masked for everybody; the phone for keys without the scope contacts:read."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
                    "campaignId": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                    "clientName": "Maria Aparecida",
                    "phoneNumber": "***0001",
                    "clientDocument": "***.***.***-25",
                    "installationPoint": "Rua das Flores, 12",
                    "debtCents": 12990,
                    "invoiceNumber": "2026-10-001",
                    "uf": "SP",
                    "priority": 0,
                    "state": "contacted",
                    "outcome": "promise_made",
                    "outcomeDetails": {},
                    "method": "whatsapp",
                    "attemptCount": 1,
                    "firstContactedAt": "2026-11-20T14:00:00Z",
                    "lastAttemptAt": "2026-11-20T14:00:00Z",
                    "callSid": None,
                    "contactId": "3c59dc04-8e88-4024-b2a4-1c5d8d9a9d11",
                    "conversationId": "b6d767d2-f8ed-4d21-a44b-0e5886680cb9",
                    "promisedAt": "2026-11-20T14:06:00Z",
                    "paidAt": None,
                    "dueAt": "2026-11-28T03:00:00Z",
                    "createdAt": "2026-11-20T13:45:00Z",
                    "updatedAt": "2026-11-20T14:06:00Z",
                }
            ]
        }
    )

    id: UUID
    campaign_id: UUID
    client_name: str
    phone_number: str
    client_document: str
    installation_point: str | None
    debt_cents: int
    invoice_number: str | None
    uf: str | None
    priority: int
    state: TargetState
    outcome: TargetOutcome | None
    outcome_details: dict[str, object]
    method: Method | None = Field(description="Of the contact that is planned, or was made last")
    attempt_count: int = Field(description="Contacts of this round; a broken promise begins a new one")
    first_contacted_at: datetime | None
    last_attempt_at: datetime | None
    call_sid: str | None
    contact_id: UUID | None
    conversation_id: UUID | None
    promised_at: datetime | None
    paid_at: datetime | None
    due_at: datetime | None = Field(
        description=(
            "pending: when it is planned; scheduled: when it is contacted; contacted: when somebody looks whether it "
            "was answered, or a promise's protection ends. null: nothing more happens by itself"
        )
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: TargetRow, caller: Caller) -> "Target":
        masked = {
            "phone_number": row.phone if caller.may(Scope.CONTACTS_READ) else mask_phone(row.phone),
            "client_document": mask_document(row.document),
            "outcome_details": _masked(row.outcome_details),
        }
        values = {name: getattr(row, name) for name in cls.model_fields if name not in masked}
        return cls.model_validate(values | masked)


class TargetChanges(Sent):
    """What to change; a field left out stays. installationPoint, invoiceNumber and uf may be null: they are emptied."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"phoneNumber": "(11) 99999-0002"}, {"state": "completed"}]}
    )

    client_name: Line | None = None
    phone_number: Annotated[Text, Field(min_length=8, max_length=40)] | None = None
    installation_point: Line | None = None
    debt_cents: Annotated[int, Field(ge=1, le=10**11)] | None = None
    invoice_number: Line | None = None
    uf: Uf | None = None
    priority: Priority | None = None
    state: Literal[TargetState.PENDING, TargetState.COMPLETED] | None = Field(
        default=None, description="pending takes it up again; completed ends it"
    )
    outcome: (
        Literal[TargetOutcome.CANCELED, TargetOutcome.ANSWERED, TargetOutcome.NO_ANSWER, TargetOutcome.FAILED] | None
    ) = Field(default=None, description="Together with state completed; left out: canceled")

    def domain(self) -> TargetPatch:
        values = {name: getattr(self, name) for name in type(self).model_fields if name != "phone_number"}
        return TargetPatch(**values, phone=self.phone_number, cleared=emptied(self, campaign_targets.NULLABLE))


class Decision(Given):
    """What the contact gate decided at one moment, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "9b2d6c1e-6a0c-4c8e-8f0e-0a2f1c1d7b11",
                    "engine": "campaign",
                    "verdict": "skip",
                    "reason": "active_promise",
                    "details": {"daysLeft": 3},
                    "method": "whatsapp",
                    "channelAccountId": None,
                    "messageId": None,
                    "callId": None,
                    "costCents": 0,
                    "voidedAt": None,
                    "decidedAt": "2026-11-21T12:00:00Z",
                }
            ]
        }
    )

    id: UUID
    engine: str = Field(description="What wanted the contact: campaign, reminder, …")
    verdict: Literal["contact", "skip", "postpone"]
    reason: str = Field(description="A stable code, such as allowed, already_paid, active_promise, outside_hours")
    details: dict[str, object]
    method: Method | None
    channel_account_id: UUID | None
    message_id: UUID | None
    call_id: UUID | None
    cost_cents: int
    voided_at: datetime | None = Field(description="Since when it is sure that the provider took nothing")
    decided_at: datetime

    @classmethod
    def of(cls, row: DecisionRow) -> "Decision":
        values = {name: getattr(row, name) for name in cls.model_fields}
        return cls.model_validate(values | {"details": _masked(row.details)})


def _masked(details: Mapping[str, object]) -> dict[str, object]:
    """Hide what is personal in what the engines noted."""
    return {str(name): _masked_value(value, _MOST_DEPTH) for name, value in details.items()}


def _masked_value(value: object, depth: int) -> object:
    if depth == 0:
        return None
    if isinstance(value, str):
        return value if _ID.fullmatch(value) else mask_text(value)
    if isinstance(value, Mapping):
        return {str(name): _masked_value(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked_value(inner, depth - 1) for inner in value]
    return value


@router.get("/campaigns/{campaign_id}/targets", summary="List the targets of a campaign, in the order they came")
async def list_targets(
    deps: ProcessDeps,
    caller: ReadsCampaigns,
    campaign_id: UUID,
    state: Annotated[TargetState | None, Query(description="Only those in this state")] = None,
    outcome: Annotated[TargetOutcome | None, Query(description="Only those with this outcome")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Target]:
    rows, total = await campaign_targets.list_targets(
        deps.database, caller.tenant_id, campaign_id, state=state, outcome=outcome, limit=limit, offset=offset
    )
    return Page(items=[Target.of(row, caller) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/targets/{target_id}", summary="Read one target")
async def get_target(deps: ProcessDeps, caller: ReadsCampaigns, target_id: UUID) -> Target:
    return Target.of(await campaign_targets.get_target(deps.database, caller.tenant_id, target_id), caller)


@router.patch(
    "/targets/{target_id}",
    summary="Correct a target, end it, or take it up again",
    description="A contact that is under way is not called back; the next one sees the change wholly.",
)
async def patch_target(deps: ProcessDeps, caller: WritesCampaigns, target_id: UUID, body: TargetChanges) -> Target:
    patched = await campaign_targets.patch_target(
        deps.database, caller.tenant_id, target_id, body.domain(), now=deps.clock.now()
    )
    return Target.of(patched, caller)


@router.get("/targets/{target_id}/decisions", summary="List why a target was contacted or not, newest first")
async def list_decisions(
    deps: ProcessDeps, caller: ReadsCampaigns, target_id: UUID, limit: Limit = 50, offset: Offset = 0
) -> Page[Decision]:
    rows, total = await campaign_targets.list_decisions(
        deps.database, caller.tenant_id, target_id, limit=limit, offset=offset
    )
    return Page(items=[Decision.of(row) for row in rows], total=total, limit=limit, offset=offset)
