"""Remind of a promise once, the day before, through the gate like every other contact that we start (spec 3.7)."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from domain.campaigns import Method
from domain.contact_hours import local_day, place_of
from domain.messages import AddressKind, Medium
from domain.phones import InvalidPhone, parse_phone
from domain.ports import Clock
from domain.promise_reminders import PROMISED_DAY, promised_day_words, reminder_text
from domain.promises import PromiseStatus
from domain.tenants import Tenant
from services.contact_requests import ContactRequest, Decision
from services.promise_dates import phone_of
from services.tenant_directory import TenantDirectory
from store import channel_accounts, contacts, conversations, promises
from store.contacts import AddressRow
from store.conversations import ConversationRow
from store.database import UNAVAILABLE, Connection, Database
from store.promises import DuePromise, PromiseRow

logger = structlog.get_logger(__name__)

# Longer than the rate, the CRM and the provider together may take; a claim of a dead process is free again after it.
_LEASE = timedelta(seconds=60)
_AT_ONCE = 20
_BUDGET_SECONDS = 4.0  # the last batch may take as long as the CRM: one worker serves other drains too
_AFTER_REFUSAL = timedelta(minutes=30)
_AFTER_FAULT = timedelta(minutes=15)
_MOST_TRIES = 3
_METHODS = {Medium.WHATSAPP: Method.WHATSAPP, Medium.SIMULATOR: Method.WHATSAPP, Medium.SMS: Method.SMS}
_PHONE_KINDS = (AddressKind.PHONE, AddressKind.WA_ID)


class ContactMaker(Protocol):
    """What makes one contact: rate, CRM, gate, provider (services.outreach)."""

    async def contact(self, request: ContactRequest) -> Decision: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reminder:
    """A promise that may still be reminded of, and how."""

    due_on: date
    request: ContactRequest


class PromiseReminders:
    """Sends reminders that are due. `worker` names this process in the rows it has claimed."""

    def __init__(
        self, *, database: Database, tenants: TenantDirectory, outreach: ContactMaker, clock: Clock, worker: str
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._outreach = outreach
        self._clock = clock
        self._worker = worker

    async def drain(self, limit: int) -> int:
        """Send up to `limit` due reminders, as many as some seconds allow; return how many were looked at."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _BUDGET_SECONDS
        handled = 0
        while handled < limit and loop.time() < ends_at:
            now = self._clock.now()
            async with self._database.platform() as connection:
                due = await promises.claim_reminders(
                    connection, worker=self._worker, now=now, locked_until=now + _LEASE,
                    limit=min(_AT_ONCE, limit - handled),
                )  # fmt: skip
            if not due:
                break
            await asyncio.gather(*(self._remind_or_postpone(promise) for promise in due))
            handled += len(due)
        return handled

    async def _remind_or_postpone(self, due: DuePromise) -> None:
        """The outermost handler of one reminder: one that fails must not hold up the others."""
        try:
            await self._remind(due)
        except UNAVAILABLE:
            raise
        except Exception:
            logger.exception("promise.reminder_failed", promise_id=str(due.id))
            async with self._database.tenant(due.tenant_id) as connection:
                await self._again(connection, due, self._clock.now() + _AFTER_FAULT, was_tried=True)

    async def _remind(self, due: DuePromise) -> None:
        reminder = await self._prepare(due)
        if reminder is None:
            return
        decision = await self._outreach.contact(reminder.request)
        async with self._database.tenant(due.tenant_id) as connection:
            if await self._is_sent(connection, due):
                return
            if decision.is_contact:  # and taken back: the provider surely took nothing
                await self._again(connection, due, self._clock.now() + _AFTER_REFUSAL, was_tried=True)
            elif decision.next_at is not None and self._is_before_day(reminder, decision.next_at):
                await self._again(connection, due, decision.next_at)
            else:
                await promises.end_reminder(connection, due.id, worker=self._worker)

    async def _again(
        self, connection: Connection, due: DuePromise, due_at: datetime, *, was_tried: bool = False
    ) -> None:
        if was_tried and due.attempts + 1 >= _MOST_TRIES:
            await promises.end_reminder(connection, due.id, worker=self._worker)
        else:
            await promises.postpone_reminder(
                connection, due.id, worker=self._worker, due_at=due_at, was_tried=was_tried
            )

    async def _is_sent(self, connection: Connection, due: DuePromise) -> bool:
        """Note a reminder that went out, also one whose sender died before it could."""
        sent_at = await promises.reminder_sent_at(connection, due.id)
        if sent_at is not None:
            await promises.mark_reminded(connection, due.id, worker=self._worker, at=sent_at)
        return sent_at is not None

    async def _prepare(self, due: DuePromise) -> _Reminder | None:
        """Make the request; None when there is nothing to remind of any more, which is then written down."""
        tenant = (await self._tenants.profile(due.tenant_id)).tenant
        async with self._database.tenant(due.tenant_id) as connection:
            if await self._is_sent(connection, due):
                return None
            row = await promises.by_id(connection, due.id)
            reminder = None
            if row is not None and row.status == PromiseStatus.PENDING and row.conversation_id is not None:
                reminder = await self._request(connection, tenant, row, row.conversation_id)
            if reminder is None or not self._is_before_day(reminder, self._clock.now()):
                await promises.end_reminder(connection, due.id, worker=self._worker)
                return None
            return reminder

    async def _request(
        self, connection: Connection, tenant: Tenant, row: PromiseRow, conversation_id: UUID
    ) -> _Reminder | None:
        if not tenant.settings.is_promise_reminder_enabled:
            return None
        conversation = await conversations.by_id(connection, conversation_id)
        contact = await contacts.by_id(connection, row.contact_id)
        if conversation is None or contact is None:
            return None
        account = await channel_accounts.by_id(connection, conversation.channel_account_id)
        method = _METHODS.get(account.medium) if account else None
        phone = _phone(conversation, await contacts.addresses_of(connection, row.contact_id))
        place = place_of(phone) if phone else None
        if account is None or method is None or phone is None or place is None:
            return None
        today = local_day(self._clock.now(), place)
        request = ContactRequest(
            engine="reminder", tenant_id=tenant.id, promise_id=row.id, document=row.document, phone=phone,
            method=method, worker=self._worker, account_id=account.id, client_name=contact.name or "",
            text=reminder_text(
                client_name=contact.name or "", document=row.document, assistant_name=tenant.assistant_name,
                tenant_name=tenant.name, due_on=row.due_on, today=today,
            ),
            template_name=tenant.settings.reminder_template,
            values={PROMISED_DAY: promised_day_words(row.due_on, today)},
        )  # fmt: skip
        return _Reminder(due_on=row.due_on, request=request)

    def _is_before_day(self, reminder: _Reminder, instant: datetime) -> bool:
        """Say whether it is not yet the promised day anywhere the customer may be: on the day itself it would press."""
        place = place_of(reminder.request.phone)
        if place is None:
            return False
        return all(instant.astimezone(zone).date() < reminder.due_on for zone in place.zones)


def _phone(conversation: ConversationRow, addresses: list[AddressRow]) -> str | None:
    """Give the phone that the promise came from; of a hidden address, another one of the person's."""
    if conversation.address_kind in _PHONE_KINDS:
        try:
            phone = parse_phone(conversation.address_value)
        except InvalidPhone:
            return phone_of(addresses)
        return phone if place_of(phone) is not None else None
    return phone_of(addresses)
