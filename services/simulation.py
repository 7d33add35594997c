"""The customer's side of the demo: who one can be, what was said, and what each turn of the assistant did."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from stdnum.br import cnpj, cpf

from domain.errors import Conflict, ConversationClosed, NotFound, NotHandedOff
from domain.masking import mask_text
from domain.messages import Provider
from domain.ports import Clock
from domain.tenants import Tenant
from services import call_requests, conversations_admin
from services.accounts import AccountDirectory, OpenAccount
from services.demo import DEMO_CONTACTS, DEMO_NUMBER, DEMO_SLUG, DemoContact
from store import channel_accounts, simulation, tenants
from store.database import Database
from store.simulation import (
    RingingCallRow,
    SimulatedCallRow,
    SimulatedConversationRow,
    SimulatedMessageRow,
    SimulatedTurnRow,
    SituationRow,
    WaitingCallRow,
)

_MOST_MESSAGES = 200
_MOST_TURNS = 50
_RINGS_AT_MOST = timedelta(minutes=5)
_CPF_DIGITS = 11
_LIVE = frozenset({"open", "waiting"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulator:
    """The demo tenant, its simulator account, and the number that the simulated telephone calls."""

    tenant: Tenant
    account: OpenAccount
    phone: OpenAccount | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoPerson:
    """Somebody to talk as, with the place in the list that names the person, and where they stand today."""

    number: int
    contact: DemoContact
    situation: SituationRow

    @property
    def typed_document(self) -> str:
        """Give the document as people type it, with dots and dash."""
        document = self.contact.document
        return str(cpf.format(document) if len(document) == _CPF_DIGITS else cnpj.format(document))


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What happened in a talk since it was last looked at."""

    conversation: SimulatedConversationRow | None
    messages: Sequence[SimulatedMessageRow] = ()
    turns: Sequence[SimulatedTurnRow] = ()
    seen_at: datetime

    @property
    def is_live(self) -> bool:
        return self.conversation is not None and self.conversation.status in _LIVE

    @property
    def is_typing(self) -> bool:
        """Say whether a turn is due or running."""
        talk = self.conversation
        if talk is None or talk.handler != "bot" or not self.is_live:
            return False
        return talk.turn_due_at is not None or self.is_running

    @property
    def is_running(self) -> bool:
        """Say whether a turn is being worked on now."""
        talk = self.conversation
        return talk is not None and talk.locked_until is not None and talk.locked_until > self.seen_at

    @property
    def is_with_a_person(self) -> bool:
        return self.conversation is not None and self.is_live and self.conversation.handler == "human"


@dataclass(frozen=True, kw_only=True, slots=True)
class CallChanges:
    """What became of a call, and what its turns did since it was last looked at."""

    call: SimulatedCallRow | None
    turns: Sequence[SimulatedTurnRow] = ()

    @property
    def will_have_summary(self) -> bool:
        """Say whether a summary may still come; a call too short for one has none."""
        call = self.call
        return call is not None and call.summary is None and (call.processed_at is None or bool(call.summary_due_at))


class Simulation:
    """Reads for the simulator's faces. Writes are those of any customer or operator, never a way around a rule."""

    def __init__(self, database: Database, accounts: AccountDirectory, clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock

    async def find(self) -> Simulator | None:
        """Give the demo tenant's simulator; None when the demo is not loaded or its account is switched off."""
        async with self._database.platform() as connection:
            tenant = await tenants.by_slug(connection, DEMO_SLUG)
        if tenant is None:
            return None
        async with self._database.tenant(tenant.id) as connection:
            rows = await channel_accounts.list_all(connection)
        account_id = next((row.id for row in rows if row.provider is Provider.SIMULATOR), None)
        account = await self._accounts.by_id(tenant.id, account_id) if account_id else None
        phone_id = next((row.id for row in rows if row.external_id == DEMO_NUMBER), None)
        phone = await self._accounts.by_id(tenant.id, phone_id) if phone_id else None
        return Simulator(tenant=tenant, account=account, phone=phone) if account else None

    async def people(self, simulator: Simulator) -> list[DemoPerson]:
        """List the demo's people and where each stands today."""
        today = self._clock.now().astimezone(simulator.tenant.time_zone).date()
        async with self._database.tenant(simulator.tenant.id) as connection:
            rows = await simulation.situations(
                connection, addresses=[contact.phone for contact in DEMO_CONTACTS],
                documents=[contact.document for contact in DEMO_CONTACTS], today=today,
            )  # fmt: skip
        by_address = {row.address: row for row in rows}
        return [
            DemoPerson(number=number, contact=contact, situation=by_address[contact.phone])
            for number, contact in enumerate(DEMO_CONTACTS, start=1)
        ]

    async def look(
        self, simulator: Simulator, *, address: str, known: UUID | None, after_seq: int, after_turn: int,
        unsettled: Collection[UUID],
    ) -> Changes:  # fmt: skip
        """Read what is new for this address. The marks count for the conversation `known`; another is read whole."""
        now = self._clock.now()
        async with self._database.tenant(simulator.tenant.id) as connection:
            talk = await simulation.newest_conversation(
                connection, channel_account_id=simulator.account.row.id, address=address
            )
            # A talk that ended before anybody looked at it is history: the next message opens a new one.
            if talk is None or (talk.id != known and talk.status not in _LIVE):
                return Changes(conversation=None, seen_at=now)
            is_known = talk.id == known
            said = await simulation.messages_since(
                connection, talk.id, after=after_seq if is_known else 0, unsettled=unsettled if is_known else (),
                limit=_MOST_MESSAGES,
            )  # fmt: skip
            done: list[SimulatedTurnRow] = []
            if not is_known or talk.turn_seq > after_turn:
                done = await simulation.turns_since(
                    connection, talk.id, after=after_turn if is_known else 0, limit=_MOST_TURNS
                )
        return Changes(conversation=talk, messages=said, turns=[_masked(turn) for turn in done], seen_at=now)

    async def ringing(self, simulator: Simulator) -> list[RingingCallRow]:
        """List the assistant's calls to the demo's people that wait to be taken."""
        if simulator.phone is None:
            return []
        since = self._clock.now() - _RINGS_AT_MOST
        async with self._database.tenant(simulator.tenant.id) as connection:
            return await simulation.ringing_calls(connection, channel_account_id=simulator.phone.row.id, since=since)

    async def look_at_call(self, simulator: Simulator, provider_call_id: str, *, after_turn: int) -> CallChanges:
        """Read what a call of the simulated telephone came to, and its turns after number `after_turn`."""
        if simulator.phone is None:
            return CallChanges(call=None)
        async with self._database.tenant(simulator.tenant.id) as connection:
            call = await simulation.call_by_provider_id(
                connection, channel_account_id=simulator.phone.row.id, provider_call_id=provider_call_id
            )
            done: list[SimulatedTurnRow] = []
            if call is not None and call.conversation_id is not None:
                done = await simulation.turns_since(
                    connection, call.conversation_id, after=after_turn, limit=_MOST_TURNS
                )
        return CallChanges(call=call, turns=[_masked(turn) for turn in done])

    async def waiting_call(self, simulator: Simulator, address: str) -> WaitingCallRow | None:
        """Find the call that is agreed with one of the demo's people and does not ring yet."""
        async with self._database.tenant(simulator.tenant.id) as connection:
            return await simulation.waiting_request(connection, address)

    def is_due(self, waiting: WaitingCallRow) -> bool:
        """Say whether the hour of an agreed call has come."""
        return waiting.due_at is not None and waiting.due_at <= self._clock.now()

    async def call_now(self, simulator: Simulator, waiting: WaitingCallRow) -> bool:
        """Bring an agreed call forward, as an operator would; False when no phone may ring now."""
        now = self._clock.now()
        try:
            await call_requests.ask_for_contact(
                self._database, simulator.tenant, contact_id=waiting.contact_id, reason=waiting.reason, wanted_at=now,
                now=now,
            )  # fmt: skip
        except (Conflict, NotFound):
            return False
        return True

    async def end(self, simulator: Simulator, conversation_id: UUID) -> bool:
        """Close a conversation, so that the next message opens a new one; False when it is closed already."""
        try:
            await conversations_admin.close(
                self._database, simulator.tenant.id, conversation_id, reason="simulator", now=self._clock.now()
            )
        except (ConversationClosed, NotFound):
            return False
        return True

    async def hand_back(self, simulator: Simulator, conversation_id: UUID) -> bool:
        """Give a conversation back to the bot; False when no person has it."""
        try:
            await conversations_admin.hand_back(
                self._database, simulator.tenant.id, conversation_id, now=self._clock.now()
            )
        except (ConversationClosed, NotFound, NotHandedOff):
            return False
        return True


def _masked(turn: SimulatedTurnRow) -> SimulatedTurnRow:
    return replace(turn, trace=[{key: _masked_value(value) for key, value in step.items()} for step in turn.trace])


def _masked_value(value: object) -> object:
    """Hide personal data wherever a step may hold it (design: N6); the graph masks too, this page trusts nobody."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {str(key): _masked_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked_value(item) for item in value]
    return value
