"""Calls that customers ask for, or that an operator asks for in their name: may it be, when, and where (spec 5.1)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from domain.call_requests import FARTHEST, REQUESTED_HOURS, SOON, RequestState, read_wanted
from domain.campaigns import Method
from domain.contact_hours import Place, TenantHolidays, next_opening, place_of
from domain.contact_rules import EVERY_SCOPE
from domain.errors import Conflict, ContactMerged, InvalidInput, NotFound
from domain.messages import AddressKind, Medium
from domain.phones import InvalidPhone, match_key, parse_phone
from domain.tenants import Tenant
from services.plain_text import tidy
from services.promise_dates import phone_of
from store import call_requests, channel_accounts, contacts, conversations, holidays, opt_outs
from store.call_requests import CallRequestRow, NewCallRequest
from store.channel_accounts import AccountRow
from store.contacts import ContactRow
from store.conversations import ConversationRow
from store.database import Connection, Database

_PHONE_KINDS = (AddressKind.PHONE, AddressKind.WA_ID)
_LONGEST_REASON = 300
_A_MOMENT_AGO = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class CallPlan:
    """A call that may be asked for: the phone to ring, the instant, and the zone in which it is told."""

    phone: str
    wanted_at: datetime
    zone: ZoneInfo


class NoPhone(Conflict):
    """No Brazilian phone of the contact is known: a hidden WhatsApp id cannot be rung."""

    code = "no_phone"

    def __init__(self) -> None:
        super().__init__("No phone of this contact is known that could be called")


class CallNotAllowed(Conflict):
    """The contact refused calls, the number is somebody else's, or the bot is off for it."""

    code = "call_not_allowed"

    def __init__(self, why: str) -> None:
        super().__init__("This contact must not be called")
        self.why = why


class NoVoiceAccount(Conflict):
    code = "no_voice_account"

    def __init__(self) -> None:
        super().__init__("There is no active channel account that makes calls")


class CallAlreadyAsked(Conflict):
    """The contact is being called, or has a call agreed already."""

    code = "call_already_asked"

    def __init__(self, wanted_at: datetime, zone: ZoneInfo) -> None:
        super().__init__("A call to this contact is agreed already")
        self.wanted_at = wanted_at
        self.zone = zone


class OutsideCallHours(Conflict):
    """No phone may ring then; `next_at` is the first instant after it at which one may."""

    code = "outside_call_hours"

    def __init__(self, next_at: datetime, zone: ZoneInfo) -> None:
        super().__init__(f"Calls are not allowed then; the next hour is {next_at.isoformat()}")
        self.next_at = next_at
        self.zone = zone


class ContactWithoutConversation(Conflict):
    code = "contact_without_conversation"

    def __init__(self) -> None:
        super().__init__("The contact has no text conversation where the summary could go")


class RequestEnded(Conflict):
    """There is nothing left to cancel."""

    code = "call_request_ended"

    def __init__(self, state: str) -> None:
        super().__init__(f"The call request is {state} already")
        self.state = state


async def plan_call(
    database: Database, *, tenant: Tenant, contact_id: UUID, conversation_id: UUID, wanted: str, now: datetime,
    planned_at: datetime | None = None,
) -> CallPlan:  # fmt: skip
    """Say when this customer can be called, reading `wanted` as they said it; empty means as soon as possible.

    `planned_at` is what this turn has planned already. Raises the conflicts above, and InvalidInput("quando") for an
    hour that cannot be read, has passed or lies too far ahead.
    """
    async with database.tenant(tenant.id) as connection:
        contact = await contacts.by_id(connection, contact_id)
        conversation = await conversations.by_id(connection, conversation_id)
        if contact is None or conversation is None:
            raise NotFound("contact")
        phone, place = await _phone(connection, contact, conversation)
        known = await call_requests.open_of(connection, contact_id)
        zone = place.zones[0]
        agreed_at = planned_at or (known.wanted_at if known else None)
        is_ringing = known is not None and known.state is RequestState.CALLING
        if agreed_at is not None and (is_ringing or not wanted.strip()):
            raise CallAlreadyAsked(agreed_at, zone)
        await _check_allowed(connection, contact, phone)
        wanted_at = read_wanted(wanted, now=now, zone=zone)
        if wanted_at is None:
            raise InvalidInput("quando", "cannot be read as a day and an hour")
        own = await holidays.since(connection, (now - timedelta(days=1)).date())
        at = _opening(wanted_at, place, own, now, is_told=bool(wanted.strip()))
        return CallPlan(phone=phone, wanted_at=at, zone=zone)


async def cancel_open(connection: Connection, contact_id: UUID, *, now: datetime, outcome: str = "withdrawn") -> bool:
    """Withdraw the contact's waiting request; False when there is none, or the phone rings already."""
    known = await call_requests.open_of(connection, contact_id)
    return known is not None and await call_requests.cancel(connection, known.id, outcome=outcome, now=now)


async def has_waiting(database: Database, tenant_id: UUID, contact_id: UUID) -> bool:
    """Tell whether there is a request that could be withdrawn."""
    async with database.tenant(tenant_id) as connection:
        known = await call_requests.open_of(connection, contact_id)
    return known is not None and known.state is RequestState.WAITING


async def ask_for_contact(
    database: Database, tenant: Tenant, *, contact_id: UUID, reason: str, wanted_at: datetime | None, now: datetime
) -> CallRequestRow:
    """Ask for a call in a customer's name, or move the one that is agreed. Raises NotFound and the conflicts above."""
    async with database.tenant(tenant.id) as connection:
        contact = await contacts.by_id(connection, contact_id)
        if contact is None:
            raise NotFound("contact")
        if contact.merged_into is not None:
            raise ContactMerged(contact.merged_into)
        thread = await call_requests.newest_thread(connection, contact_id)
        conversation = await conversations.lock(connection, thread) if thread else None
        if conversation is None:
            raise ContactWithoutConversation
        phone, place = await _phone(connection, contact, conversation)
        await _check_allowed(connection, contact, phone)
        own = await holidays.since(connection, (now - timedelta(days=1)).date())
        at = _opening(wanted_at or now + SOON, place, own, now, is_told=False, field="wantedAt")
        row = await call_requests.put(
            connection, tenant.id,
            NewCallRequest(
                id=uuid4(), contact_id=contact_id, conversation_id=conversation.id, phone=phone,
                reason=tidy(reason, limit=_LONGEST_REASON), wanted_at=at,
            ),
            now=now,
        )  # fmt: skip
        if row is None:
            raise CallAlreadyAsked(at, place.zones[0])
        return row


async def list_requests(
    database: Database, tenant_id: UUID, *, state: str | None, contact_id: UUID | None, limit: int, offset: int
) -> tuple[list[CallRequestRow], int]:
    async with database.tenant(tenant_id) as connection:
        return await call_requests.page(connection, state=state, contact_id=contact_id, limit=limit, offset=offset)


async def get_request(database: Database, tenant_id: UUID, request_id: UUID) -> CallRequestRow:
    """Read one. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        return await _known(connection, request_id)


async def cancel_request(database: Database, tenant_id: UUID, request_id: UUID, *, now: datetime) -> CallRequestRow:
    """Withdraw a waiting request, as often as one likes. Raises NotFound or RequestEnded."""
    async with database.tenant(tenant_id) as connection:
        if not await call_requests.cancel(connection, request_id, outcome="operator", now=now):
            row = await _known(connection, request_id)
            if row.state is not RequestState.CANCELED:
                raise RequestEnded(row.state)
        return await _known(connection, request_id)


async def voice_accounts(connection: Connection) -> list[AccountRow]:
    """List the tenant's numbers that may call now."""
    rows = await channel_accounts.list_all(connection)
    return [row for row in rows if row.medium is Medium.VOICE and row.status == "active" and row.is_bot_enabled]


async def _known(connection: Connection, request_id: UUID) -> CallRequestRow:
    row = await call_requests.by_id(connection, request_id)
    if row is None:
        raise NotFound("call request")
    return row


async def _phone(connection: Connection, contact: ContactRow, conversation: ConversationRow) -> tuple[str, Place]:
    """Give the phone that the customer writes from; of a hidden address, another one of theirs."""
    phone = None
    if conversation.address_kind in _PHONE_KINDS:
        try:
            phone = parse_phone(conversation.address_value)
        except InvalidPhone:
            phone = None
    if phone is None or place_of(phone) is None:
        phone = phone_of(await contacts.addresses_of(connection, contact.id))
    place = place_of(phone) if phone else None
    if phone is None or place is None:
        raise NoPhone
    return phone, place


async def _check_allowed(connection: Connection, contact: ContactRow, phone: str) -> None:
    refused = {row.scope for row in await opt_outs.live_of(connection, contact.id)}
    if contact.opted_out_at is not None or refused & {EVERY_SCOPE, Method.VOICE}:
        raise CallNotAllowed("opted_out")
    if not contact.is_bot_enabled:
        raise CallNotAllowed("bot_disabled")
    key = match_key(phone)
    if contact.document and key and await call_requests.is_wrong_number(connection, contact.document, key):
        raise CallNotAllowed("wrong_number")
    if not await voice_accounts(connection):
        raise NoVoiceAccount


def _opening(
    wanted_at: datetime, place: Place, own: TenantHolidays, now: datetime, *, is_told: bool, field: str = "quando"
) -> datetime:
    """Give the instant itself if a phone may ring then. A day that was named without an hour begins when it opens."""
    if wanted_at < now - _A_MOMENT_AGO and not _is_day(wanted_at, place, now):
        raise InvalidInput(field, "must not be past")
    if wanted_at > now + FARTHEST:
        raise InvalidInput(field, f"may be at most {FARTHEST.days} days ahead")
    at = max(wanted_at, now)
    opening = next_opening(at, place=place, window=REQUESTED_HOURS, method=Method.VOICE, tenant_holidays=own)
    if opening is None:
        raise OutsideCallHours(at + FARTHEST, place.zones[0])
    is_whole_day = is_told and _is_day(wanted_at, place, opening)
    if opening - at > timedelta(0) and not is_whole_day:
        raise OutsideCallHours(opening, place.zones[0])
    return opening


def _is_day(wanted_at: datetime, place: Place, other: datetime) -> bool:
    """Tell a midnight, which is what a day without an hour is read as, of the same day as another instant."""
    zone = place.zones[0]
    local = wanted_at.astimezone(zone)
    return (local.hour, local.minute, local.second) == (0, 0, 0) and local.date() == other.astimezone(zone).date()
