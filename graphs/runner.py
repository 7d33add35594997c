"""Run turns: claim due conversations, run the graph, commit, deliver. Hundreds at once in one process (design 3)."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager

import structlog
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from opentelemetry import trace
from prometheus_client import Counter, Histogram

from domain.effects import HandOff
from domain.messages import Text
from domain.ports import Clock, Failpoint
from domain.turns import TurnOutcome
from graphs.turn import CompiledConversation, Ear, run_turn
from services.delivery import Delivery
from services.turns import Commit, LoadedTurn, TurnStore
from store.conversations import ConversationRow
from store.database import UNAVAILABLE, Database
from store.messages import MessageRow
from wiring.bell import CHANNEL
from wiring.logging import hide_names

logger = structlog.get_logger(__name__)

TURNS = Counter("master_ia_turns_total", "Turns by how they ended", ["outcome"])
TURN_SECONDS = Histogram("master_ia_turn_seconds", "From claim to commit, models included")

_MOST_RERUNS = 2  # of a turn whose customer keeps writing
_MOST_FAILURES = 3  # then a person takes over
_POLL_SECONDS = 0.5  # the fallback when no notification comes
_REST_SECONDS = 0.02  # between two looks: every message and every ended turn rings, and one look serves them all
_SWEEP_SECONDS = 2.0
_SWEEP_LIMIT = 200
_OUTAGE_DELAY_SECONDS = 1.0
_FAILURE_DELAYS_SECONDS = (2.0, 8.0, 30.0)
_HOLDING_REPLY = (
    "Tive um problema aqui do meu lado e não quero te deixar esperando. "
    "Já avisei a nossa equipe, e uma pessoa vai continuar por aqui, tá bom?"
)
# What the model reads in place of a message without words.
_WITHOUT_WORDS = {
    "audio": "[O cliente enviou um áudio, que você não consegue ouvir]",
    "image": "[O cliente enviou uma imagem, que você não consegue ver]",
    "video": "[O cliente enviou um vídeo, que você não consegue ver]",
    "sticker": "[O cliente enviou uma figurinha]",
    "document": "[O cliente enviou um documento, que você não consegue abrir]",
    "location": "[O cliente enviou uma localização]",
    "contacts": "[O cliente enviou um contato]",
    "order": "[O cliente enviou um pedido do catálogo]",
    "unsupported": "[O cliente enviou algo que este canal não entrega]",
}
_SILENT_KINDS = frozenset({"reaction", "edit", "revoke", "system"})


class TurnRunner:
    """The loop of one process. Several processes may run it: leases and fencing keep a conversation to one of them."""

    def __init__(
        self, *, graph: CompiledConversation, turns: TurnStore, delivery: Delivery, database: Database, clock: Clock,
        wake: asyncio.Event, concurrency: int, lease_seconds: float, failpoint: Failpoint,
    ) -> None:  # fmt: skip
        self._graph = graph
        self._turns = turns
        self._delivery = delivery
        self._database = database
        self._clock = clock
        self._wake = wake
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._failpoint = failpoint
        self._active: dict[asyncio.Task[None], ConversationRow] = {}

    async def run(self) -> None:
        """Work until cancelled; running turns are given back then."""
        helpers = [
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._keep_leases()),
            asyncio.create_task(self._sweep()),
        ]
        try:
            while True:
                await self._step()
        finally:
            tasks = [*helpers, *self._active]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _step(self) -> None:
        self._wake.clear()
        try:
            await self.start_due()
            delay = await self._idle_seconds()
        except UNAVAILABLE as error:
            logger.warning("runner.database_unavailable", error=type(error).__name__)
            delay = 1.0
        await asyncio.sleep(_REST_SECONDS)
        try:
            await asyncio.wait_for(self._wake.wait(), delay)
        except TimeoutError:
            return

    async def start_due(self) -> int:
        """Claim what is due and start it, as far as there is room; return how many."""
        room = self._concurrency - len(self._active)
        if room <= 0:
            return 0
        rows = await self._turns.claim(min(room, 100))
        if rows:
            self._failpoint("turn.claimed")
        for row in rows:
            task = asyncio.create_task(self._guarded(row))
            self._active[task] = row
            task.add_done_callback(self._finished)
        return len(rows)

    async def wait_until_idle(self) -> None:
        """Wait for the turns that were started."""
        while self._active:
            await asyncio.gather(*self._active, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._active.pop(task, None)
        self._wake.set()

    async def _idle_seconds(self) -> float:
        if len(self._active) >= self._concurrency:
            return _POLL_SECONDS
        due_at = await self._turns.next_due_at()
        if due_at is None:
            return _POLL_SECONDS
        return min(_POLL_SECONDS, max(0.0, (due_at - self._clock.now()).total_seconds() - _REST_SECONDS))

    async def _guarded(self, conversation: ConversationRow) -> None:
        """The outermost handler: whatever goes wrong, the conversation is given back and tried again."""
        structlog.contextvars.bind_contextvars(conversation_id=str(conversation.id), turn_seq=conversation.turn_seq)
        try:
            with TURN_SECONDS.time(), _span(conversation):
                await self._run(conversation)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(conversation, delay_seconds=0, has_failed=False))
            raise
        except UNAVAILABLE as error:
            # Not the turn's fault: it counts no failure, so an outage hands nobody over to a person.
            TURNS.labels("unavailable").inc()
            logger.warning("turn.database_unavailable", error=type(error).__name__)
            await self._database.drop_dead_connections()
            await self._give_back(conversation, delay_seconds=_OUTAGE_DELAY_SECONDS, has_failed=False)
        except Exception:
            TURNS.labels("failed").inc()
            logger.exception("turn.failed", failures=conversation.failures + 1)
            delay = _FAILURE_DELAYS_SECONDS[min(conversation.failures, len(_FAILURE_DELAYS_SECONDS) - 1)]
            await self._give_back(conversation, delay_seconds=delay, has_failed=True)

    async def _give_back(self, conversation: ConversationRow, *, delay_seconds: float, has_failed: bool) -> None:
        try:
            await self._turns.release(conversation, delay_seconds=delay_seconds, has_failed=has_failed)
        except UNAVAILABLE:
            logger.warning("turn.release_failed")  # the lease runs out by itself

    async def _run(self, conversation: ConversationRow) -> None:
        reruns = 0
        while True:
            turn = await self._turns.load(conversation)
            if turn is None:
                TURNS.labels("silent").inc()
                return
            self._failpoint("turn.loaded")
            with hide_names(*filter(None, (turn.context.contact.name,))):
                outcome, checkpoint_id = await self._answer(turn)
            self._failpoint("turn.ran")
            result = await self._turns.commit(
                turn, outcome, checkpoint_id=checkpoint_id, reruns=reruns, is_final=reruns >= _MOST_RERUNS
            )
            TURNS.labels(str(result)).inc()
            if result is Commit.STALE:
                reruns += 1
                continue
            if result is Commit.COMMITTED and outcome.parts:
                await self._delivery.send_conversation(conversation.tenant_id, conversation.id)
            return

    async def _answer(self, turn: LoadedTurn) -> tuple[TurnOutcome, str | None]:
        if turn.conversation.failures >= _MOST_FAILURES:
            return _give_up(), None
        return await answer_turn(self._graph, turn)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            active = list(self._active.items())
            if not active:
                continue
            try:
                kept = await self._turns.renew([row for _, row in active])
            except UNAVAILABLE:
                continue
            for task, row in active:
                if row.id not in kept and not task.done():
                    # It may just be committing; the fencing number decides. Say so and let it end.
                    logger.info("turn.lease_not_renewed", conversation_id=str(row.id))

    async def _sweep(self) -> None:
        """Send what is due even when no worker or no Redis is there."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                await self._delivery.drain(_SWEEP_LIMIT)
            except UNAVAILABLE as error:
                logger.warning("runner.sweep_unavailable", error=type(error).__name__)
            except Exception:
                logger.exception("runner.sweep_failed")

    async def _listen(self) -> None:
        while True:
            try:
                async with self._database.listener() as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    async for _ in connection.notifies():
                        self._wake.set()
            except UNAVAILABLE:
                await asyncio.sleep(1)


async def answer_turn(
    graph: CompiledConversation, turn: LoadedTurn, ear: Ear | None = None
) -> tuple[TurnOutcome, str | None]:
    """Let the graph answer a loaded turn, from what its conversation committed last; see `run_turn`."""
    return await run_turn(
        graph,
        context=turn.context,
        messages=as_graph_messages(turn.said),
        thread_id=str(turn.conversation.id),
        checkpoint_id=turn.conversation.checkpoint_id,
        carried=carried_thread(turn),
        ear=ear,
    )


def carried_thread(turn: LoadedTurn) -> tuple[str, str] | None:
    """Name the thread and the checkpoint that a turn goes on from besides its own."""
    return (str(turn.carried.conversation_id), turn.carried.checkpoint_id) if turn.carried else None


def as_graph_messages(rows: Sequence[MessageRow]) -> list[AnyMessage]:
    """Give what was said as LangChain messages: the customer as human, operators and campaigns as the assistant."""
    said: list[AnyMessage] = []
    for row in rows:
        if row.kind in _SILENT_KINDS:
            continue
        words = row.text or _WITHOUT_WORDS.get(row.kind, "")
        if row.direction == "in":
            said.append(HumanMessage(content=words, id=str(row.id), additional_kwargs={"kind": row.kind}))
        elif words:
            said.append(AIMessage(content=words, id=str(row.id), additional_kwargs={"author": row.author}))
    return said


def _span(conversation: ConversationRow) -> AbstractContextManager[object]:
    """Open a span for the turn: ids and numbers only, no texts. Without a tracer provider it does nothing."""
    return trace.get_tracer("master_ia").start_as_current_span(
        "turn",
        attributes={"conversation.id": str(conversation.id), "turn.seq": conversation.turn_seq},
        record_exception=False,  # its text could hold what the customer wrote
        set_status_on_exception=False,
    )


def _give_up() -> TurnOutcome:
    return TurnOutcome(
        parts=(Text(text=_HOLDING_REPLY),),
        effects=(HandOff(reason="turn_failed"),),
        usage=(),
        trace=({"step": "runner", "action": "gave_up"},),
        agent=None,
        verdict="held",
        model=None,
        prompt_version=None,
    )
