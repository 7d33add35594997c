"""Bring a Twilio number to Retell: trunk, origination, login, import, channel account (spec 5.5, protocols 4.7, 5.6).

There is no state of our own to lose: what the providers and our rows say is looked at first, and only what is missing
is done. So the same command again goes on where it stopped.
"""

import secrets
import string
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

from channels.base import ChannelAccount, ChannelError, OutcomeUnknown, Rejected
from channels.retell_numbers import ORIGINATION_URL, NumberChange, RetellNumbers, TrunkLogin
from channels.twilio_account import account_sid
from channels.twilio_trunks import OriginationUrl, Trunk, TwilioTrunks
from domain.messages import ErrorClass, Provider
from services.account_admin import AccountAdmin, AccountPatch, NewAccount
from services.accounts import AccountDirectory
from services.number_plan import (
    SETTING_UP,
    Found,
    Part,
    State,
    Step,
    Wanted,
    change_of,
    credential_list_name,
    leftover_credentials,
    plan,
    trunk_domain,
    username_prefix,
)
from store import channel_accounts
from store.channel_accounts import AccountRow
from store.cipher import SecretUnreadable
from store.database import Database

_MOST_DOMAINS = 4
_PASSWORD_LENGTH = 24  # Twilio wants 12 or more, with a digit and both cases
_LETTERS = string.ascii_letters + string.digits
_SENDS_PER_SECOND = 1.0
_BURST = 5


class ProvisioningFailed(Exception):
    """What stopped the work, and what to do about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who we are at both providers. Never printed."""

    twilio: ChannelAccount
    retell_key: str

    def __repr__(self) -> str:
        return "Access(***)"


_T = TypeVar("_T")
_Do = Callable[[Access, Wanted, Found], Awaitable[Found]]


class NumberProvisioning:
    """Look at, plan and make what a number needs. `note` is told each thing as it is done."""

    def __init__(
        self, *, database: Database, accounts: AccountDirectory, admin: AccountAdmin, trunks: TwilioTrunks,
        numbers: RetellNumbers, note: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._database = database
        self._accounts = accounts
        self._admin = admin
        self._trunks = trunks
        self._numbers = numbers
        self._note = note
        self._do: Mapping[Part, _Do] = MappingProxyType(
            {
                Part.TRUNK: self._make_trunk,
                Part.ORIGINATION: self._make_origination,
                Part.ATTACHMENT: self._attach_number,
                Part.CREDENTIAL_LIST: self._make_list,
                Part.TRUNK_LOGIN: self._attach_list,
                Part.ACCOUNT: self._make_account,
                Part.RETELL: self._put_at_retell,
                Part.LEFTOVERS: self._remove_leftovers,
                Part.ACTIVATION: self._activate,
            }
        )

    async def look(self, access: Access, wanted: Wanted) -> tuple[Step, ...]:
        """Compare what is wanted with what is there, and change nothing. Raises ProvisioningFailed."""
        return plan(wanted, await self._find(access, wanted))

    async def provision(self, access: Access, wanted: Wanted) -> tuple[Step, ...]:
        """Make what is missing, in order, and look again at the end. Raises ProvisioningFailed."""
        found = await self._find(access, wanted)
        blocked = [step for step in plan(wanted, found) if step.state is State.BLOCKED]
        if blocked and blocked[0].part is not Part.ACTIVATION:
            raise ProvisioningFailed(f"{blocked[0].found}. {blocked[0].action}")
        for part, do in self._do.items():
            # Each part is judged by what the ones before it have left.
            step = _step(wanted, found, part)
            if step.state in (State.MISSING, State.DIFFERENT):
                self._note(step.action)
                found = await _told(step.action, do(access, wanted, found))
        return await self.look(access, wanted)

    # --- looking ---------------------------------------------------------------------------------------------------

    async def _find(self, access: Access, wanted: Wanted) -> Found:
        return await _told("look at what is there", self._read(access, wanted))

    async def _read(self, access: Access, wanted: Wanted) -> Found:
        account = access.twilio
        number = await self._trunks.number(account, wanted.phone)
        trunks = await self._read_trunks(account, wanted, number.trunk_sid if number else None)
        trunk = trunks[0] if len(trunks) == 1 else None
        name = credential_list_name(wanted)
        lists = tuple(one for one in await self._trunks.credential_lists(account) if one.name == name)
        on_trunk = tuple(await self._trunks.credential_lists_of(account, trunk.sid)) if trunk else ()
        held = [
            await self._trunks.credentials_in(account, sid) for sid in sorted({one.sid for one in (*lists, *on_trunk)})
        ]
        row = await self._row(wanted)
        return Found(
            number=number, trunks=trunks, lists=lists, trunk_lists=on_trunk, account=row,
            credentials=tuple(credential for some in held for credential in some),
            origination=await self._read_origination(account, trunk) if trunk else None,
            agent=await self._numbers.agent(access.retell_key, wanted.agent_id, wanted.agent_version),
            retell=await self._numbers.number(access.retell_key, wanted.phone),
            is_key_current=row is not None and self._key_of(row) == access.retell_key,
        )  # fmt: skip

    async def _read_trunks(self, account: ChannelAccount, wanted: Wanted, sid: str | None) -> tuple[Trunk, ...]:
        """Take the trunk that the number is on; else those with the wanted name."""
        own = await self._trunks.trunk(account, sid) if sid else None
        if own is not None:
            return (own,)
        return tuple(await self._trunks.trunks_named(account, wanted.trunk_name)) if wanted.trunk_name else ()

    async def _read_origination(self, account: ChannelAccount, trunk: Trunk) -> OriginationUrl | None:
        urls = await self._trunks.origination_urls(account, trunk.sid)
        ours = [url for url in urls if url.sip_url.replace(" ", "").lower() == ORIGINATION_URL]
        return next((url for url in ours if url.is_enabled), ours[0] if ours else None)

    async def _row(self, wanted: Wanted) -> AccountRow | None:
        async with self._database.tenant(wanted.tenant_id) as connection:
            return await channel_accounts.by_external_id(connection, Provider.RETELL, wanted.phone)

    def _key_of(self, row: AccountRow) -> str | None:
        try:
            return self._accounts.open(row).secrets.get("api_key")
        except SecretUnreadable:
            return None

    # --- making ----------------------------------------------------------------------------------------------------

    async def _make_trunk(self, access: Access, wanted: Wanted, found: Found) -> Found:
        """Make the trunk under the first domain that nobody else has."""
        refused: Rejected | None = None
        for attempt in range(_MOST_DOMAINS):
            domain = trunk_domain(wanted, account_sid=account_sid(access.twilio), attempt=attempt)
            try:
                trunk = await self._trunks.create_trunk(access.twilio, name=wanted.trunk_name or "", domain=domain)
            except Rejected as error:
                if error.error_class is not ErrorClass.CONTENT:
                    raise
                refused = error
                continue
            return replace(found, trunks=(trunk,))
        raise refused or LookupError("no domain was tried")

    async def _make_origination(self, access: Access, wanted: Wanted, found: Found) -> Found:
        trunk = _required(found.trunk)
        if found.origination is not None:
            await self._trunks.enable_origination_url(access.twilio, trunk.sid, found.origination.sid)
        else:
            await self._trunks.add_origination_url(access.twilio, trunk.sid, name="Retell", sip_url=ORIGINATION_URL)
        return replace(found, origination=await self._read_origination(access.twilio, trunk))

    async def _attach_number(self, access: Access, wanted: Wanted, found: Found) -> Found:
        trunk, number = _required(found.trunk), _required(found.number)
        await self._trunks.attach_number(access.twilio, trunk.sid, number.sid)
        return replace(found, number=replace(number, trunk_sid=trunk.sid))

    async def _make_list(self, access: Access, wanted: Wanted, found: Found) -> Found:
        made = await self._trunks.create_credential_list(access.twilio, name=credential_list_name(wanted))
        return replace(found, lists=(made,))

    async def _attach_list(self, access: Access, wanted: Wanted, found: Found) -> Found:
        await self._trunks.attach_credential_list(access.twilio, _required(found.trunk).sid, found.lists[0].sid)
        return replace(found, trunk_lists=(*found.trunk_lists, found.lists[0]))

    async def _make_account(self, access: Access, wanted: Wanted, found: Found) -> Found:
        """Make or correct our own row. A new one is not used before its number is at Retell."""
        settings = {"agent_id": wanted.agent_id, "agent_version": wanted.agent_version}
        row = found.account
        if row is not None:
            patch = AccountPatch(secrets={"api_key": access.retell_key}, settings=settings)
            changed = await self._admin.patch(wanted.tenant_id, row.id, patch)
            return replace(found, account=changed, is_key_current=True)
        new = NewAccount(
            provider=Provider.RETELL, external_id=wanted.phone, display_name=f"Retell {wanted.phone}",
            secrets={"api_key": access.retell_key}, sends_per_second=_SENDS_PER_SECOND, burst=_BURST,
            settings={name: value for name, value in settings.items() if value is not None},
        )  # fmt: skip
        made = await self._admin.create(wanted.tenant_id, new)
        async with self._database.tenant(wanted.tenant_id) as connection:
            await channel_accounts.stop(connection, made.id, reason=f"{SETTING_UP}: the number is not at Retell yet")
        self._accounts.forget()
        return replace(found, account=await self._row(wanted), is_key_current=True)

    async def _put_at_retell(self, access: Access, wanted: Wanted, found: Found) -> Found:
        """Import the number, or change what differs. Where Retell's user is unknown to the trunk it gets a new one.

        Nobody can read a password again, so no user is ever given another one: a user that both sides know by name
        has the same password on both sides, whatever was cut short before.
        """
        change = change_of(wanted, found)
        if not found.is_login_known:
            login = TrunkLogin(username=username_prefix(wanted.phone) + secrets.token_hex(4), password=_password())
            made = await self._trunks.add_credential(
                access.twilio, found.lists[0].sid, username=login.username, password=login.password
            )
            change = replace(change, login=login)
            found = replace(found, credentials=(*found.credentials, made))
        if found.retell is None:
            return await self._import(access, wanted, found, change)
        await self._numbers.update_number(access.retell_key, wanted.phone, change)
        return replace(found, retell=await self._numbers.number(access.retell_key, wanted.phone))

    async def _import(self, access: Access, wanted: Wanted, found: Found, change: NumberChange) -> Found:
        """Import the number; where an import whose answer was lost has been faster, go on from that one."""
        nickname = f"{wanted.tenant_name} {wanted.phone}"
        try:
            await self._numbers.import_number(access.retell_key, wanted.phone, change, nickname=nickname)
        except Rejected:
            there = await self._numbers.number(access.retell_key, wanted.phone)
            if there is None:
                raise
            found = replace(found, retell=there)
            is_ready = _step(wanted, found, Part.RETELL).state is State.READY
            return found if is_ready else await self._put_at_retell(access, wanted, found)
        return replace(found, retell=await self._numbers.number(access.retell_key, wanted.phone))

    async def _remove_leftovers(self, access: Access, wanted: Wanted, found: Found) -> Found:
        gone = leftover_credentials(wanted, found)
        for credential in gone:
            await self._trunks.remove_credential(access.twilio, credential)
        return replace(found, credentials=tuple(one for one in found.credentials if one not in gone))

    async def _activate(self, access: Access, wanted: Wanted, found: Found) -> Found:
        row = _required(found.account)
        async with self._database.tenant(wanted.tenant_id) as connection:
            await channel_accounts.resume(connection, row.id, reason_prefix=SETTING_UP)
        self._accounts.forget()
        return replace(found, account=await self._row(wanted))


def _step(wanted: Wanted, found: Found, part: Part) -> Step:
    (step,) = [step for step in plan(wanted, found) if step.part is part]
    return step


async def _told(what: str, doing: Awaitable[_T]) -> _T:
    """Turn a provider's error into what stopped, why, and what to do."""
    try:
        return await doing
    except ChannelError as error:
        said = f"{error.code} {error.detail}".strip()
        raise ProvisioningFailed(f"Could not {what}: {said}. {_advice(error)}") from error


def _advice(error: ChannelError) -> str:
    if isinstance(error, OutcomeUnknown):
        return "Nobody knows whether it was done: run the same command again, it looks first and goes on."
    if error.error_class is ErrorClass.RETRY:
        return "The provider did not take it: run the same command again later, it goes on where it stopped."
    if error.error_class is ErrorClass.STOP:
        return "Check the credentials, what they may do, and the account's balance; then run the same command again."
    return "Correct what the provider says, then run the same command again: what is done stays done."


def _required(value: _T | None) -> _T:
    if value is None:
        raise LookupError("an earlier part of the plan left nothing")
    return value


def _password() -> str:
    while True:
        text = "".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD_LENGTH))
        kinds = (str.isdigit, str.islower, str.isupper)
        if all(any(map(kind, text)) for kind in kinds):
            return text
