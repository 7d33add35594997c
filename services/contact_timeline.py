"""All that happened with one contact, whatever carried it: messages, calls with their talk and requests, promises."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.errors import NotFound
from domain.messages import Provider
from services.call_admin import CallDetails
from store import call_records, call_requests, channel_accounts, contacts, promises, timeline
from store.call_records import SaidRow
from store.call_requests import CallRequestRow
from store.contacts import ContactRow
from store.database import Database
from store.messages import MessageRow
from store.promises import PromiseRow


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineItem:
    """Exactly one of the four is given."""

    at: datetime
    message: MessageRow | None = None
    call: CallDetails | None = None
    request: CallRequestRow | None = None
    promise: PromiseRow | None = None


async def find_person(database: Database, tenant_id: UUID, contact_id: UUID) -> ContactRow:
    """Read whose timeline it is. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        found = await contacts.by_id(connection, contact_id)
    if found is None:
        raise NotFound("contact")
    return found


async def list_channels(database: Database, tenant_id: UUID) -> dict[UUID, Provider]:
    """Say which provider carries each of the tenant's channel accounts."""
    async with database.tenant(tenant_id) as connection:
        return {row.id: row.provider for row in await channel_accounts.list_all(connection)}


async def list_timeline(
    database: Database, tenant_id: UUID, contact_id: UUID, *, limit: int, offset: int
) -> tuple[list[TimelineItem], int]:
    """List it newest first, and count it. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        if await contacts.by_id(connection, contact_id) is None:
            raise NotFound("contact")
        entries, total = await timeline.contact_index(connection, contact_id, limit=limit, offset=offset)
        call_ids = [entry.call_id for entry in entries if entry.call_id]
        messages = await timeline.messages_by_id(connection, [e.message_id for e in entries if e.message_id])
        rows = await call_records.by_ids(connection, call_ids)
        said = await call_records.talk(connection, *call_ids)
        requests = await call_requests.by_ids(connection, [e.request_id for e in entries if e.request_id])
        agreed = await promises.by_ids(connection, [e.promise_id for e in entries if e.promise_id])
    talk: dict[UUID, list[SaidRow]] = defaultdict(list)
    for line in said:
        talk[line.call_id].append(line)
    by_message = {row.id: row for row in messages}
    by_call = {row.id: CallDetails(call=row, talk=talk[row.id]) for row in rows}
    by_request = {row.id: row for row in requests}
    by_promise = {row.id: row for row in agreed}
    return [
        TimelineItem(
            at=entry.at, message=by_message.get(entry.message_id) if entry.message_id else None,
            call=by_call.get(entry.call_id) if entry.call_id else None,
            request=by_request.get(entry.request_id) if entry.request_id else None,
            promise=by_promise.get(entry.promise_id) if entry.promise_id else None,
        )
        for entry in entries
    ], total  # fmt: skip
