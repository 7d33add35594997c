"""`master-ia voice provision`: options in, a table or JSON out; the work is `services/number_provisioning.py`."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from rich.console import Console
from rich.table import Table
from rich.text import Text

from channels.base import ChannelAccount, Secrets
from channels.retell_numbers import RetellNumbers
from channels.twilio_account import account_sid
from channels.twilio_trunks import TwilioTrunks
from domain.errors import DomainError
from domain.messages import Provider
from domain.tenants import Tenant
from services.account_admin import AccountAdmin
from services.number_plan import State, Step, Wanted
from services.number_provisioning import Access, NumberProvisioning, ProvisioningFailed
from store import channel_accounts, tenants
from store.channel_accounts import AccountRow
from store.cipher import SecretUnreadable
from wiring.deps import Deps, open_deps
from wiring.settings import Settings

_PHONE = re.compile(r"\+[1-9]\d{7,14}")
_LONGEST_NAME = 64
_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_TWILIO = (Provider.TWILIO_VOICE, Provider.TWILIO_SMS, Provider.TWILIO_WHATSAPP)
_MARKS = {
    State.READY: ("✓", "green"), State.MISSING: ("+", "yellow"), State.DIFFERENT: ("~", "yellow"),
    State.BLOCKED: ("✗", "red"),
}  # fmt: skip
_TITLES = {
    "number": "Number at Twilio", "agent": "Agent at Retell", "trunk": "SIP trunk", "origination": "Calls in lead to",
    "attachment": "Number on the trunk", "credential_list": "Who may call out", "trunk_login": "List on the trunk",
    "account": "Channel account", "retell": "Number at Retell", "leftovers": "Unused users", "activation": "In use",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What was asked for. Secrets given here win over those of the tenant's accounts; they are never printed."""

    tenant: str
    number: str | None
    agent_id: str | None
    agent_version: str | None
    trunk_name: str | None
    is_inbound: bool
    is_outbound: bool
    is_dry_run: bool
    is_check: bool
    is_json: bool
    twilio_account_sid: str | None
    twilio_auth_token: str | None
    retell_api_key: str | None

    def __repr__(self) -> str:
        return f"Options({self.tenant!r}, {self.number!r})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """How one number stands; `error` when it could not be looked at or made."""

    phone: str
    steps: Sequence[Step] = ()
    error: str | None = None

    @property
    def is_ready(self) -> bool:
        return self.error is None and all(step.state is State.READY for step in self.steps)


async def run(settings: Settings, options: Options, console: Console, errors: Console) -> int:
    """Plan, make or check, and print. Give the exit code: 0 when all is in place, or when a plan can be carried out."""
    try:
        async with open_deps(settings) as deps:
            reports = await _reports(deps, options, errors)
    except (ProvisioningFailed, DomainError) as error:
        reports = [Report(phone=options.number or "", error=str(error))]
    if options.is_json:
        console.print_json(json.dumps(_written(options, reports), ensure_ascii=False))
    else:
        _print(reports, console, errors)
    if options.is_dry_run and not options.is_check:
        return 1 if any(_is_blocked(report) for report in reports) else 0
    return 0 if all(report.is_ready for report in reports) else 1


def _is_blocked(report: Report) -> bool:
    return report.error is not None or any(step.state is State.BLOCKED for step in report.steps)


async def _reports(deps: Deps, options: Options, errors: Console) -> list[Report]:
    tenant = await _tenant(deps, options.tenant)
    rows = await _rows(deps, tenant.id)
    if options.is_check:
        return await _check(deps, options, tenant, rows)
    wanted = _wanted(deps.settings, options, tenant)
    access = _access(deps, options, rows, wanted.phone)

    def note(what: str) -> None:
        if not options.is_json:
            errors.print(f"… {what}", markup=False)

    work = _work(deps, note)
    steps = await (work.look if options.is_dry_run else work.provision)(access, wanted)
    return [Report(phone=wanted.phone, steps=steps)]


async def _check(deps: Deps, options: Options, tenant: Tenant, rows: Sequence[AccountRow]) -> list[Report]:
    """Look at every number of the tenant that is at Retell, or at the one that is named."""
    phone = _phone(options.number) if options.number else None
    chosen = [row for row in rows if row.provider is Provider.RETELL and phone in (None, row.external_id)]
    if not chosen:
        raise ProvisioningFailed(
            f"{tenant.name} has no channel account retell{f' {phone}' if phone else ''}. "
            "Run: master-ia voice provision --number +55... --agent-id agent_..."
        )
    work = _work(deps, lambda _: None)
    reports: list[Report] = []
    for row in chosen:
        try:
            access = _access(deps, options, rows, row.external_id)
            reports.append(Report(phone=row.external_id, steps=await work.look(access, _as_it_is(deps, tenant, row))))
        except ProvisioningFailed as error:
            reports.append(Report(phone=row.external_id, error=str(error)))
    return reports


def _work(deps: Deps, note: Callable[[str], None]) -> NumberProvisioning:
    settings = deps.settings
    return NumberProvisioning(
        database=deps.database, accounts=deps.accounts, note=note,
        admin=AccountAdmin(database=deps.database, cipher=deps.cipher, accounts=deps.accounts),
        trunks=TwilioTrunks(deps.http, api_url=settings.twilio_api_url, trunking_url=settings.twilio_trunking_url),
        numbers=RetellNumbers(deps.http, base_url=settings.retell_api_url),
    )  # fmt: skip


# --- What is wanted ------------------------------------------------------------------------------------------------


def _wanted(settings: Settings, options: Options, tenant: Tenant) -> Wanted:
    if options.number is None or not options.agent_id:
        raise ProvisioningFailed("Name the number and the agent: --number +55... --agent-id agent_...")
    trunk_name = (options.trunk_name or f"Retell {tenant.name}").strip()
    if not 0 < len(trunk_name) <= _LONGEST_NAME:
        raise ProvisioningFailed(f"--trunk-name must have 1 to {_LONGEST_NAME} characters.")
    is_either = options.is_inbound or options.is_outbound
    return Wanted(
        tenant_id=tenant.id, tenant_name=tenant.name, tenant_slug=tenant.slug, phone=_phone(options.number),
        agent_id=options.agent_id.strip(), agent_version=(options.agent_version or "").strip() or None,
        trunk_name=trunk_name, is_inbound=options.is_inbound or not is_either,
        is_outbound=options.is_outbound or not is_either, public_base_url=_public(settings),
    )  # fmt: skip


def _as_it_is(deps: Deps, tenant: Tenant, row: AccountRow) -> Wanted:
    """Give what our own row says of a number; its trunk and its directions are taken as they are."""
    agent_id = row.settings.get("agent_id")
    if not agent_id:
        raise ProvisioningFailed(
            f"The channel account has no agent_id. Run: master-ia voice provision --number {row.external_id} "
            "--agent-id agent_..."
        )
    return Wanted(
        tenant_id=tenant.id, tenant_name=tenant.name, tenant_slug=tenant.slug, phone=row.external_id,
        agent_id=agent_id, agent_version=row.settings.get("agent_version"), trunk_name=None, is_inbound=None,
        is_outbound=None, public_base_url=_public(deps.settings),
    )  # fmt: skip


def _public(settings: Settings) -> str | None:
    """Give our address where others reach it; this machine's own name leads Retell nowhere."""
    url = settings.public_base_url
    return None if urlsplit(url).hostname in _LOCAL_HOSTS and url.startswith("http://") else url


def _phone(text: str) -> str:
    phone = re.sub(r"[\s().-]", "", text)
    if not _PHONE.fullmatch(phone):
        raise ProvisioningFailed(f"--number must be written with its country code, such as +551140001234: {text!r}")
    return phone


async def _tenant(deps: Deps, slug: str) -> Tenant:
    async with deps.database.platform() as connection:
        tenant = await tenants.by_slug(connection, slug)
    if tenant is None:
        raise ProvisioningFailed(f"There is no tenant {slug!r}. Name it by its short name: --tenant tr-telecom")
    return tenant


async def _rows(deps: Deps, tenant_id: UUID) -> list[AccountRow]:
    async with deps.database.tenant(tenant_id) as connection:
        return await channel_accounts.list_all(connection)


# --- Who we are ----------------------------------------------------------------------------------------------------


def _access(deps: Deps, options: Options, rows: Sequence[AccountRow], phone: str) -> Access:
    """Take the secrets that were given, else those of the tenant's own accounts."""
    return Access(twilio=_twilio(deps, options, rows, phone), retell_key=_retell_key(deps, options, rows, phone))


def _twilio(deps: Deps, options: Options, rows: Sequence[AccountRow], phone: str) -> ChannelAccount:
    sid, token = options.twilio_account_sid, options.twilio_auth_token
    if sid and token:
        return _account({"account_sid": sid, "auth_token": token}, phone)
    held = [
        (row, account)
        for row in rows
        if row.provider in _TWILIO and (account := _opened(deps, row)) is not None and account_sid(account)
    ]
    if sid:
        held = [(row, account) for row, account in held if account_sid(account) == sid]
    # The number's own account first: a tenant may have several at Twilio.
    own = [account for row, account in held if row.external_id.removeprefix("whatsapp:") == phone]
    accounts = own or [account for _, account in held]
    if not accounts:
        raise ProvisioningFailed(
            "The tenant has no channel account at Twilio. Give --twilio-account-sid and --twilio-auth-token, or set "
            "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."
        )
    if len({account_sid(account) for account in accounts}) > 1:
        raise ProvisioningFailed("The tenant has several accounts at Twilio. Choose one: --twilio-account-sid AC...")
    return accounts[0]


def _retell_key(deps: Deps, options: Options, rows: Sequence[AccountRow], phone: str) -> str:
    if options.retell_api_key:
        return options.retell_api_key
    keys = {
        row.external_id: key
        for row in rows
        if row.provider is Provider.RETELL
        and (account := _opened(deps, row)) is not None
        and (key := account.secrets.get("api_key"))
    }
    if phone in keys:
        return keys[phone]
    if not keys:
        raise ProvisioningFailed("There is no API key of Retell yet. Give --retell-api-key, or set RETELL_API_KEY.")
    if len(set(keys.values())) > 1:
        raise ProvisioningFailed("The tenant has several API keys of Retell. Give the right one: --retell-api-key.")
    return next(iter(keys.values()))


def _opened(deps: Deps, row: AccountRow) -> ChannelAccount | None:
    try:
        return deps.accounts.open(row)
    except SecretUnreadable:
        return None


def _account(secrets: dict[str, str], phone: str) -> ChannelAccount:
    return ChannelAccount(provider=Provider.TWILIO_VOICE, external_id=phone, secrets=Secrets(secrets), settings={})


# --- Showing it ----------------------------------------------------------------------------------------------------


def _print(reports: Sequence[Report], console: Console, errors: Console) -> None:
    for report in reports:
        if report.error is not None:
            where = f"{report.phone}: " if report.steps or len(reports) > 1 else ""
            errors.print(f"{where}{report.error}", style="red", markup=False)
            continue
        console.print(Text(report.phone, style="bold"))
        console.print(as_table(report.steps))
        todo = sum(step.state is not State.READY for step in report.steps)
        console.print("Everything is in place." if not todo else f"{todo} of {len(report.steps)} parts are to be done.")


def as_table(steps: Sequence[Step]) -> Table:
    """Lay the steps out, one a line: in place, to be made, to be changed, or for a person to solve."""
    table = Table(show_edge=False, pad_edge=False, box=None)
    for heading in ("", "What", "Found", "To do"):
        table.add_column(heading, overflow="fold")
    for step in steps:
        mark, colour = _MARKS[step.state]
        table.add_row(Text(mark, style=colour), _TITLES[step.part], Text(step.found), Text(step.action))
    return table


def _written(options: Options, reports: Sequence[Report]) -> dict[str, object]:
    return {
        "tenant": options.tenant,
        "isDryRun": options.is_dry_run or options.is_check,
        "numbers": [
            {
                "number": report.phone, "isReady": report.is_ready, "error": report.error,
                "steps": [
                    {"step": step.part, "state": step.state, "found": step.found, "action": step.action or None}
                    for step in report.steps
                ],
            }
            for report in reports
        ],
    }  # fmt: skip
