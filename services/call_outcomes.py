"""What becomes of a call that was asked for: answered, tried once more, or back to the text (spec 5.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from channels.degrade import CAPABILITIES, render
from domain.call_requests import (
    PATIENCE,
    REQUESTED_HOURS,
    RETRY_AFTER,
    RequestState,
    after_attempt,
    no_such_number_text,
    not_called_text,
    not_reached_text,
)
from domain.calls import INVALID_NUMBER, outcome_of
from domain.campaigns import Method
from domain.contact_hours import next_opening, place_of
from domain.contact_rules import EVERY_SCOPE
from domain.message_templates import first_name
from domain.messages import ErrorClass, Medium, Text
from services.parts import part_kind, part_text, part_to_json
from store import (
    call_requests,
    calls,
    channel_accounts,
    contact_decisions,
    contacts,
    conversations,
    holidays,
    messages,
    opt_outs,
)
from store.call_requests import CallRequestRow, ChangedRequest
from store.calls import CallRow
from store.contacts import ContactRow
from store.conversations import ConversationRow
from store.database import Connection
from store.messages import NewOutbound

UNKNOWN = "unknown"
EXPIRED = "expired"
NAMELESS = "cliente"  # what domain.message_templates makes of a name that is none
_LIVE = ("open", "waiting")


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldRequest:
    """A request and its conversation, both held: a message may follow."""

    row: CallRequestRow
    conversation: ConversationRow | None


async def hold(connection: Connection, request_id: UUID | None) -> HeldRequest | None:
    """Lock a request and, before it, its conversation: the order in which everybody takes them."""
    known = await call_requests.by_id(connection, request_id) if request_id else None
    if known is None:
        return None
    conversation = await conversations.lock(connection, known.conversation_id)
    row = await call_requests.lock(connection, known.id)
    return None if row is None else HeldRequest(row=row, conversation=conversation)


async def settle(connection: Connection, held: HeldRequest, call: CallRow, *, now: datetime) -> None:
    """Move a request by how its newest call ended. Hold the call too. Nothing is done twice."""
    row = held.row
    is_waited_for = row.state is RequestState.CALLING
    is_late = row.state is RequestState.DONE and row.outcome == UNKNOWN
    if not (is_waited_for or is_late) or await calls.newest_of_request(connection, row.id) != call.id:
        return
    if call.error_code == INVALID_NUMBER:
        await contact_decisions.void_by_call(connection, call.id, now=now)
        await _end(connection, held, outcome=INVALID_NUMBER, text=no_such_number_text, now=now)
        return
    outcome = outcome_of(call.status, call.answered_by)
    step = after_attempt(outcome, attempts=row.attempts, next_try=await _next_try(connection, row, now), now=now)
    if step.kind == "retry" and is_waited_for:
        await _change(connection, row, RequestState.WAITING, outcome, step.due_at, row.attempts, now)
    elif step.kind == "done":
        await _change(connection, row, RequestState.DONE, outcome, None, row.attempts, now)
    else:
        await _end(connection, held, outcome=outcome, text=not_reached_text, now=now)


async def rest(connection: Connection, held: HeldRequest, *, now: datetime) -> None:
    """Leave a request whose call may or may not ring: it is never dialed again (design 4)."""
    if held.row.state is RequestState.CALLING:
        await _change(connection, held.row, RequestState.DONE, UNKNOWN, None, held.row.attempts, now)


async def refused(
    connection: Connection, held: HeldRequest, *, error_class: ErrorClass | None, code: str, retry_at: datetime | None,
    now: datetime,
) -> None:  # fmt: skip
    """Take back a call that was surely not placed: it does not count, and is tried again while it is expected."""
    row = held.row
    if row.state is not RequestState.CALLING:
        return
    if error_class is ErrorClass.ADDRESS:
        await _end(connection, held, outcome=INVALID_NUMBER, text=no_such_number_text, now=now)
        return
    due_at = min(retry_at or now + RETRY_AFTER, max(row.wanted_at + PATIENCE, now))
    await _change(connection, row, RequestState.WAITING, code[:60], due_at, max(0, row.attempts - 1), now)


async def expire(connection: Connection, request_id: UUID, *, now: datetime) -> None:
    """Give up a call whose hour has passed, and say so where it was asked for."""
    held = await hold(connection, request_id)
    if held is not None and held.row.state is RequestState.WAITING and now >= held.row.wanted_at + PATIENCE:
        was_rung = held.row.attempts > 0
        text = not_reached_text if was_rung else not_called_text
        await _end(connection, held, outcome=EXPIRED, text=text, now=now, state=RequestState.CANCELED)


async def _next_try(connection: Connection, row: CallRequestRow, now: datetime) -> datetime | None:
    place = place_of(row.phone)
    if place is None:
        return None
    own = await holidays.since(connection, (now - timedelta(days=1)).date())
    return next_opening(
        now + RETRY_AFTER, place=place, window=REQUESTED_HOURS, method=Method.VOICE, tenant_holidays=own
    )


async def _end(
    connection: Connection, held: HeldRequest, *, outcome: str, text: Callable[[str | None], str], now: datetime,
    state: RequestState = RequestState.DONE,
) -> None:  # fmt: skip
    """Close the request and go back to the text."""
    row = held.row
    await _change(connection, row, state, outcome, None, row.attempts, now)
    contact = await contacts.by_id(connection, row.contact_id)
    name = first_name_of(contact)
    if held.conversation is not None and await _may_write(connection, held.conversation):
        message_id = uuid5(row.id, f"{outcome}:{row.created_at.isoformat()}")
        await queue_text(connection, held.conversation, text(name), message_id=message_id, now=now)


def first_name_of(contact: ContactRow | None) -> str | None:
    """Give the name to call somebody by; None when nobody knows it."""
    if contact is None or not contact.name:
        return None
    found = first_name(contact.name, document=contact.document or "")
    return found if found != NAMELESS else None


async def _may_write(connection: Connection, conversation: ConversationRow) -> bool:
    """Tell whether the bot still has the talk, and the customer still wants to hear from us."""
    if conversation.handler != "bot" or conversation.status not in _LIVE:
        return False
    account = await channel_accounts.by_id(connection, conversation.channel_account_id)
    return account is not None and not await has_refused(connection, conversation.contact_id, account.medium)


async def has_refused(connection: Connection, contact_id: UUID, medium: Medium) -> bool:
    """Tell whether a contact refused to be written to on a medium."""
    contact = await contacts.by_id(connection, contact_id)
    scopes = {row.scope for row in await opt_outs.live_of(connection, contact_id)}
    # The simulator stands in for WhatsApp.
    refused = {EVERY_SCOPE, Medium.WHATSAPP if medium is Medium.SIMULATOR else medium}
    return contact is None or contact.opted_out_at is not None or bool(scopes & refused)


async def queue_text(
    connection: Connection, conversation: ConversationRow, text: str, *, message_id: UUID, now: datetime
) -> None:
    """Put a message of the system into a conversation's outbox. Hold the conversation."""
    account = await channel_accounts.by_id(connection, conversation.channel_account_id)
    if account is None:
        return
    rows = [
        NewOutbound(
            id=message_id if place == 0 else uuid5(message_id, str(place)), author="system", kind=part_kind(part),
            text=part_text(part), content=part_to_json(part),
        )
        for place, part in enumerate(render([Text(text=text)], CAPABILITIES[account.provider]))
    ]  # fmt: skip
    await messages.insert_outbound(
        connection, rows, tenant_id=conversation.tenant_id, conversation_id=conversation.id,
        channel_account_id=conversation.channel_account_id, now=now,
    )  # fmt: skip


async def _change(
    connection: Connection, row: CallRequestRow, state: RequestState, outcome: str | None, due_at: datetime | None,
    attempts: int, now: datetime,
) -> None:  # fmt: skip
    changed = ChangedRequest(id=row.id, state=state, outcome=outcome, due_at=due_at, attempts=attempts)
    await call_requests.change(connection, row.tenant_id, [changed], now=now)
