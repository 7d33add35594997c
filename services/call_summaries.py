"""Summaries of calls: what they are made of, and the way to the customer, once (spec 5.1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from domain.call_summaries import CALL_SUMMARY, CallMaterial, SpokenLine
from domain.dates_ptbr import format_date
from domain.message_templates import parameters_of, values_for
from domain.messages import Part, Provider, Template, Text
from domain.ports import Clock
from domain.promises import customer_zones
from domain.tenants import Tenant
from domain.turns import Agreement, ModelUsage
from services.call_outcomes import first_name_of, has_refused
from services.parts import part_kind, part_text, part_to_json
from services.tenant_directory import TenantDirectory
from store import (
    call_facts,
    call_records,
    call_requests,
    calls,
    channel_accounts,
    contact_changes,
    contacts,
    conversations,
    kanban,
    message_templates,
    messages,
    turns,
)
from store.call_facts import CallPromise, CallRecord
from store.call_records import SaidRow
from store.calls import CallRow
from store.channel_accounts import AccountRow
from store.contacts import ContactRow
from store.conversations import ConversationRow
from store.database import Connection, Database
from store.messages import NewOutbound

Price = Callable[[ModelUsage], Decimal]

_LEASE = timedelta(seconds=90)  # longer than a chain of models may think
_SERVICE_WINDOW = timedelta(hours=24)
_TOO_LATE = timedelta(hours=24)
_APPROVING = (Provider.META, Provider.TWILIO_WHATSAPP)
_LIVE = ("open", "waiting")
_MOST_LINES = 200
_LEAST_SAID = 2  # utterances of the customer
_LONGEST_FACT = 300
_MOVED_BY = "call"


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """The words for the customer, and what they cost."""

    text: str
    usage: tuple[ModelUsage, ...] = ()


class CallSummaries:
    """The rows' side of summaries; whoever runs it brings the words."""

    def __init__(self, *, database: Database, tenants: TenantDirectory, clock: Clock, price: Price) -> None:
        self._database = database
        self._tenants = tenants
        self._clock = clock
        self._price = price

    async def claim(self, limit: int) -> list[CallRow]:
        """Take up to `limit` calls whose summary is due."""
        now = self._clock.now()
        async with self._database.platform() as connection:
            return await call_records.claim_summaries(connection, now=now, again_at=now + _LEASE, limit=limit)

    async def material(self, row: CallRow) -> CallMaterial | None:
        """Gather what the summary of a call may be made of; None when nobody said anything."""
        tenant = (await self._tenants.profile(row.tenant_id)).tenant
        async with self._database.tenant(row.tenant_id) as connection:
            lines = lines_of(row, await call_records.talk(connection, row.id))
            contact = await contacts.by_id(connection, row.contact_id) if row.contact_id else None
            known = await call_facts.of_conversation(connection, row.conversation_id) if row.conversation_id else None
            addresses = await contacts.addresses_of(connection, row.contact_id) if row.contact_id else []
        if not _is_worth_telling(lines, known):
            return None
        ended_at = row.ended_at or row.status_at
        zones = customer_zones(address.match_key for address in addresses) or (tenant.time_zone,)
        return CallMaterial(
            tenant=tenant, call_id=row.id, conversation_id=row.conversation_id, ended_at=ended_at,
            today=min(ended_at.astimezone(zone).date() for zone in zones), first_name=first_name_of(contact),
            lines=lines, promise=_agreement(known.promise) if known and known.promise else None,
            has_payment_claim=known is not None and known.has_payment_claim,
            is_identity_confirmed=known is not None and known.is_identity_confirmed,
            documents=(contact.document,) if contact and contact.document else (),
        )  # fmt: skip

    async def drop(self, row: CallRow) -> None:
        """Leave a call without a summary: there is nothing to sum up."""
        async with self._database.tenant(row.tenant_id) as connection:
            call = await calls.lock(connection, row.id)
            if call is not None and call.summary is None:
                await call_records.put_summary(connection, row.id, summary=None, message_id=None)

    async def finish(self, row: CallRow, summary: Summary) -> bool:
        """Keep the summary, send it where the customer writes, note it on the card; all of it once. Say whether a
        message goes out."""
        now = self._clock.now()
        tenant = (await self._tenants.profile(row.tenant_id)).tenant
        async with self._database.tenant(row.tenant_id) as connection:
            thread_id = await _thread_of(connection, row)
            conversation = await conversations.lock(connection, thread_id) if thread_id else None
            call = await calls.lock(connection, row.id)
            if call is None or call.summary is not None:
                return False
            message_id = await self._send(connection, tenant, call, conversation, summary.text, now)
            await call_records.put_summary(connection, call.id, summary=summary.text, message_id=message_id)
            await _note(connection, tenant, call, summary.text, now)
            await turns.insert_usage(
                connection, summary.usage, price=self._price, tenant_id=call.tenant_id,
                conversation_id=call.conversation_id, turn_seq=None, now=now,
            )  # fmt: skip
        return message_id is not None

    async def _send(
        self, connection: Connection, tenant: Tenant, call: CallRow, conversation: ConversationRow | None, text: str,
        now: datetime,
    ) -> UUID | None:  # fmt: skip
        if conversation is None or conversation.status not in _LIVE or now - (call.ended_at or now) > _TOO_LATE:
            return None
        account = await channel_accounts.by_id(connection, conversation.channel_account_id)
        if account is None or await has_refused(connection, conversation.contact_id, account.medium):
            return None
        contact = await contacts.by_id(connection, conversation.contact_id)
        part = await _part(connection, tenant, account, conversation, contact, text, now)
        if part is None:
            return None
        message_id = uuid5(call.id, "summary")
        words = part_text(part) if isinstance(part, Text) else text
        row = NewOutbound(id=message_id, author="system", kind=part_kind(part), text=words, content=part_to_json(part))
        await messages.insert_outbound(
            connection, [row], tenant_id=call.tenant_id, conversation_id=conversation.id,
            channel_account_id=conversation.channel_account_id, now=now,
        )  # fmt: skip
        return message_id


def lines_of(call: CallRow, said: Sequence[SaidRow]) -> tuple[SpokenLine, ...]:
    """Give what was said: our own record, else the provider's of an agent that is hosted there.

    A reply that was heard to its end is taken as it was written: amounts and days in figures.
    """
    lines = [
        SpokenLine(speaker="cliente" if row.direction == "in" else "assistente", text=_words(row))
        for row in said[-_MOST_LINES:]
        if (row.text or "").strip()
    ]
    if not any(line.speaker == "cliente" for line in lines) and call.provider_transcript:
        lines = [
            SpokenLine(
                speaker="cliente" if entry.get("role") == "user" else "assistente", text=str(entry.get("text", ""))
            )
            for entry in call.provider_transcript[-_MOST_LINES:]
        ]  # fmt: skip
    return tuple(line for line in lines if line.text.strip())


def _is_worth_telling(lines: Sequence[SpokenLine], known: CallRecord | None) -> bool:
    """Tell a talk from somebody who said hello and hung up, or who is not the one we meant."""
    if known is not None and known.is_wrong_person:
        return False
    said = sum(line.speaker == "cliente" for line in lines)
    has_facts = known is not None and (known.promise is not None or known.has_payment_claim)
    return said >= _LEAST_SAID or (said > 0 and has_facts)


def _words(row: SaidRow) -> str:
    meant = row.content.get("meant")
    return meant if isinstance(meant, str) and not row.content.get("isInterrupted") else row.text or ""


def _agreement(promise: CallPromise) -> Agreement:
    return {"amount_cents": promise.amount_cents, "due_on": promise.due_on.isoformat(), "protocol": promise.protocol}


async def _thread_of(connection: Connection, row: CallRow) -> UUID | None:
    """Give where the summary goes: to the talk in which the call was asked for, else where the contact writes."""
    request = await call_requests.by_id(connection, row.request_id) if row.request_id else None
    if request is not None:
        return request.conversation_id
    return await call_requests.newest_thread(connection, row.contact_id) if row.contact_id else None


async def _part(
    connection: Connection, tenant: Tenant, account: AccountRow, conversation: ConversationRow,
    contact: ContactRow | None, text: str, now: datetime,
) -> Part | None:  # fmt: skip
    """Give the words inside the provider's window, the tenant's approved template outside, or nothing."""
    inbound_at = conversation.last_inbound_at
    if account.provider not in _APPROVING or (inbound_at is not None and now - inbound_at < _SERVICE_WINDOW):
        return Text(text=text)
    name = account.settings.get("summary_template")
    template = await message_templates.approved(connection, account.id, name) if name else None
    if template is None:
        return None
    known = values_for(
        client_name=contact.name or "" if contact else "", document=(contact.document or "") if contact else "",
        tenant_name=tenant.name, assistant_name=tenant.assistant_name,
    )  # fmt: skip
    values = known | {CALL_SUMMARY: " ".join(text.split())}
    parameters = parameters_of(values, template.variables)
    if not all(parameters) or CALL_SUMMARY not in template.variables:
        return None
    return Template(
        name=template.name, language=template.language, parameters=parameters, content_sid=template.content_sid
    )


async def _note(connection: Connection, tenant: Tenant, call: CallRow, text: str, now: datetime) -> None:
    """Put the call into the contact's facts and into the history of its cards, where they stand."""
    if call.contact_id is None:
        return
    day = format_date((call.ended_at or now).astimezone(tenant.time_zone).date())
    note = f"{day}: {' '.join(text.split())}"[:_LONGEST_FACT]
    await contact_changes.merge_facts(connection, call.contact_id, {"last_call": note}, now=now)
    for card in await kanban.cards_of(connection, call.contact_id):
        move = kanban.MoveRow(
            id=uuid5(call.id, f"card:{card.id}"), card_id=card.id, from_stage_id=card.stage_id,
            to_stage_id=card.stage_id, reason=f"Ligação de {note}", moved_by=_MOVED_BY, moved_at=now,
        )  # fmt: skip
        await kanban.put_move(connection, call.tenant_id, move)
