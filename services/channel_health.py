"""Ask the providers whether a tenant's accounts work."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from channels.base import ChannelAccount, ChannelError
from domain.messages import Provider
from services.accounts import AccountDirectory
from store.channel_accounts import AccountRow
from store.cipher import SecretUnreadable

_CALL_SECONDS = 20.0
_AT_ONCE = 5


class Checker(Protocol):
    """What can be asked about an account: a channel, or what makes phone calls."""

    async def check(self, account: ChannelAccount) -> str | None:
        """Ask the provider; None when the account works."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountHealth:
    """`problem` is None when the account works, else what is wrong in plain words, without secrets."""

    account: AccountRow
    problem: str | None


async def check_account(
    row: AccountRow, *, channels: Mapping[Provider, Checker], accounts: AccountDirectory
) -> AccountHealth:
    """Ask the account's provider. Never raises what a provider does."""
    try:
        opened = accounts.open(row)
    except SecretUnreadable as error:
        problem = f"the stored credentials cannot be decrypted: the key {error.key_id!r} is missing or wrong"
        return AccountHealth(account=row, problem=problem)
    try:
        async with asyncio.timeout(_CALL_SECONDS):
            problem_found = await channels[row.provider].check(opened)
    except TimeoutError:
        problem_found = "the provider did not answer in time"
    except ChannelError as error:
        problem_found = f"the provider refused the check ({error.code})"
    return AccountHealth(account=row, problem=problem_found)


async def check_accounts(
    rows: Sequence[AccountRow], *, channels: Mapping[Provider, Checker], accounts: AccountDirectory
) -> list[AccountHealth]:
    """Ask about several accounts, a few at once; the answers come in the order of the rows."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def check(row: AccountRow) -> AccountHealth:
        async with room:
            return await check_account(row, channels=channels, accounts=accounts)

    return list(await asyncio.gather(*(check(row) for row in rows)))
