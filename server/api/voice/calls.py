"""Phone calls: what was said, what came of them, and those that customers ask for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, ConfigDict, Field

from domain.call_requests import RequestState
from domain.calls import CallPurpose, CallStatus, is_machine
from domain.messages import Provider
from server.api.wire import Given, Limit, Offset, Page, Sent, Text
from server.auth import ProcessDeps, ReadsConversations, WritesConversations
from services import call_admin, call_requests
from services.call_admin import CallDetails, outcome_of_call
from store.call_records import CallFilter, SaidRow
from store.call_requests import CallRequestRow
from store.calls import CallRow

router = APIRouter(tags=["calls"])

_CALL_EXAMPLE: Mapping[str, str | int | None] = {
    "id": "0b8f6c1e-6f0a-4f0c-9d3b-0a4a5a3f1c11",
    "direction": "out",
    "purpose": "requested",
    "status": "completed",
    "outcome": "answered",
    "channelAccountId": "3c59dc04-8e88-4024-b2a4-1c5d8d9a9d11",
    "contactId": "5f0a7a3e-3b1e-4c7e-9a3d-7b7d5d0f8a22",
    "conversationId": "f2d3a1b4-7d1c-4f0b-8b1e-2c3d4e5f6a77",
    "targetId": None,
    "requestId": "9a1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d",
    "phone": "+5511999990001",
    "providerCallId": "call_3f0c7a",
    "agentVersion": "3",
    "answeredBy": "human",
    "isVoicemail": False,
    "durationSeconds": 184,
    "costCents": 96,
    "errorCode": None,
    "disconnectionReason": "user_hangup",
    "recordingUrl": None,
    "transferredTo": None,
    "summary": "Maria, ficou combinado por telefone: R$ 119,90 para sexta-feira, 27/11.",
    "summaryMessageId": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "createdAt": "2026-11-18T14:02:00Z",
    "answeredAt": "2026-11-18T14:02:11Z",
    "endedAt": "2026-11-18T14:05:15Z",
}
_REQUEST_EXAMPLE: Mapping[str, str | int | None] = {
    "id": "9a1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d",
    "contactId": "5f0a7a3e-3b1e-4c7e-9a3d-7b7d5d0f8a22",
    "conversationId": "f2d3a1b4-7d1c-4f0b-8b1e-2c3d4e5f6a77",
    "phone": "+5511999990001",
    "reason": "quer negociar por telefone",
    "state": "waiting",
    "outcome": None,
    "wantedAt": "2026-11-18T14:02:00Z",
    "attempts": 0,
    "createdAt": "2026-11-18T14:00:00Z",
    "updatedAt": "2026-11-18T14:00:00Z",
}


class Call(Given):
    """One phone call, of a campaign, asked for by the customer, or made by the customer."""

    model_config = ConfigDict(json_schema_extra={"examples": [dict(_CALL_EXAMPLE)]})

    id: UUID
    direction: Literal["in", "out"]
    purpose: CallPurpose
    status: CallStatus
    outcome: str | None = Field(description="Of a call that has ended: answered, voicemail, no_answer, busy …")
    channel_account_id: UUID
    contact_id: UUID | None
    conversation_id: UUID | None = Field(description="What was said is its messages")
    target_id: UUID | None
    request_id: UUID | None
    phone: str
    provider_call_id: str | None
    agent_version: str | None
    answered_by: str | None
    is_voicemail: bool
    duration_seconds: int | None
    cost_cents: int | None = Field(
        description="Of reais: the provider's dollars at usd_brl_cents, else by voice_minute_cost_cents"
    )
    error_code: str | None
    disconnection_reason: str | None = Field(description="The provider's own word")
    recording_url: str | None
    transferred_to: str | None
    summary: str | None
    summary_message_id: UUID | None = Field(description="The message that carried the summary to the customer")
    created_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, row: CallRow) -> "Call":
        return cls.model_validate(call_values(row))


class Said(Given):
    """Something that was said. `text` is what was heard; `meant` what would have been said without an interruption."""

    speaker: Literal["customer", "agent", "operator"]
    text: str
    meant: str | None = None
    is_interrupted: bool = False
    at: datetime | None = None
    start_seconds: float | None = None


class CallWithTalk(Call):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_CALL_EXAMPLE,
                    "transcript": [
                        {
                            "speaker": "agent", "text": "Olá! Aqui quem fala é a Lia.", "meant": None,
                            "isInterrupted": False, "at": "2026-11-18T14:02:11Z", "startSeconds": 0.0,
                        },
                        {
                            "speaker": "customer", "text": "Oi, sou eu.", "meant": None, "isInterrupted": False,
                            "at": "2026-11-18T14:02:15Z", "startSeconds": 4.0,
                        },
                    ],
                }
            ]
        }
    )  # fmt: skip

    transcript: list[Said]

    @classmethod
    def of_details(cls, details: CallDetails) -> "CallWithTalk":
        return cls.model_validate(call_values(details.call) | {"transcript": transcript_of(details)})


class CallRequest(Given):
    """A call that a customer wants. One of a contact is open at a time."""

    model_config = ConfigDict(json_schema_extra={"examples": [dict(_REQUEST_EXAMPLE)]})

    id: UUID
    contact_id: UUID
    conversation_id: UUID
    phone: str
    reason: str
    state: RequestState
    outcome: str | None = Field(description="What came of the newest try, or why it waits")
    wanted_at: datetime
    attempts: int
    created_at: datetime
    updated_at: datetime


class NewRequest(Sent):
    """Left out, `wantedAt` is in two minutes. The contact's open request takes the new hour."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"contactId": "5f0a7a3e-3b1e-4c7e-9a3d-7b7d5d0f8a22", "reason": "pediu retorno por telefone"},
                {
                    "contactId": "5f0a7a3e-3b1e-4c7e-9a3d-7b7d5d0f8a22", "reason": "quer negociar",
                    "wantedAt": "2026-11-19T15:00:00-03:00",
                },
            ]
        }
    )  # fmt: skip

    contact_id: UUID
    reason: Annotated[Text, Field(min_length=1, max_length=300)]
    wanted_at: AwareDatetime | None = None


class AccountFigures(Given):
    """Calls of one number that ended today. Too many short ones stop it until somebody enables it again."""

    account_id: UUID
    provider: Provider
    display_name: str
    status: str
    ended: int
    short: int = Field(description="Not answered, a machine, or at most six seconds")
    short_share: float | None = Field(description="From 0 to 1; null without calls")


class CallFigures(Given):
    items: list[AccountFigures]


def call_values(row: CallRow) -> dict[str, object]:
    """Give the fields of a call as the API names them."""
    own = {"outcome": outcome_of_call(row), "is_voicemail": is_machine(row.answered_by)}
    return {name: getattr(row, name) for name in Call.model_fields if name not in own} | own


def transcript_of(details: CallDetails) -> list[Said]:
    """Give what we heard ourselves, else what the provider has told of an agent that is hosted there."""
    call = details.call
    said = [_said(row, call) for row in details.talk if (row.text or "").strip()]
    return said or [
        Said(
            speaker="customer" if entry.get("role") == "user" else "agent", text=str(entry.get("text", "")),
            start_seconds=_seconds(entry.get("startSeconds")),
        )
        for entry in call.provider_transcript or ()
    ]  # fmt: skip


def _said(row: SaidRow, call: CallRow) -> Said:
    meant = row.content.get("meant")
    began = call.answered_at
    return Said(
        speaker="customer" if row.direction == "in" else "operator" if row.author == "operator" else "agent",
        text=row.text or "", meant=meant if isinstance(meant, str) else None,
        is_interrupted=row.content.get("isInterrupted") is True, at=row.sent_at,
        start_seconds=max(0.0, (row.sent_at - began).total_seconds()) if began else None,
    )  # fmt: skip


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


@router.get("/calls", summary="List calls, newest first")
async def list_calls(
    deps: ProcessDeps,
    caller: ReadsConversations,
    status: Annotated[CallStatus | None, Query(description="Only those that stand so")] = None,
    direction: Literal["in", "out"] | None = None,
    purpose: CallPurpose | None = None,
    contact_id: Annotated[UUID | None, Query(alias="contactId")] = None,
    target_id: Annotated[UUID | None, Query(alias="targetId")] = None,
    since: Annotated[AwareDatetime | None, Query(alias="from", description="Begun at or after this instant")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Begun before this instant")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Call]:
    wanted = CallFilter(
        status=status, direction=direction, purpose=purpose, contact_id=contact_id, target_id=target_id, since=since,
        until=until,
    )  # fmt: skip
    rows, total = await call_admin.list_calls(deps.database, caller.tenant_id, wanted, limit=limit, offset=offset)
    return Page(items=[Call.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/calls/figures", summary="Count today's calls of each number, and the short ones among them")
async def get_figures(deps: ProcessDeps, caller: ReadsConversations) -> CallFigures:
    tenant = (await deps.tenants.profile(caller.tenant_id)).tenant
    counts = await call_admin.calls_today(deps.database, tenant, now=deps.clock.now())
    return CallFigures(
        items=[
            AccountFigures(
                account_id=found.account_id, provider=found.provider, display_name=found.display_name,
                status=found.status, ended=found.ended, short=found.short,
                short_share=round(found.short / found.ended, 4) if found.ended else None,
            )
            for found in counts
        ]
    )  # fmt: skip


@router.get("/calls/{call_id}", summary="Read one call with what was said in it")
async def get_call(deps: ProcessDeps, caller: ReadsConversations, call_id: UUID) -> CallWithTalk:
    return CallWithTalk.of_details(await call_admin.get_call(deps.database, caller.tenant_id, call_id))


@router.post("/calls/{call_id}/hang-up", status_code=202, summary="End a call that rings or is spoken on")
async def hang_up(deps: ProcessDeps, caller: WritesConversations, call_id: UUID) -> Call:
    return Call.of(
        await call_admin.hang_up(
            deps.database, caller.tenant_id, call_id, lines=deps.voice_lines, accounts=deps.accounts
        )
    )


@router.get("/call-requests", summary="List the calls that customers asked for, newest first")
async def list_requests(
    deps: ProcessDeps,
    caller: ReadsConversations,
    state: Annotated[RequestState | None, Query(description="Only those that stand so")] = None,
    contact_id: Annotated[UUID | None, Query(alias="contactId")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[CallRequest]:
    rows, total = await call_requests.list_requests(
        deps.database, caller.tenant_id, state=state, contact_id=contact_id, limit=limit, offset=offset
    )
    items = [CallRequest.model_validate(row) for row in rows]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.post("/call-requests", status_code=201, summary="Have a contact called, in the contact's own name")
async def ask_for_call(deps: ProcessDeps, caller: WritesConversations, body: NewRequest) -> CallRequest:
    tenant = (await deps.tenants.profile(caller.tenant_id)).tenant
    row: CallRequestRow = await call_requests.ask_for_contact(
        deps.database, tenant, contact_id=body.contact_id, reason=body.reason, wanted_at=body.wanted_at,
        now=deps.clock.now(),
    )  # fmt: skip
    return CallRequest.model_validate(row)


@router.get("/call-requests/{request_id}", summary="Read one request")
async def get_request(deps: ProcessDeps, caller: ReadsConversations, request_id: UUID) -> CallRequest:
    return CallRequest.model_validate(await call_requests.get_request(deps.database, caller.tenant_id, request_id))


@router.delete("/call-requests/{request_id}", summary="Withdraw a request that still waits")
async def cancel_request(deps: ProcessDeps, caller: WritesConversations, request_id: UUID) -> CallRequest:
    return CallRequest.model_validate(
        await call_requests.cancel_request(deps.database, caller.tenant_id, request_id, now=deps.clock.now())
    )
