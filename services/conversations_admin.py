"""What a person of the tenant does with conversations: look, hand over, take back, close, choose the agent."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.errors import AlreadyHandedOff, ConversationClosed, InvalidInput, NotFound, NotHandedOff
from domain.turns import AgentName
from services.plain_text import tidy_line
from store import conversations, events, timeline
from store.conversations import ConversationRow
from store.database import Connection, Database
from store.messages import MessageRow
from store.turns import TurnRow

_LIVE = ("open", "waiting")
_LONGEST_REASON = 200


async def list_conversations(
    database: Database, tenant_id: UUID, *, status: str | None, handler: str | None, contact_id: UUID | None,
    limit: int, offset: int,
) -> tuple[list[ConversationRow], int]:  # fmt: skip
    async with database.tenant(tenant_id) as connection:
        return await conversations.page(
            connection, status=status, handler=handler, contact_id=contact_id, limit=limit, offset=offset
        )


async def get_conversation(database: Database, tenant_id: UUID, conversation_id: UUID) -> ConversationRow:
    """Read one. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        return await _known(connection, conversation_id)


async def list_messages(
    database: Database, tenant_id: UUID, conversation_id: UUID, *, limit: int, offset: int
) -> tuple[list[MessageRow], int]:
    async with database.tenant(tenant_id) as connection:
        await _known(connection, conversation_id)
        return await timeline.message_page(connection, conversation_id, limit=limit, offset=offset)


async def list_turns(
    database: Database, tenant_id: UUID, conversation_id: UUID, *, limit: int, offset: int
) -> tuple[list[TurnRow], int]:
    async with database.tenant(tenant_id) as connection:
        await _known(connection, conversation_id)
        return await timeline.turn_page(connection, conversation_id, limit=limit, offset=offset)


async def list_timeline(
    database: Database, tenant_id: UUID, conversation_id: UUID, *, limit: int, offset: int
) -> tuple[Sequence[MessageRow | TurnRow], int]:
    async with database.tenant(tenant_id) as connection:
        await _known(connection, conversation_id)
        return await timeline.page(connection, conversation_id, limit=limit, offset=offset)


async def hand_off(
    database: Database, tenant_id: UUID, conversation_id: UUID, *, reason: str, now: datetime
) -> ConversationRow:
    """Give it to a human. Raises NotFound, ConversationClosed, AlreadyHandedOff, InvalidInput."""
    words = _reason(reason)
    async with database.tenant(tenant_id) as connection:
        await _live(connection, conversation_id)
        if not await conversations.hand_off(connection, conversation_id, reason=words, now=now):
            raise AlreadyHandedOff(conversation_id)
        # The reason is free text and may name a person: the log of events says only who decided.
        await _record(connection, tenant_id, conversation_id, "handoff", "operator", now)
        return await _known(connection, conversation_id)


async def hand_back(database: Database, tenant_id: UUID, conversation_id: UUID, *, now: datetime) -> ConversationRow:
    """Give it back to the bot, which answers what the human did not. Raises like `hand_off`."""
    async with database.tenant(tenant_id) as connection:
        await _live(connection, conversation_id)
        if not await conversations.hand_back(connection, conversation_id, now=now):
            raise NotHandedOff(conversation_id)
        await _record(connection, tenant_id, conversation_id, "handback", "operator", now)
        return await _known(connection, conversation_id)


async def close(
    database: Database, tenant_id: UUID, conversation_id: UUID, *, reason: str, now: datetime
) -> ConversationRow:
    """End it; the customer's next message opens a new one. Raises NotFound, ConversationClosed, InvalidInput."""
    words = _reason(reason)
    async with database.tenant(tenant_id) as connection:
        await _live(connection, conversation_id)
        await conversations.close(connection, conversation_id, status="closed", reason=words, now=now)
        await _record(connection, tenant_id, conversation_id, "closed", "operator", now)
        return await _known(connection, conversation_id)


async def assign_agent(
    database: Database, tenant_id: UUID, conversation_id: UUID, agent: AgentName | None
) -> ConversationRow:
    """Let one agent answer whatever the router thinks; None lets the router choose again."""
    async with database.tenant(tenant_id) as connection:
        await _live(connection, conversation_id)
        await conversations.assign(connection, conversation_id, agent)
        return await _known(connection, conversation_id)


async def _known(connection: Connection, conversation_id: UUID) -> ConversationRow:
    row = await conversations.by_id(connection, conversation_id)
    if row is None:
        raise NotFound("conversation")
    return row


async def _live(connection: Connection, conversation_id: UUID) -> ConversationRow:
    row = await conversations.lock(connection, conversation_id)
    if row is None:
        raise NotFound("conversation")
    if row.status not in _LIVE:
        raise ConversationClosed(conversation_id)
    return row


def _reason(text: str) -> str:
    words = tidy_line(text, limit=_LONGEST_REASON)
    if not words:
        raise InvalidInput("reason", "must not be empty")
    return words


async def _record(
    connection: Connection, tenant_id: UUID, conversation_id: UUID, kind: str, reason: str, now: datetime
) -> None:
    await events.record(
        connection, tenant_id=tenant_id, kind=kind, severity="info", conversation_id=conversation_id,
        data={"reason": reason}, now=now,
    )  # fmt: skip
