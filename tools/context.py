"""What a tool is given besides the model's arguments, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.effects import Effect
from domain.messages import Part
from domain.turns import Agreement, Evidence, Identity, TurnContext
from wiring.deps import Deps


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolRun:
    """One tool call's surroundings. Who the customer is comes from here, never from the model (spec 2.1)."""

    deps: Deps
    turn: TurnContext
    identity: Identity
    proposal: Agreement | None
    promise: Agreement | None
    customer_texts: tuple[str, ...]  # all that the customer wrote in this conversation, oldest first
    new_texts: tuple[str, ...]  # the messages that this turn answers
    asked: tuple[str, ...] = ()  # what was asked before each of `customer_texts`
    effects: tuple[Effect, ...] = ()  # planned earlier in this turn
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResult:
    """`content` is the JSON that the model reads (docs/tools.md); the rest is for the graph."""

    content: Mapping[str, object]
    evidence: tuple[Evidence, ...] = ()
    effects: tuple[Effect, ...] = ()
    attachments: tuple[Part, ...] = ()  # sent after the reply, untouched by any model
    identity: Identity | None = None  # set when it changed
    proposal: Agreement | None = None
    promise: Agreement | None = None
    clears_proposal: bool = False
