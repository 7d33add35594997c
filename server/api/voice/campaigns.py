"""Collection campaigns: made, changed, started, paused, ended, deleted."""

from datetime import datetime, time
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from domain.campaigns import CampaignStatus, ContactMethod, Method
from server.api.voice.changes import emptied
from server.api.wire import Given, Limit, Offset, Page, Sent, Text
from server.auth import ProcessDeps, ReadsCampaigns, WritesCampaigns
from services import campaigns
from services.campaigns import CampaignDetails, CampaignPatch, NewCampaign

router = APIRouter(prefix="/campaigns", tags=["campaigns"])

_EXAMPLE: JsonDict = {
    "name": "Vencidos há 30 dias",
    "contactMethod": "whatsapp_primary",
    "allowedMethods": ["whatsapp", "sms"],
    "fallbackOrder": ["whatsapp", "sms"],
    "scheduleStart": "08:00",
    "scheduleEnd": "20:00",
    "weekdays": [1, 2, 3, 4, 5],
    "avoidsOptionalHolidays": True,
    "channelAccountIds": ["0f8fad5b-d9cb-469f-a165-70867728950e"],
    "templateId": None,
    "smsText": None,
    "voicemailPolicy": "hang_up",
    "maxAttempts": 3,
    "retryGapMinutes": 1440,
    "unansweredAfterMinutes": 1440,
    "pacing": "spread",
    "budgetCents": 50000,
}
_GIVEN_EXAMPLE: JsonDict = _EXAMPLE | {
    "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "status": "active",
    "pauseReason": None,
    "spentCents": 1240,
    "startedAt": "2026-11-20T14:00:00Z",
    "completedAt": None,
    "createdAt": "2026-11-20T13:40:00Z",
    "updatedAt": "2026-11-20T14:00:00Z",
}

Name = Annotated[Text, Field(min_length=1, max_length=120, description="What you call it")]
Methods = Annotated[list[Method], Field(max_length=10)]
Weekday = Annotated[int, Field(ge=1, le=7)]
Weekdays = Annotated[list[Weekday], Field(min_length=1, max_length=7, description="1 is Monday, 7 is Sunday")]
Accounts = Annotated[list[UUID], Field(max_length=50, description="The numbers it may use, of all its methods")]
Attempts = Annotated[int, Field(ge=1, le=20, description="Contacts of one target at most, until it reacts")]
Minutes = Annotated[int, Field(ge=1, le=43_200)]
Budget = Annotated[int, Field(ge=0, le=10**12, description="It pauses itself when its contacts have cost as much")]
SmsText = Annotated[Text, Field(max_length=480, description="Neutral: it may not speak of a debt")]
Time = Annotated[time, Field(description="In the customer's place; the window is closed-open")]
VoicemailPolicy = Literal["hang_up", "leave_message"]
Pacing = Literal["spread", "asap"]


class Campaign(Given):
    """A campaign as it stands."""

    model_config = ConfigDict(json_schema_extra={"examples": [_GIVEN_EXAMPLE]})

    id: UUID
    name: str
    status: CampaignStatus
    pause_reason: str | None = Field(description="Why it was paused, by you or by itself")
    contact_method: ContactMethod
    allowed_methods: list[Method]
    fallback_order: list[Method]
    schedule_start: time
    schedule_end: time
    weekdays: list[int]
    avoids_optional_holidays: bool
    channel_account_ids: list[UUID]
    template_id: UUID | None
    sms_text: str | None
    voicemail_policy: str
    max_attempts: int
    retry_gap_minutes: int
    unanswered_after_minutes: int
    pacing: str
    budget_cents: int | None
    spent_cents: int = Field(description="Counted while there is a budget; what all contacts cost is in the stats")
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, details: CampaignDetails) -> "Campaign":
        values = {name: getattr(details.row, name) for name in cls.model_fields if name != "channel_account_ids"}
        return cls.model_validate(values | {"channel_account_ids": list(details.account_ids)})


class CampaignWish(Sent):
    """A campaign to make; it begins as a draft. What is left out is strict: business days, 08:00 to 20:00."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [_EXAMPLE, {"name": "Vencidos há 30 dias", "contactMethod": "voice"}]}
    )

    name: Name
    contact_method: ContactMethod = Field(
        default=ContactMethod.WHATSAPP_PRIMARY,
        description="How it begins. whatsapp_fallback is by voice, with WhatsApp as what follows",
    )
    allowed_methods: Methods | None = Field(default=None, description="Left out: those of the contact method")
    fallback_order: Methods | None = Field(default=None, description="Left out: as the allowed methods are listed")
    schedule_start: Time = time(8)
    schedule_end: Time = time(20)
    weekdays: Weekdays = Field(default=[1, 2, 3, 4, 5])
    avoids_optional_holidays: bool = Field(
        default=True, description="Carnival, Corpus Christi and the like are days without contact, too"
    )
    channel_account_ids: Accounts = Field(default=[])
    template_id: UUID | None = Field(
        default=None, description="The opening, for providers that take only approved ones"
    )
    sms_text: SmsText | None = None
    voicemail_policy: VoicemailPolicy = "hang_up"
    max_attempts: Attempts = 3
    retry_gap_minutes: Minutes = Field(default=1440, description="From one attempt to the next, at least")
    unanswered_after_minutes: Minutes = Field(default=1440, description="When a contact counts as not answered")
    pacing: Pacing = Field(default="spread", description="Over the day's window, or as soon as possible")
    budget_cents: Budget | None = None

    def domain(self) -> NewCampaign:
        values = {name: getattr(self, name) for name in type(self).model_fields if name != "channel_account_ids"}
        return NewCampaign(**values, account_ids=self.channel_account_ids)


class CampaignChanges(Sent):
    """What to change; a field left out stays. templateId, smsText and budgetCents may be null: they are emptied."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"scheduleEnd": "18:00", "budgetCents": None}]})

    name: Name | None = None
    contact_method: ContactMethod | None = None
    allowed_methods: Methods | None = None
    fallback_order: Methods | None = None
    schedule_start: Time | None = None
    schedule_end: Time | None = None
    weekdays: Weekdays | None = None
    avoids_optional_holidays: bool | None = None
    channel_account_ids: Accounts | None = None
    template_id: UUID | None = None
    sms_text: SmsText | None = None
    voicemail_policy: VoicemailPolicy | None = None
    max_attempts: Attempts | None = None
    retry_gap_minutes: Minutes | None = None
    unanswered_after_minutes: Minutes | None = None
    pacing: Pacing | None = None
    budget_cents: Budget | None = None

    def domain(self) -> CampaignPatch:
        values = {name: getattr(self, name) for name in type(self).model_fields if name != "channel_account_ids"}
        return CampaignPatch(**values, account_ids=self.channel_account_ids, cleared=emptied(self, campaigns.NULLABLE))


class Pause(Sent):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Falha no banco: boletos errados"}]})

    reason: Annotated[Text, Field(max_length=200)] | None = None


@router.get("", summary="List campaigns, newest first")
async def list_campaigns(
    deps: ProcessDeps,
    caller: ReadsCampaigns,
    status: Annotated[CampaignStatus | None, Query(description="Only those with this status")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Campaign]:
    found, total = await campaigns.list_campaigns(
        deps.database, caller.tenant_id, status=status, limit=limit, offset=offset
    )
    return Page(items=[Campaign.of(details) for details in found], total=total, limit=limit, offset=offset)


@router.post("", status_code=201, summary="Make a campaign; it is a draft until it is activated")
async def create_campaign(deps: ProcessDeps, caller: WritesCampaigns, body: CampaignWish) -> Campaign:
    made = await campaigns.create_campaign(deps.database, caller.tenant_id, body.domain(), now=deps.clock.now())
    return Campaign.of(made)


@router.get("/{campaign_id}", summary="Read one campaign")
async def get_campaign(deps: ProcessDeps, caller: ReadsCampaigns, campaign_id: UUID) -> Campaign:
    return Campaign.of(await campaigns.get_campaign(deps.database, caller.tenant_id, campaign_id))


@router.patch(
    "/{campaign_id}",
    summary="Change a campaign, also an active one",
    description="Contacts that went out stay; what is planned is planned anew. A completed campaign does not change.",
)
async def patch_campaign(
    deps: ProcessDeps, caller: WritesCampaigns, campaign_id: UUID, body: CampaignChanges
) -> Campaign:
    patched = await campaigns.patch_campaign(
        deps.database, caller.tenant_id, campaign_id, body.domain(), now=deps.clock.now()
    )
    if patched.row.status is CampaignStatus.ACTIVE:
        await deps.queue.ring("scheduling")
    return Campaign.of(patched)


@router.delete(
    "/{campaign_id}",
    status_code=204,
    summary="Delete a campaign that has contacted nobody",
    description="With its targets and imports. What has contacted somebody is evidence and stays: complete it instead.",
)
async def delete_campaign(deps: ProcessDeps, caller: WritesCampaigns, campaign_id: UUID) -> None:
    await campaigns.delete_campaign(deps.database, caller.tenant_id, campaign_id, now=deps.clock.now())


@router.post(
    "/{campaign_id}/activate",
    summary="Start a draft, or go on with a paused campaign",
    description=(
        "It needs targets, an active channel account for each of its methods and, where the provider takes only "
        "approved openings, an approved template. Twice is as once."
    ),
)
async def activate_campaign(deps: ProcessDeps, caller: WritesCampaigns, campaign_id: UUID) -> Campaign:
    details = await campaigns.activate_campaign(deps.database, caller.tenant_id, campaign_id, now=deps.clock.now())
    await deps.queue.ring("scheduling")
    return Campaign.of(details)


@router.post(
    "/{campaign_id}/pause",
    summary="Stop contacting",
    description="When this has answered, no further contact goes out. Activate goes on where it stopped.",
)
async def pause_campaign(
    deps: ProcessDeps, caller: WritesCampaigns, campaign_id: UUID, body: Pause | None = None
) -> Campaign:
    reason = body.reason if body else None
    return Campaign.of(
        await campaigns.pause_campaign(
            deps.database, caller.tenant_id, campaign_id, now=deps.clock.now(), reason=reason
        )
    )


@router.post(
    "/{campaign_id}/complete",
    summary="End a campaign for good",
    description="Targets that were not done keep the state they have. Promises stay protected and watched.",
)
async def complete_campaign(deps: ProcessDeps, caller: WritesCampaigns, campaign_id: UUID) -> Campaign:
    return Campaign.of(
        await campaigns.complete_campaign(deps.database, caller.tenant_id, campaign_id, now=deps.clock.now())
    )
