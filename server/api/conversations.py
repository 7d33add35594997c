"""Conversations: read them, answer as a person, hand over and back, close."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, BackgroundTasks, Query
from pydantic import ConfigDict, Field

from domain.turns import AgentName
from server.api.wire import Given, Limit, Offset, Page, Sent, Text
from server.auth import ProcessDeps, ReadsConversations, WritesConversations
from services import conversations_admin
from services.operator_replies import reply_as_operator
from store.conversations import ConversationRow
from store.messages import MessageRow
from store.turns import TurnRow

router = APIRouter(prefix="/conversations", tags=["conversations"])


class Conversation(Given):
    """One talk with one contact over one channel account."""

    id: UUID
    contact_id: UUID
    channel_account_id: UUID
    address_kind: str
    address_value: str
    status: Literal["open", "waiting", "expired", "closed"] = Field(description="`waiting`: for the customer")
    handler: Literal["bot", "human"]
    handoff_reason: str | None
    handed_off_at: datetime | None
    closing_reason: str | None
    closed_at: datetime | None
    source: str
    assigned_agent: str | None = Field(description="Set by an operator: this agent answers, whatever the router thinks")
    current_agent: str | None = Field(description="Who answered last")
    is_unanswered: bool
    last_inbound_at: datetime | None
    last_outbound_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: ConversationRow) -> "Conversation":
        values = {name: getattr(row, name) for name in cls.model_fields if name != "is_unanswered"}
        return cls(**values, is_unanswered=row.last_inbound_seq > row.answered_seq)


class Message(Given):
    """What was said, in either direction. `content` holds what is not text: media, a choice, a location, a part."""

    id: UUID
    seq: int
    direction: Literal["in", "out"]
    author: Literal["customer", "agent", "operator", "campaign", "system"]
    kind: str
    text: str | None
    content: Mapping[str, object]
    reply_to: str | None
    status: str | None = Field(description="Of an outbound message: queued, sending, sent, delivered, read, failed …")
    status_at: datetime | None
    error_class: str | None
    error_code: str | None
    turn_seq: int | None
    agent: str | None
    prompt_version: str | None
    model: str | None
    sent_at: datetime
    created_at: datetime


class Turn(Given):
    """What the graph did to answer: route, tools, verdict, prompt version, model."""

    turn_seq: int
    outcome: str
    agent: str | None
    verdict: str | None
    model: str | None
    prompt_version: str | None
    reruns: int
    trace: list[dict[str, object]]
    started_at: datetime
    finished_at: datetime


class TimelineEntry(Given):
    """A message or a turn; the other one is null."""

    type: Literal["message", "turn"]
    at: datetime
    message: Message | None = None
    turn: Turn | None = None

    @classmethod
    def of(cls, row: MessageRow | TurnRow) -> "TimelineEntry":
        if isinstance(row, MessageRow):
            return cls(type="message", at=row.created_at, message=Message.model_validate(row))
        return cls(type="turn", at=row.finished_at, turn=Turn.model_validate(row))


class OperatorMessage(Sent):
    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "Oi, Maria! Aqui é o Paulo, da TR Telecom."}]})

    text: Annotated[Text, Field(min_length=1, max_length=16_000)]
    id: UUID | None = Field(
        default=None, description="Your own id of the message: sent again with the same id, it is not sent twice"
    )


class SentParts(Given):
    """The messages that the text became; a long text is cut to what the channel can show."""

    items: list[Message]


class Handoff(Sent):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "cliente pediu uma pessoa"}]})

    reason: Annotated[Text, Field(min_length=1, max_length=200)]


class Closing(Sent):
    reason: Annotated[Text, Field(min_length=1, max_length=200)] = "operator"


class ConversationPatch(Sent):
    assigned_agent: AgentName | None = Field(description="null lets the router choose again")


@router.get("", summary="List conversations, newest first")
async def list_conversations(
    deps: ProcessDeps,
    caller: ReadsConversations,
    status: Literal["open", "waiting", "expired", "closed"] | None = None,
    handler: Literal["bot", "human"] | None = None,
    contact_id: Annotated[UUID | None, Query(alias="contactId")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Conversation]:
    rows, total = await conversations_admin.list_conversations(
        deps.database, caller.tenant_id, status=status, handler=handler, contact_id=contact_id,
        limit=limit, offset=offset,
    )  # fmt: skip
    return Page(items=[Conversation.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/{conversation_id}", summary="Read one conversation")
async def get_conversation(deps: ProcessDeps, caller: ReadsConversations, conversation_id: UUID) -> Conversation:
    return Conversation.of(await conversations_admin.get_conversation(deps.database, caller.tenant_id, conversation_id))


@router.get("/{conversation_id}/messages", summary="List its messages, newest first")
async def list_messages(
    deps: ProcessDeps, caller: ReadsConversations, conversation_id: UUID, limit: Limit = 50, offset: Offset = 0
) -> Page[Message]:
    rows, total = await conversations_admin.list_messages(
        deps.database, caller.tenant_id, conversation_id, limit=limit, offset=offset
    )
    return Page(items=[Message.model_validate(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/{conversation_id}/turns", summary="List its turns with their traces, newest first")
async def list_turns(
    deps: ProcessDeps, caller: ReadsConversations, conversation_id: UUID, limit: Limit = 20, offset: Offset = 0
) -> Page[Turn]:
    rows, total = await conversations_admin.list_turns(
        deps.database, caller.tenant_id, conversation_id, limit=limit, offset=offset
    )
    return Page(items=[Turn.model_validate(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/{conversation_id}/timeline", summary="List messages and turns together, newest first")
async def list_timeline(
    deps: ProcessDeps, caller: ReadsConversations, conversation_id: UUID, limit: Limit = 50, offset: Offset = 0
) -> Page[TimelineEntry]:
    rows, total = await conversations_admin.list_timeline(
        deps.database, caller.tenant_id, conversation_id, limit=limit, offset=offset
    )
    return Page(items=[TimelineEntry.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.post("/{conversation_id}/messages", status_code=202, summary="Answer as a person; the bot steps back")
async def post_message(
    deps: ProcessDeps, caller: WritesConversations, conversation_id: UUID, body: OperatorMessage,
    background: BackgroundTasks,
) -> SentParts:  # fmt: skip
    rows, is_new = await reply_as_operator(
        deps.database, tenant_id=caller.tenant_id, conversation_id=conversation_id, message_id=body.id or uuid4(),
        text=body.text, now=deps.clock.now(), sender=deps.delivery.sender, locked_until=deps.delivery.lease_until(),
    )  # fmt: skip
    if is_new:
        # After the answer; should this process end before, the drain takes it when the claim runs out.
        background.add_task(deps.delivery.send_conversation, caller.tenant_id, conversation_id)
    return SentParts(items=[Message.model_validate(row) for row in rows])


@router.post("/{conversation_id}/handoff", summary="Give it to a human")
async def hand_off(
    deps: ProcessDeps, caller: WritesConversations, conversation_id: UUID, body: Handoff
) -> Conversation:
    return Conversation.of(
        await conversations_admin.hand_off(
            deps.database, caller.tenant_id, conversation_id, reason=body.reason, now=deps.clock.now()
        )
    )


@router.post("/{conversation_id}/handback", summary="Give it back to the bot")
async def hand_back(deps: ProcessDeps, caller: WritesConversations, conversation_id: UUID) -> Conversation:
    row = await conversations_admin.hand_back(deps.database, caller.tenant_id, conversation_id, now=deps.clock.now())
    deps.bell.ring()
    return Conversation.of(row)


@router.post("/{conversation_id}/close", summary="End it; the customer's next message opens a new one")
async def close(
    deps: ProcessDeps, caller: WritesConversations, conversation_id: UUID, body: Closing | None = None
) -> Conversation:
    reason = (body or Closing()).reason
    return Conversation.of(
        await conversations_admin.close(
            deps.database, caller.tenant_id, conversation_id, reason=reason, now=deps.clock.now()
        )
    )


@router.patch("/{conversation_id}", summary="Choose the agent")
async def patch_conversation(
    deps: ProcessDeps, caller: WritesConversations, conversation_id: UUID, body: ConversationPatch
) -> Conversation:
    return Conversation.of(
        await conversations_admin.assign_agent(deps.database, caller.tenant_id, conversation_id, body.assigned_agent)
    )
