"""When a promise ends to protect, when somebody looks at it and when it is reminded of, by the place of its maker."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.campaigns import Method
from domain.contact_hours import place_of
from domain.messages import AddressKind
from domain.phones import InvalidPhone, parse_phone
from domain.promise_reminders import reminder_at
from domain.promises import customer_zones, next_review, protection_end
from domain.tenants import Tenant
from store import contacts, holidays
from store.contacts import AddressRow
from store.database import Connection

_PHONES = (AddressKind.PHONE, AddressKind.WA_ID)


@dataclass(frozen=True, kw_only=True, slots=True)
class PromiseDates:
    protected_until: datetime
    review_due_at: datetime
    reminder_due_at: datetime | None


async def promise_dates(
    connection: Connection, *, tenant: Tenant, contact_id: UUID, due_on: date, now: datetime
) -> PromiseDates:
    """Compute the instants of a promise for a day, in the place of the contact's phones or else the tenant's zone."""
    addresses = await contacts.addresses_of(connection, contact_id)
    end = protection_end(due_on, _zones(addresses, tenant))
    return PromiseDates(
        protected_until=end,
        review_due_at=next_review(end, now),
        reminder_due_at=await _reminder(connection, tenant, addresses, due_on, now),
    )


async def zones_of_contact(connection: Connection, tenant: Tenant, contact_id: UUID) -> Sequence[ZoneInfo]:
    """Give every zone a contact may live in, judging by its phones; the tenant's when there is no Brazilian one."""
    return _zones(await contacts.addresses_of(connection, contact_id), tenant)


def phone_of(addresses: Sequence[AddressRow]) -> str | None:
    """Give the first phone among a person's addresses that lies in Brazil, as E.164."""
    for address in addresses:
        if address.kind not in _PHONES:
            continue
        try:
            phone = parse_phone(address.value)
        except InvalidPhone:
            continue
        if place_of(phone) is not None:
            return phone
    return None


def _zones(addresses: Sequence[AddressRow], tenant: Tenant) -> Sequence[ZoneInfo]:
    return customer_zones(address.match_key for address in addresses) or (tenant.time_zone,)


async def _reminder(
    connection: Connection, tenant: Tenant, addresses: Sequence[AddressRow], due_on: date, now: datetime
) -> datetime | None:
    if not tenant.settings.is_promise_reminder_enabled:
        return None
    phone = phone_of(addresses)
    place = place_of(phone) if phone else None
    if place is None:
        return None
    own = await holidays.since(connection, (now - timedelta(days=1)).date())
    # The hours of a message: which channel it goes by is seen when it is sent.
    return reminder_at(due_on, made_at=now, place=place, method=Method.WHATSAPP, tenant_holidays=own)
