"""The scheduling drain with everything real: campaigns are planned, the makers of contacts are rung."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.campaigns import CampaignStatus, Method, TargetState
from jobs import scheduling
from store import campaigns
from tests.campaign_rig import add_many, add_target, campaign_of, contacted, make_campaign, target_of, targets_of
from tests.factories import TEST_KEY, make_account, make_tenant
from tests.fakes_clock import FakeClock
from wiring.deps import Deps, open_deps
from wiring.settings import load_settings

MONDAY = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


class Bell:
    """A queue that remembers what was rung."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    async def ring(self, job: str) -> None:
        self.rung.append(job)


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
async def deps(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: FakeClock, bell: Bell
) -> AsyncIterator[Deps]:
    clock.set(MONDAY)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("ENCRYPTION_KEYS", "test:" + base64.b64encode(TEST_KEY["test"]).decode())
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    async with open_deps(load_settings(env_file=None), clock=clock) as opened:
        yield replace(opened, queue=bell)


async def _has_due(deps: Deps) -> bool:
    async with deps.database.platform() as connection:
        return await campaigns.has_planning_due(connection, now=deps.clock.now())


async def test_drain_plans_due_campaigns_of_all_tenants(deps: Deps, bell: Bell) -> None:
    rows = []
    for slug in ("um", "dois", "tres"):
        tenant_id = await make_tenant(deps.database, slug)
        account = await make_account(deps.database, tenant_id)
        campaign = await make_campaign(deps.database, tenant_id, account.id)
        rows.append(await add_target(deps.database, campaign))
    assert await _has_due(deps)
    assert await scheduling.drain(deps) == 3
    assert {(await target_of(deps.database, row)).state for row in rows} == {TargetState.SCHEDULED}
    assert bell.rung == ["whatsapp"]
    assert not await _has_due(deps)
    assert await scheduling.drain(deps) == 0


async def test_drain_takes_no_more_than_its_limit_and_the_longest_waiting_first(deps: Deps) -> None:
    tenant_id = await make_tenant(deps.database)
    account = await make_account(deps.database, tenant_id)
    late = await make_campaign(deps.database, tenant_id, account.id, plan_due_at=MONDAY)
    early = await make_campaign(deps.database, tenant_id, account.id, plan_due_at=MONDAY - timedelta(hours=1))
    first, second = await add_target(deps.database, early), await add_target(deps.database, late)
    assert await scheduling.drain(deps, 1) == 1
    assert (await target_of(deps.database, first)).state is TargetState.SCHEDULED
    assert (await target_of(deps.database, second)).state is TargetState.PENDING


async def test_drain_rings_the_dialer_for_calls_that_are_due(deps: Deps, bell: Bell) -> None:
    tenant_id = await make_tenant(deps.database)
    account = await make_account(deps.database, tenant_id)
    campaign = await make_campaign(deps.database, tenant_id, account.id)
    await add_target(deps.database, campaign, state=TargetState.SCHEDULED, method=Method.VOICE, due_at=MONDAY)
    await scheduling.drain(deps)
    assert bell.rung == ["dialer"]


async def test_drain_rings_nobody_for_slots_to_come(deps: Deps, bell: Bell, clock: FakeClock) -> None:
    clock.set(MONDAY - timedelta(hours=8))
    tenant_id = await make_tenant(deps.database)
    account = await make_account(deps.database, tenant_id)
    campaign = await make_campaign(deps.database, tenant_id, account.id, plan_due_at=clock.now())
    target = await add_target(deps.database, campaign, due_at=clock.now())
    await scheduling.drain(deps)
    assert (await target_of(deps.database, target)).due_at == datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
    assert bell.rung == []


async def test_day_after_day_a_campaign_runs_to_its_end(deps: Deps, clock: FakeClock) -> None:
    """Nobody answers: three attempts a day apart, then every target has ended and with the last one the campaign."""
    tenant_id = await make_tenant(deps.database)
    account = await make_account(deps.database, tenant_id)
    campaign = await make_campaign(deps.database, tenant_id, account.id)
    await add_many(deps.database, campaign, 5)
    contacts = 0
    for _ in range(60):
        await scheduling.drain(deps)
        contacts += await _contact(deps, tenant_id)
        clock.advance(minutes=240)
    assert contacts == 15
    done = await campaign_of(deps.database, campaign)
    assert done.status is CampaignStatus.COMPLETED
    rows = await targets_of(deps.database, campaign)
    assert {(row.state, str(row.outcome), row.attempt_count) for row in rows} == {
        (TargetState.COMPLETED, "no_answer", 3)
    }  # fmt: skip


async def _contact(deps: Deps, tenant_id: object) -> int:
    """Contact what is due, as the gate would leave it."""
    now = deps.clock.now()
    async with deps.database.platform() as connection:
        cursor = await connection.execute(
            "UPDATE targets SET state = 'contacted', outcome = 'sent', attempt_count = attempt_count + 1,"
            " last_attempt_at = %s, due_at = %s WHERE state = 'scheduled' AND due_at <= %s",
            (now, now + timedelta(days=1), now),
        )
        return cursor.rowcount


async def test_protection_that_ends_while_nobody_looks_is_seen_at_the_next_drain(deps: Deps, clock: FakeClock) -> None:
    tenant_id = await make_tenant(deps.database)
    account = await make_account(deps.database, tenant_id)
    campaign = await make_campaign(deps.database, tenant_id, account.id)
    fields = contacted(MONDAY, due_at=MONDAY + timedelta(days=1), attempts=1)
    target = await add_target(deps.database, campaign, **fields)  # type: ignore[arg-type]
    await scheduling.drain(deps)
    clock.advance(days=3)
    assert await _has_due(deps)
    await scheduling.drain(deps)
    assert (await target_of(deps.database, target)).state is TargetState.SCHEDULED
