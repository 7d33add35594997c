"""What happened in one talk, as an ordered list that policies and checks read and reports show.

`turn` counts the customer's turns from 1; what we said before the first is turn 0. `at` is the scenario's clock.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    turn: int
    at: AwareDatetime


class CustomerSaid(_Event):
    type: Literal["customer"] = "customer"
    text: str
    kind: str = "text"  # domain.messages.MessageKind


class AgentSaid(_Event):
    """One message (a bubble, a payment code of its own) that went to the customer, or one spoken reply."""

    type: Literal["agent"] = "agent"
    text: str
    agent: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    verdict: str = "none"
    author: Literal["agent", "campaign"] = "agent"


class Routed(_Event):
    type: Literal["route"] = "route"
    agent: str | None
    reason: str = ""


class ToolCalled(_Event):
    """A tool's use: what the model asked and the JSON it was given back. Documents are masked in both."""

    type: Literal["tool"] = "tool"
    name: str
    arguments: dict[str, object] = Field(default_factory=dict)
    result: str = ""


class Observed(_Event):
    """What the observer objected to in a draft that was not sent as it stood."""

    type: Literal["observed"] = "observed"
    verdict: str
    reasons: tuple[str, ...] = ()
    draft: str = ""


class Changed(_Event):
    """A difference of the database after this turn: `table` row `key` came, changed or went."""

    type: Literal["change"] = "change"
    table: Literal["promises", "payment_claims", "opt_outs", "conversations", "contacts", "cards", "call_requests"]
    key: str
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None


Event = Annotated[CustomerSaid | AgentSaid | Routed | ToolCalled | Observed | Changed, Field(discriminator="type")]


class PromiseState(BaseModel):
    model_config = ConfigDict(frozen=True)

    document: str
    amount_cents: int
    due_on: date
    status: str
    protocol: str
    is_seeded: bool = False


class EndState(BaseModel):
    """The database after the talk, as far as expectations ask for it."""

    model_config = ConfigDict(frozen=True)

    promises: tuple[PromiseState, ...] = ()
    identity: str = "pendente"
    identity_document: str | None = None
    handler: str = "bot"
    is_opted_out: bool = False
    open_claims: int = 0
    linked_document: str | None = None
    wrong_person: bool = False
    stage: str | None = None
    fields: dict[str, str] = Field(default_factory=dict)
    call_requests: int = 0
    outbound_count: int = 0


class Transcript(BaseModel):
    """One talk from the first word to the end state. Documents are in clear: mask before anything leaves the machine
    (evals/masking.py)."""

    model_config = ConfigDict(frozen=True)

    scenario_id: str
    scenario_version: int
    events: tuple[Event, ...] = ()
    end: EndState = EndState()
    turn_ms: tuple[float, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    cost_brl: float = 0.0
    models_used: tuple[str, ...] = ()
    ended_by: Literal["customer", "budget", "error"] = "customer"
    error: str | None = None  # what stopped the talk, for the harness's user
