"""What a person of the tenant does with calls: list them, read one with its talk, end one, see how short they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from channels.base import ChannelError
from channels.voice import VoiceLine
from domain.calls import FINAL_STATUSES, CallStatus, outcome_of
from domain.errors import Conflict, NotFound
from domain.local_time import first_instant
from domain.messages import Medium, Provider
from domain.tenants import Tenant
from services.accounts import AccountDirectory
from store import call_records, calls, channel_accounts
from store.call_records import CallFilter, SaidRow
from store.calls import CallRow
from store.database import Database

_LIVE = frozenset({CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS})


class CallNotLive(Conflict):
    """It has ended, or the provider has not taken it yet: there is nothing to hang up."""

    code = "call_not_live"

    def __init__(self, status: str) -> None:
        super().__init__(f"A call that is {status} cannot be hung up")
        self.status = status


class CallNotHungUp(Conflict):
    """The provider did not end it; nothing of its own words is passed on."""

    code = "call_not_hung_up"

    def __init__(self, provider: str) -> None:
        super().__init__(f"{provider} did not end the call; try again")
        self.provider = provider


@dataclass(frozen=True, kw_only=True, slots=True)
class CallDetails:
    call: CallRow
    talk: Sequence[SaidRow]


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountCalls:
    """How many calls of a number ended today, and how many of them were short ones (compliance 5)."""

    account_id: UUID
    provider: Provider
    display_name: str
    status: str
    ended: int
    short: int


async def list_calls(
    database: Database, tenant_id: UUID, wanted: CallFilter, *, limit: int, offset: int
) -> tuple[list[CallRow], int]:
    async with database.tenant(tenant_id) as connection:
        return await call_records.page(connection, wanted, limit=limit, offset=offset)


async def get_call(database: Database, tenant_id: UUID, call_id: UUID) -> CallDetails:
    """Read one with what was said in it. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        call = await calls.by_id(connection, call_id)
        if call is None:
            raise NotFound("call")
        return CallDetails(call=call, talk=await call_records.talk(connection, call_id))


async def hang_up(
    database: Database, tenant_id: UUID, call_id: UUID, *, lines: Mapping[Provider, VoiceLine],
    accounts: AccountDirectory,
) -> CallRow:  # fmt: skip
    """Ask the provider to end a call; how it ended, the provider tells as ever.

    Raises NotFound, CallNotLive or CallNotHungUp.
    """
    call = (await get_call(database, tenant_id, call_id)).call
    if call.status not in _LIVE or call.provider_call_id is None:
        raise CallNotLive(call.status)
    account = await accounts.by_id(tenant_id, call.channel_account_id)
    line = lines.get(account.row.provider) if account else None
    if account is None or line is None:
        raise NotFound("channel account")
    try:
        await line.hang_up(account.channel, call.provider_call_id)
    except ChannelError as error:
        raise CallNotHungUp(account.row.provider) from error
    return (await get_call(database, tenant_id, call_id)).call


async def calls_today(database: Database, tenant: Tenant, *, now: datetime) -> list[AccountCalls]:
    """Count the calls of the tenant's day, number by number, as the automatic stop counts them."""
    since = first_instant(now.astimezone(tenant.time_zone).date(), time.min, tenant.time_zone)
    found = []
    async with database.tenant(tenant.id) as connection:
        for row in await channel_accounts.list_all(connection):
            if row.medium is not Medium.VOICE:
                continue
            counts = await calls.counts_since(connection, row.id, since=since)
            found.append(
                AccountCalls(
                    account_id=row.id, provider=row.provider, display_name=row.display_name, status=row.status,
                    ended=counts.ended, short=counts.short,
                )
            )  # fmt: skip
    return found


def outcome_of_call(call: CallRow) -> str | None:
    """Say in one word what came of a call; None while it goes on or nobody knows."""
    return str(outcome_of(call.status, call.answered_by)) if call.status in FINAL_STATUSES else None
