"""Turns that are spoken: utterance and lease in one transaction, effects before words, replies as they were heard."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast
from uuid import UUID, uuid4

import structlog

from domain.effects import HandOff
from domain.messages import Text
from domain.ports import Clock, Failpoint
from domain.turns import CallContext, TurnOutcome
from services.call_desk import OpenedCall
from services.call_parts import send_by_message, text_thread
from services.effects import apply_effects
from services.tenant_directory import TenantDirectory
from services.turns import Commit, LoadedTurn, Price, is_ours, read_turn, write_turn
from store import call_talk, conversations, events
from store.call_talk import SpokenRow
from store.database import RETRYABLE, Connection, Database

logger = structlog.get_logger(__name__)

Purpose = Literal["campaign", "requested", "received"]
_TRIES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardTurn:
    """An utterance that was stored, with the turn that answers it; without a turn nobody should."""

    turn: LoadedTurn | None
    is_repeated: bool = False  # it was answered before: the provider tells us again after a reconnect
    last_spoken: str | None = None


class CallTurns:
    """The call's side of `TurnStore`. `runner` names the socket that speaks: the newest one fences off the others."""

    def __init__(
        self, *, database: Database, tenants: TenantDirectory, clock: Clock, lease_seconds: float, price: Price,
        failpoint: Failpoint,
    ) -> None:  # fmt: skip
        self._database = database
        self._tenants = tenants
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)
        self._price = price
        self._failpoint = failpoint

    async def hear(self, opened: OpenedCall, *, runner: str, key: str, text: str) -> HeardTurn:
        """Store what the customer said under `key`, once, and claim the conversation for the turn that answers it."""
        now = self._clock.now()
        profile = await self._tenants.profile(opened.tenant_id)
        async with self._database.tenant(opened.tenant_id) as connection:
            claimed = await call_talk.claim(
                connection, opened.conversation_id, runner=runner, locked_until=now + self._lease
            )
            if claimed is None:
                return HeardTurn(turn=None)
            self._failpoint("turn.claimed")
            seq = await call_talk.hear(
                connection, claimed, message_id=uuid4(), call_id=opened.call.id, key=key, text=text, now=now
            )
            if seq <= claimed.answered_seq:
                await call_talk.release(connection, claimed)
                said = await call_talk.last_spoken(connection, opened.conversation_id)
                return HeardTurn(turn=None, is_repeated=True, last_spoken=said)
            thread = await text_thread(connection, opened.contact_id, now=now)
            turn = await read_turn(
                connection, claimed, profile=profile, account=opened.account, now=now,
                call=call_context(opened, has_text_thread=thread is not None),
            )  # fmt: skip
            if turn is None:
                await call_talk.release(connection, claimed)
        self._failpoint("turn.loaded")
        return HeardTurn(turn=turn)

    async def commit(
        self, opened: OpenedCall, turn: LoadedTurn, outcome: TurnOutcome, *, spoken: str, checkpoint_id: str | None
    ) -> Commit:
        """Write the whole turn or nothing, before anything is said that it makes true (ADR 2)."""
        self._failpoint("turn.ran")
        for _ in range(_TRIES - 1):
            try:
                return await self._commit(opened, turn, outcome, spoken=spoken, checkpoint_id=checkpoint_id)
            except RETRYABLE:
                logger.info("call_turns.deadlock_retried", call_id=str(opened.call.id))
        return await self._commit(opened, turn, outcome, spoken=spoken, checkpoint_id=checkpoint_id)

    async def _commit(
        self, opened: OpenedCall, turn: LoadedTurn, outcome: TurnOutcome, *, spoken: str, checkpoint_id: str | None
    ) -> Commit:
        now = self._clock.now()
        conversation = turn.conversation
        async with self._database.tenant(opened.tenant_id) as connection:
            current = await conversations.lock(connection, conversation.id)
            if current is None or not is_ours(current, conversation) or current.handler != "bot":
                return Commit.LOST
            self._failpoint("turn.committing")
            await send_by_message(
                connection, tenant_id=opened.tenant_id, contact_id=opened.contact_id, parts=outcome.parts[1:],
                turn_seq=conversation.turn_seq, now=now,
            )  # fmt: skip
            await self.write_effects(connection, opened, turn, outcome)
            row = SpokenRow(
                id=turn.context.reply_id, text=spoken, meant=_written(outcome), turn_seq=conversation.turn_seq,
                agent=outcome.agent, prompt_version=outcome.prompt_version, model=outcome.model,
            )  # fmt: skip
            if spoken:
                await call_talk.speak(connection, conversation, row, call_id=opened.call.id, now=now)
            await write_turn(
                connection, turn, outcome, checkpoint_id=checkpoint_id, reruns=0, price=self._price, now=now
            )
        self._failpoint("turn.committed")
        return Commit.COMMITTED

    async def write_effects(
        self, connection: Connection, opened: OpenedCall, turn: LoadedTurn, outcome: TurnOutcome
    ) -> None:
        """A handoff that cannot take the line over goes to the text conversation, where a person can answer."""
        now = self._clock.now()
        effects = outcome.effects
        handoffs = [effect for effect in effects if isinstance(effect, HandOff)]
        can_transfer = turn.context.call is not None and turn.context.call.can_transfer
        if handoffs and not can_transfer:
            effects = tuple(effect for effect in effects if not isinstance(effect, HandOff))
            thread = await text_thread(connection, opened.contact_id, now=now)
            if thread is not None:
                await conversations.hand_off(connection, thread, reason=handoffs[0].reason, now=now)
            await events.record(
                connection, tenant_id=opened.tenant_id, kind="handed_off", severity="warning", now=now,
                conversation_id=thread or opened.conversation_id, data={"callId": str(opened.call.id)},
            )  # fmt: skip
        await apply_effects(
            connection, effects, tenant=turn.context.tenant, contact_id=opened.contact_id,
            conversation_id=opened.conversation_id, turn_seq=turn.conversation.turn_seq, now=now,
        )  # fmt: skip

    async def say(self, opened: OpenedCall, row: SpokenRow) -> None:
        """Keep what was said without a turn: by code, or of a reply that was given up half-way."""
        async with self._database.tenant(opened.tenant_id) as connection:
            conversation = await conversations.lock(connection, opened.conversation_id)
            if conversation is not None:
                await call_talk.speak(connection, conversation, row, call_id=opened.call.id, now=self._clock.now())

    async def give_up(self, opened: OpenedCall, turn: LoadedTurn, *, spoken: str, is_answer: bool = True) -> None:
        """Let go of a turn that the customer spoke into, and keep what was heard of it.

        What was no answer yet, but a request for patience, is kept out of the graph's history: there what the customer
        said before it still waits for one.
        """
        async with self._database.tenant(opened.tenant_id) as connection:
            if spoken:
                row = SpokenRow(
                    id=turn.context.reply_id, text=spoken, is_interrupted=is_answer,
                    turn_seq=None if is_answer else turn.conversation.turn_seq,
                )  # fmt: skip
                conversation = await conversations.lock(connection, opened.conversation_id)
                if conversation is not None:
                    await call_talk.speak(connection, conversation, row, call_id=opened.call.id, now=self._clock.now())
            await call_talk.release(connection, turn.conversation)

    async def cut(self, opened: OpenedCall, message_id: UUID, *, heard: str) -> None:
        """Correct a reply to what was really heard of it."""
        async with self._database.tenant(opened.tenant_id) as connection:
            await call_talk.cut(connection, message_id, text=heard)


def call_context(opened: OpenedCall, *, has_text_thread: bool) -> CallContext:
    """Say what an agent may know of the call that it speaks in."""
    return CallContext(
        direction=cast(Literal["in", "out"], opened.call.direction), purpose=purpose_of(opened),
        can_transfer=bool(opened.account.row.settings.get("transfer_number")), has_text_thread=has_text_thread,
    )  # fmt: skip


def purpose_of(opened: OpenedCall) -> Purpose:
    """Say why there is a call: a campaign's, one that the customer asked for, or the customer's own."""
    purposes: dict[str, Purpose] = {"campaign": "campaign", "requested": "requested"}
    return purposes.get(opened.call.purpose, "received")


def _written(outcome: TurnOutcome) -> str | None:
    return next((part.text for part in outcome.parts[:1] if isinstance(part, Text)), None)
