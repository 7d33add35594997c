"""Delivery against a real fake of Meta over HTTP: never twice, in order, errors by class (N2, N4, design 4)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from channels import transport
from channels.meta import MetaChannel
from domain.buffering import QuietWindow
from domain.messages import Provider
from services.accounts import AccountDirectory
from services.delivery import Delivery
from services.inbox import Inbox
from store import conversations, deliveries, messages
from store.channel_accounts import AccountRow
from store.cipher import Cipher
from store.database import Database
from store.messages import MessageRow, NewOutbound
from tests.factories import TEST_KEY, inbound, make_account, make_tenant, open_database, webhook
from tests.fakes.providers import META_TOKEN, FakeProviders
from tests.fakes_clock import FakeClock
from wiring.rates import LocalRateLimiter

PHONE_NUMBER_ID = "301500000000001"


@dataclass
class World:
    database: Database
    tenant_id: UUID
    account: AccountRow
    conversation_id: UUID
    clock: FakeClock
    fake: FakeProviders
    http: httpx.AsyncClient

    def delivery(self, sender: str = "one") -> Delivery:
        channel = MetaChannel(self.http, base_url=self.fake.url)
        accounts = AccountDirectory(self.database, Cipher(TEST_KEY), public_base_url="https://exemplo.invalid")
        return Delivery(
            database=self.database, channels={Provider.META: channel}, accounts=accounts, limiter=LocalRateLimiter(),
            clock=self.clock, sender=sender, failpoint=lambda name: None, random=lambda: 1.0,
        )  # fmt: skip

    async def queue(self, *texts: str) -> None:
        rows = [
            NewOutbound(id=uuid4(), author="agent", kind="text", text=text, content={"part": "text", "text": text})
            for text in texts
        ]
        async with self.database.tenant(self.tenant_id) as connection:
            await messages.insert_outbound(
                connection, rows, tenant_id=self.tenant_id, conversation_id=self.conversation_id,
                channel_account_id=self.account.id, now=self.clock.now(),
            )  # fmt: skip

    async def outbox(self) -> list[MessageRow]:
        async with self.database.tenant(self.tenant_id) as connection:
            rows = await messages.after(connection, self.conversation_id, seq=0, limit=1000)
        return [row for row in rows if row.direction == "out"]

    async def statuses(self) -> list[str | None]:
        return [row.status for row in await self.outbox()]

    def sent(self) -> list[str]:
        return [row["text"] for row in self.fake.ledger]

    async def execute(self, query: str) -> None:
        async with self.database.tenant(self.tenant_id) as connection:
            await connection.execute(query.encode())


@pytest.fixture
async def world(database_url: str, clock: FakeClock, fake_providers: FakeProviders) -> AsyncIterator[World]:
    async with open_database(database_url) as database, httpx.AsyncClient(timeout=1) as http:
        tenant_id = await make_tenant(database)
        account = await make_account(
            database, tenant_id, provider=Provider.META, external_id=PHONE_NUMBER_ID,
            secrets={"access_token": META_TOKEN},
        )  # fmt: skip
        await Inbox(database, QuietWindow()).receive(
            account, webhook(inbound(account=PHONE_NUMBER_ID, sent_at=clock.now())), now=clock.now()
        )
        async with database.tenant(tenant_id) as connection:
            rows, _ = await conversations.page(
                connection, status=None, handler=None, contact_id=None, limit=1, offset=0
            )
        yield World(database, tenant_id, account, rows[0].id, clock, fake_providers, http)


async def test_queue_is_sent_in_order_and_only_once(world: World) -> None:
    await world.queue("um", "dois", "três")
    first, second = world.delivery("a"), world.delivery("b")
    await asyncio.gather(first.drain(100), second.drain(100))
    await first.drain(100)
    assert world.sent() == ["um", "dois", "três"]
    assert await world.statuses() == ["sent"] * 3


async def test_server_error_is_tried_again_after_the_backoff(world: World) -> None:
    await world.queue("oi")
    world.fake.program("meta", {"status": 500})
    await world.delivery().drain(10)
    assert (await world.statuses(), world.sent()) == (["queued"], [])
    await world.delivery().drain(10)
    assert world.sent() == []
    world.clock.advance(seconds=2)
    await world.delivery().drain(10)
    assert (await world.statuses(), world.sent()) == (["sent"], ["oi"])


async def test_retry_after_of_a_429_is_kept_to(world: World) -> None:
    await world.queue("oi")
    world.fake.program("meta", {"status": 429, "retry_after": 40, "code": 130429})
    await world.delivery().drain(10)
    world.clock.advance(seconds=39)
    await world.delivery().drain(10)
    assert world.sent() == []
    world.clock.advance(seconds=1)
    await world.delivery().drain(10)
    assert world.sent() == ["oi"]


async def test_five_tries_end_in_failed(world: World) -> None:
    await world.queue("oi")
    world.fake.program("meta", {"status": 500, "times": 10})
    for _ in range(8):
        await world.delivery().drain(10)
        world.clock.advance(minutes=11)
    (row,) = await world.outbox()
    assert (row.status, row.attempts) == ("failed", 5)


@pytest.mark.parametrize("step", [{"accept_then_timeout": True}, {"accept_then_drop": True}])
async def test_unknown_outcome_is_never_sent_again_and_flagged_after_ten_minutes(
    world: World, step: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.5))  # a provider that is silent may be so for 15 s
    await world.queue("oi")
    world.fake.program("meta", step)
    await world.delivery().drain(10)
    assert await world.statuses() == ["unknown"]
    world.clock.advance(minutes=9)
    assert (await world.delivery().drain(10)).flagged == 0
    world.clock.advance(minutes=1, seconds=1)
    assert (await world.delivery().drain(10)).flagged == 1
    assert world.sent() == ["oi"]
    assert (await world.outbox())[0].flagged_at is not None


async def test_sender_that_died_in_the_call_leaves_unknown(world: World) -> None:
    await world.queue("oi", "segunda")
    async with world.database.platform() as connection:
        (row,) = await deliveries.claim_due(
            connection, sender="dead", now=world.clock.now(), locked_until=world.clock.now() + timedelta(seconds=20),
            limit=10,
        )  # fmt: skip
        assert await deliveries.mark_sending(
            connection, row.id, sender="dead", now=world.clock.now(),
            locked_until=world.clock.now() + timedelta(seconds=20),
        )  # fmt: skip
    await world.delivery().drain(10)
    assert await world.statuses() == ["sending", "queued"]
    world.clock.advance(seconds=21)
    await world.delivery().drain(10)
    assert await world.statuses() == ["unknown", "sent"]
    assert world.sent() == ["segunda"]


async def test_claim_of_a_dead_sender_is_sent_by_the_next(world: World) -> None:
    await world.queue("oi")
    async with world.database.platform() as connection:
        await deliveries.claim_due(
            connection, sender="dead", now=world.clock.now(), locked_until=world.clock.now() + timedelta(seconds=20),
            limit=10,
        )  # fmt: skip
    await world.delivery().drain(10)
    assert world.sent() == []
    world.clock.advance(seconds=21)
    await world.delivery().drain(10)
    assert world.sent() == ["oi"]


async def test_closed_window_without_a_template_fails_and_tells_operators(world: World) -> None:
    await world.queue("oi")
    await world.execute("UPDATE conversations SET last_inbound_at = last_inbound_at - interval '25 hours'")
    await world.delivery().drain(10)
    (row,) = await world.outbox()
    assert (row.status, row.error_class) == ("failed", "window")
    assert world.sent() == []


async def test_closed_window_with_a_template_sends_the_template(world: World) -> None:
    await world.execute('UPDATE channel_accounts SET settings = \'{"reopen_template": "retomar_conversa"}\'')
    await world.execute("UPDATE conversations SET last_inbound_at = last_inbound_at - interval '25 hours'")
    await world.queue("Sua fatura\nestá aqui")
    await world.delivery().drain(10)
    (entry,) = world.fake.ledger
    assert "retomar_conversa" in str(entry["part"])
    assert "\\n" not in str(entry["part"])


async def test_expired_token_stops_the_account_and_keeps_the_message(world: World) -> None:
    await world.queue("oi")
    world.fake.program("meta", {"status": 401, "code": 190})
    await world.delivery().drain(10)
    (row,) = await world.outbox()
    assert row.status == "queued"
    world.clock.advance(minutes=5)
    await world.delivery().drain(10)
    assert world.sent() == []
    await world.execute("UPDATE channel_accounts SET status = 'active'")
    world.clock.advance(minutes=5)
    await world.delivery().drain(10)
    assert world.sent() == ["oi"]


async def test_unreachable_address_fails_for_good_and_is_marked(world: World) -> None:
    await world.queue("oi")
    world.fake.program("meta", {"status": 400, "code": 131026})
    await world.delivery().drain(10)
    assert await world.statuses() == ["failed"]
    async with world.database.tenant(world.tenant_id) as connection:
        cursor = await connection.execute("SELECT bool_or(is_unreachable) AS marked FROM addresses")
        assert await cursor.fetchone() == {"marked": True}


async def test_our_reference_travels_with_the_message(world: World) -> None:
    await world.queue("oi")
    await world.delivery().drain(10)
    (row,) = await world.outbox()
    assert world.fake.ledger[0]["reference"] == str(row.id)


async def test_message_that_cannot_be_read_fails_and_does_not_hold_up_the_others(world: World) -> None:
    await world.queue("estragada", "boa")
    await world.execute("UPDATE messages SET content = '{\"part\": \"nonsense\"}' WHERE text = 'estragada'")
    await world.delivery().drain(10)
    assert await world.statuses() == ["failed", "sent"]
    assert world.sent() == ["boa"]
