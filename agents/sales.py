"""Finds products and quotes them (spec 1.5)."""

from collections.abc import Sequence

from langchain_core.tools import BaseTool

from agents.talk import Agent
from tools.registry import TOOLS_BY_AGENT


def make_agent(tools: Sequence[BaseTool] = TOOLS_BY_AGENT["sales"]) -> Agent:
    """Give the agent with its tools; its prompt is prompts/sales.md."""
    return Agent(name="sales", tools=tuple(tools))
