"""Runs one turn from the last committed checkpoint and says which checkpoint it left."""

from collections.abc import Sequence
from typing import cast

from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph

from agents.models import one_turn
from agents.tracing import turn_tracing
from domain.turns import TurnContext, TurnOutcome
from graphs.saver import RUN_KEY, CommittedRun, CommittedSaver
from graphs.state import ConversationGraph, ConversationState, TurnInput, TurnOutput

CompiledConversation = CompiledStateGraph[ConversationState, TurnContext, TurnInput, TurnOutput]
_MOST_STEPS = 20


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
) -> tuple[TurnOutcome, str | None]:
    """Run the graph once; give the outcome and the id of the checkpoint that holds it (None without a saver).

    `checkpoint_id` is the one that the last *committed* turn gave, None before the first. The run forks from it: what
    crashed, stale or fenced-off runs wrote since is never read. Nothing is written before the run ends (durability
    "exit"). Traces go out only when the settings hold a LangSmith key.
    """
    if graph.checkpointer and not isinstance(graph.checkpointer, CommittedSaver):
        raise SaverForgets(graph.checkpointer)
    run = CommittedRun(starts_from=checkpoint_id)
    config: RunnableConfig = {
        "configurable": {"thread_id": thread_id, RUN_KEY: run},
        "recursion_limit": _MOST_STEPS,
    }
    settings = graph.builder.settings if isinstance(graph.builder, ConversationGraph) else None
    with turn_tracing(settings, names=(context.contact.name,)), one_turn():
        result = await graph.ainvoke(
            {"messages": list(messages)}, config, context=context, durability="exit" if graph.checkpointer else None
        )
    return cast(TurnOutcome, result["outcome"]), run.written
