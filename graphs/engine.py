"""Put the turn engine of a process together: graph, saver, turn store, runner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from agents.models import Models, open_models
from agents.prices import cost_usd
from graphs.conversation import build
from graphs.runner import TurnRunner
from graphs.saver import CommittedSaver
from graphs.turn import CompiledConversation
from services.turns import TurnStore
from wiring.deps import Deps


def compile_conversation(deps: Deps, models: Models) -> CompiledConversation:
    """Compile the conversation graph with the PostgreSQL saver."""
    return build(deps, models).compile(checkpointer=CommittedSaver(deps.database.graph_pool))


@asynccontextmanager
async def open_runner(deps: Deps, *, models: Models | None = None) -> AsyncIterator[TurnRunner]:
    """Make the runner of this process; the models it opens itself are closed at the end. The caller runs it."""
    async with open_models(deps) if models is None else nullcontext(models) as models:
        turns = TurnStore(
            database=deps.database,
            tenants=deps.tenants,
            accounts=deps.accounts,
            clock=deps.clock,
            runner=deps.process_name,
            lease_seconds=deps.settings.lease_seconds,
            price=cost_usd,
            failpoint=deps.failpoint,
        )
        yield TurnRunner(
            graph=compile_conversation(deps, models),
            turns=turns,
            delivery=deps.delivery,
            database=deps.database,
            clock=deps.clock,
            wake=deps.bell.local,
            concurrency=deps.settings.runner_concurrency,
            lease_seconds=deps.settings.lease_seconds,
            failpoint=deps.failpoint,
        )
