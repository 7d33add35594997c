"""Answers questions from the tenant's knowledge, in the tenant's persona (spec 1.4)."""

from collections.abc import Sequence

from langchain_core.tools import BaseTool

from agents.talk import Agent
from tools.registry import TOOLS_BY_AGENT


def make_agent(tools: Sequence[BaseTool] = TOOLS_BY_AGENT["persona"]) -> Agent:
    """Give the agent with its tools; its prompt is prompts/persona.md."""
    return Agent(name="persona", tools=tuple(tools))
