"""What the conversation of a call remembers, for agents that speak elsewhere: read and written without a run."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph

from domain.messages import Medium
from graphs.memory import carry
from graphs.saver import RUN_KEY, CommittedRun, CommittedSaver
from graphs.state import ConversationState, surplus
from services.turns import LoadedTurn
from store.conversations import ConversationRow


class CallMemory:
    """Reads committed checkpoints and writes the next one, which is nobody's until a commit names it (ADR 3)."""

    def __init__(self, saver: CommittedSaver) -> None:
        self._saver = saver
        self._graph = _memory_graph().compile(checkpointer=saver)

    async def recall(self, turn: LoadedTurn) -> tuple[ConversationState, ConversationState]:
        """Read what the conversation remembers, and apart from it what it takes up from the contact's newer one."""
        own = await self._read(str(turn.conversation.id), turn.conversation.checkpoint_id)
        taken: ConversationState = {}
        if turn.carried is not None:
            other = await self._read(str(turn.carried.conversation_id), turn.carried.checkpoint_id)
            carried = carry(own, other, medium=Medium.VOICE, turn_seq=turn.context.turn_seq)
            taken = cast(ConversationState, carried)
        messages = [*own.get("messages", ()), *taken.get("messages", ())]
        return cast(ConversationState, {**own, **taken, "messages": messages}), taken

    async def _read(self, thread_id: str, checkpoint_id: str | None) -> dict[str, Any]:
        run = CommittedRun(starts_from=checkpoint_id)
        found = await self._saver.aget_tuple({"configurable": {"thread_id": thread_id, RUN_KEY: run}})
        return dict(found.checkpoint["channel_values"]) if found else {}

    async def write(
        self, conversation: ConversationRow, state: ConversationState, *, taken: ConversationState,
        remembered: Mapping[str, Any], new: Sequence[BaseMessage],
    ) -> str | None:  # fmt: skip
        """Write what changed in `state`, the new messages, and what was taken up; give the checkpoint's id."""
        changed = {key: value for key, value in remembered.items() if value != state.get(key)}
        messages = [*taken.get("messages", ()), *surplus(state["messages"], coming=len(new)), *new]
        run = CommittedRun(starts_from=conversation.checkpoint_id)
        config: RunnableConfig = {"configurable": {"thread_id": str(conversation.id), RUN_KEY: run}}
        update = cast(ConversationState, {**taken, **changed, "messages": messages})
        await self._graph.ainvoke(update, config, durability="exit")
        return run.written


def _memory_graph() -> StateGraph[ConversationState, None, ConversationState, ConversationState]:
    """Build the smallest graph over the conversation's state: its input is what a tool changed."""
    graph = StateGraph(ConversationState)
    graph.add_node("hosted_tool", _nothing_more)
    graph.add_edge(START, "hosted_tool")
    graph.add_edge("hosted_tool", END)
    return graph


async def _nothing_more(state: ConversationState) -> dict[str, object]:
    return {}
