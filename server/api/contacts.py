"""Contacts: find them, correct them, switch the bot off for one, record or lift a refusal."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from domain.documents import mask_document
from server.api.conversations import Message
from server.api.voice.calls import CallRequest, CallWithTalk
from server.api.voice.promises import Promise
from server.api.wire import Given, Limit, Offset, Page, Sent, Text
from server.auth import ProcessDeps, ReadsContacts, ReadsConversations, WritesContacts
from services import contact_timeline, contacts_admin
from services.contact_timeline import TimelineItem
from services.contacts_admin import ContactDetails, ContactPatch
from store.contacts import ContactRow

router = APIRouter(prefix="/contacts", tags=["contacts"])


class Contact(Given):
    """A person. The document is masked: who needs it whole has the CRM."""

    id: UUID
    name: str | None
    document: str | None = Field(examples=["***.982.247-**"])
    is_bot_enabled: bool
    opted_out_at: datetime | None
    tags: list[str]
    custom_fields: dict[str, str]
    merged_into: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, row: ContactRow) -> "Contact":
        return cls(**_values(row))


class ContactAddress(Given):
    kind: str
    value: str


class LiveOptOut(Given):
    scope: str
    reason: str
    created_at: datetime


class ContactWithAddresses(Contact):
    addresses: list[ContactAddress]
    opt_outs: list[LiveOptOut]

    @classmethod
    def of_details(cls, details: ContactDetails) -> "ContactWithAddresses":
        return cls(
            **_values(details.contact),
            addresses=[ContactAddress.model_validate(row) for row in details.addresses],
            opt_outs=[LiveOptOut.model_validate(row) for row in details.opt_outs],
        )


def _values(row: ContactRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in Contact.model_fields}
    return values | {"document": mask_document(row.document) if row.document else None}


class ContactTimelineEntry(Given):
    """A message, a call with what was said in it, a call that was asked for, or a promise; the others are null."""

    type: Literal["message", "call", "call_request", "promise"]
    at: datetime
    conversation_id: UUID | None
    message: Message | None = None
    call: CallWithTalk | None = None
    call_request: CallRequest | None = None
    promise: Promise | None = None

    @classmethod
    def of(cls, item: TimelineItem) -> "ContactTimelineEntry":
        if item.call is not None:
            return cls(
                type="call", at=item.at, conversation_id=item.call.call.conversation_id,
                call=CallWithTalk.of_details(item.call),
            )  # fmt: skip
        if item.request is not None:
            return cls(
                type="call_request", at=item.at, conversation_id=item.request.conversation_id,
                call_request=CallRequest.model_validate(item.request),
            )  # fmt: skip
        if item.promise is not None:
            return cls(
                type="promise", at=item.at, conversation_id=item.promise.conversation_id,
                promise=Promise.of(item.promise),
            )  # fmt: skip
        if item.message is None:
            raise LookupError("a timeline names something that is gone")
        return cls(
            type="message", at=item.at, conversation_id=item.message.conversation_id,
            message=Message.model_validate(item.message),
        )  # fmt: skip


class ContactChanges(Sent):
    """What to change; a field left out stays. Custom fields are merged by name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tags": ["vip"], "isBotEnabled": False}]})

    name: Annotated[Text, Field(min_length=1, max_length=120)] | None = None
    tags: Annotated[list[Annotated[Text, Field(max_length=40)]], Field(max_length=50)] | None = None
    custom_fields: Annotated[dict[str, Annotated[Text, Field(max_length=500)]], Field(max_length=100)] | None = None
    is_bot_enabled: bool | None = None


class OptOut(Sent):
    scope: Literal["all", "whatsapp", "sms", "voice"] = "all"
    reason: Annotated[Text, Field(min_length=1, max_length=200)] = "operator"


@router.get("", summary="List or search contacts, newest first")
async def list_contacts(
    deps: ProcessDeps,
    caller: ReadsContacts,
    search: Annotated[Text | None, Query(max_length=100, description="A part of the name or of an address")] = None,
    tag: Annotated[Text | None, Query(max_length=40)] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Contact]:
    rows, total = await contacts_admin.search_contacts(
        deps.database, caller.tenant_id, text=search or None, tag=tag or None, limit=limit, offset=offset
    )
    return Page(items=[Contact.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/{contact_id}", summary="Read one contact with its addresses")
async def get_contact(deps: ProcessDeps, caller: ReadsContacts, contact_id: UUID) -> ContactWithAddresses:
    return ContactWithAddresses.of_details(
        await contacts_admin.get_contact(deps.database, caller.tenant_id, contact_id)
    )


@router.get("/{contact_id}/timeline", summary="List messages, calls, call requests and promises, newest first")
async def list_timeline(
    deps: ProcessDeps, caller: ReadsConversations, contact_id: UUID, limit: Limit = 50, offset: Offset = 0
) -> Page[ContactTimelineEntry]:
    items, total = await contact_timeline.list_timeline(
        deps.database, caller.tenant_id, contact_id, limit=limit, offset=offset
    )
    return Page(items=[ContactTimelineEntry.of(item) for item in items], total=total, limit=limit, offset=offset)


@router.patch("/{contact_id}", summary="Change a contact")
async def patch_contact(
    deps: ProcessDeps, caller: WritesContacts, contact_id: UUID, body: ContactChanges
) -> ContactWithAddresses:
    patch = ContactPatch(
        name=body.name, tags=body.tags, custom_fields=body.custom_fields, is_bot_enabled=body.is_bot_enabled
    )
    return ContactWithAddresses.of_details(
        await contacts_admin.patch_contact(deps.database, caller.tenant_id, contact_id, patch)
    )


@router.post("/{contact_id}/opt-out", summary="Record that the person wants no proactive contact")
async def opt_out(
    deps: ProcessDeps, caller: WritesContacts, contact_id: UUID, body: OptOut | None = None
) -> ContactWithAddresses:
    wanted = body or OptOut()
    return ContactWithAddresses.of_details(
        await contacts_admin.opt_out_contact(
            deps.database, caller.tenant_id, contact_id, scope=wanted.scope, reason=wanted.reason,
            now=deps.clock.now(),
        )
    )  # fmt: skip


@router.delete("/{contact_id}/opt-out", summary="Lift every refusal, because the person asked for it")
async def lift_opt_out(deps: ProcessDeps, caller: WritesContacts, contact_id: UUID) -> ContactWithAddresses:
    return ContactWithAddresses.of_details(
        await contacts_admin.lift_opt_outs(deps.database, caller.tenant_id, contact_id, now=deps.clock.now())
    )
