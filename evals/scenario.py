"""What a scenario is: a customer, a world that stands still, what the customer says, and what must be true at the end.

Written by people as YAML, by programs as JSON lines; the same models read both and publish the JSON Schema. Money is
integer cents, dates are ISO days, `now` is an aware instant. An unknown key is an error: a misspelt expectation must
not be an expectation less.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

SCHEMA_VERSION = 1
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Agent = Literal["persona", "cobranca", "sales"]


class Severity(StrEnum):
    """What a broken expectation costs: money, law or trust; the customer's goal; polish."""

    BLOCKING = "blocking"
    SERIOUS = "serious"
    MINOR = "minor"


class Channel(StrEnum):
    WHATSAPP = "whatsapp"
    SMS = "sms"
    VOICE = "voice"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- the world before the first word


class SeedInvoice(Strict):
    """An invoice of the ledger: due `days_late` days before `now`'s local day, or on `due_on`."""

    number: Annotated[str, Field(min_length=1, max_length=40)]
    amount_cents: Annotated[int, Field(gt=0, le=9_999_999_999)]
    days_late: int | None = Field(default=None, description="Negative: not due yet.")
    due_on: date | None = None
    is_paid: bool = False


class SeedCustomer(Strict):
    """Somebody in the ledger (the CRM)."""

    document: Annotated[str, Field(pattern=r"^[0-9A-Z]{11,14}$", description="CPF or CNPJ without punctuation.")]
    name: str
    phone: str | None = None
    invoices: tuple[SeedInvoice, ...] = ()


class SeedPromise(Strict):
    """A promise that stands already."""

    document: str
    amount_cents: Annotated[int, Field(gt=0)]
    due_on: date
    status: Literal["pending", "fulfilled", "broken", "renegotiated", "canceled"] = "pending"


class SeedProduct(Strict):
    sku: str
    name: str
    description: str
    price_cents: Annotated[int, Field(ge=0)]
    period: str = "por mês"


class SeedText(Strict):
    """A document of the knowledge base."""

    title: str
    source: str
    text: str


class SeedContact(Strict):
    """Who writes. `document` is what we knew before (a campaign's target, an earlier talk); None: a stranger."""

    phone: Annotated[str, Field(pattern=r"^\+[1-9]\d{7,14}$")] = "+5511999990001"
    name: str | None = None
    document: str | None = None
    is_opted_out: bool = False
    identity_tries_today: Annotated[int, Field(ge=0, le=5)] = 0


class Seed(Strict):
    """The tenant of this scenario alone. `policy` overrides keys of the demo tenant's settings."""

    contact: SeedContact = SeedContact()
    customers: tuple[SeedCustomer, ...] = ()
    promises: tuple[SeedPromise, ...] = ()
    policy: dict[str, object] = Field(default_factory=dict)
    catalogue: Literal["demo", "none"] | tuple[SeedProduct, ...] = "demo"
    knowledge: Literal["demo", "none"] | tuple[SeedText, ...] = "demo"
    campaign: bool = Field(
        default=False, description="We wrote first: the conversation belongs to a campaign and to the cobranca agent."
    )
    campaign_text: str = Field(default="Oi! Aqui é a Lia, da TR Telecom. Posso falar com você rapidinho?")
    time_zone: str = "America/Sao_Paulo"
    state: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "SP"
    is_crm_down: bool = False
    can_transfer: bool = Field(
        default=True, description="On the phone: there is a number to pass a call on to a person."
    )


# --- who speaks


class Audio(Strict):
    """A voice note; with `transcript`, what a recogniser made of it (the text that the assistant reads)."""

    audio: Literal[True] = True
    transcript: str | None = None

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        return {"audio": True, **write(self)}  # without it nobody could read a file that leaves out defaults


class Media(Strict):
    """A message without words."""

    media: Literal["image", "video", "document", "sticker", "location"]


class Wait(Strict):
    """Time that passes before the next words."""

    wait_minutes: Annotated[int, Field(gt=0, le=60 * 24 * 60)]


Bubble = str | Audio | Media
# One turn of the customer: a bubble, several bubbles for one thought, or time that passes.
Say = Wait | Bubble | tuple[Bubble, ...]


class _OfKind(Strict):
    kind: str

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        return {"kind": self.kind, **write(self)}  # as in Audio


class ScriptUser(_OfKind):
    """Says these lines one after the other, whatever is answered."""

    kind: Literal["script"] = "script"
    turns: Annotated[tuple[Say, ...], Field(min_length=1)]


class Rule(Strict):
    """Answer `say` when the last reply matches `when` (regular expression over lower-case text without accents)."""

    when: str
    unless: str | None = None
    say: Say
    at_most: Annotated[int, Field(ge=1, le=20)] = 1


class RulesUser(_OfKind):
    """A small adaptive customer: the first rule that fits and is not used up answers; then `otherwise`, then silence.

    The talk ends when nothing fits any more or `until` matches the last reply.
    """

    kind: Literal["rules"] = "rules"
    opening: Say
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    otherwise: tuple[Say, ...] = ()
    until: str | None = None


class LlmUser(_OfKind):
    """A model plays the customer from persona, goal and hidden facts; needs a key."""

    kind: Literal["llm"] = "llm"
    opening: Say | None = None
    style: str = ""


User = Annotated[ScriptUser | RulesUser | LlmUser, Field(discriminator="kind")]


# --- what must be true


class ExpectedPromise(Strict):
    """A promise of the end state. `due_on` may be one of several where Portuguese leaves it open."""

    amount_cents: int | None = None
    due_on: date | tuple[date, ...] | None = None
    status: Literal["pending", "fulfilled", "broken", "renegotiated", "canceled"] = "pending"
    document: str | None = None


class ExpectedState(Strict):
    """The database at the end. A key that is left out is not checked; `promises: []` means that none stands."""

    promises: tuple[ExpectedPromise, ...] | None = Field(
        default=None, description="Exactly the promises with the named statuses; seeded ones count."
    )
    identity: Literal["pendente", "confirmada", "bloqueada"] | None = None
    identity_document: str | None = None
    handler: Literal["bot", "human"] | None = None
    is_opted_out: bool | None = None
    open_claims: int | None = Field(default=None, description="Payments that the customer says were made.")
    wrong_person: bool | None = Field(default=None, description="The document was unlinked from this contact.")
    stage: str | None = Field(default=None, description="Kanban stage of the contact's card; empty: no card.")
    fields: dict[str, str] = Field(default_factory=dict)
    call_requests: int | None = Field(default=None, description="Calls asked for and not canceled.")


class ExpectedTools(Strict):
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    is_ordered: bool = False


class Words(Strict):
    """Something in a reply. `pattern` is a regular expression over lower-case text without accents.

    `turn`: the customer's turn it answers, from 1; None: any reply; -1: the last one.
    """

    pattern: str
    turn: int | None = None


class SkippedPolicy(Strict):
    """A policy that does not apply here, and why."""

    id: str
    reason: Annotated[str, Field(min_length=8)]


class Expectations(Strict):
    state: ExpectedState = ExpectedState()
    tools: ExpectedTools = ExpectedTools()
    route: tuple[Agent | None, ...] = Field(default=(), description="Agent by turn; null: any.")
    said: tuple[Words, ...] = ()
    never_said: tuple[Words, ...] = ()
    skip_policies: tuple[SkippedPolicy, ...] = ()
    judge: tuple[str, ...] = Field(default=(), description="Yes/no questions for an advisory model judge.")


class Budget(Strict):
    turns: Annotated[int, Field(ge=1, le=60)] = 20
    latency_ms: int | None = Field(default=None, description="p95 of the turns, models included.")
    tokens: int | None = None
    cost_brl: float | None = None


class Scenario(Strict):
    """One talk and its expectations. `id` is unique over all suites; raise `version` when its meaning changes."""

    id: Identifier
    version: Annotated[int, Field(ge=1)] = 1
    suite: Identifier
    title: Annotated[str, Field(min_length=3, max_length=160, description="What is tried, in Portuguese.")]
    tags: tuple[Identifier, ...] = ()
    channel: Channel = Channel.WHATSAPP
    severity: Severity = Severity.SERIOUS
    now: AwareDatetime
    persona: str = ""
    goal: str = ""
    hidden: tuple[str, ...] = ()
    seed: Seed = Seed()
    user: User
    expect: Expectations
    budget: Budget = Budget()
    known_failure: dict[str, str] = Field(
        default_factory=dict, description="Model name -> why it cannot do this. Counted as failed, listed by reason."
    )

    @property
    def local_now(self) -> datetime:
        """`now` where the tenant is."""
        return self.now.astimezone(ZoneInfo(self.seed.time_zone))
