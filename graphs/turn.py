"""Runs one turn from the last committed checkpoint and says which checkpoint it left."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph

from agents.models import one_turn
from agents.tracing import turn_tracing
from domain.turns import TurnContext, TurnOutcome
from graphs.memory import carry
from graphs.saver import RUN_KEY, CommittedRun, CommittedSaver
from graphs.state import ConversationGraph, ConversationState, TurnInput, TurnOutput

CompiledConversation = CompiledStateGraph[ConversationState, TurnContext, TurnInput, TurnOutput]
_MOST_STEPS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Ear:
    """Who hears a spoken reply while it is made. `say` is given each sentence as soon as it may be said; `at_work`
    whether tools run, during which nothing is said."""

    say: Callable[[str], None]
    at_work: Callable[[bool], None]


class SaverForgets(TypeError):
    """The graph was compiled with a saver that cannot tell committed checkpoints from others."""

    def __init__(self, saver: object) -> None:
        super().__init__(f"compile the conversation with graphs.saver.CommittedSaver, not {type(saver).__name__}")


async def run_turn(
    graph: CompiledConversation,
    *,
    context: TurnContext,
    messages: Sequence[AnyMessage],
    thread_id: str,
    checkpoint_id: str | None,
    carried: tuple[str, str] | None = None,
    ear: Ear | None = None,
) -> tuple[TurnOutcome, str | None]:
    """Run the graph once; give the outcome and the id of the checkpoint that holds it (None without a saver).

    `checkpoint_id` is the one that the last *committed* turn gave, None before the first. The run forks from it: what
    crashed, stale or fenced-off runs wrote since is never read. Nothing is written before the run ends (durability
    "exit"). `carried` names thread and checkpoint of a newer conversation of the contact to go on from. A spoken
    reply has an `ear`. Traces go out only when the settings hold a LangSmith key.
    """
    if graph.checkpointer and not isinstance(graph.checkpointer, CommittedSaver):
        raise SaverForgets(graph.checkpointer)
    run = CommittedRun(starts_from=checkpoint_id)
    config: RunnableConfig = {
        "configurable": {"thread_id": thread_id, RUN_KEY: run},
        "recursion_limit": _MOST_STEPS,
    }
    given: TurnInput = {"messages": list(messages)}
    if carried is not None and isinstance(graph.checkpointer, CommittedSaver):
        given = await _with_carried(graph.checkpointer, given, (thread_id, checkpoint_id), carried, context)
    settings = graph.builder.settings if isinstance(graph.builder, ConversationGraph) else None
    with turn_tracing(settings, names=(context.contact.name,)), one_turn():
        if ear is not None:
            return await _streamed(graph, given, config, context, ear), run.written
        result = await graph.ainvoke(given, config, context=context, durability="exit" if graph.checkpointer else None)
    return cast(TurnOutcome, result["outcome"]), run.written


async def _streamed(
    graph: CompiledConversation, given: TurnInput, config: RunnableConfig, context: TurnContext, ear: Ear
) -> TurnOutcome:
    outcome: TurnOutcome | None = None
    stream = graph.astream(
        given, config, context=context, durability="exit" if graph.checkpointer else None,
        stream_mode=["custom", "updates"],
    )  # fmt: skip
    async with aclosing(cast(AsyncGenerator[tuple[str, Any]], stream)) as events:
        async for mode, event in events:
            if mode == "custom" and "say" in event:
                ear.say(str(event["say"]))
            elif mode == "custom":
                ear.at_work(event["at_work"] is True)
            else:
                outcome = next((update["outcome"] for update in event.values() if "outcome" in update), outcome)
    if outcome is None:
        raise LookupError("the graph ended without an outcome")
    return outcome


async def _with_carried(
    saver: CommittedSaver, given: TurnInput, own: tuple[str, str | None], other: tuple[str, str], context: TurnContext
) -> TurnInput:
    """Put what the contact's newer conversation holds before the new messages."""
    theirs = await _state(saver, *other)
    own_state = await _state(saver, *own)
    taken = carry(own_state, theirs, medium=context.medium, turn_seq=context.turn_seq)
    return {**taken, "messages": [*taken["messages"], *given["messages"]]}


async def _state(saver: CommittedSaver, thread_id: str, checkpoint_id: str | None) -> Mapping[str, Any]:
    run = CommittedRun(starts_from=checkpoint_id)
    found = await saver.aget_tuple({"configurable": {"thread_id": thread_id, RUN_KEY: run}})
    return found.checkpoint["channel_values"] if found else {}
