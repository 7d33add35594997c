"""One talk as policies read it: who said what in which turn, what tools gave, which rows came, who the holder is."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import combinations
from zoneinfo import ZoneInfo

from evals.events import AgentSaid, Changed, CustomerSaid, Routed, ToolCalled, Transcript
from evals.policies.reading import amounts_in, amounts_meant, fold, sentences
from evals.scenario import Channel, Scenario, SeedCustomer, SeedProduct, SeedText
from services.demo_content import KNOWLEDGE, PRODUCTS, SETTINGS

_OK = re.compile(r'\s*\{"ok": ?true\b')
_MOST_SUMMED = 6  # invoices whose every sum is known; of more only single ones and the total


@dataclass(frozen=True, slots=True)
class Reply:
    """One message to the customer."""

    turn: int
    text: str
    plain: str
    at: datetime
    is_campaign: bool
    is_code: bool

    @property
    def sentences(self) -> tuple[str, ...]:
        return sentences(self.plain)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool's use. Its result is masked and may be cut short, so it is read as text where it is no JSON any more."""

    turn: int
    name: str
    result: str
    data: Mapping[str, object]

    @property
    def is_ok(self) -> bool:
        return self.data.get("ok") is True or bool(_OK.match(self.result))

    def has(self, name: str, value: str | int) -> bool:
        """Tell whether the result holds this pair."""
        return self.data.get(name) == value or f'"{name}": {json.dumps(value)}' in self.result


@dataclass(frozen=True, slots=True)
class NewPromise:
    """A promise that a turn stored."""

    turn: int
    at: datetime
    document: str
    amount_cents: int
    due_on: date
    protocol: str
    status: str


@dataclass(frozen=True, slots=True)
class World:
    """What the tenant itself publishes: prices, texts, settings."""

    text: str  # folded, whitespace in single spaces
    amounts: frozenset[int]


class Facts:
    """A scenario and its transcript, read once for all policies."""

    def __init__(self, scenario: Scenario, transcript: Transcript) -> None:
        self.scenario = scenario
        self.transcript = transcript
        self.seed = scenario.seed
        events = transcript.events
        said = [event for event in events if isinstance(event, AgentSaid) and event.text.strip()]
        messages = [_reply(event) for event in said]
        self.campaign = tuple(reply for reply in messages if reply.is_campaign)
        self.messages = tuple(reply for reply in messages if not reply.is_campaign)
        self.replies = tuple(reply for reply in self.messages if not reply.is_code)
        self.customer: dict[int, list[str]] = {}
        for event in events:
            if isinstance(event, CustomerSaid):
                self.customer.setdefault(event.turn, []).append(event.text)
        self.asked = {turn: fold("\n".join(texts)) for turn, texts in self.customer.items()}
        self.routes = tuple(event for event in events if isinstance(event, Routed))
        self.tools = tuple(_tool(event) for event in events if isinstance(event, ToolCalled))
        self.changes = tuple(event for event in events if isinstance(event, Changed))
        self.spoken = "\n".join(reply.plain for reply in self.replies)  # a quick look before each reply is read
        self.turns = sorted(self.asked)

    # --- words

    @cached_property
    def by_turn(self) -> Mapping[int, Sequence[Reply]]:
        found: dict[int, list[Reply]] = {}
        for reply in self.replies:
            found.setdefault(reply.turn, []).append(reply)
        return found

    def reply_of(self, turn: int) -> str:
        """Give all that was said in a turn, folded."""
        return "\n".join(reply.plain for reply in self.by_turn.get(turn, ()))

    def asked_until(self, turn: int) -> str:
        """Give all the customer said up to and with a turn, folded."""
        return "\n".join(text for at, text in self.asked.items() if at <= turn)

    def speaks_of(self, *stems: str) -> bool:
        """Tell whether any reply holds one of these stems."""
        return any(stem in self.spoken for stem in stems)

    def is_published(self, sentence: str) -> bool:
        """Tell whether a sentence is the tenant's own text: the knowledge base, a tool's passage, the catalogue."""
        bare = " ".join(sentence.split("(fonte")[0].split()).strip(" .!?")
        return len(bare) > 12 and bare in self.published

    @cached_property
    def published(self) -> str:
        found = (tool.result for tool in self.tools if tool.name in {"buscar_conhecimento", "buscar_produtos"})
        return " ".join((self.world.text, *(_flat(passage.replace("\\n", " ")) for passage in found)))

    # --- the tenant

    @cached_property
    def world(self) -> World:
        demo = _demo_world(self.seed.catalogue == "demo", self.seed.knowledge == "demo")
        own = [*_own_texts(self.seed.catalogue, self.seed.knowledge), *_texts_of(self.seed.policy.values())]
        if not own:
            return demo
        text = _flat(" \n ".join(own))
        prices = {item.price_cents for item in self.seed.catalogue if isinstance(item, SeedProduct)}
        return World(f"{demo.text} {text}", demo.amounts | set(amounts_in(text)) | prices)

    def setting(self, name: str, default: int) -> int:
        """Give a number of the tenant's settings as the scenario has them."""
        value = {**SETTINGS, **self.seed.policy}.get(name, default)
        return value if isinstance(value, int) else default

    # --- the holder

    @cached_property
    def customers(self) -> Mapping[str, SeedCustomer]:
        return {customer.document: customer for customer in self.seed.customers}

    @cached_property
    def confirmed_from(self) -> int | None:
        """Give the turn from which the holder was confirmed, None when never: a lookup gave the debt, or the contact
        got its document (a caller who was recognised)."""
        turns = [tool.turn for tool in self.tools if tool.name == "consultar_faturas_cpf" and tool.is_ok]
        for change in self.changes:
            before, after = change.before or {}, change.after or {}
            if change.table == "contacts" and after.get("document") and after["document"] != before.get("document"):
                turns.append(change.turn)
        return min(turns, default=None)

    @cached_property
    def unlinked_in(self) -> int | None:
        """Give the turn in which somebody said to be somebody else and the contact lost its document."""
        lost = [
            change.turn
            for change in self.changes
            if change.table == "contacts"
            and (change.before or {}).get("document")
            and not (change.after or {}).get("document")
        ]
        return min(lost, default=None)

    def is_confirmed(self, turn: int) -> bool:
        """Tell whether the holder was known when a turn was answered."""
        if self.confirmed_from is None or turn < self.confirmed_from:
            return False
        return self.unlinked_in is None or turn < self.unlinked_in or self.confirmed_from > self.unlinked_in

    @cached_property
    def own_documents(self) -> frozenset[str]:
        """Give the documents that were confirmed in this talk: by the end state, or linked to the contact in it."""
        end = self.transcript.end
        found = {end.identity_document} if end.identity == "confirmada" and end.identity_document else set[str]()
        for change in self.changes:
            document = (change.after or {}).get("document")
            if change.table == "contacts" and isinstance(document, str) and self.confirmed_from is not None:
                found.add(document)
        if not found and self.confirmed_from is not None and self.seed.contact.document:
            found.add(self.seed.contact.document)
        return frozenset(found)

    @cached_property
    def own(self) -> tuple[SeedCustomer, ...]:
        return tuple(self.customers[document] for document in self.own_documents if document in self.customers)

    # --- figures

    def open_cents(self, document: str) -> int:
        """Give what somebody owes in all."""
        customer = self.customers.get(document)
        return sum(item.amount_cents for item in customer.invoices if not item.is_paid) if customer else 0

    @cached_property
    def own_amounts(self) -> frozenset[int]:
        """Give the amounts that the holder's own affairs explain: invoices, their sums, halves and promises."""
        found = set[int]()
        for customer in self.own:
            found |= sums_of(tuple(item.amount_cents for item in customer.invoices))
        found |= {amount // 2 for amount in found} | {(amount + 1) // 2 for amount in found}
        found |= {
            promise.amount_cents for promise in self.transcript.end.promises if promise.document in self.own_documents
        }
        return frozenset(found)

    def said_amounts(self, turn: int) -> frozenset[int]:
        """Give the amounts that the customer named until a turn."""
        return amounts_meant(self.asked_until(turn))

    @cached_property
    def tool_amounts(self) -> frozenset[int]:
        """Give the amounts that any tool told in this talk."""
        return frozenset(amount for tool in self.tools for amount in amounts_in(fold(tool.result)))

    # --- what was stored

    @cached_property
    def new_promises(self) -> tuple[NewPromise, ...]:
        """List the promises that came during the talk, in order."""
        found = [
            promise
            for change in self.changes
            if change.table == "promises" and change.before is None and change.after is not None
            if (promise := _promise(change, change.after)) is not None
        ]
        return tuple(found)

    def changed(self, table: str, *, until: int, since: int = 0) -> list[Changed]:
        """List the changes of a table in the turns from `since` to `until`."""
        return [change for change in self.changes if change.table == table and since <= change.turn <= until]

    def is_human(self, turn: int) -> bool:
        """Tell whether a person had the conversation at the end of a turn."""
        handlers = [(change.after or {}).get("handler") for change in self.changed("conversations", until=turn)]
        return (bool(handlers) and handlers[-1] == "human") or self._left_to_people(turn)

    def _left_to_people(self, turn: int) -> bool:
        """Tell whether a call was left to the team: where nobody can take the line over, no row of the talk says so,
        only the router's decision that a person was asked for."""
        if not self.is_spoken or self.seed.can_transfer:
            return False
        return any(event.turn <= turn and event.agent is None and "person" in event.reason for event in self.routes)

    def is_opted_out(self, turn: int) -> bool:
        """Tell whether the customer was on the list of those who refused at the end of a turn."""
        if self.seed.contact.is_opted_out:
            return True
        rows = [change for change in self.changed("opt_outs", until=turn) if change.after is not None]
        return any(not (change.after or {}).get("is_revoked") for change in rows)

    # --- time

    @cached_property
    def zone(self) -> ZoneInfo:
        """Give the customer's zone: that of the phone's area code, of two the earlier (compliance.md 7)."""
        return zone_of(self.seed.contact.phone, ZoneInfo(self.seed.time_zone))

    def today(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def horizon(self, at: datetime) -> date:
        """Give the last day that may be promised."""
        return self.today(at) + timedelta(days=self.setting("promise_horizon_days", 30))

    @property
    def is_spoken(self) -> bool:
        return self.scenario.channel is Channel.VOICE


def _reply(event: AgentSaid) -> Reply:
    return Reply(
        event.turn, event.text, fold(event.text), event.at, event.author == "campaign", is_payment_code(event.text)
    )


def is_payment_code(text: str) -> bool:
    """Tell a Pix code or a boleto's line, sent as a message of its own, from words."""
    bare = "".join(text.split())
    if bare.startswith("000201") and "6304" in bare:
        return True
    digits = sum(character.isdigit() for character in bare)
    return digits >= 44 and digits >= 0.8 * len(bare)


def _tool(event: ToolCalled) -> Tool:
    try:
        data = json.loads(event.result)
    except ValueError:
        data = None
    return Tool(event.turn, event.name, event.result, data if isinstance(data, dict) else {})


def _promise(change: Changed, row: Mapping[str, object]) -> NewPromise | None:
    amount, due_on = row.get("amount_cents"), row.get("due_on")
    if not isinstance(amount, int) or not isinstance(due_on, str | date):
        return None
    day = due_on if isinstance(due_on, date) else date.fromisoformat(due_on[:10])
    return NewPromise(
        change.turn, change.at, str(row.get("document", "")), amount, day, str(row.get("protocol", "")),
        str(row.get("status", "pending")),
    )  # fmt: skip


def _flat(text: str) -> str:
    return " ".join(fold(text).split())


def _texts_of(values: Iterable[object]) -> list[str]:
    """Collect the texts inside settings."""
    found: list[str] = []
    for value in values:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, Mapping):
            found += _texts_of(value.values())
        elif isinstance(value, list | tuple):
            found += _texts_of(value)
    return found


def _own_texts(catalogue: object, knowledge: object) -> list[str]:
    found: list[str] = []
    if isinstance(catalogue, tuple):
        for item in catalogue:
            if isinstance(item, SeedProduct):
                found += [item.name, item.description]
    if isinstance(knowledge, tuple):
        found += [f"{item.title}. {item.text}" for item in knowledge if isinstance(item, SeedText)]
    return found


@lru_cache(maxsize=4)
def _demo_world(has_catalogue: bool, has_knowledge: bool) -> World:
    texts = _texts_of(SETTINGS.values())
    prices = set[int]()
    if has_catalogue:
        texts += [f"{item.name}. {item.description}" for item in PRODUCTS]
        prices |= {item.price_cents for item in PRODUCTS}
    if has_knowledge:
        texts += [f"{title}. {text}" for title, _, text in KNOWLEDGE]
    text = _flat(" \n ".join(texts))
    return World(text, frozenset(prices | set(amounts_in(text))))


@lru_cache(maxsize=512)
def sums_of(amounts: tuple[int, ...]) -> frozenset[int]:
    """Give every sum of some of these amounts; of many only each one and the total."""
    if len(amounts) > _MOST_SUMMED:
        return frozenset((*amounts, sum(amounts)))
    return frozenset(sum(some) for size in range(1, len(amounts) + 1) for some in combinations(amounts, size))


# Area codes whose clock is not Brasília's, the earlier zone where a code lies in two.
_WESTERN = {
    "65": "Cuiaba", "66": "Cuiaba", "67": "Campo_Grande", "68": "Rio_Branco", "69": "Porto_Velho", "92": "Manaus",
    "95": "Boa_Vista", "97": "Rio_Branco",
}  # fmt: skip


@lru_cache(maxsize=512)
def zone_of(phone: str, otherwise: ZoneInfo) -> ZoneInfo:
    """Give the zone of a Brazilian phone; of another country's phone the tenant's."""
    if not phone.startswith("+55"):
        return otherwise
    return ZoneInfo(f"America/{_WESTERN.get(phone[3:5], 'Sao_Paulo')}")
