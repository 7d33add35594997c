"""What one turn knows before it runs, and what it leaves in the conversation for the next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NotRequired, TypedDict
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from domain.effects import Effect
from domain.messages import Medium, Part, Text
from domain.promises import customer_zones
from domain.tenants import Tenant

AgentName = Literal["persona", "cobranca", "sales"]
AGENTS: tuple[AgentName, ...] = ("persona", "cobranca", "sales")


class Identity(TypedDict):
    """Who the conversation has confirmed. Lives in the graph's state, so plain JSON."""

    status: Literal["pendente", "confirmada", "bloqueada"]
    document: NotRequired[str]  # confirmed: the only one a collection tool may touch
    customer_name: NotRequired[str]
    expected_document: NotRequired[str]  # pending, on the phone: whose call this is, known from another conversation
    expected_name: NotRequired[str]
    pending_document: NotRequired[str]  # typed and known to the CRM, the holder's name still to be given
    tries: NotRequired[int]  # failed tries of `tries_on`, this conversation and earlier ones
    tries_on: NotRequired[str]


class Agreement(TypedDict):
    """A promise: proposed and read back (not stored), or stored (then with its protocol)."""

    amount_cents: int
    due_on: str  # ISO date
    protocol: NotRequired[str]
    proposed_in_turn: NotRequired[int]


class Evidence(TypedDict):
    """Something a tool result or the customer's own words back: the observer lets a reply say it."""

    kind: Literal["amount", "date", "action", "code", "text"]
    value: str  # cents, ISO date, action name, the code itself, a passage
    source: str  # the tool's name, or "customer"


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactProfile:
    id: UUID
    name: str | None = None
    document: str | None = None  # known from the CRM, a campaign or an earlier confirmation
    custom_fields: dict[str, str] = field(default_factory=dict)
    has_opted_out: bool = False
    identity_tries: int = 0
    identity_tries_on: date | None = None
    phone_match_keys: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CallContext:
    """The call that a turn is spoken in."""

    direction: Literal["in", "out"]
    purpose: Literal["campaign", "requested", "received"]
    can_transfer: bool = False  # a person may take the line over
    has_text_thread: bool = False  # codes and summaries can go to the customer by message


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnContext:
    """The run's context (LangGraph `Runtime.context`): who, where and when; no services, no clients."""

    tenant: Tenant
    contact: ContactProfile
    conversation_id: UUID
    turn_seq: int
    medium: Medium
    now: datetime  # aware, UTC
    source: str = "customer"  # or "campaign"
    assigned_agent: AgentName | None = None
    is_first_reply: bool = True
    custom_fields: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    call: CallContext | None = None  # on voice

    @property
    def reply_id(self) -> UUID:
        """Name the reply of this turn, in the history and in what the graph remembers alike."""
        return uuid5(self.conversation_id, f"{self.turn_seq}:reply")

    @property
    def zone(self) -> ZoneInfo:
        """Where the customer's phones lie, the zone with the earliest local time of several; else the tenant's."""
        zones = customer_zones(self.contact.phone_match_keys) or (self.tenant.time_zone,)
        return min(zones, key=lambda zone: self.now.astimezone(zone).replace(tzinfo=None))

    @property
    def today(self) -> date:
        """The customer's local day, by which "hoje" is read and a promised day is judged (services/collection.py)."""
        return self.now.astimezone(self.zone).date()


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelUsage:
    agent: str
    feature: str  # reply, route, critique, refine, embed
    provider: str
    model: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnOutcome:
    """What the graph hands to the runner: committed as one, or thrown away as one."""

    parts: tuple[Part, ...]
    effects: tuple[Effect, ...]
    usage: tuple[ModelUsage, ...]
    trace: tuple[dict[str, object], ...]
    agent: str | None
    verdict: str  # approved, refined, held, none
    model: str | None
    prompt_version: str | None
    said: tuple[str, ...] = ()  # what of the first part was given to the voice already, sentence by sentence

    @property
    def unsaid(self) -> str:
        """What of the reply's text is still to be spoken, once the turn is committed."""
        text = self.parts[0].text if self.parts and isinstance(self.parts[0], Text) else ""
        return text.removeprefix(whole_reply(self.said)).strip()


def whole_reply(said: Sequence[str], rest: str = "") -> str:
    """Join what was spoken already and what follows it: the reply as history, evidence and transcript keep it."""
    return " ".join(piece for piece in (*said, rest.strip()) if piece)
