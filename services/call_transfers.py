"""A caller is handed to a person by phone: who took over, or that nobody did and somebody has to write (spec 1.9)."""

from datetime import datetime
from uuid import UUID

from services.call_events import CallFacts, note_ended
from services.call_parts import text_thread
from store import calls, conversations, events
from store.database import Connection

UNANSWERED = "transfer_unanswered"
"""As a call's disconnection reason: the person was rung and did not answer."""
_REASON = "O cliente pediu uma pessoa por telefone e ninguém atendeu."


async def note_answered(connection: Connection, call_id: UUID, *, number: str | None, now: datetime) -> None:
    """Note which of our numbers took the caller over."""
    await note_ended(connection, call_id, CallFacts(transferred_to=number), now=now)


async def note_unanswered(connection: Connection, call_id: UUID, *, now: datetime) -> bool:
    """Give the customer's text conversation to a person, and tell the operators, once. False: there is no such
    conversation now, so somebody has to call or write first."""
    call = await calls.lock(connection, call_id)
    if call is None:
        return False
    thread = await text_thread(connection, call.contact_id, now=now) if call.contact_id else None
    if call.disconnection_reason == UNANSWERED:
        return thread is not None
    await note_ended(connection, call_id, CallFacts(disconnection_reason=UNANSWERED), now=now)
    if thread is not None:
        await conversations.hand_off(connection, thread, reason=_REASON, now=now)
    await events.record(
        connection, tenant_id=call.tenant_id, kind=UNANSWERED, severity="warning", now=now,
        conversation_id=thread or call.conversation_id, data={"callId": str(call_id)},
    )  # fmt: skip
    return thread is not None
