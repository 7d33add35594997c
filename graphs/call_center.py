"""Open the talks of this process's calls over one graph, and wire what each needs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from agents.models import Models, open_models
from agents.prices import cost_usd
from graphs.call_session import CallFrame, CallSession, SpokenAnswer
from graphs.engine import compile_conversation
from graphs.runner import answer_turn
from graphs.turn import CompiledConversation
from services import call_context
from services.accounts import OpenAccount
from services.call_desk import Arrival, CallDesk, OpenedCall
from services.call_turns import CallTurns, purpose_of
from wiring.deps import Deps

HOLDING_SECONDS = 2.0
"""Silence that a caller still takes for thinking (protocols 5.5)."""


class CallCenter:
    """Where a provider's socket gets the session that speaks for it."""

    def __init__(self, deps: Deps, graph: CompiledConversation, *, holding_seconds: float = HOLDING_SECONDS) -> None:
        self._deps = deps
        self.holding_seconds = holding_seconds
        self._graph = graph
        self._desk = CallDesk(deps.database, deps.clock)
        self._turns = CallTurns(
            database=deps.database, tenants=deps.tenants, clock=deps.clock, lease_seconds=deps.settings.lease_seconds,
            price=cost_usd, failpoint=deps.failpoint,
        )  # fmt: skip

    async def open(self, account: OpenAccount, arrival: Arrival, *, answer: SpokenAnswer | None = None) -> CallSession:
        """Begin the talk of a call, or go on with it after a reconnect. Raises NotFound for another account's call.

        The graph answers what is heard, or whatever stands in for it as `answer`.
        """
        opened = await self._desk.begin(account, arrival)
        answer = answer or partial(answer_turn, self._graph)
        return CallSession(opened=opened, frame=await self._frame(opened), answer=answer, turns=self._turns)

    async def _frame(self, opened: OpenedCall) -> CallFrame:
        tenant = (await self._deps.tenants.profile(opened.tenant_id)).tenant
        async with self._deps.database.tenant(opened.tenant_id) as connection:
            known = await call_context.brief(connection, opened.call)
        settings = opened.account.row.settings
        return CallFrame(
            assistant=tenant.assistant_name, tenant=tenant.name, purpose=purpose_of(opened),
            first_name=known.first_name, is_recorded=settings.get("records") == "true",
            transfer_number=known.transfer_number, holding_seconds=self.holding_seconds,
            longest_seconds=call_context.longest_seconds(tenant, opened.account.row),
            whisper=partial(self._whisper, opened),
        )  # fmt: skip

    async def _whisper(self, opened: OpenedCall) -> str:
        async with self._deps.database.tenant(opened.tenant_id) as connection:
            return await call_context.whisper(connection, opened.call.id)


@asynccontextmanager
async def open_call_center(deps: Deps, *, models: Models | None = None) -> AsyncIterator[CallCenter]:
    """Make the call center of this process; the models it opens itself are closed at the end."""
    if models is not None:
        yield CallCenter(deps, compile_conversation(deps, models))
        return
    async with open_models(deps) as own:
        yield CallCenter(deps, compile_conversation(deps, own))
