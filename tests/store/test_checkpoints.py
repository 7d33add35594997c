"""Pruning keeps what a conversation needs: the newest checkpoints with all their values."""

from typing import Annotated, TypedDict

from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph, add_messages

from store import checkpoints
from tests.business_world import make_world
from tests.factories import open_database


class _State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]
    turns: int
    set_once: str


async def _count(state: _State) -> dict[str, object]:
    update: dict[str, object] = {"turns": state.get("turns", 0) + 1}
    return update if "set_once" in state else update | {"set_once": "first turn"}


async def test_prune_keeps_the_newest_and_loses_no_value(database_url: str) -> None:
    graph = StateGraph(_State)
    graph.add_node("count", _count)
    graph.add_edge(START, "count")
    graph.add_edge("count", END)
    async with open_database(database_url) as database:
        app = graph.compile(checkpointer=AsyncPostgresSaver(database.graph_pool))
        config: RunnableConfig = {"configurable": {"thread_id": "t"}}
        other: RunnableConfig = {"configurable": {"thread_id": "other"}}
        await app.ainvoke({"messages": [HumanMessage("oi")]}, other, durability="exit")  # type: ignore[call-overload]
        for number in range(12):
            await app.ainvoke({"messages": [HumanMessage(str(number))]}, config, durability="exit")  # type: ignore[call-overload]
        before = (await app.aget_state(config)).values
        async with database.platform() as connection:
            assert await checkpoints.prune(connection, limit=10, keep=5) == 1
            assert await checkpoints.prune(connection, limit=10, keep=5) == 0
        async with database.graph_pool.connection() as connection:
            cursor = await connection.execute("SELECT count(*) AS n FROM checkpoints WHERE thread_id = 't'")
            assert await cursor.fetchone() == {"n": 5}
        assert (await app.aget_state(config)).values == before
        assert before["set_once"] == "first turn"
        assert len((await app.aget_state(other)).values["messages"]) == 1
        after = await app.ainvoke({"messages": [HumanMessage("mais")]}, config, durability="exit")  # type: ignore[call-overload]
        assert after["turns"] == 13


async def test_prune_keeps_the_checkpoint_that_the_conversation_goes_on_from(database_url: str) -> None:
    """Stale runs may leave many newer checkpoints than the committed one."""
    graph = StateGraph(_State)
    graph.add_node("count", _count)
    graph.add_edge(START, "count")
    graph.add_edge("count", END)
    async with open_database(database_url) as database:
        world = await make_world(database)
        thread = str(world.conversation_id)
        app = graph.compile(checkpointer=AsyncPostgresSaver(database.graph_pool))
        config: RunnableConfig = {"configurable": {"thread_id": thread}}
        for number in range(12):
            await app.ainvoke({"messages": [HumanMessage(str(number))]}, config, durability="exit")  # type: ignore[call-overload]
            if number == 1:
                committed = (await app.aget_state(config)).config["configurable"]["checkpoint_id"]
        async with database.tenant(world.tenant.id) as connection:
            await connection.execute("UPDATE conversations SET checkpoint_id = %(id)s", {"id": committed})
        async with database.platform() as connection:
            assert await checkpoints.prune(connection, limit=10, keep=3) == 1
        pinned: RunnableConfig = {"configurable": {"thread_id": thread, "checkpoint_id": committed}}
        assert (await app.aget_state(pinned)).values["turns"] == 2
