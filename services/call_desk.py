"""Begin the conversation of a call that somebody has picked up, whoever called whom (spec 5.2)."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid4

import structlog

from domain.errors import NotFound
from domain.messages import Address, AddressKind
from domain.phones import match_key
from domain.ports import Clock
from services.accounts import OpenAccount
from services.calls import ASK_AFTER
from services.identity_resolution import resolve_contact
from store import call_talk, calls, contacts, conversations
from store.calls import CallRow
from store.database import RETRYABLE, Connection, Database

logger = structlog.get_logger(__name__)

_TRIES = 3
_ANONYMOUS = "anonymous"


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """A call that a provider's socket or webhook tells of. `call_id` is ours, where the provider carried it back."""

    provider_call_id: str
    direction: Literal["in", "out"]
    customer_phone: str | None = None  # as the provider gave it; None when the caller hides it
    call_id: UUID | None = None
    agent_version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedCall:
    """A call with its conversation. `is_resumed`: something was said in it before, so nobody is greeted again."""

    tenant_id: UUID
    account: OpenAccount
    call: CallRow
    contact_id: UUID
    conversation_id: UUID
    is_resumed: bool


class CallDesk:
    """Find or make the call's row, its contact and its conversation; the same call again gives the same ones."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, account: OpenAccount, arrival: Arrival) -> OpenedCall:
        """Raises NotFound when `call_id` names no call of this account, or the call has another provider's id."""
        for _ in range(_TRIES - 1):
            try:
                return await self._begin(account, arrival)
            except RETRYABLE:
                logger.info("call_desk.deadlock_retried", account_id=str(account.row.id))
        return await self._begin(account, arrival)

    async def _begin(self, account: OpenAccount, arrival: Arrival) -> OpenedCall:
        now = self._clock.now()
        tenant_id = account.row.tenant_id
        async with self._database.tenant(tenant_id) as connection:
            known = await self._find(connection, account, arrival)
            if known is None:
                known = await self._arrive(connection, account, arrival)
            address = _address(known.phone)
            contact_id = known.contact_id or await _contact(connection, tenant_id, address)
            conversation_id = known.conversation_id or await self._converse(
                connection, account, contact_id, address, known
            )
            await call_talk.begin(
                connection, id=known.id, conversation_id=conversation_id, contact_id=contact_id, now=now,
                provider_call_id=arrival.provider_call_id, agent_version=arrival.agent_version, due_at=now + ASK_AFTER,
            )  # fmt: skip
            is_resumed = await call_talk.has_spoken(connection, known.id)
            call = await calls.by_id(connection, known.id)
        if call is None:
            raise NotFound("call")
        return OpenedCall(
            tenant_id=tenant_id, account=account, call=call, contact_id=contact_id, conversation_id=conversation_id,
            is_resumed=is_resumed,
        )  # fmt: skip

    async def _find(self, connection: Connection, account: OpenAccount, arrival: Arrival) -> CallRow | None:
        found = await call_talk.find(connection, account_id=account.row.id, provider_call_id=arrival.provider_call_id)
        if found is None and arrival.call_id is None:
            return None
        call = await calls.lock(connection, found or arrival.call_id or uuid4())
        is_ours = call is not None and call.channel_account_id == account.row.id
        if call is None or not is_ours or call.provider_call_id not in (None, arrival.provider_call_id):
            raise NotFound("call")
        return call

    async def _arrive(self, connection: Connection, account: OpenAccount, arrival: Arrival) -> CallRow:
        """Make the row of a call that rang us; give the one that a webhook or another socket made meanwhile."""
        now = self._clock.now()
        contact_id = await _contact(connection, account.row.tenant_id, _address(arrival.customer_phone))
        await call_talk.arrive(
            connection, tenant_id=account.row.tenant_id, id=uuid4(), account_id=account.row.id, contact_id=contact_id,
            phone=arrival.customer_phone or _ANONYMOUS, provider_call_id=arrival.provider_call_id,
            agent_version=arrival.agent_version, due_at=now + ASK_AFTER, now=now,
        )  # fmt: skip
        known = await self._find(connection, account, arrival)
        if known is None:
            raise NotFound("call")
        return known

    async def _converse(
        self, connection: Connection, account: OpenAccount, contact_id: UUID, address: Address, call: CallRow
    ) -> UUID:
        now = self._clock.now()
        await call_talk.close_earlier(connection, account_id=account.row.id, contact_id=contact_id, now=now)
        conversation_id = uuid4()
        source = {"campaign": "voice_campaign", "requested": "call_request"}.get(call.purpose, "call")
        await conversations.open_conversation(
            connection, tenant_id=account.row.tenant_id, conversation_id=conversation_id, contact_id=contact_id,
            channel_account_id=account.row.id, address_kind=address.kind, address_value=address.value, source=source,
            now=now,
        )  # fmt: skip
        if source == "voice_campaign":
            await conversations.assign(connection, conversation_id, "cobranca")
        return conversation_id


def _address(phone: str | None) -> Address:
    return Address(kind=AddressKind.PHONE, value=phone or _ANONYMOUS)


async def _contact(connection: Connection, tenant_id: UUID, address: Address) -> UUID:
    """Find or make the person of a phone; a caller without a number that can be called is a new one each time."""
    if match_key(address.value) is not None:
        return await resolve_contact(connection, tenant_id=tenant_id, addresses=[address], profile_name=None)
    contact_id = uuid4()
    await contacts.insert(connection, tenant_id=tenant_id, contact_id=contact_id, name=None)
    return contact_id
