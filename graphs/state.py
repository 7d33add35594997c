"""What a conversation remembers, and what lives for one turn only (never written to a checkpoint)."""

from collections.abc import Sequence
from typing import Annotated, Required, TypedDict

from langchain_core.messages import AnyMessage, BaseMessage, RemoveMessage, ToolMessage
from langgraph.channels import UntrackedValue
from langgraph.graph import StateGraph, add_messages

from agents.router import Route
from agents.talk import Talk
from agents.turn_context import Heard
from domain.evidence import CUSTOMER, Finding
from domain.turns import AgentName, Agreement, Evidence, Identity, ModelUsage, TurnContext, TurnOutcome
from wiring.settings import Settings

MESSAGES_KEPT = 40
TOOL_EVIDENCE_KEPT = 60
CUSTOMER_EVIDENCE_KEPT = 20
Trace = tuple[dict[str, object], ...]


class TurnInput(TypedDict, total=False):
    """What a run is given: the new messages (an operator's too, after a handback), and what the conversation takes up
    from another one of the same contact (graphs/memory.py)."""

    messages: Required[list[AnyMessage]]
    agent: AgentName | None
    identity: Identity
    proposal: Agreement | None
    promise: Agreement | None
    evidence: list[Evidence]
    facts: dict[str, str]


class TurnOutput(TypedDict, total=False):
    """What a run gives back."""

    messages: list[AnyMessage]
    outcome: TurnOutcome


class ConversationState(TypedDict, total=False):
    """The thread's state. Keys with UntrackedValue are empty again in the next turn and never stored."""

    messages: Annotated[list[AnyMessage], add_messages]
    agent: AgentName | None
    identity: Identity
    proposal: Agreement | None
    promise: Agreement | None
    evidence: list[Evidence]
    facts: dict[str, str]

    heard: Annotated[Heard, UntrackedValue]
    route: Annotated[Route, UntrackedValue]
    recognised: Annotated[bool, UntrackedValue]  # said in this turn, on the phone, to be who was asked for
    talk: Annotated[Talk, UntrackedValue]
    draft: Annotated[str, UntrackedValue]
    usage: Annotated[tuple[ModelUsage, ...], UntrackedValue]
    trace: Annotated[Trace, UntrackedValue]
    verdict: Annotated[str, UntrackedValue]
    reasons: Annotated[tuple[Finding, ...], UntrackedValue]
    revisions: Annotated[int, UntrackedValue]
    outcome: Annotated[TurnOutcome, UntrackedValue]


class ConversationGraph(StateGraph[ConversationState, TurnContext, TurnInput, TurnOutput]):
    """The graph's builder, with the settings its runs are traced by."""

    settings: Settings | None = None


def surplus(messages: Sequence[BaseMessage], *, coming: int = 0) -> list[RemoveMessage]:
    """Name the oldest messages to forget so that some forty stay, `coming` ones counted.

    A tool call is never parted from its result: the cut falls before the next message that is no result.
    """
    excess = len(messages) + coming - MESSAGES_KEPT
    if excess <= 0:
        return []
    kept = (at for at in range(excess, len(messages)) if not isinstance(messages[at], ToolMessage))
    cut = next(kept, len(messages))
    return [RemoveMessage(id=message.id) for message in messages[:cut] if message.id]


def bounded(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Keep the newest evidence, each once; the customer's words can never push out what a tool said."""
    newest: dict[tuple[str, str, str], Evidence] = {}
    for item in evidence:
        key = (item["kind"], item["value"], item["source"])
        newest.pop(key, None)
        newest[key] = item
    of_tools = [item for item in newest.values() if item["source"] != CUSTOMER]
    of_customer = [item for item in newest.values() if item["source"] == CUSTOMER]
    return of_tools[-TOOL_EVIDENCE_KEPT:] + of_customer[-CUSTOMER_EVIDENCE_KEPT:]
