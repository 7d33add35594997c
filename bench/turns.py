"""P2 and P6: what a turn costs without model time, and whether it costs more when a conversation is long."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from agents.models import Models
from agents.prices import cost_usd
from bench.bare_graph import BareGraph, bare_turn, open_bare_graph
from bench.figures import Figure, median, milliseconds, paired_ratio, per_second
from bench.ground import MODEL, BenchBroken, Ground, customer, make_account, sentence, write_in
from bench.model import SteadyModel
from domain.messages import Provider
from graphs.engine import compile_conversation
from graphs.runner import as_graph_messages
from graphs.turn import CompiledConversation, run_turn
from services.turns import Commit, TurnStore
from store.channel_accounts import AccountRow
from store.conversations import ConversationRow
from wiring.deps import Deps, open_deps

AT_ONCE = 50
_QUIET_SECONDS = 0.001
_WARM_UP = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnBench:
    """One process's engine, driven step by step, with the bare graph beside it on the same database."""

    deps: Deps
    account: AccountRow
    turns: TurnStore
    graph: CompiledConversation
    bare: BareGraph
    analyze: Callable[[], None]

    async def warm_up(self, width: int) -> None:
        """Fill caches and connections, and let the planner know the tables."""
        names = [f"aquecimento-{number}" for number in range(width)]
        for number in range(3):
            await self.bare_ones(names, sentence(number))
            await self.ours(names, sentence(number))
        self.analyze()

    async def ours(self, senders: Sequence[str], text: str) -> float:
        """Let these customers write, then claim, load, run and commit their turns at once; give the seconds."""
        for sender in senders:
            await write_in(self.deps, self.account, sender, text)
        await asyncio.sleep(_QUIET_SECONDS * 3)
        started = time.perf_counter()
        rows = await self.turns.claim(len(senders))
        await asyncio.gather(*(self._turn(row) for row in rows))
        seconds = time.perf_counter() - started
        if len(rows) != len(senders):
            raise BenchBroken(f"{len(rows)} turns were due instead of {len(senders)}")
        return seconds

    async def _turn(self, row: ConversationRow) -> None:
        turn = await self.turns.load(row)
        if turn is None:
            raise BenchBroken("nobody was to answer a turn")
        outcome, checkpoint_id = await run_turn(
            self.graph, context=turn.context, messages=as_graph_messages(turn.said), thread_id=str(row.id),
            checkpoint_id=row.checkpoint_id,
        )  # fmt: skip
        if outcome.verdict != "approved" or outcome.model != MODEL:
            raise BenchBroken(f"the turn ended as {outcome.verdict} with model {outcome.model}")
        result = await self.turns.commit(turn, outcome, checkpoint_id=checkpoint_id, reruns=0, is_final=True)
        if result is not Commit.COMMITTED:
            raise BenchBroken(f"the turn was {result}")

    async def bare_ones(self, threads: Sequence[str], text: str) -> float:
        """Run the bare graph once in each thread, at once; give the seconds."""
        started = time.perf_counter()
        await asyncio.gather(*(bare_turn(self.bare, thread, text) for thread in threads))
        return time.perf_counter() - started


@asynccontextmanager
async def open_turn_bench(ground: Ground, database_url: str) -> AsyncIterator[TurnBench]:
    """Open the engine as the api process does, with a model that answers at once."""
    settings = ground.settings(
        database_url, quiet_complete_seconds=_QUIET_SECONDS, quiet_broken_seconds=_QUIET_SECONDS,
        quiet_cap_seconds=_QUIET_SECONDS,
    )  # fmt: skip
    async with open_deps(settings) as deps, open_bare_graph(database_url) as bare:
        models = Models(settings, deps.database, deps.clock, factories={"bench": lambda _name, _heat: SteadyModel()})
        turns = TurnStore(
            database=deps.database, tenants=deps.tenants, accounts=deps.accounts, clock=deps.clock,
            runner=deps.process_name, lease_seconds=settings.lease_seconds, price=cost_usd, failpoint=deps.failpoint,
        )  # fmt: skip
        account = await make_account(deps, Provider.SIMULATOR, external_id="bench-turns")
        yield TurnBench(
            deps=deps, account=account, turns=turns, graph=compile_conversation(deps, models),
            bare=bare, analyze=partial(ground.analyze, database_url),
        )  # fmt: skip


async def measure_turns(ground: Ground, *, is_quick: bool) -> list[Figure]:
    """P2: our turns and the bare graph's alternate, one by one and fifty at once."""
    async with open_turn_bench(ground, ground.new_database("bench_turns")) as bench:
        alone_ours, alone_bare = await _alternate(bench, width=1, rounds=40 if is_quick else 120)
        crowd_ours, crowd_bare = await _alternate(bench, width=AT_ONCE, rounds=5 if is_quick else 12)
    return [
        Figure(
            key="P2", what="a turn without model time, alone", measured=milliseconds(median(alone_ours)),
            baseline=milliseconds(median(alone_bare)), judged=paired_ratio(alone_ours, alone_bare), unit="x", bar=5,
            goal=2, better="lower",
        ),
        Figure(
            key="P2", what=f"turns, {AT_ONCE} at once", measured=per_second(AT_ONCE / median(crowd_ours)),
            baseline=per_second(AT_ONCE / median(crowd_bare)), judged=paired_ratio(crowd_ours, crowd_bare), unit="x",
            bar=5, goal=2, better="lower",
        ),
    ]  # fmt: skip


async def _alternate(bench: TurnBench, *, width: int, rounds: int) -> tuple[list[float], list[float]]:
    """Alternate ours and bare over fresh conversations that grow by a turn a round."""
    run = uuid4().hex[:8]
    await bench.warm_up(width)
    names = [f"{run}-{customer(number)}" for number in range(width)]
    ours, bare = [], []
    for number in range(rounds):
        bare.append(await bench.bare_ones(names, sentence(number)))
        ours.append(await bench.ours(names, sentence(number)))
        if width == 1 and number % 20 == 19:  # a negotiation is over after some twenty turns
            names = [f"{run}-{number}"]
    warm_up = min(_WARM_UP, rounds // 5)
    return ours[warm_up:], bare[warm_up:]


async def measure_long_conversation(ground: Ground, *, is_quick: bool) -> list[Figure]:
    """P6: turns around the 1,000th alternate with the 10th turns of fresh conversations."""
    length = 200 if is_quick else 1000
    samples = 10 if is_quick else 20
    async with open_turn_bench(ground, ground.new_database("bench_long")) as bench:
        await bench.warm_up(1)
        run = uuid4().hex[:8]
        old = f"{run}-antigo"
        for number in range(length - samples // 2):
            await bench.ours([old], sentence(number))
        late, early = [], []
        for number in range(samples):
            fresh = f"{run}-novo-{number}"
            for turn in range(9):
                await bench.ours([fresh], sentence(turn))
            early.append(await bench.ours([fresh], sentence(number)))
            late.append(await bench.ours([old], sentence(number)))
    return [
        Figure(
            key="P6", what=f"turn {length:,} of a conversation, to turn 10", measured=milliseconds(median(late)),
            baseline=milliseconds(median(early)), judged=paired_ratio(late, early), unit="x", bar=1.2, goal=1.0,
            better="lower",
        )
    ]  # fmt: skip
