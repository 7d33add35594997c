"""The WhatsApp drain as a worker runs it: from the environment's settings to the message in the simulator."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs import whatsapp
from tests.contact_world import open_contact_world
from tests.factories import TEST_KEY
from tests.fakes_clock import FakeClock
from wiring.deps import open_deps
from wiring.settings import load_settings

NOW = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)  # Thursday, 11:00 in São Paulo


@pytest.fixture
def environment(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("ENCRYPTION_KEYS", "test:" + base64.b64encode(TEST_KEY["test"]).decode())
    monkeypatch.setenv("DATA_DIR", str(tmp_path))


@pytest.mark.usefixtures("environment")
async def test_drain_contacts_what_is_due_and_nothing_twice(database_url: str, clock: FakeClock) -> None:
    clock.set(NOW)
    async with open_contact_world(database_url, clock) as world:
        rows = [await world.add_target(place, locked_by=None, locked_until=None) for place in range(12)]
        await world.owe(rows[3].document, paid=True)
        async with open_deps(load_settings(env_file=None), clock=clock) as deps:
            assert await whatsapp.drain(deps) == 12
            assert await whatsapp.drain(deps) == 0
        outcomes = [(await world.target(row.id)).outcome for row in rows]
        assert outcomes == ["paid" if place == 3 else "sent" for place in range(12)]
        sent = await world.rows("SELECT status FROM messages")
        assert [row["status"] for row in sent] == ["sent"] * 11


@pytest.mark.usefixtures("environment")
async def test_drain_stops_at_its_limit(database_url: str, clock: FakeClock) -> None:
    clock.set(NOW)
    async with open_contact_world(database_url, clock) as world:
        for place in range(5):
            await world.add_target(place, locked_by=None, locked_until=None)
        async with open_deps(load_settings(env_file=None), clock=clock) as deps:
            assert await whatsapp.drain(deps, 3) == 3
            assert await whatsapp.drain(deps, 3) == 2
