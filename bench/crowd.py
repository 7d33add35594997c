"""Two hundred conversations at once in one api process, over a model that takes two seconds: what we add."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import uuid4

from bench.bare_graph import BareGraph, bare_turn, open_bare_graph
from bench.figures import Figure, median, milliseconds, quantile
from bench.ground import SECRET, BenchBroken, Ground, customer, make_account, sentence
from bench.http_load import flood, prepare, steady
from bench.processes import serving
from channels.simulator import SIGNATURE_HEADER, sign
from domain.messages import Provider
from store.channel_accounts import AccountRow
from wiring.deps import Deps, open_deps
from wiring.ports import choose_port

AT_ONCE = 200
MODEL_SECONDS = 2.0
QUIET_SECONDS = 1.5
_RATE = AT_ONCE / (QUIET_SECONDS + MODEL_SECONDS)  # messages a second that keep so many turns under way
_PEOPLE = 2 * AT_ONCE  # nobody writes again before the answer has come, even when it takes twice as long
_CONNECTIONS = 50
_PATIENCE_SECONDS = 40.0
# From the stored message to the moment its reply was accepted by the provider, by the database's own rows.
_ANSWER_SECONDS: LiteralString = """
    SELECT extract(epoch FROM (
        SELECT o.sent_at FROM messages o
        WHERE o.conversation_id = i.conversation_id AND o.seq > i.seq AND o.direction = 'out' AND o.status = 'sent'
        ORDER BY o.seq LIMIT 1) - i.created_at)::float8 AS seconds
    FROM messages i
    WHERE i.provider_message_id = ANY(%(ids)s) AND EXISTS (
        SELECT FROM messages o
        WHERE o.conversation_id = i.conversation_id AND o.seq > i.seq AND o.direction = 'out' AND o.status = 'sent')
    ORDER BY i.seq
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Crowd:
    """Customers of one account, who write to the api process over HTTP."""

    deps: Deps
    account: AccountRow
    port: int

    async def in_one_instant(self) -> list[float]:
        """Let everybody write at once; give each one's wait beyond the quiet window and the model."""
        ids = [uuid4().hex for _ in range(AT_ONCE)]
        await flood(self.port, self._requests(ids, people=AT_ONCE), connections=_CONNECTIONS)
        return await self._added(ids)

    async def going_on(self, seconds: int) -> list[float]:
        """Let customers write one after the other, at the rate that keeps so many turns under way; give the same."""
        ids = [uuid4().hex for _ in range(int(_RATE * seconds))]
        await steady(self.port, self._requests(ids, people=_PEOPLE), per_second=_RATE, connections=_CONNECTIONS)
        # Those who wrote before the first were answered met a process that had less to do.
        return (await self._added(ids))[AT_ONCE:]

    def _requests(self, ids: Sequence[str], *, people: int) -> list[bytes]:
        requests = []
        for at, message_id in enumerate(ids):
            message = {"id": message_id, "text": sentence(at), "from": customer(at % people), "name": "Maria"}
            body = json.dumps({"account": self.account.external_id, "messages": [message]}).encode()
            path = f"/webhooks/simulator/{self.account.webhook_key}"
            requests.append(prepare(path, body, {SIGNATURE_HEADER: sign(body, secret=SECRET)}))
        return requests

    async def _added(self, ids: Sequence[str]) -> list[float]:
        await asyncio.sleep(QUIET_SECONDS + MODEL_SECONDS)
        rows: list[dict[str, float]] = []
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            async with self.deps.database.tenant(self.account.tenant_id) as connection:
                cursor = await connection.execute(_ANSWER_SECONDS, {"ids": list(ids)})
                rows = await cursor.fetchall()
            if len(rows) == len(ids):
                return [row["seconds"] - QUIET_SECONDS - MODEL_SECONDS for row in rows]
            await asyncio.sleep(0.5)
        raise BenchBroken(f"only {len(rows)} of {len(ids)} customers were answered")


async def _bare_round(graph: BareGraph) -> float:
    """Run the bare graph for everybody at once, its model as slow; give the p95 beyond the model."""
    waits: list[float] = []

    async def answer(thread: str) -> None:
        started = time.perf_counter()
        await bare_turn(graph, thread, sentence(0))
        waits.append(time.perf_counter() - started - MODEL_SECONDS)

    run = uuid4().hex[:8]
    await asyncio.gather(*(answer(f"{run}-{at}") for at in range(AT_ONCE)))
    return quantile(waits, 0.95)


async def measure_crowd(ground: Ground, *, is_quick: bool) -> list[Figure]:
    """Two hundred turns under way at any time, then two hundred in the same instant."""
    database_url = ground.new_database("bench_crowd")
    settings = ground.settings(database_url, quiet_complete_seconds=QUIET_SECONDS)
    async with open_deps(settings) as deps, open_bare_graph(database_url, model_seconds=MODEL_SECONDS) as graph:
        account = await make_account(deps, Provider.SIMULATOR, external_id="bench-crowd")
        port = choose_port("127.0.0.1", 18420, variable="", is_explicit=False)
        arguments = ("--model-seconds", str(MODEL_SECONDS))
        async with serving("crowd", settings, port=port, folder=ground.folder, arguments=arguments):
            crowd = _Crowd(deps=deps, account=account, port=port)
            await crowd.in_one_instant()  # for the caches and the connections
            ground.analyze(database_url)
            going_on = await crowd.going_on(10 if is_quick else 25)
            bursts = [quantile(await crowd.in_one_instant(), 0.95) for _ in range(1 if is_quick else 3)]
        bare = min([await _bare_round(graph) for _ in range(2)])
    return [
        _figure(f"{AT_ONCE} turns under way, model {MODEL_SECONDS:.0f} s: p95 we add", quantile(going_on, 0.95), bare),
        _figure(f"{AT_ONCE} turns in one instant: p95 we add", median(bursts), bare),
    ]


def _figure(what: str, added: float, bare: float) -> Figure:
    return Figure(
        key="CROWD", what=what, measured=milliseconds(added), baseline=milliseconds(bare), judged=added * 1000,
        unit="ms", bar=300, goal=300, better="lower",
    )  # fmt: skip
