"""The baseline of a turn: a bare three-node LangGraph that remembers its messages, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph, add_messages
from langgraph.graph.state import CompiledStateGraph
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from bench.ground import POOL_SIZE
from bench.model import REPLY


class BareState(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    agent: str
    draft: str


BareGraph = CompiledStateGraph[Any, Any, Any, Any]


@asynccontextmanager
async def open_bare_graph(database_url: str, *, model_seconds: float = 0) -> AsyncIterator[BareGraph]:
    """Compile it with LangGraph's own saver as its documentation says, over as many connections as ours has."""
    kwargs = {"autocommit": True, "row_factory": dict_row, "options": "-c search_path=langgraph"}
    async with AsyncConnectionPool(
        database_url, connection_class=AsyncConnection[DictRow], kwargs=kwargs, min_size=1, max_size=POOL_SIZE,
        open=False,
    ) as pool:  # fmt: skip
        yield _compile(AsyncPostgresSaver(pool), model_seconds)


def _compile(saver: AsyncPostgresSaver, model_seconds: float) -> BareGraph:

    async def route(state: BareState) -> BareState:
        return {"agent": "persona"}

    async def speak(state: BareState) -> BareState:
        if model_seconds:
            await asyncio.sleep(model_seconds)
        return {"draft": REPLY}

    async def reply(state: BareState) -> BareState:
        return {"messages": [AIMessage(content=state["draft"])]}

    graph = StateGraph(BareState)
    for name, node in (("route", route), ("speak", speak), ("reply", reply)):
        graph.add_node(name, node)
    graph.add_edge(START, "route")
    graph.add_edge("route", "speak")
    graph.add_edge("speak", "reply")
    graph.add_edge("reply", END)
    return graph.compile(checkpointer=saver)


async def bare_turn(graph: BareGraph, thread_id: str, text: str) -> None:
    """Run one turn as the service's own are run: written once, at its end."""
    config: RunnableConfig = {"configurable": {"thread_id": thread_id}}
    await graph.ainvoke({"messages": [HumanMessage(content=text)]}, config, durability="exit")
