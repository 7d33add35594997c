"""Our tools for agents that speak elsewhere: Retell's and Vapi's own agents, OpenAI Realtime (spec 5, protocols 5-7).

One call of a tool is one turn of the call's conversation: under its lease, from its committed checkpoint, with the
same identity rules, and its effects, its memory and its answer are written in one transaction.
"""

import asyncio
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall
from langchain_core.utils.function_calling import convert_to_openai_function

from agents.prices import cost_usd
from agents.talk import Agent, Talk, TalkInput, use_tools
from agents.turn_context import Heard
from domain.messages import Medium
from domain.turns import AGENTS, AgentName, Agreement, Evidence, Identity, TurnContext, TurnOutcome
from graphs.conversation import identity_of, known_evidence
from graphs.hosted_answers import (
    BAD_ARGUMENTS,
    NOBODY_ANSWERS,
    SYSTEM_AWAY,
    UNKNOWN_TOOL,
    HostedAnswer,
    answer_of,
    is_outage,
    refused,
    unsent,
)
from graphs.hosted_memory import CallMemory
from graphs.hosted_requests import (
    MOST_TEXTS,
    ToolRequest,
    UnreadableRequest,
    hear_call,
    new_messages,
    read_request,
    recognised,
)
from graphs.saver import CommittedSaver
from graphs.state import ConversationState, bounded
from services.call_desk import OpenedCall
from services.call_parts import send_by_message, text_thread
from services.call_turns import CallTurns, call_context
from services.turns import LoadedTurn, is_ours, read_turn, write_turn
from store import call_talk, conversations, hosted_tools
from store.conversations import ConversationRow
from store.database import RETRYABLE, UNAVAILABLE, Connection
from store.hosted_tools import EarlierCalls
from tools.registry import TOOLS_BY_AGENT, offered_on
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

_LEASE = timedelta(seconds=30)  # a tool may take 20 s
_WAIT_SECONDS = 12.0
_LOOK_SECONDS = 0.05
_TRIES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known in a call: whoever checks the agent's words compares them with this."""

    turn: TurnContext
    identity: Identity
    proposal: Agreement | None
    promise: Agreement | None
    evidence: tuple[Evidence, ...]
    heard: Heard
    state: ConversationState

    def hearing(self, texts: Sequence[str], dialogue: Sequence[BaseMessage]) -> "Known":
        """Give the same after the customer has spoken."""
        heard = hear_call(texts[-MOST_TEXTS:], 0, dialogue, self.turn)
        identity = recognised(identity_of(self.state, self.turn), dialogue, self.turn)
        return replace(self, heard=heard, identity=identity, evidence=tuple(known_evidence(self.state, heard)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Used:
    """What a tool came to in one turn, before it is committed."""

    turn: LoadedTurn
    earlier: EarlierCalls
    state: ConversationState  # all that is known, what is taken up from the contact's newer conversation included
    taken: ConversationState
    heard: Heard
    talk: Talk


class _LeaseLost(RuntimeError):
    """Somebody else has the conversation by now; nothing of this turn may be written."""


class HostedTools:
    """Runs one tool of a call at a time, each call of it once."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._memory = CallMemory(CommittedSaver(deps.database.graph_pool))
        self._tools = {tool.name: tool for agent in AGENTS for tool in offered_on(Medium.VOICE, TOOLS_BY_AGENT[agent])}
        self._locks: weakref.WeakValueDictionary[UUID, asyncio.Lock] = weakref.WeakValueDictionary()
        self._call_turns = CallTurns(
            database=deps.database, tenants=deps.tenants, clock=deps.clock,
            lease_seconds=deps.settings.lease_seconds, price=cost_usd, failpoint=deps.failpoint,
        )  # fmt: skip

    def schemas(self, agent: AgentName = "cobranca") -> list[dict[str, Any]]:
        """Give the agent's tools as flat OpenAI function schemas, those that make sense in a call."""
        tools = Agent(name=agent, tools=TOOLS_BY_AGENT[agent]).tools_for(Medium.VOICE)
        return [{"type": "function", **convert_to_openai_function(tool)} for tool in tools]

    async def run(
        self, opened: OpenedCall, *, name: str, arguments: Mapping[str, object], customer_texts: Sequence[str],
        dialogue: Sequence[BaseMessage] = (),
    ) -> str:  # fmt: skip
        """Answer one call of a tool with the JSON of docs/tools.md; never raises for what came from outside.

        `customer_texts` is all that the customer said in this call, oldest first. The same tool asked for again with
        the same arguments before the customer spoke again gives the same answer and writes nothing. `dialogue`, where
        both sides are known, is remembered too, and what the agent asked then tells who says "sou eu".
        """
        used = await self.use(opened, name=name, arguments=arguments, customer_texts=customer_texts, dialogue=dialogue)
        return used.text

    async def use(
        self, opened: OpenedCall, *, name: str, arguments: Mapping[str, object], customer_texts: Sequence[str],
        dialogue: Sequence[BaseMessage] = (),
    ) -> HostedAnswer:  # fmt: skip
        """The same, with the evidence."""
        try:
            request = read_request(name, arguments, customer_texts, dialogue)
            if name not in self._tools:
                return refused(UNKNOWN_TOOL)
            async with self._lock_of(opened):
                return await self._run(opened, request)
        except UnreadableRequest:
            logger.warning("hosted_tool.bad_arguments", tool=name[:64], call_id=str(opened.call.id))
            return refused(BAD_ARGUMENTS)
        except UNAVAILABLE as error:
            logger.warning("hosted_tool.database_unavailable", error=type(error).__name__)
            return refused(SYSTEM_AWAY)
        except Exception as error:  # the outermost handler: the agent elsewhere must get an answer it can speak of
            logger.error("hosted_tool.failed", tool=name[:64], error=type(error).__name__, call_id=str(opened.call.id))
            return refused(SYSTEM_AWAY)

    def _lock_of(self, opened: OpenedCall) -> asyncio.Lock:
        return self._locks.setdefault(opened.conversation_id, asyncio.Lock())

    async def known(self, opened: OpenedCall) -> Known | None:
        """Read what is known in a call, without taking its lease; None when nobody should answer."""
        async with self._deps.database.tenant(opened.tenant_id) as connection:
            row = await conversations.by_id(connection, opened.conversation_id)
            turn = await self._turn(connection, opened, row) if row else None
        if turn is None:
            return None
        state, _ = await self._memory.recall(turn)
        heard = hear_call((), 0, (), turn.context)
        return Known(
            turn=turn.context, identity=identity_of(state, turn.context), proposal=state.get("proposal"),
            promise=state.get("promise"), evidence=tuple(known_evidence(state, heard)), heard=heard, state=state,
        )  # fmt: skip

    async def remember(
        self, opened: OpenedCall, *, customer_texts: Sequence[str], dialogue: Sequence[BaseMessage]
    ) -> None:
        """Put a talk that was led elsewhere into the conversation's memory, for the contact's next one."""
        request = read_request("", {}, customer_texts, dialogue)
        async with self._lock_of(opened):
            claimed = await self._claim(opened)
            if claimed is None:
                return
            is_done = False
            try:
                is_done = await self._commit_talk(opened, claimed, request)
            finally:
                if not is_done:
                    await asyncio.shield(self._release(opened, claimed))

    async def _commit_talk(self, opened: OpenedCall, claimed: ConversationRow, request: ToolRequest) -> bool:
        async with self._deps.database.tenant(opened.tenant_id) as connection:
            earlier = await hosted_tools.earlier(connection, opened.call.id, key="", utterances=len(request.texts))
            turn = await self._turn(connection, opened, claimed)
        if turn is None:
            return False
        used = await self._listen(turn, request, earlier)
        async with self._deps.database.tenant(opened.tenant_id) as connection:
            if not is_ours(await conversations.lock(connection, claimed.id), claimed):
                return False
            checkpoint_id = await self._remember(opened, request, used)
            await write_turn(
                connection, turn, _outcome(used.talk), checkpoint_id=checkpoint_id, reruns=0, price=cost_usd,
                now=self._deps.clock.now(),
            )  # fmt: skip
        return True

    async def _run(self, opened: OpenedCall, request: ToolRequest) -> HostedAnswer:
        claimed = await self._claim(opened)
        if claimed is None:
            logger.warning("hosted_tool.conversation_busy", call_id=str(opened.call.id))
            return refused(SYSTEM_AWAY)
        is_done = False
        try:
            answer, is_done = await self._answer(opened, claimed, request)
            return answer
        finally:
            if not is_done:
                await asyncio.shield(self._release(opened, claimed))

    async def _claim(self, opened: OpenedCall) -> ConversationRow | None:
        """Wait for whoever has the conversation, in this process or another."""
        runner = f"{self._deps.process_name}:tool"
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _WAIT_SECONDS
        while True:
            now = self._deps.clock.now()
            async with self._deps.database.tenant(opened.tenant_id) as connection:
                claimed = await hosted_tools.claim_free(
                    connection, opened.conversation_id, runner=runner, now=now, locked_until=now + _LEASE
                )
            if claimed is not None or loop.time() >= give_up_at:
                return claimed
            await asyncio.sleep(_LOOK_SECONDS)

    async def _release(self, opened: OpenedCall, claimed: ConversationRow) -> None:
        try:
            async with self._deps.database.tenant(opened.tenant_id) as connection:
                await call_talk.release(connection, claimed)
        except UNAVAILABLE:
            logger.warning("hosted_tool.release_failed")  # the lease runs out by itself

    async def _answer(
        self, opened: OpenedCall, claimed: ConversationRow, request: ToolRequest
    ) -> tuple[HostedAnswer, bool]:
        """Give the answer, and whether it was committed: then the lease is gone with it."""
        async with self._deps.database.tenant(opened.tenant_id) as connection:
            earlier = await hosted_tools.earlier(
                connection, opened.call.id, key=request.key, utterances=len(request.texts)
            )
            turn = None if earlier.result else await self._turn(connection, opened, claimed)
        if earlier.result:
            return HostedAnswer(text=earlier.result), False
        if turn is None:
            return refused(NOBODY_ANSWERS), False
        used = await self._use(await self._listen(turn, request, earlier), request)
        self._deps.failpoint("turn.ran")
        if is_outage(used.talk):
            return HostedAnswer(text=answer_of(used.talk)), False  # asked again, it may work
        for _ in range(_TRIES - 1):
            try:
                return await self._commit(opened, request, used), True
            except RETRYABLE:
                logger.info("hosted_tool.deadlock_retried", call_id=str(opened.call.id))
        return await self._commit(opened, request, used), True

    async def _turn(self, connection: Connection, opened: OpenedCall, row: ConversationRow) -> LoadedTurn | None:
        now = self._deps.clock.now()
        profile = await self._deps.tenants.profile(opened.tenant_id)
        thread = await text_thread(connection, opened.contact_id, now=now)
        return await read_turn(
            connection, row, profile=profile, account=opened.account, now=now,
            call=call_context(opened, has_text_thread=thread is not None),
        )  # fmt: skip

    async def _listen(self, turn: LoadedTurn, request: ToolRequest, earlier: EarlierCalls) -> _Used:
        """Begin a turn: what is remembered, what the customer said, who that shows them to be."""
        state, taken = await self._memory.recall(turn)
        heard = hear_call(request.texts, earlier.answered, request.dialogue, turn.context)
        spoken = request.dialogue or [
            message for text in request.texts for message in (AIMessage(content=""), HumanMessage(content=text))
        ]
        talk = Talk(
            agent=_agent_with(request.name) or state.get("agent") or "persona", text="",
            identity=recognised(identity_of(state, turn.context), spoken, turn.context),
            proposal=_of_earlier_utterance(state.get("proposal"), earlier, turn.context.turn_seq),
            promise=state.get("promise"),
        )  # fmt: skip
        return _Used(turn=turn, earlier=earlier, state=state, taken=taken, heard=heard, talk=talk)

    async def _use(self, used: _Used, request: ToolRequest) -> _Used:
        talk, turn = used.talk, used.turn.context
        given = TalkInput(
            messages=used.state["messages"], heard=used.heard, identity=talk.identity, proposal=talk.proposal,
            promise=talk.promise, evidence=known_evidence(used.state, used.heard),
        )  # fmt: skip
        call = ToolCall(name=request.name, args=request.arguments, id=f"hosted_{request.key[:24]}", type="tool_call")
        asked = AIMessage(content="", tool_calls=[call])
        return replace(used, talk=await use_tools(talk, asked, self._tools, given=given, turn=turn, deps=self._deps))

    async def _commit(self, opened: OpenedCall, request: ToolRequest, used: _Used) -> HostedAnswer:
        """Write all that the tool came to, or nothing."""
        now = self._deps.clock.now()
        turn, talk = used.turn, used.talk
        conversation = turn.conversation
        async with self._deps.database.tenant(opened.tenant_id) as connection:
            current = await conversations.lock(connection, conversation.id)
            if not is_ours(current, conversation):
                raise _LeaseLost
            if talk.attachments:
                sent = await send_by_message(
                    connection, tenant_id=opened.tenant_id, contact_id=opened.contact_id, parts=talk.attachments,
                    turn_seq=conversation.turn_seq, now=now,
                )  # fmt: skip
                talk = talk if sent else unsent(talk)
            outcome = _outcome(talk)
            await self._call_turns.write_effects(connection, opened, turn, outcome)
            checkpoint_id = await self._remember(opened, request, replace(used, talk=talk))
            await write_turn(connection, turn, outcome, checkpoint_id=checkpoint_id, reruns=0, price=cost_usd, now=now)
            answer = answer_of(talk)
            await hosted_tools.put(
                connection, tenant_id=opened.tenant_id, call_id=opened.call.id, key=request.key, result=answer,
                turn_seq=conversation.turn_seq, utterances=len(request.texts), now=now,
            )  # fmt: skip
            self._deps.failpoint("turn.committing")
        self._deps.failpoint("turn.committed")
        return HostedAnswer(text=answer, evidence=talk.evidence)

    async def _remember(self, opened: OpenedCall, request: ToolRequest, used: _Used) -> str | None:
        """Write the checkpoint that the commit names. Until then it is nobody's (ADR 3)."""
        talk, state = used.talk, used.state
        new = [*new_messages(opened.call.id, request, used.earlier), *talk.exchange]
        remembered: dict[str, Any] = {
            "agent": talk.agent,
            "identity": talk.identity,
            "proposal": talk.proposal,
            "promise": talk.promise,
            "evidence": bounded([*known_evidence(state, used.heard), *talk.evidence]),
        }
        return await self._memory.write(used.turn.conversation, state, taken=used.taken, remembered=remembered, new=new)


def _of_earlier_utterance(proposal: Agreement | None, earlier: EarlierCalls, turn_seq: int) -> Agreement | None:
    """Date a proposal made since the newest utterance to now: nobody has said yes to it yet."""
    if proposal is None or earlier.first_turn is None:
        return proposal
    if proposal.get("proposed_in_turn", turn_seq) < earlier.first_turn:
        return proposal
    return {**proposal, "proposed_in_turn": turn_seq}


def _agent_with(tool: str) -> AgentName | None:
    """Give the agent whose tool it is; one that everybody has says nothing."""
    speakers: tuple[AgentName, ...] = ("cobranca", "sales")
    everybody = {one.name for one in TOOLS_BY_AGENT["persona"]}
    names = {agent: {one.name for one in TOOLS_BY_AGENT[agent]} - everybody for agent in speakers}
    return next((agent for agent in speakers if tool in names[agent]), None)


def _outcome(talk: Talk) -> TurnOutcome:
    return TurnOutcome(
        parts=(), effects=talk.effects, usage=talk.usage, trace=({"step": "hosted_tool"}, *talk.trace),
        agent=talk.agent, verdict="none", model=None, prompt_version=None,
    )  # fmt: skip
