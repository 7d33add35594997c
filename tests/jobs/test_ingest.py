"""The ingest drain: a large file that came in over the service is taken by a worker."""

import dataclasses
import io
from collections.abc import AsyncIterator

import pytest

from jobs import ingest
from services.campaigns import NewCampaign, create_campaign
from tests.factories import make_tenant
from tests.fakes_clock import FakeClock
from tests.server.conftest import make_settings
from tests.services.debtor_files import csv_of, debtor
from wiring.deps import Deps, open_deps


class RingRecorder:
    """A queue that keeps what was rung."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    async def ring(self, job: str) -> None:
        self.rung.append(job)


@pytest.fixture
async def deps(database_url: str, clock: FakeClock) -> AsyncIterator[Deps]:
    async with open_deps(make_settings(database_url), clock=clock) as opened:
        yield opened


async def _send(deps: Deps, lines: int, slug: str = "tr-telecom") -> None:
    tenant_id = await make_tenant(deps.database, slug)
    details = await create_campaign(deps.database, tenant_id, NewCampaign(name="Vencidos"), now=deps.clock.now())
    data = csv_of(debtor(number) for number in range(lines))
    row = await ingest.make_intake(deps).receive(
        tenant_id, details.row.id, io.BytesIO(data), file_name="a.csv", size=len(data), wanted={}
    )
    assert row.status == "queued"


async def _targets(deps: Deps) -> int:
    async with deps.database.platform() as connection:
        cursor = await connection.execute("SELECT count(*) AS n FROM targets")
        row = await cursor.fetchone()
    assert row
    return int(row["n"])


async def test_drain_takes_a_large_file_to_its_end(deps: Deps) -> None:
    await _send(deps, 5_000)
    assert await ingest.drain(deps) == 5_000
    assert await _targets(deps) == 5_000
    assert await ingest.drain(deps) == 0


async def test_drain_rings_for_what_it_leaves(deps: Deps) -> None:
    await _send(deps, 2_001)
    await _send(deps, 2_001, "outra")
    queue = RingRecorder()
    watched = dataclasses.replace(deps, queue=queue)
    assert await ingest.drain(watched) == 2_001
    assert queue.rung == ["ingest"]
    assert await ingest.drain(watched) == 2_001
    assert queue.rung == ["ingest"]


async def test_drain_takes_as_many_imports_as_it_may(deps: Deps) -> None:
    await _send(deps, 2_001)
    await _send(deps, 2_001, "outra")
    assert await ingest.drain(deps, limit=2) == 4_002
