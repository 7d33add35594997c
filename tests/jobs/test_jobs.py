"""The jobs on a real Redis and PostgreSQL: a bell rings a drain; a lost bell loses nothing."""

import asyncio
import base64
import importlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from jobs import shim, worker
from jobs.clock import Tick
from store import conversations, deliveries, messages
from store.messages import NewOutbound
from tests.factories import TEST_KEY, inbound, make_account, make_tenant, open_database, webhook
from tests.fakes_clock import FakeClock
from wiring.deps import open_deps
from wiring.queue import QUEUES, RqJobQueue, function_name
from wiring.settings import load_settings


@pytest.fixture
def environment(
    database_url: str, clean_redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", clean_redis_url)
    monkeypatch.setenv("ENCRYPTION_KEYS", "test:" + base64.b64encode(TEST_KEY["test"]).decode())
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    yield
    shim.close()


async def _queue_reply(clock: FakeClock) -> None:
    settings = load_settings(env_file=None)
    async with open_deps(settings, clock=clock) as deps:
        tenant_id = await make_tenant(deps.database)
        account = await make_account(deps.database, tenant_id)
        await deps.inbox.receive(account, webhook(inbound()), now=clock.now())
        async with deps.database.tenant(tenant_id) as connection:
            (conversation,), _ = await conversations.page(
                connection, status=None, handler=None, contact_id=None, limit=1, offset=0
            )
            reply = NewOutbound(
                id=uuid4(), author="agent", kind="text", text="oi", content={"part": "text", "text": "oi"}
            )
            await messages.insert_outbound(
                connection, [reply], tenant_id=tenant_id, conversation_id=conversation.id,
                channel_account_id=account.id, now=clock.now(),
            )  # fmt: skip


def _statuses(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT status FROM messages WHERE direction = 'out'")]


@pytest.mark.parametrize("job", QUEUES)
def test_every_job_name_has_its_function(job: str) -> None:
    module, _, name = function_name(job).rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.usefixtures("environment")
def test_rung_bell_drains_the_outbox_in_a_worker(database_url: str, clean_redis_url: str, clock: FakeClock) -> None:
    clock.set(datetime.now(UTC))  # the worker has a real clock, by which an old reply would have expired
    asyncio.run(_queue_reply(clock))
    queue = RqJobQueue(clean_redis_url)
    for _ in range(5):
        queue._ring("delivery")
    with Redis.from_url(clean_redis_url) as redis:
        assert len(Queue("delivery", connection=redis, serializer=JSONSerializer)) == 1
    queue.close()
    worker.main("delivery", burst=True)
    assert _statuses(database_url) == ["sent"]
    # Running it again does no harm, and the finished job does not block the next bell.
    worker.main(burst=True)
    assert _statuses(database_url) == ["sent"]


@pytest.mark.usefixtures("environment")
def test_unknown_queue_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown queue"):
        worker.main("nope", burst=True)


async def test_bell_without_redis_is_no_error() -> None:
    queue = RqJobQueue("redis://127.0.0.1:1")
    await queue.ring("delivery")
    queue.close()


@pytest.mark.usefixtures("environment")
async def test_tick_rings_what_is_due_and_the_housekeeping_at_its_hours(clock: FakeClock) -> None:
    async with open_deps(load_settings(env_file=None), clock=clock) as deps:
        tick = Tick(deps)
        assert await tick.tick() == ["lifecycle", "retention"]
        assert await tick.tick() == []
        clock.advance(minutes=1)
        assert await tick.tick() == ["lifecycle"]
    await _queue_reply(clock)
    async with open_deps(load_settings(env_file=None), clock=clock) as deps:
        assert "delivery" in await Tick(deps).tick()


@pytest.mark.usefixtures("environment")
async def test_two_clocks_ring_one_job(clean_redis_url: str, clock: FakeClock) -> None:
    async with open_deps(load_settings(env_file=None), clock=clock) as deps:
        await Tick(deps).tick()
        await Tick(deps).tick()
    with Redis.from_url(clean_redis_url) as redis:
        waiting = {name: len(Queue(name, connection=redis, serializer=JSONSerializer)) for name in QUEUES}
    assert {name: count for name, count in waiting.items() if count} == {"lifecycle": 1, "retention": 1}


async def test_drain_of_an_empty_outbox_handles_nothing(database_url: str) -> None:
    async with open_database(database_url) as database, database.platform() as connection:
        assert not await deliveries.has_due(connection, now=FakeClock().now())
