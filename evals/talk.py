"""One talk: simulated customer and agent under test, turn by turn, over the product's inbox, graph and commit."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Literal, LiteralString, Protocol
from uuid import UUID, uuid4

from channels.degrade import CAPABILITIES, render
from domain.messages import InboundMessage, MessageKind, ParsedWebhook, Provider
from domain.turns import ModelUsage, TurnOutcome
from evals.agents_under_test import AgentUnderTest
from evals.clock import TalkTime
from evals.customer import Customer, CustomerFailed
from evals.events import (
    AgentSaid,
    Changed,
    CustomerSaid,
    EndState,
    Event,
    Observed,
    PromiseState,
    Routed,
    ToolCalled,
    Transcript,
)
from evals.scenario import Audio, Bubble, Media, Scenario, Wait
from evals.world import Snapshot, World, read_snapshot
from graphs.runner import answer_turn
from graphs.saver import RUN_KEY, CommittedRun, CommittedSaver
from graphs.turn import CompiledConversation
from services.inbox import Inbox
from services.parts import part_text
from services.turns import Commit, TurnStore
from store.conversations import ConversationRow
from store.database import Database

BRL_PER_USD = 5.5  # an assumption for cost figures, not a rate
_QUIET = timedelta(seconds=15)  # after the last bubble: longer than any quiet window
_DUE: LiteralString = "SELECT FROM conversations WHERE turn_due_at IS NOT NULL AND handler = 'bot' LIMIT 1"
_TABLES = ("promises", "payment_claims", "opt_outs", "conversations", "contacts", "cards", "call_requests")


class Claims(Protocol):
    async def of_tenant(self, tenant_id: UUID) -> ConversationRow | None:
        """Claim the due conversation of a talk's tenant; None when none is due."""
        ...


class Line(Protocol):
    """The way between customer and agent: written messages, or a call."""

    async def open(self) -> "Reply | None":
        """Begin; give what is said before the customer says anything."""
        ...

    async def exchange(self, bubbles: Sequence[Bubble]) -> "Reply":
        """Carry what the customer says; give what came back."""
        ...

    async def close(self) -> None: ...

    async def identity(self) -> Mapping[str, Any]:
        """Read whom the conversation has confirmed."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What one turn gave."""

    texts: tuple[str, ...] = ()
    trace: Sequence[Mapping[str, object]] = ()
    usage: Sequence[ModelUsage] = ()
    agent: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    verdict: str = "none"
    milliseconds: float = 0.0
    has_ended: bool = False  # the call was hung up


class TalkBroken(RuntimeError):
    """The talk could not go on for a reason that says nothing of the agent."""


@dataclass(kw_only=True)
class WrittenLine:
    """Messages through the inbox; each turn is claimed, run and committed as the runner does it."""

    world: World
    time: TalkTime
    inbox: Inbox
    database: Database
    turns: TurnStore
    claims: Claims
    graph: CompiledConversation
    agent: AgentUnderTest
    _last: tuple[UUID, str | None] | None = None

    async def open(self) -> Reply | None:
        return None

    async def close(self) -> None:
        return None

    async def exchange(self, bubbles: Sequence[Bubble]) -> Reply:
        for bubble in bubbles:
            await self._receive(bubble)
            self.time.advance(timedelta(seconds=2))
        self.time.advance(_QUIET)
        row = await self.claims.of_tenant(self.world.tenant_id)
        turn = await self.turns.load(row) if row else None
        if turn is None:  # a person has the conversation, or nothing asks for an answer
            if row is None:
                await self._refuse_lost_turn()
            return Reply()
        started = time.perf_counter()
        outcome, checkpoint_id = await self.agent.answer(turn, partial(answer_turn, self.graph))
        milliseconds = (time.perf_counter() - started) * 1000
        result = await self.turns.commit(turn, outcome, checkpoint_id=checkpoint_id, reruns=0, is_final=True)
        if result is not Commit.COMMITTED:
            raise TalkBroken(f"the turn was not committed: {result}")
        self._last = (turn.conversation.id, checkpoint_id)
        return _reply_of(outcome, self.world.account.provider, milliseconds=milliseconds)

    async def _refuse_lost_turn(self) -> None:
        """An unanswered customer is the agent's fault only if the turn was there to be taken."""
        async with self.database.tenant(self.world.tenant_id) as connection:
            cursor = await connection.execute(_DUE)
            if await cursor.fetchone() is not None:
                raise TalkBroken("a due turn was not claimed")

    async def _receive(self, bubble: Bubble) -> None:
        kind, text = as_message(bubble)
        message = InboundMessage(
            provider_message_id=uuid4().hex, account_external_id=self.world.account.external_id,
            addresses=self.world.addresses(), sent_at=self.time.now, kind=kind, text=text,
            profile_name=self.world.scenario.seed.contact.name,
        )  # fmt: skip
        await self.inbox.receive(self.world.account, ParsedWebhook(messages=[message]), now=self.time.now)

    async def identity(self) -> Mapping[str, Any]:
        if self._last is None or self._last[1] is None:
            return {}
        return await identity_at(self.graph, thread_id=str(self._last[0]), checkpoint_id=self._last[1])


@dataclass(kw_only=True)
class Talk:
    """Runs one scenario over a line and writes down what happened."""

    world: World
    time: TalkTime
    line: Line
    customer: Customer
    database: Database
    price: "Price"
    _events: list[Event] = field(default_factory=list)
    _turn_ms: list[float] = field(default_factory=list)
    _usage: list[ModelUsage] = field(default_factory=list)
    _models: dict[str, None] = field(default_factory=dict)
    _snapshot: Snapshot = field(default_factory=dict)
    _turn: int = 0

    @property
    def scenario(self) -> Scenario:
        return self.world.scenario

    async def run(self) -> Transcript:
        """Talk to the end. Whatever breaks ends the talk and is told in the transcript."""
        ended_by: Literal["customer", "budget", "error"] = "error"
        error: str | None = None
        try:
            ended_by = await self._talk()
        except CustomerFailed as failure:
            error = f"customer: {failure}"
        except asyncio.CancelledError:
            raise
        except Exception as failure:  # the outermost of a talk: one that breaks off is a result like another
            error = f"{type(failure).__name__}: {failure}"
        finally:
            await self.line.close()
        return Transcript(
            scenario_id=self.scenario.id, scenario_version=self.scenario.version, events=tuple(self._events),
            end=await self._end_state(), turn_ms=tuple(self._turn_ms),
            input_tokens=sum(item.input_tokens for item in self._usage),
            output_tokens=sum(item.output_tokens for item in self._usage),
            cost_brl=float(sum(self.price(item) for item in self._usage)) * BRL_PER_USD,
            models_used=tuple(self._models), ended_by=ended_by, error=error,
        )  # fmt: skip

    async def _talk(self) -> Literal["customer", "budget"]:
        self._snapshot = self.world.seeded
        if self.scenario.seed.campaign and self.scenario.channel != "voice":
            self._add(AgentSaid, text=self.scenario.seed.campaign_text, author="campaign")
        greeting = await self.line.open()
        replies: Sequence[str] = ()
        if greeting is not None:
            self._note(greeting)
            replies = greeting.texts
        say = await self.customer.opening()
        while say is not None:
            if isinstance(say, Wait):
                self.time.advance(timedelta(minutes=say.wait_minutes))
            else:
                if self._turn >= self.scenario.budget.turns:
                    return "budget"
                reply = await self._exchange(say)
                if reply.has_ended:
                    return "customer"
                replies = reply.texts
            say = await self.customer.answer(replies)
        return "customer"

    async def _exchange(self, said: Bubble | tuple[Bubble, ...]) -> Reply:
        self._turn += 1
        bubbles = said if isinstance(said, tuple) else (said,)
        for bubble in bubbles:
            kind, text = as_message(bubble)
            self._add(CustomerSaid, text=text or "", kind=kind.value)
        reply = await self.line.exchange(bubbles)
        self._note(reply)
        await self._note_changes()
        return reply

    def _note(self, reply: Reply) -> None:
        for step in reply.trace:
            self._note_step(step)
        for text in reply.texts:
            self._add(
                AgentSaid, text=text, agent=reply.agent, model=reply.model, prompt_version=reply.prompt_version,
                verdict=reply.verdict,
            )  # fmt: skip
        if reply.milliseconds:
            self._turn_ms.append(round(reply.milliseconds, 2))
        self._usage.extend(reply.usage)
        for usage in reply.usage:
            self._models[f"{usage.provider}:{usage.model}" if usage.provider != "offline" else "offline"] = None

    def _note_step(self, step: Mapping[str, object]) -> None:
        match step.get("step"):
            case "route":
                agent = step.get("agent")
                self._add(Routed, agent=str(agent) if agent else None, reason=str(step.get("reason") or ""))
            case "tool":
                self._add(
                    ToolCalled, name=str(step.get("tool")), arguments=_as_dict(step.get("arguments")),
                    result=_as_text(step.get("result")),
                )  # fmt: skip
            case "observer":
                reasons = step.get("reasons")
                found = [str(item.get("reason")) for item in reasons] if isinstance(reasons, list) else []
                self._add(Observed, verdict=str(step.get("verdict")), reasons=tuple(found))

    async def _note_changes(self) -> None:
        after = await read_snapshot(self.database, self.world.tenant_id)
        for table in _TABLES:
            old, new = self._snapshot.get(table, {}), after.get(table, {})
            for key in [*old, *(key for key in new if key not in old)]:
                before, now = old.get(key), new.get(key)
                if before != now:
                    self._add(
                        Changed, table=table, key=key, before=dict(before) if before else None,
                        after=dict(now) if now else None,
                    )  # fmt: skip
        self._snapshot = after

    def _add(self, event: type[Any], /, **values: object) -> None:
        self._events.append(event(turn=self._turn, at=self.time.now, **values))

    async def _end_state(self) -> EndState:
        rows = self._snapshot
        identity = await self.line.identity()
        contact = rows.get("contacts", {}).get(str(self.world.contact_id), {})
        requests = rows.get("call_requests", {}).values()
        fields = contact.get("fields")
        return EndState(
            promises=tuple(
                PromiseState.model_validate({**row, "is_seeded": key in self.world.seeded_promises})
                for key, row in sorted(rows.get("promises", {}).items(), key=lambda item: str(item[1]["due_on"]))
            ),
            identity=str(identity.get("status") or "pendente"),
            identity_document=identity.get("document"),
            handler="human" if any(r["handler"] == "human" for r in rows.get("conversations", {}).values()) else "bot",
            is_opted_out=bool(contact.get("is_opted_out")),
            open_claims=sum(row["status"] == "open" for row in rows.get("payment_claims", {}).values()),
            linked_document=str(contact["document"]) if contact.get("document") else None,
            wrong_person=bool(contact.get("wrong_person")),
            stage=next((str(row["stage"]) for row in rows.get("cards", {}).values()), None),
            fields={str(k): str(v) for k, v in fields.items()} if isinstance(fields, dict) else {},
            call_requests=sum(row["state"] != "canceled" for row in requests),
            outbound_count=sum(isinstance(event, AgentSaid) for event in self._events),
        )


async def identity_at(graph: CompiledConversation, *, thread_id: str, checkpoint_id: str) -> Mapping[str, Any]:
    """Read whom a conversation has confirmed at a checkpoint."""
    saver = graph.checkpointer
    if not isinstance(saver, CommittedSaver):
        raise TalkBroken("the graph keeps no committed checkpoints")
    run = CommittedRun(starts_from=checkpoint_id)
    found = await saver.aget_tuple({"configurable": {"thread_id": thread_id, RUN_KEY: run}})
    return (found.checkpoint["channel_values"].get("identity") or {}) if found else {}


class Price(Protocol):
    def __call__(self, usage: ModelUsage, /) -> Any: ...


def as_message(bubble: Bubble) -> tuple[MessageKind, str | None]:
    """Give what a bubble is as a message: its kind, and the words that the assistant reads."""
    match bubble:
        case Audio(transcript=transcript):
            return (MessageKind.TEXT, transcript) if transcript else (MessageKind.AUDIO, None)
        case Media(media=media):
            return MessageKind(media), None
        case _:
            # Without what no channel's parser lets through (channels/reading.py).
            return MessageKind.TEXT, str(bubble).replace("\x00", "")


def _reply_of(outcome: TurnOutcome, provider: Provider, *, milliseconds: float) -> Reply:
    return Reply(
        texts=tuple(text for part in render(outcome.parts, CAPABILITIES[provider]) if (text := part_text(part))),
        trace=outcome.trace,
        usage=outcome.usage, agent=outcome.agent, model=outcome.model, prompt_version=outcome.prompt_version,
        verdict=outcome.verdict, milliseconds=milliseconds,
    )  # fmt: skip


def _as_dict(value: object) -> dict[str, object]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {"…": value}
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
