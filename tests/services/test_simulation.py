"""What the simulator reads of calls: who is rung, what is agreed, what a call came to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domain.messages import Address, AddressKind
from services.demo import seed_demo
from services.simulation import Simulation, Simulator
from store import call_requests, contacts, conversations
from store.call_requests import NewCallRequest
from tests.fakes_clock import FakeClock
from tests.server.conftest import make_settings
from wiring.deps import Deps, open_deps

WEDNESDAY = datetime(2026, 11, 25, 14, 0, tzinfo=UTC)
SUNDAY = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
MARIA, JOAO = "+5511999990001", "+5511999990002"


@dataclass(frozen=True, kw_only=True)
class World:
    deps: Deps
    clock: FakeClock
    simulation: Simulation
    simulator: Simulator

    async def ask_for_a_call(self, phone: str, wanted_at: datetime) -> None:
        """Let somebody ask for a call in the chat."""
        tenant_id, now = self.simulator.tenant.id, self.clock.now()
        async with self.deps.database.tenant(tenant_id) as connection:
            address = Address(kind=AddressKind.SIMULATED, value=phone)
            [known] = await contacts.find_addresses(connection, [address], [])
            conversation_id = uuid4()
            await conversations.open_conversation(
                connection, tenant_id=tenant_id, conversation_id=conversation_id, contact_id=known.contact_id,
                channel_account_id=self.simulator.account.row.id, address_kind=AddressKind.SIMULATED,
                address_value=phone, source="customer", now=now,
            )  # fmt: skip
            row = NewCallRequest(
                id=uuid4(), contact_id=known.contact_id, conversation_id=conversation_id, phone=phone,
                reason="quer negociar", wanted_at=wanted_at,
            )  # fmt: skip
            assert await call_requests.put(connection, tenant_id, row, now=now) is not None

    async def ring(self, phone: str, *, status: str = "queued") -> UUID:
        assert self.simulator.phone is not None
        call_id = uuid4()
        async with self.deps.database.tenant(self.simulator.tenant.id) as connection:
            await connection.execute(
                "INSERT INTO calls (tenant_id, id, channel_account_id, contact_id, direction, phone, status, status_at,"
                " provider_call_id, created_at) SELECT a.tenant_id, %(id)s, %(account)s, a.contact_id, 'out', a.value,"
                " %(status)s, %(now)s, %(provider)s, %(now)s FROM addresses a"
                " WHERE a.kind = 'simulated' AND a.value = %(phone)s",
                {
                    "id": call_id, "account": self.simulator.phone.row.id, "status": status, "now": self.clock.now(),
                    "provider": f"call_{call_id}", "phone": phone,
                },
            )  # fmt: skip
        return call_id


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    clock = FakeClock(WEDNESDAY)
    async with open_deps(make_settings(database_url), clock=clock) as deps:
        await seed_demo(deps.database, deps.knowledge, deps.cipher, now=clock.now())
        simulation = Simulation(deps.database, deps.accounts, clock)
        simulator = await simulation.find()
        assert simulator is not None
        yield World(deps=deps, clock=clock, simulation=simulation, simulator=simulator)


async def test_agreed_call_is_brought_forward_within_the_hours(world: World) -> None:
    wanted_at = WEDNESDAY + timedelta(hours=2)
    await world.ask_for_a_call(MARIA, wanted_at)
    assert await world.simulation.waiting_call(world.simulator, JOAO) is None
    agreed = await world.simulation.waiting_call(world.simulator, MARIA)
    assert agreed is not None
    assert (agreed.wanted_at, agreed.reason) == (wanted_at, "quer negociar")
    assert not world.simulation.is_due(agreed)
    assert await world.simulation.call_now(world.simulator, agreed)
    now = await world.simulation.waiting_call(world.simulator, MARIA)
    assert now is not None
    assert (now.wanted_at, now.reason) == (WEDNESDAY, "quer negociar")
    assert world.simulation.is_due(now)


async def test_no_phone_rings_outside_the_hours(world: World) -> None:
    world.clock.set(SUNDAY)
    await world.ask_for_a_call(MARIA, SUNDAY + timedelta(days=1))
    agreed = await world.simulation.waiting_call(world.simulator, MARIA)
    assert agreed is not None
    assert not await world.simulation.call_now(world.simulator, agreed)
    assert await world.simulation.waiting_call(world.simulator, MARIA) == agreed


async def test_ringing_calls_are_those_that_nobody_has_taken(world: World) -> None:
    rings = await world.ring(MARIA)
    await world.ring(JOAO, status="in_progress")
    [row] = await world.simulation.ringing(world.simulator)
    assert (row.id, row.address, row.rung_at) == (rings, MARIA, WEDNESDAY)
    world.clock.advance(minutes=6)
    assert await world.simulation.ringing(world.simulator) == []


async def test_summary_is_waited_for_until_the_call_was_looked_at(world: World) -> None:
    call_id = await world.ring(MARIA, status="completed")
    provider_call_id = f"call_{call_id}"
    looked = await world.simulation.look_at_call(world.simulator, provider_call_id, after_turn=0)
    assert looked.call is not None
    assert looked.will_have_summary
    for change, is_coming in (
        ("processed_at = now(), summary_due_at = now()", True),
        ("summary_due_at = NULL", False),
        ("summary = 'Ficou combinado.'", False),
    ):
        async with world.deps.database.tenant(world.simulator.tenant.id) as connection:
            await connection.execute(f"UPDATE calls SET {change} WHERE id = %(id)s", {"id": call_id})
        looked = await world.simulation.look_at_call(world.simulator, provider_call_id, after_turn=0)
        assert looked.will_have_summary is is_coming
    assert (await world.simulation.look_at_call(world.simulator, "call_other", after_turn=0)).call is None
