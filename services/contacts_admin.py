"""What a person of the tenant does with contacts: find, correct, switch the bot off, record a refusal or lift it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.errors import ContactMerged, InvalidInput, NotFound, UnknownNames
from services.opt_out import EVERYTHING, record_opt_out
from services.plain_text import tidy, tidy_line
from store import contact_search, contacts, custom_fields, events, opt_outs
from store.contacts import AddressRow, ContactRow
from store.database import Connection, Database
from store.opt_outs import OptOutRow

_MOST_TAGS = 50
_LONGEST_TAG = 40
_LONGEST_FIELD = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactDetails:
    contact: ContactRow
    addresses: Sequence[AddressRow]
    opt_outs: Sequence[OptOutRow]


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactPatch:
    """What to change; None leaves a field alone. Custom fields are merged by name."""

    name: str | None = None
    tags: Sequence[str] | None = None
    custom_fields: Mapping[str, str] | None = None
    is_bot_enabled: bool | None = None


async def search_contacts(
    database: Database, tenant_id: UUID, *, text: str | None, tag: str | None, limit: int, offset: int
) -> tuple[list[ContactRow], int]:
    async with database.tenant(tenant_id) as connection:
        return await contact_search.search(connection, text=text, tag=tag, limit=limit, offset=offset)


async def get_contact(database: Database, tenant_id: UUID, contact_id: UUID) -> ContactDetails:
    """Read one with its addresses and live refusals. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        return await _details(connection, contact_id)


async def patch_contact(database: Database, tenant_id: UUID, contact_id: UUID, patch: ContactPatch) -> ContactDetails:
    """Change a contact. Raises NotFound, ContactMerged or InvalidInput."""
    name = None if patch.name is None else tidy_line(patch.name, limit=120)
    if name == "":
        raise InvalidInput("name", "must not be empty")
    tags = None if patch.tags is None else _tags(patch.tags)
    async with database.tenant(tenant_id) as connection:
        await _own(connection, contact_id)
        fields = await _fields(connection, patch.custom_fields or {})
        await contacts.patch(
            connection, contact_id, name=name, is_bot_enabled=patch.is_bot_enabled, tags=tags, custom_fields=fields
        )
        return await _details(connection, contact_id)


async def opt_out_contact(
    database: Database, tenant_id: UUID, contact_id: UUID, *, scope: str, reason: str, now: datetime
) -> ContactDetails:
    """Record that the person wants no proactive contact. Raises NotFound, ContactMerged."""
    async with database.tenant(tenant_id) as connection:
        await _own(connection, contact_id)
        words = tidy_line(reason, limit=200) or "operator"
        await record_opt_out(connection, tenant_id=tenant_id, contact_id=contact_id, scope=scope, reason=words, now=now)
        await _record(connection, tenant_id, "opt_out", contact_id, now)
        return await _details(connection, contact_id)


async def lift_opt_outs(database: Database, tenant_id: UUID, contact_id: UUID, *, now: datetime) -> ContactDetails:
    """Lift every refusal, because the person asked for it; who did it stays in the events (compliance 4)."""
    async with database.tenant(tenant_id) as connection:
        await _own(connection, contact_id)
        await opt_outs.revoke_all(connection, contact_id, now=now)
        await contact_search.lift_opt_out(connection, contact_id, now=now)
        await _record(connection, tenant_id, "opt_out_lifted", contact_id, now)
        return await _details(connection, contact_id)


async def _own(connection: Connection, contact_id: UUID) -> ContactRow:
    # Not locked: the debtor's lock comes first everywhere, and the contact's row after it.
    row = await contacts.by_id(connection, contact_id)
    if row is None:
        raise NotFound("contact")
    if row.merged_into is not None:
        raise ContactMerged(row.merged_into)
    return row


async def _details(connection: Connection, contact_id: UUID) -> ContactDetails:
    row = await contacts.by_id(connection, contact_id)
    if row is None:
        raise NotFound("contact")
    return ContactDetails(
        contact=row,
        addresses=await contacts.addresses_of(connection, contact_id),
        opt_outs=await opt_outs.live_of(connection, contact_id),
    )


async def _fields(connection: Connection, values: Mapping[str, str]) -> dict[str, str]:
    known = {row.name for row in await custom_fields.list_all(connection)}
    if not known.issuperset(values):
        raise UnknownNames("customFields", known)
    return {name: tidy(value, limit=_LONGEST_FIELD) for name, value in values.items()}


def _tags(tags: Sequence[str]) -> list[str]:
    kept = list(dict.fromkeys(tag for tag in (tidy_line(tag, limit=_LONGEST_TAG) for tag in tags) if tag))
    if len(kept) > _MOST_TAGS:
        raise InvalidInput("tags", f"may be at most {_MOST_TAGS}")
    return kept


async def _record(connection: Connection, tenant_id: UUID, kind: str, contact_id: UUID, now: datetime) -> None:
    await events.record(
        connection, tenant_id=tenant_id, kind=kind, severity="info",
        data={"contactId": str(contact_id), "scope": EVERYTHING, "by": "api"}, now=now,
    )  # fmt: skip
