"""Let a person of the tenant answer a customer: into the outbox, and the bot steps back."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from channels.degrade import CAPABILITIES, render
from domain.errors import ConversationClosed, InvalidInput, MessageIdTaken, NotFound
from domain.messages import Text
from services.parts import part_kind, part_text, part_to_json
from store import channel_accounts, conversations, events, messages, timeline
from store.conversations import ConversationRow
from store.database import Connection, Database
from store.messages import MessageRow, NewOutbound

_LIVE = ("open", "waiting")
REASON = "operator_replied"


async def reply_as_operator(
    database: Database, *, tenant_id: UUID, conversation_id: UUID, message_id: UUID, text: str, now: datetime,
    sender: str, locked_until: datetime,
) -> tuple[list[MessageRow], bool]:  # fmt: skip
    """Queue the reply, count all that came as answered and give the conversation to a human; one transaction.

    `message_id` is the caller's: a request repeated after a lost answer writes nothing again. `sender` holds the
    rows until `locked_until`, so that it can send them at once. Return them, and whether they were written now.
    Raises NotFound, ConversationClosed, MessageIdTaken or InvalidInput.
    """
    async with database.tenant(tenant_id) as connection:
        conversation = await conversations.lock(connection, conversation_id)
        if conversation is None:
            raise NotFound("conversation")
        parts = await _parts(connection, conversation, message_id, text)
        ids = [part.id for part in parts]
        known = await timeline.messages_by_id(connection, ids)
        if known:
            _check_same(known, parts, conversation)
            return known, False
        if conversation.status not in _LIVE:
            raise ConversationClosed(conversation_id)
        await messages.insert_outbound(
            connection, parts, tenant_id=tenant_id, conversation_id=conversation_id,
            channel_account_id=conversation.channel_account_id, now=now, sender=sender, locked_until=locked_until,
        )  # fmt: skip
        await conversations.mark_answered(connection, conversation_id, now=now)
        if await conversations.hand_off(connection, conversation_id, reason=REASON, now=now):
            await events.record(
                connection, tenant_id=tenant_id, kind="handoff", severity="info", conversation_id=conversation_id,
                data={"reason": REASON}, now=now,
            )  # fmt: skip
        return await timeline.messages_by_id(connection, ids), True


async def _parts(
    connection: Connection, conversation: ConversationRow, message_id: UUID, text: str
) -> list[NewOutbound]:
    """Cut the text to what the channel can show; the first part has the caller's id, the others follow from it."""
    account = await channel_accounts.by_id(connection, conversation.channel_account_id)
    if account is None:
        raise NotFound("channel account")
    if not text.strip():
        raise InvalidInput("text", "must not be empty")
    rendered = render([Text(text=text)], CAPABILITIES[account.provider])
    return [
        NewOutbound(
            id=message_id if number == 0 else uuid5(message_id, str(number)),
            author="operator",
            kind=part_kind(part),
            text=part_text(part),
            content=part_to_json(part),
        )
        for number, part in enumerate(rendered)
    ]


def _check_same(known: Sequence[MessageRow], parts: Sequence[NewOutbound], conversation: ConversationRow) -> None:
    is_same = [row.text for row in known] == [part.text for part in parts]
    if not is_same or any(row.conversation_id != conversation.id or row.author != "operator" for row in known):
        raise MessageIdTaken(parts[0].id)
