"""The runner on a real PostgreSQL, with a graph that a test can hold: one reply per burst, leases, fencing (N1, N2)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from psycopg import OperationalError

from channels.simulator import SimulatorChannel
from domain.buffering import QuietWindow
from domain.effects import HandOff, OptOut
from domain.messages import Provider, Text
from domain.turns import TurnContext, TurnOutcome
from graphs.runner import TurnRunner
from graphs.state import ConversationState, TurnInput, TurnOutput
from services.accounts import AccountDirectory
from services.delivery import Delivery
from services.inbox import Inbox
from services.tenant_directory import TenantDirectory
from services.turns import Commit, TurnStore
from store import conversations, messages
from store.channel_accounts import AccountRow
from store.cipher import Cipher
from store.conversations import ConversationRow
from store.database import Database
from store.messages import MessageRow
from tests.factories import TEST_KEY, inbound, make_account, make_tenant, open_database, phone, webhook
from tests.fakes_clock import FakeClock
from wiring.rates import LocalRateLimiter


@dataclass
class HeldModel:
    """What stands for the agents: answers with what it was asked, when the gate is open."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[list[str]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    fail: Callable[[], bool] = lambda: False
    effects: tuple[Any, ...] = ()

    async def answer(self, state: ConversationState, runtime: Runtime[TurnContext]) -> dict[str, object]:
        texts = [str(message.content) for message in state["messages"]]
        self.asked.append(texts)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.gate.wait()
            if self.fail():
                raise RuntimeError("the model broke")
        finally:
            self.running -= 1
        outcome = TurnOutcome(
            parts=(Text(text="re: " + " | ".join(texts)),), effects=self.effects, usage=(), trace=(),
            agent="persona", verdict="approved", model="held", prompt_version=None,
        )  # fmt: skip
        return {"outcome": outcome}

    def compiled(self) -> Any:
        graph = StateGraph(
            ConversationState, context_schema=TurnContext, input_schema=TurnInput, output_schema=TurnOutput
        )
        graph.add_node("answer", self.answer)
        graph.add_edge(START, "answer")
        graph.add_edge("answer", END)
        return graph.compile()


@dataclass
class World:
    database: Database
    tenant_id: UUID
    account: AccountRow
    clock: FakeClock
    model: HeldModel
    inbox: Inbox

    def turns(self, name: str = "one") -> TurnStore:
        return TurnStore(
            database=self.database, tenants=TenantDirectory(self.database), accounts=self.accounts(), clock=self.clock,
            runner=name, lease_seconds=20, price=lambda usage: Decimal(0), failpoint=lambda name: None,
        )  # fmt: skip

    def accounts(self) -> AccountDirectory:
        return AccountDirectory(self.database, Cipher(TEST_KEY), public_base_url="https://exemplo.invalid")

    def runner(self, name: str = "one") -> TurnRunner:
        delivery = Delivery(
            database=self.database, channels={Provider.SIMULATOR: SimulatorChannel()}, accounts=self.accounts(),
            limiter=LocalRateLimiter(), clock=self.clock, sender=name, failpoint=lambda name: None,
        )  # fmt: skip
        return TurnRunner(
            graph=self.model.compiled(), turns=self.turns(name), delivery=delivery, database=self.database,
            clock=self.clock, wake=asyncio.Event(), concurrency=100, lease_seconds=20, failpoint=lambda name: None,
        )  # fmt: skip

    async def write(self, text: str, *, who: str = "+5511999990001") -> None:
        message = inbound(text, addresses=[phone(who)], sent_at=self.clock.now())
        await self.inbox.receive(self.account, webhook(message), now=self.clock.now())

    async def conversation(self) -> ConversationRow:
        async with self.database.tenant(self.tenant_id) as connection:
            rows, _ = await conversations.page(
                connection, status=None, handler=None, contact_id=None, limit=1, offset=0
            )
        return rows[0]

    async def replies(self) -> list[MessageRow]:
        async with self.database.tenant(self.tenant_id) as connection:
            rows = await messages.after(connection, (await self.conversation()).id, seq=0, limit=1000)
        return [row for row in rows if row.direction == "out"]

    async def texts(self) -> list[str | None]:
        return [row.text for row in await self.replies()]

    async def run_due(self, name: str = "one") -> int:
        self.clock.advance(seconds=11)
        runner = self.runner(name)
        started = await runner.start_due()
        await runner.wait_until_idle()
        return started


@pytest.fixture
async def world(database_url: str, clock: FakeClock) -> AsyncIterator[World]:
    async with open_database(database_url, max_connections=8) as database:
        tenant_id = await make_tenant(database)
        account = await make_account(database, tenant_id)
        model = HeldModel()
        model.gate.set()
        yield World(database, tenant_id, account, clock, model, Inbox(database, QuietWindow()))


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # a condition on lists, there is no event to wait for
            await asyncio.sleep(0.005)


async def test_burst_is_answered_together_once(world: World) -> None:
    for text in ("oi", "quero ver", "minha fatura"):
        await world.write(text)
    assert await world.run_due() == 1
    assert await world.run_due() == 0
    assert await world.texts() == ["re: oi | quero ver | minha fatura"]
    assert [row.status for row in await world.replies()] == ["sent"]


async def test_nothing_runs_before_the_customer_is_quiet(world: World) -> None:
    await world.write("oi")
    assert await world.runner().start_due() == 0


async def test_two_runners_never_take_one_conversation(world: World) -> None:
    world.model.gate.clear()
    await world.write("oi.")
    world.clock.advance(seconds=11)
    first, second = world.runner("a"), world.runner("b")
    assert [await first.start_due(), await second.start_due()] == [1, 0]
    world.model.gate.set()
    await first.wait_until_idle()
    assert world.model.most_running == 1
    assert len(await world.replies()) == 1


async def test_message_during_the_turn_makes_it_run_again_with_both(world: World) -> None:
    world.model.gate.clear()
    await world.write("pago dia 10.")
    world.clock.advance(seconds=11)
    runner = world.runner()
    await runner.start_due()
    await _until(lambda: len(world.model.asked) == 1)
    await world.write("não, dia 12.")
    world.model.gate.set()
    await runner.wait_until_idle()
    assert await world.texts() == ["re: pago dia 10. | não, dia 12."]
    assert await world.run_due() == 0


async def test_customer_who_never_stops_is_answered_after_two_reruns(world: World) -> None:
    await world.write("um.")
    world.clock.advance(seconds=11)
    runner = world.runner()
    world.model.gate.clear()
    await runner.start_due()
    for number in range(3):
        await _until(lambda number=number: len(world.model.asked) == number + 1)  # type: ignore[misc]
        await world.write(f"mais {number}.")
        world.model.gate.set()
        await asyncio.sleep(0)
        world.model.gate.clear()
    world.model.gate.set()
    await runner.wait_until_idle()
    assert len(world.model.asked) == 3
    await world.run_due()
    texts = await world.texts()
    assert len(texts) == 2
    assert all(f"mais {number}." in " ".join(str(text) for text in texts) for number in range(3))


async def test_lost_lease_cannot_commit(world: World) -> None:
    world.model.gate.clear()
    await world.write("oi.")
    world.clock.advance(seconds=11)
    slow, fast = world.runner("slow"), world.runner("fast")
    await slow.start_due()
    await _until(lambda: len(world.model.asked) == 1)
    world.clock.advance(seconds=21)  # the slow one's lease runs out
    assert await fast.start_due() == 1
    await _until(lambda: len(world.model.asked) == 2)
    world.model.gate.set()
    await asyncio.gather(slow.wait_until_idle(), fast.wait_until_idle())
    assert await world.texts() == ["re: oi."]


async def test_crashed_turn_is_run_by_another_after_its_lease(world: World) -> None:
    await world.write("oi.")
    world.clock.advance(seconds=11)
    assert len(await world.turns("dead").claim(10)) == 1
    assert await world.runner("alive").start_due() == 0
    world.clock.advance(seconds=21)
    assert await world.run_due("alive") == 1
    assert await world.texts() == ["re: oi."]


async def test_failing_turn_is_tried_again_and_then_given_to_a_person(world: World) -> None:
    world.model.fail = lambda: True
    await world.write("oi.")
    for _ in range(3):
        world.clock.advance(seconds=60)
        await world.run_due()
    assert await world.texts() == []
    world.clock.advance(seconds=60)
    await world.run_due()
    (text,) = await world.texts()
    assert text is not None
    assert "nossa equipe" in text
    assert (await world.conversation()).handler == "human"


async def test_restart_of_the_database_costs_no_failure_and_no_person(world: World) -> None:
    """Every pooled connection is dead at once; each must not cost the customer another back-off."""
    world.model.fail = lambda: (_ for _ in ()).throw(OperationalError("the server closed the connection"))
    await world.write("oi.")
    for _ in range(6):
        await world.run_due()
    conversation = await world.conversation()
    assert (conversation.failures, conversation.handler) == (0, "bot")
    world.model.fail = lambda: False
    await world.run_due()
    assert await world.texts() == ["re: oi."]


async def test_pools_are_whole_again_after_their_connections_were_cut(world: World) -> None:
    async with world.database.graph_pool.connection() as connection:
        await connection.execute("SELECT 1")
    async with world.database.listener() as owner:
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await world.database.drop_dead_connections()
    for _ in range(3):
        async with world.database.graph_pool.connection() as connection:
            await connection.execute("SELECT 1")


async def test_human_who_takes_over_during_a_turn_silences_it(world: World) -> None:
    world.model.gate.clear()
    await world.write("oi.")
    world.clock.advance(seconds=11)
    runner = world.runner()
    await runner.start_due()
    await _until(lambda: len(world.model.asked) == 1)
    async with world.database.tenant(world.tenant_id) as connection:
        await conversations.hand_off(
            connection, (await world.conversation()).id, reason="operator", now=world.clock.now()
        )
    world.model.gate.set()
    await runner.wait_until_idle()
    assert await world.texts() == []


async def test_handback_answers_what_the_human_left_open_and_shows_what_he_said(world: World) -> None:
    await world.write("oi.")
    await world.run_due()
    await world.inbox.receive(
        world.account, webhook(inbound("vou ver isso", id="e", is_echo=True)), now=world.clock.now()
    )
    await world.write("e aí?")
    assert await world.run_due() == 0
    async with world.database.tenant(world.tenant_id) as connection:
        assert await conversations.hand_back(connection, (await world.conversation()).id, now=world.clock.now())
    assert await world.run_due() == 1
    assert world.model.asked[-1] == ["vou ver isso", "e aí?"]


@pytest.mark.parametrize("table", ["tenants", "channel_accounts", "contacts"])
async def test_bot_switch_silences(world: World, table: str) -> None:
    await world.write("oi.")
    async with world.database.platform() as connection:
        await connection.execute(f"UPDATE {table} SET is_bot_enabled = false".encode())
    await world.run_due()
    assert world.model.asked == []
    assert (await world.conversation()).turn_due_at is None


async def test_effects_and_reply_are_one_commit(world: World) -> None:
    world.model.effects = (OptOut(scope="all", reason="pediu"), HandOff(reason="pediu"))
    await world.write("chega.")
    await world.run_due()
    conversation = await world.conversation()
    assert conversation.handler == "human"
    async with world.database.tenant(world.tenant_id) as connection:
        cursor = await connection.execute("SELECT opted_out_at IS NOT NULL AS out FROM contacts")
        assert await cursor.fetchone() == {"out": True}


async def test_stale_result_leaves_no_effect(world: World) -> None:
    world.model.effects = (OptOut(scope="all", reason="pediu"),)
    await world.write("sai fora.")
    world.clock.advance(seconds=11)
    (row,) = await world.turns().claim(1)
    turn = await world.turns().load(row)
    assert turn is not None
    outcome = TurnOutcome(
        parts=(Text(text="tchau"),), effects=world.model.effects, usage=(), trace=(), agent=None, verdict="approved",
        model=None, prompt_version=None,
    )  # fmt: skip
    await world.write("brincadeira!")
    result = await world.turns().commit(turn, outcome, checkpoint_id=None, reruns=0, is_final=False)
    assert result is Commit.STALE
    async with world.database.tenant(world.tenant_id) as connection:
        cursor = await connection.execute("SELECT count(*) AS n FROM opt_outs")
        assert await cursor.fetchone() == {"n": 0}
    assert await world.texts() == []


async def test_hundred_conversations_run_at_once(world: World) -> None:
    world.model.gate.clear()
    for number in range(100):
        await world.write("oi.", who=f"+55119{number:08d}")
    world.clock.advance(seconds=11)
    runner = world.runner()
    assert await runner.start_due() == 100
    await _until(lambda: world.model.running == 100)
    world.model.gate.set()
    await runner.wait_until_idle()
    assert len(world.model.asked) == 100


async def test_idle_conversation_expires_and_a_new_message_opens_another(world: World) -> None:
    await world.write("oi.")
    await world.run_due()
    world.clock.advance(timedelta(hours=73))
    async with world.database.platform() as connection:
        assert await conversations.expire_idle(connection, now=world.clock.now(), limit=10) == 1
    await world.write("voltei.")
    async with world.database.tenant(world.tenant_id) as connection:
        _, total = await conversations.page(connection, status=None, handler=None, contact_id=None, limit=10, offset=0)
    assert total == 2
