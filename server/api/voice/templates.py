"""Opening templates of WhatsApp numbers, with the approval that the provider has given or withdrawn."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from domain.message_templates import BODY_LIMIT, VARIABLES
from server.api.voice.changes import emptied
from server.api.wire import Given, Limit, Offset, Page, Sent, Text
from server.auth import ProcessDeps, ReadsCampaigns, WritesCampaigns
from services import message_templates
from services.message_templates import Category, NewTemplate, Status, TemplatePatch

router = APIRouter(prefix="/templates", tags=["templates"])

Body = Annotated[
    Text,
    Field(min_length=1, max_length=BODY_LIMIT, description="Neutral: no debt, no amount. {{1}}, {{2}} … are filled"),
]
Variables = Annotated[
    list[Annotated[Text, Field(max_length=40)]],
    Field(max_length=10, description=f"What fills {{{{1}}}}, {{{{2}}}} … in their order: {', '.join(VARIABLES)}"),
]
ContentSid = Annotated[Text, Field(max_length=64, description="Twilio's name for it")]


class Template(Given):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "e4eaaaf2-d142-11e1-b3e4-080027620cdd",
                    "channelAccountId": "0f8fad5b-d9cb-469f-a165-70867728950e",
                    "name": "aviso_cadastro",
                    "language": "pt_BR",
                    "category": "utility",
                    "body": "Olá, {{1}}! Sou {{2}}, assistente virtual da {{3}}. Podemos falar por aqui?",
                    "variables": ["contact.first_name", "assistant.name", "tenant.name"],
                    "contentSid": None,
                    "status": "approved",
                    "statusReason": None,
                    "statusAt": "2026-11-20T14:00:00Z",
                    "createdAt": "2026-11-19T14:00:00Z",
                }
            ]
        }
    )

    id: UUID
    channel_account_id: UUID
    name: str
    language: str
    category: Category
    body: str
    variables: list[str]
    content_sid: str | None
    status: Status = Field(description="Only approved ones open a conversation where the provider wants an approval")
    status_reason: str | None
    status_at: datetime
    created_at: datetime


class TemplateWish(Sent):
    """A template as the provider has it. Its name and language cannot change later."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "channelAccountId": "0f8fad5b-d9cb-469f-a165-70867728950e",
                    "name": "aviso_cadastro",
                    "body": "Olá, {{1}}! Sou {{2}}, assistente virtual da {{3}}. Podemos falar por aqui?",
                    "variables": ["contact.first_name", "assistant.name", "tenant.name"],
                }
            ]
        }
    )

    channel_account_id: UUID
    name: Annotated[Text, Field(min_length=1, max_length=512)]
    body: Body
    variables: Variables = Field(default=[])
    language: Annotated[Text, Field(min_length=2, max_length=10)] = "pt_BR"
    category: Category = "utility"
    content_sid: ContentSid | None = None

    def domain(self) -> NewTemplate:
        return NewTemplate(**{name: getattr(self, name) for name in type(self).model_fields})


class TemplateChanges(Sent):
    """What to change; a field left out stays. Whatever changes must be approved again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"category": "utility"}]})

    body: Body | None = None
    variables: Variables | None = None
    category: Category | None = None
    content_sid: ContentSid | None = None

    def domain(self) -> TemplatePatch:
        emptied(self, ())
        return TemplatePatch(**{name: getattr(self, name) for name in type(self).model_fields})


class Approval(Sent):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "approved"}, {"status": "rejected", "reason": "Categoria errada"}]}
    )

    status: Status
    reason: Annotated[Text, Field(max_length=200)] | None = None


@router.get("", summary="List templates, newest first")
async def list_templates(
    deps: ProcessDeps,
    caller: ReadsCampaigns,
    status: Annotated[Status | None, Query(description="Only those with this status")] = None,
    channel_account_id: Annotated[
        UUID | None, Query(alias="channelAccountId", description="Only those of this number")
    ] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Template]:
    rows, total = await message_templates.list_templates(
        deps.database, caller.tenant_id, status=status, channel_account_id=channel_account_id, limit=limit,
        offset=offset,
    )  # fmt: skip
    return Page(items=[Template.model_validate(row) for row in rows], total=total, limit=limit, offset=offset)


@router.post("", status_code=201, summary="Write down a template; it waits for its approval")
async def create_template(deps: ProcessDeps, caller: WritesCampaigns, body: TemplateWish) -> Template:
    row = await message_templates.create_template(deps.database, caller.tenant_id, body.domain(), now=deps.clock.now())
    return Template.model_validate(row)


@router.get("/{template_id}", summary="Read one template")
async def get_template(deps: ProcessDeps, caller: ReadsCampaigns, template_id: UUID) -> Template:
    return Template.model_validate(await message_templates.get_template(deps.database, caller.tenant_id, template_id))


@router.patch("/{template_id}", summary="Change a template; it waits for its approval again")
async def patch_template(
    deps: ProcessDeps, caller: WritesCampaigns, template_id: UUID, body: TemplateChanges
) -> Template:
    row = await message_templates.patch_template(
        deps.database, caller.tenant_id, template_id, body.domain(), now=deps.clock.now()
    )
    return Template.model_validate(row)


@router.delete("/{template_id}", status_code=204, summary="Remove a template that no campaign uses")
async def delete_template(deps: ProcessDeps, caller: WritesCampaigns, template_id: UUID) -> None:
    await message_templates.delete_template(deps.database, caller.tenant_id, template_id)


@router.post(
    "/{template_id}/status",
    summary="Say how the provider has decided",
    description=(
        "Meta says it by itself through the webhook; for the others an operator does. Campaigns whose template is no "
        "longer approved wait, and go on when it is again."
    ),
)
async def set_status(deps: ProcessDeps, caller: WritesCampaigns, template_id: UUID, body: Approval) -> Template:
    row = await message_templates.set_template_status(
        deps.database, caller.tenant_id, template_id, status=body.status, reason=body.reason, now=deps.clock.now()
    )
    return Template.model_validate(row)
