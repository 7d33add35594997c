"""The workers that the fault tests kill, proved on the outbox: nothing sent twice, nothing lost (N4)."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from domain.buffering import QuietWindow
from domain.messages import Provider
from jobs import delivery
from services.inbox import Inbox
from store import messages
from store.messages import NewOutbound
from tests.factories import inbound, open_database, phone, webhook
from tests.system.conftest import NewDatabase
from tests.system.forked_workers import ForkedWorkers, Work
from tests.system.shared_clock import SharedClock
from tests.system.stack import EXTERNAL_IDS, Stack, open_stack, wait_for

CONVERSATIONS, EACH, KILLS, WORKERS = 100, 3, 30, 3
_LATENCY_SECONDS = 0.02


@pytest.fixture
def stack(new_database: NewDatabase, tmp_path: Path, no_redis_url: str) -> Iterator[Stack]:
    with open_stack(new_database(None), tmp_path, redis_url=no_redis_url) as stack:
        asyncio.run(stack.create_tenant())
        stack.fakes.program("meta", {"delay_seconds": _LATENCY_SECONDS, "times": 10 * CONVERSATIONS * EACH})
        yield stack


async def _queue_messages(stack: Stack, clock: SharedClock) -> None:
    """Have each customer write, and put the answers into the outbox."""
    account = stack.accounts[Provider.META]
    async with open_database(stack.database_url) as database:
        inbox = Inbox(database, QuietWindow())
        for at in range(CONVERSATIONS):
            said = inbound(
                account=EXTERNAL_IDS[Provider.META], addresses=[phone(f"+551199999{at:04d}")], sent_at=clock.now()
            )
            await inbox.receive(account, webhook(said), now=clock.now())
        conversations = await stack.query("SELECT id, tenant_id FROM conversations")
        assert len(conversations) == CONVERSATIONS
        async with database.tenant(account.tenant_id) as connection:
            for conversation in conversations:
                rows = [
                    NewOutbound(id=uuid4(), author="agent", kind="text", text=text, content=_text(text))
                    for text in map(str, range(EACH))
                ]
                await messages.insert_outbound(
                    connection, rows, tenant_id=account.tenant_id, conversation_id=conversation["id"],
                    channel_account_id=account.id, now=clock.now(),
                )  # fmt: skip


def _text(text: str) -> dict[str, object]:
    return {"part": "text", "text": text}


async def test_killed_senders_send_nothing_twice_and_lose_nothing(stack: Stack, tmp_path: Path) -> None:
    clock = SharedClock(tmp_path / "clock")
    await _queue_messages(stack, clock)
    random = Random(7)
    workers = ForkedWorkers(
        works=[Work(drains=(delivery.drain,), clock=clock)] * WORKERS, environment=stack.process_environment(),
        folder=tmp_path / "workers",
    )  # fmt: skip
    workers.start()
    try:
        await wait_for("the first is sent", lambda: _has_sent(stack, 1))
        while workers.kill_count < KILLS:
            await asyncio.sleep(random.uniform(0, 0.2))
            workers.kill_random(random)
            clock.advance(seconds=3)  # what a dead worker held is free again a few kills later
        clock.advance(seconds=30)
        await wait_for("nothing waits to be sent", lambda: _is_settled(stack, clock))
        await _check_nothing_twice_and_nothing_lost(stack)
        clock.advance(minutes=10)
        await wait_for("what is unknown is flagged", lambda: _is_flagged(stack))
        await _check_nothing_twice_and_nothing_lost(stack)
        workers.check()
    finally:
        workers.stop()


async def _has_sent(stack: Stack, count: int) -> bool:
    return len(stack.fakes.state.ledger) >= count


async def _is_settled(stack: Stack, clock: SharedClock) -> bool:
    clock.advance(seconds=1)
    return not await stack.query(
        "SELECT FROM messages WHERE direction = 'out' AND status IN ('queued', 'sending') LIMIT 1"
    )


async def _is_flagged(stack: Stack) -> bool:
    return not await stack.query("SELECT FROM messages WHERE status = 'unknown' AND flagged_at IS NULL LIMIT 1")


async def _check_nothing_twice_and_nothing_lost(stack: Stack) -> None:
    rows = await stack.query("SELECT id::text, status, text FROM messages WHERE direction = 'out'")
    statuses = {row["id"]: row["status"] for row in rows}
    taken = Counter(row["reference"] for row in stack.ledger)
    assert len(rows) == CONVERSATIONS * EACH
    assert set(statuses.values()) <= {"sent", "unknown"}
    assert max(taken.values()) == 1, "sent twice"
    assert set(taken) <= set(statuses)
    assert {id for id, status in statuses.items() if status == "sent"} <= set(taken), "marked as sent, never sent"
    assert _order_by_customer(stack), "out of order"


def _order_by_customer(stack: Stack) -> bool:
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for row in stack.ledger:
        texts[row["to"]].append(row["text"])
    return all(said == sorted(said) for said in texts.values())
