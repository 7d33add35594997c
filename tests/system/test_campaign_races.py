"""Ten thousand debtors who pay, promise, refuse and are paused while four workers contact them: no contact is decided
after such a fact was committed (N3, N8).

What was before what is not a matter of anybody's clock: PostgreSQL itself says when each transaction was committed.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg
import pytest

from domain.messages import Provider
from jobs import scheduling, whatsapp
from store.channel_accounts import AccountRow
from store.migrate import migrate
from tests.factories import make_account, make_tenant, open_database
from tests.system.campaign_world import START, activate, add_targets, add_to_ledger, analyze, make_campaign
from tests.system.customers import Customer
from tests.system.debtor_events import KINDS, Events, start_events
from tests.system.forked_workers import ForkedWorkers, Work
from tests.system.shared_clock import SharedClock
from tests.system.stack import Stack, open_stack, wait_for
from wiring.embedded import FAST_SETTINGS, start_embedded

TARGETS, CAMPAIGNS, WORKERS = 10_000, 4, 4
SHARES: Mapping[str, int] = {"payments": 1_500, "promises": 1_500, "claims": 500, "opt_outs": 1_000, "pauses": 30}
_COST_CENTS = 40
_RATE = 100.0  # gives each campaign slots over 25 s, so that contacts and facts come together
_EVENT_SECONDS = 22.0
_SECONDS = 1200.0  # of a machine that has much else to do; by itself it takes a minute
_PATIENCE, _STEP_SECONDS = 15, 0.1
_NO_REDIS = "redis://127.0.0.1:1/0"
# Each fact and each decision leaves a witness in its own transaction, whatever code wrote it.
_WITNESSES: LiteralString = """
    CREATE TABLE witnesses (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, key text NOT NULL, value text,
        xid xid NOT NULL);
    CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
    BEGIN
        INSERT INTO witnesses (kind, key, value, xid) SELECT TG_ARGV[0],
            CASE TG_ARGV[1]
                WHEN 'document' THEN to_jsonb(NEW) ->> 'document'
                WHEN 'campaign' THEN to_jsonb(NEW) ->> 'id'
                ELSE (SELECT a.value FROM addresses a WHERE a.tenant_id = NEW.tenant_id
                      AND a.contact_id = (to_jsonb(NEW) ->> 'contact_id')::uuid LIMIT 1)
            END,
            coalesce(to_jsonb(NEW) ->> 'status', to_jsonb(NEW) ->> 'match_key'), pg_current_xact_id()::xid;
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness AFTER UPDATE OF paid_at ON invoices FOR EACH ROW
        WHEN (OLD.paid_at IS NULL AND NEW.paid_at IS NOT NULL) EXECUTE FUNCTION witness('payments', 'document');
    CREATE TRIGGER witness AFTER INSERT ON promises FOR EACH ROW EXECUTE FUNCTION witness('promises', 'document');
    CREATE TRIGGER witness AFTER INSERT ON payment_claims FOR EACH ROW EXECUTE FUNCTION witness('claims', 'document');
    CREATE TRIGGER witness AFTER INSERT ON opt_outs FOR EACH ROW EXECUTE FUNCTION witness('opt_outs', 'phone');
    CREATE TRIGGER witness AFTER UPDATE OF status ON campaigns FOR EACH ROW
        WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION witness('pauses', 'campaign');
    CREATE TRIGGER witness AFTER INSERT ON contact_decisions FOR EACH ROW
        WHEN (NEW.verdict = 'contact') EXECUTE FUNCTION witness('contacts', 'document');
"""

# How far the counters have come: no row need be read, however often one looks.
_PROGRESS: LiteralString = """
    SELECT last_value, (SELECT last_value FROM witnesses_seq_seq) FROM contact_decisions_seq_seq
"""


@dataclass(frozen=True, kw_only=True)
class World:
    stack: Stack
    clock: SharedClock
    account: AccountRow
    customers: Sequence[Customer]
    campaign_ids: Sequence[UUID]

    def those_who(self, kind: str) -> Sequence[Customer]:
        """Give who does it; nobody does two things."""
        names = list(SHARES)
        start = sum(SHARES[name] for name in names[: names.index(kind)])
        # Of every campaign, and of every part of its queue.
        shuffled = sorted(self.customers, key=lambda one: one.number * 7919 % TARGETS)
        return shuffled[start : start + SHARES[kind]]


@pytest.fixture(scope="module")
def dated_database_url() -> Iterator[str]:
    """Give a database whose server keeps the instant of each commit. It lives outside pytest's own folder, which each
    new pytest session closes to other users."""
    # Tables that were empty a moment ago fill up: the planner is to know within seconds, as of a database in use.
    settings = FAST_SETTINGS | {"track_commit_timestamp": "on", "autovacuum_naptime": "2s"}
    with (
        tempfile.TemporaryDirectory(prefix="master-ia-tests-", ignore_cleanup_errors=True) as folder,
        start_embedded(Path(folder), redis=False, postgres_settings=settings) as services,
    ):
        assert services.database_url
        with psycopg.connect(services.database_url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE races")
        url = urlunsplit(urlsplit(services.database_url)._replace(path="/races"))
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_WITNESSES)
        yield url


async def test_no_contact_is_decided_after_a_fact_that_forbids_it(dated_database_url: str, tmp_path: Path) -> None:
    clock = SharedClock(tmp_path / "clock", start=START)
    with open_stack(dated_database_url, tmp_path, redis_url=_NO_REDIS) as stack:
        world = await _prepare(stack, clock)
        workers = ForkedWorkers(
            works=[Work(drains=(whatsapp.drain,), clock=clock)] * (WORKERS - 1)
            + [Work(drains=(scheduling.drain, whatsapp.drain), clock=clock)],
            environment=stack.process_environment(REDIS_URL=""), folder=tmp_path / "workers",
        )  # fmt: skip
        happening = [start_events(_events(world, kind), tmp_path / "events") for kind in KINDS]
        workers.start()
        try:

            async def is_done() -> bool:
                workers.check()
                await _pass_time(stack, clock)
                return not any(process.is_alive() for process in happening) and not await _open_count(stack)

            await wait_for("every target is decided", is_done, seconds=_SECONDS)
            assert [process.exitcode for process in happening] == [0] * len(happening), _logs(tmp_path / "events")
        finally:
            workers.stop()
            for process in happening:
                process.kill()
                process.join()
        await _check_order(world)
        await _check_every_target(world)
        await _check_counts(world)


async def _prepare(stack: Stack, clock: SharedClock) -> World:
    """Make four campaigns of 2,500 debtors each, at a provider that takes every message at once."""
    customers = [Customer(number=20_000 + at) for at in range(TARGETS)]
    campaign_ids: list[UUID] = []
    async with open_database(stack.database_url) as database:
        tenant_id = await make_tenant(database)
        account = await make_account(database, tenant_id, provider=Provider.SIMULATOR, sends_per_second=_RATE)
        await add_to_ledger(stack.database_url, tenant_id, customers)
        everybody = []
        for at in range(CAMPAIGNS):
            budget_cents = 2 * TARGETS * _COST_CENTS if at == 0 else None
            campaign_ids.append(await make_campaign(database, account, now=clock.now(), budget_cents=budget_cents))
            everybody.append(
                await add_targets(
                    stack.database_url, tenant_id, campaign_ids[-1], customers[at::CAMPAIGNS], now=clock.now()
                )
            )
        await analyze(stack.database_url)
        for debtors in everybody:
            await activate(database, debtors, now=clock.now())
    return World(stack=stack, clock=clock, account=account, customers=customers, campaign_ids=campaign_ids)


def _events(world: World, kind: str) -> Events:
    return Events(
        kind=kind, database_url=world.stack.database_url, clock=world.clock, tenant_id=world.account.tenant_id,
        account_id=world.account.id, customers=world.those_who(kind), campaign_ids=world.campaign_ids,
        seconds=_EVENT_SECONDS, seed=len(kind),
    )  # fmt: skip


def _logs(folder: Path) -> str:
    return "\n".join(f"{path.name}: {path.read_text('utf-8', 'replace')[-1500:]}" for path in folder.glob("*.log"))


async def _pass_time(stack: Stack, clock: SharedClock) -> None:
    """Let the workers work; when nothing moves for a while, let the next slot come."""
    before = await _progress(stack)
    for _ in range(_PATIENCE):
        await asyncio.sleep(_STEP_SECONDS)
        if await _progress(stack) != before:
            return
    clock.advance(seconds=61)


async def _progress(stack: Stack) -> object:
    return await stack.query(_PROGRESS)


async def _open_count(stack: Stack) -> int:
    rows = await stack.query("SELECT count(*) AS n FROM targets WHERE state IN ('pending', 'scheduled', 'calling')")
    return int(rows[0]["n"])


# --- what must hold


async def _check_order(world: World) -> None:
    rows = await world.stack.query(
        "SELECT kind, key, value, pg_xact_commit_timestamp(xid) AS at FROM witnesses ORDER BY at"
    )
    # Of several the last: one that the provider surely did not take was decided again.
    contacted_at: dict[str, datetime] = {row["key"]: row["at"] for row in rows if row["kind"] == "contacts"}
    twice = await world.stack.query(
        """
        SELECT document FROM contact_decisions WHERE verdict = 'contact' AND voided_at IS NULL
        GROUP BY document HAVING count(*) > 1
        """
    )
    assert twice == [], "two contacts of one debtor"
    by_phone = {customer.phone: customer.document for customer in world.customers}
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for row in rows:
        if row["kind"] not in ("contacts", "pauses"):
            document = by_phone["+" + row["key"].lstrip("+")] if row["kind"] == "opt_outs" else row["key"]
            at = contacted_at.get(document)
            assert at is None or at < row["at"], f"contacted after {row['kind']}: {document}"
            (before if at is None else after)[row["kind"]] += 1
    kinds = [kind for kind in SHARES if kind != "pauses"]
    assert {kind: before[kind] + after[kind] for kind in kinds} == {kind: SHARES[kind] for kind in kinds}
    # The test has power only when facts came both before and after the contacts.
    assert all(before[kind] > 0 and after[kind] > 0 for kind in kinds), (before, after)
    await _check_pauses(world)


async def _check_pauses(world: World) -> None:
    """Between the commit of a pause and that of going on, no contact of the campaign was decided."""
    rows = await world.stack.query(
        """
        WITH steps AS (
            SELECT key, value, at, lead(at) OVER (PARTITION BY key ORDER BY at) AS until
            FROM (SELECT key, value, pg_xact_commit_timestamp(xid) AS at FROM witnesses WHERE kind = 'pauses') w
        ), contacts AS (
            SELECT t.campaign_id::text AS key, pg_xact_commit_timestamp(w.xid) AS at
            FROM witnesses w JOIN targets t ON t.document = w.key WHERE w.kind = 'contacts'
        )
        SELECT count(DISTINCT s.*) AS pauses, count(c.*) AS contacts FROM steps s
        LEFT JOIN contacts c ON c.key = s.key AND c.at > s.at AND c.at < s.until
        WHERE s.value = 'paused'
        """
    )
    assert rows[0]["pauses"] == SHARES["pauses"]
    assert rows[0]["contacts"] == 0, "contacted while paused"


async def _check_every_target(world: World) -> None:
    """Each target has a decision on record, the gate's or the one of the fact that came before it."""
    rows = await world.stack.query(
        """
        SELECT t.document, t.state, t.outcome, t.attempt_count, d.verdicts, t.phone
        FROM targets t CROSS JOIN LATERAL (
            SELECT array_agg(d.verdict || ':' || d.reason ORDER BY d.seq) AS verdicts FROM contact_decisions d
            WHERE d.target_id = t.id AND d.voided_at IS NULL) d
        """
    )
    assert len(rows) == TARGETS
    facts = {one.document: kind for kind in SHARES if kind != "pauses" for one in world.those_who(kind)}
    outcomes = {
        None: {"sent"}, "payments": {"sent", "paid"}, "promises": {"promise_made"}, "claims": {"payment_claimed"},
        "opt_outs": {"opted_out"},
    }  # fmt: skip
    for row in rows:
        fact = facts.get(row["document"])
        assert row["outcome"] in outcomes[fact], (fact, row)
        was_contacted = "contact:allowed" in (row["verdicts"] or [])
        assert row["attempt_count"] == was_contacted, row
        assert row["verdicts"], row


async def _check_counts(world: World) -> None:
    rows = await world.stack.query(
        """
        SELECT c.budget_cents, c.spent_cents,
            (SELECT sum(d.cost_cents) FROM contact_decisions d
                WHERE d.campaign_id = c.id AND d.voided_at IS NULL) AS cost,
            (SELECT count(*) FROM targets t WHERE t.campaign_id = c.id) AS targets,
            (SELECT count(*) FROM targets t WHERE t.campaign_id = c.id AND t.attempt_count = 1) AS contacted,
            (SELECT count(*) FROM contact_decisions d WHERE d.campaign_id = c.id AND d.verdict = 'contact'
                AND d.voided_at IS NULL) AS decided,
            (SELECT count(*) FROM messages m JOIN contact_decisions d ON d.message_id = m.id
                WHERE d.campaign_id = c.id AND d.voided_at IS NULL AND m.status = 'sent') AS sent
        FROM campaigns c
        """
    )
    assert len(rows) == CAMPAIGNS
    for row in rows:
        assert row["targets"] == TARGETS / CAMPAIGNS
        assert row["contacted"] == row["decided"] == row["sent"], row
        assert row["cost"] == row["decided"] * _COST_CENTS
        if row["budget_cents"] is not None:  # only then is what was spent counted as it goes
            assert row["spent_cents"] == row["cost"], row
    sent = sum(row["sent"] for row in rows)
    assert sent > TARGETS - sum(SHARES.values())
