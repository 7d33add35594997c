"""Negotiates open invoices, after the identity step (spec 1.3)."""

from collections.abc import Sequence

from langchain_core.tools import BaseTool

from agents.talk import Agent
from tools.registry import TOOLS_BY_AGENT


def make_agent(tools: Sequence[BaseTool] = TOOLS_BY_AGENT["cobranca"]) -> Agent:
    """Give the agent with its tools; its prompt is prompts/cobranca.md."""
    return Agent(name="cobranca", tools=tuple(tools))
