"""Kill -9 of any worker at any instant of a campaign: nobody is contacted twice, nobody is lost (N4, N8)."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import LiteralString

from domain.messages import Provider
from jobs import delivery, scheduling, whatsapp
from tests.factories import open_database
from tests.fakes.providers import Json
from tests.system.campaign_world import (
    START,
    RemoteFakes,
    activate,
    add_targets,
    analyze,
    make_campaign,
    remote_fakes,
)
from tests.system.conftest import NewDatabase
from tests.system.customers import Customer
from tests.system.forked_workers import ForkedWorkers, Work
from tests.system.shared_clock import SharedClock
from tests.system.stack import Stack, open_stack, wait_for

TARGETS, KILLS = 2_000, 200
_LATENCY_SECONDS = 0.015
_COST_CENTS = 40
_RATE = 80.0  # of each of the two processes that contact
_SECONDS = 900.0  # of a machine that has much else to do; by itself it takes less than a minute
_STEP_SECONDS = 0.1
_PATIENCE = 15
# A worker's name holds its pid.
_END_LEASES: LiteralString = """
    WITH dead AS (SELECT %s AS pid, interval '1 hour' AS lease),
    freed AS (
        UPDATE targets SET locked_until = locked_until - lease FROM dead WHERE split_part(locked_by, ':', 2) = pid),
    unsent AS (
        UPDATE messages SET locked_until = locked_until - lease FROM dead WHERE split_part(locked_by, ':', 2) = pid)
    UPDATE campaigns SET locked_until = locked_until - lease FROM dead WHERE split_part(locked_by, ':', 2) = pid
    RETURNING id
"""
_PROGRESS: LiteralString = """
    SELECT (SELECT last_value FROM contact_decisions_seq_seq), status, count(*) FROM messages
    GROUP BY status ORDER BY status
"""
# When somebody has something to do again, whoever it is: a row is due, or held until then.
_NEXT_DUE: LiteralString = """
    SELECT min(greatest(due_at, locked_until)) AS at FROM (
        SELECT due_at, locked_until FROM targets WHERE state = 'scheduled'
        UNION ALL SELECT due_at, locked_until FROM messages WHERE direction = 'out' AND status IN ('queued', 'sending')
        UNION ALL SELECT plan_due_at, locked_until FROM campaigns WHERE status = 'active') AS rows
"""


async def test_two_hundred_kills_repeat_no_contact_and_lose_none(
    new_database: NewDatabase, tmp_path: Path, no_redis_url: str
) -> None:
    clock = SharedClock(tmp_path / "clock", start=START)
    with open_stack(new_database(None), tmp_path, redis_url=no_redis_url) as stack:
        async with remote_fakes(stack) as fakes:
            await _prepare(stack, fakes, clock)
            workers = ForkedWorkers(
                works=[
                    Work(drains=(whatsapp.drain,), clock=clock), Work(drains=(whatsapp.drain,), clock=clock),
                    Work(drains=(scheduling.drain,), clock=clock), Work(drains=(delivery.drain,), clock=clock),
                ],
                environment=stack.process_environment(
                    REDIS_URL="", META_GRAPH_URL=fakes.url, **fakes.crm_environment()
                ),
                folder=tmp_path / "workers",
            )  # fmt: skip
            workers.start()
            try:
                await _kill_through_the_campaign(stack, workers, clock)
                await wait_for("everybody is contacted", lambda: _is_done(stack, clock), seconds=_SECONDS)
                await _check(stack, await fakes.ledger())
                clock.advance(minutes=11)
                await wait_for("what is unknown is flagged", lambda: _is_flagged(stack))
                await _check(stack, await fakes.ledger())
                await _check_flags(stack)
                workers.check()
            finally:
                workers.stop()


async def _prepare(stack: Stack, fakes: RemoteFakes, clock: SharedClock) -> None:
    await stack.create_tenant()
    account = stack.accounts[Provider.META]
    # With few under way at a time, a kill leaves few in doubt: the rest must still be contacted, and once.
    await stack.query("UPDATE channel_accounts SET sends_per_second = %s, burst = 5 RETURNING id", _RATE)
    customers = [Customer(number=10_000 + at) for at in range(TARGETS)]
    await fakes.set_debtors(customers)
    for provider in ("meta", "crm"):
        await fakes.delay(provider, seconds=_LATENCY_SECONDS, times=3 * TARGETS)
    async with open_database(stack.database_url) as database:
        campaign_id = await make_campaign(
            database, account, now=clock.now(), template=True, budget_cents=2 * TARGETS * _COST_CENTS
        )
        debtors = await add_targets(stack.database_url, account.tenant_id, campaign_id, customers, now=clock.now())
        await analyze(stack.database_url)
        await activate(database, debtors, now=clock.now())


async def _kill_through_the_campaign(stack: Stack, workers: ForkedWorkers, clock: SharedClock) -> None:
    """Kill at random instants, all along the way: the more are contacted, the more kills are due."""
    random = Random(11)
    while workers.kill_count < KILLS:
        wanted = min(KILLS, KILLS * await _contacted(stack) // TARGETS + 1)
        if workers.kill_count >= wanted:
            await _pass_time(stack, clock)
        for _ in range(workers.kill_count, wanted):
            await asyncio.sleep(random.uniform(0, _STEP_SECONDS))
            await _end_leases(stack, workers.kill_random(random))
            clock.advance(seconds=1)  # the slots come faster than the account's rate, which holds for each process


async def _end_leases(stack: Stack, pid: int) -> None:
    """Let what a dead worker held be free, as it is after a minute; the others keep what they hold."""
    await stack.query(_END_LEASES, str(pid))


async def _pass_time(stack: Stack, clock: SharedClock) -> None:
    """Let the workers work; when nothing moves for a while, let the time pass until somebody has something to do."""
    before = await stack.query(_PROGRESS)
    for _ in range(_PATIENCE):
        await asyncio.sleep(_STEP_SECONDS)
        if await stack.query(_PROGRESS) != before:
            return
    (row,) = await stack.query(_NEXT_DUE)
    if row["at"] is not None:
        clock.advance(seconds=max(1.0, (row["at"] - clock.now()).total_seconds()))


async def _contacted(stack: Stack) -> int:
    rows = await stack.query("SELECT count(*) AS n FROM contact_decisions WHERE verdict = 'contact'")
    return int(rows[0]["n"])


async def _is_done(stack: Stack, clock: SharedClock) -> bool:
    await _pass_time(stack, clock)
    rows = await stack.query(
        """
        SELECT (SELECT count(*) FROM targets WHERE state NOT IN ('contacted', 'completed'))
             + (SELECT count(*) FROM messages WHERE direction = 'out' AND status IN ('queued', 'sending')) AS n
        """
    )
    return bool(rows[0]["n"] == 0)


async def _is_flagged(stack: Stack) -> bool:
    return not await stack.query("SELECT FROM messages WHERE status = 'unknown' AND flagged_at IS NULL LIMIT 1")


async def _check(stack: Stack, ledger: list[Json]) -> None:
    """Hold every target against its messages, its decisions and the provider's ledger."""
    phones = Counter("+" + row["to"].removeprefix("+") for row in ledger)
    assert max(phones.values()) == 1, "somebody was contacted twice"
    references = {row["reference"] for row in ledger}
    targets = await stack.query(
        """
        SELECT t.phone, t.state, t.outcome, t.attempt_count, array_agg(m.status) AS statuses,
            array_agg(m.id::text) AS ids
        FROM targets t
        LEFT JOIN contact_decisions d ON d.target_id = t.id AND d.verdict = 'contact' AND d.voided_at IS NULL
        LEFT JOIN messages m ON m.id = d.message_id
        GROUP BY t.tenant_id, t.id
        """
    )
    assert len(targets) == TARGETS
    for target in targets:
        assert (target["attempt_count"], target["state"], len(target["ids"])) == (1, "contacted", 1), target
        ((status,), (message_id,)) = (target["statuses"], target["ids"])
        assert (status, target["outcome"]) in {("sent", "sent"), ("unknown", "unknown")}, target
        assert (message_id in references) == (target["phone"] in phones), target
        assert target["phone"] in phones or status == "unknown", target
    taken_back = await stack.query(
        """
        SELECT m.id::text, m.status FROM messages m JOIN contact_decisions d ON d.message_id = m.id
        WHERE d.voided_at IS NOT NULL
        """
    )
    assert {row["status"] for row in taken_back} <= {"failed"}
    assert references.isdisjoint(row["id"] for row in taken_back)
    assert references <= {target["ids"][0] for target in targets}
    spent = await stack.query("SELECT spent_cents FROM campaigns")
    assert spent == [{"spent_cents": TARGETS * _COST_CENTS}]


async def _check_flags(stack: Stack) -> None:
    rows = await stack.query(
        "SELECT count(*) AS n, max(flagged_at - status_at) AS waited FROM messages WHERE status = 'unknown'"
    )
    told = await stack.query("SELECT count(*) AS n FROM events WHERE kind = 'send_outcome_unknown'")
    assert told[0]["n"] == rows[0]["n"]
    assert rows[0]["n"] > 0, "two hundred kills came upon no send under way"
    assert rows[0]["waited"] >= timedelta(minutes=10)
