"""Set the stage: a tenant with a simulator number, the list imported into a campaign, the campaign active."""

import io
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from channels.simulator import DEFAULT_ACCOUNT
from domain.messages import Medium, Provider
from domain.tenants import Tenant
from graphs.engine import open_runner
from jobs import ingest
from jobs.debtor_simulation.acting import DirectActor
from jobs.debtor_simulation.clock import VirtualClock
from jobs.debtor_simulation.debtors import Debtor, as_csv, make_debtors
from jobs.debtor_simulation.play import GRID, Actor, Play
from jobs.debtor_simulation.talking import TalkingActor
from services.accounts import secrets_identity
from services.campaigns import NewCampaign, activate_campaign, create_campaign
from services.demo_content import SETTINGS
from store import channel_accounts, tenants
from store.channel_accounts import AccountRow
from wiring.deps import Deps, open_deps
from wiring.settings import Settings

# A Monday. The thirty days from it have weekends, three national holidays, one of Acre, and an optional one.
STARTS_AT: Final = datetime(2026, 10, 26, 7, 0, tzinfo=ZoneInfo("America/Sao_Paulo"))
_TENANT_ID: Final = UUID("51afe0de-0000-4000-8000-000000000002")
_ZONE: Final = ZoneInfo("America/Sao_Paulo")
_RATE_PER_SECOND: Final = 1000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Cast:
    """How many debtors, which ones, and whether they really talk."""

    debtors: int = 500
    seed: int = 1
    talks: bool = False
    max_attempts: int = 6
    has_receipts: bool = False  # the provider reports deliveries: a statement more for each contact
    grid: timedelta = GRID  # how often somebody looks what is due


@asynccontextmanager
async def open_play(settings: Settings, cast: Cast) -> AsyncIterator[Play]:
    """Open a play on a migrated database that has no play yet; nothing of it leaves this machine."""
    clock = VirtualClock(STARTS_AT)
    async with AsyncExitStack() as stack:
        deps = await stack.enter_async_context(open_deps(settings, clock=clock))
        tenant, account = await _open_tenant(deps)
        debtors = make_debtors(cast.debtors, seed=cast.seed, today=STARTS_AT.date())
        campaign_id = await _open_campaign(deps, tenant, account, debtors, cast)
        actor: Actor = DirectActor(deps, tenant, account)
        if cast.talks:
            runner = await stack.enter_async_context(open_runner(deps))
            actor = TalkingActor(deps, tenant, account, runner=runner, clock=clock, seed=cast.seed)
        yield Play(
            account=account,
            grid=cast.grid,
            has_receipts=cast.has_receipts,
            deps=deps,
            clock=clock,
            tenant=tenant,
            campaign_id=campaign_id,
            debtors=debtors,
            actor=actor,
            seed=cast.seed,
        )


async def _open_tenant(deps: Deps) -> tuple[Tenant, AccountRow]:
    account_id = uuid5(_TENANT_ID, "simulator")
    sealed = deps.cipher.seal(
        {"webhook_secret": secrets.token_urlsafe(32)}, identity=secrets_identity(_TENANT_ID, account_id)
    )
    row = AccountRow(
        tenant_id=_TENANT_ID, id=account_id, provider=Provider.SIMULATOR, medium=Medium.SIMULATOR,
        external_id=DEFAULT_ACCOUNT, display_name="Simulador", webhook_key=secrets.token_urlsafe(24),
        secrets_ciphertext=sealed.ciphertext, secrets_key_id=sealed.key_id, settings={}, is_bot_enabled=True,
        status="active", stopped_reason=None, sends_per_second=_RATE_PER_SECOND, burst=1000,
    )  # fmt: skip
    async with deps.database.platform() as connection:
        tenant = await tenants.upsert(
            connection, tenant_id=_TENANT_ID, slug="devedores-simulados", name="TR Telecom", time_zone=_ZONE,
            state_code="SP", assistant_name="Lia", settings=SETTINGS,
        )  # fmt: skip
        await channel_accounts.insert(connection, row)
    return tenant, row


async def _open_campaign(
    deps: Deps, tenant: Tenant, account: AccountRow, debtors: Sequence[Debtor], cast: Cast
) -> UUID:
    now = deps.clock.now()
    new = NewCampaign(
        name=f"Simulação de {len(debtors)} devedores", account_ids=(account.id,), max_attempts=cast.max_attempts
    )
    campaign = await create_campaign(deps.database, tenant.id, new, now=now)
    await _import(deps, tenant.id, campaign.row.id, as_csv(debtors), count=len(debtors))
    await activate_campaign(deps.database, tenant.id, campaign.row.id, now=now)
    return campaign.row.id


async def _import(deps: Deps, tenant_id: UUID, campaign_id: UUID, data: bytes, *, count: int) -> None:
    """Import the list as somebody would upload it: at once when it is small, else by the drain."""
    done = await ingest.make_intake(deps).receive(
        tenant_id, campaign_id, io.BytesIO(data), file_name="devedores.csv", size=len(data), wanted={}
    )
    for _ in range(count):
        if done.has_ended:
            break
        await ingest.drain(deps)
        done = await ingest.make_intake(deps).read(tenant_id, done.id)
    if done.status != "completed" or done.imported != count:
        raise RuntimeError(f"{done.imported} of {count} debtors were imported ({done.status})")
