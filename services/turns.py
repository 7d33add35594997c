"""Claim turns, load what they need, commit what they did: one transaction, valid with the newest fencing number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid4

from channels.degrade import CAPABILITIES, render
from domain.messages import Medium, Part
from domain.ports import Clock, Failpoint
from domain.turns import AGENTS, AgentName, CallContext, ContactProfile, ModelUsage, TurnContext, TurnOutcome
from services.accounts import AccountDirectory, OpenAccount
from services.effects import apply_effects
from services.parts import part_kind, part_text, part_to_json
from services.tenant_directory import TenantDirectory, TenantProfile
from store import conversations, messages, turns
from store.conversations import ConversationRow
from store.database import Connection, Database
from store.messages import MessageRow, NewOutbound
from store.turns import PersonRow

_MOST_MESSAGES = 60  # of one turn; a flood beyond that is answered from its newest part
_CARRIED_FOR = timedelta(days=3)  # what was said longer ago in another conversation is no longer taken up
Price = Callable[[ModelUsage], Decimal]


class Commit(StrEnum):
    """How a commit ended."""

    COMMITTED = "committed"
    STALE = "stale"  # the customer wrote again: run the turn once more with the new message
    LOST = "lost"  # the lease went to another runner, or a human took over: throw the result away


@dataclass(frozen=True, kw_only=True, slots=True)
class CarriedFrom:
    """Another conversation of the contact with a newer turn: a call, or what a call goes on from (ADR 15)."""

    conversation_id: UUID
    checkpoint_id: str
    medium: Medium


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedTurn:
    """A claimed conversation with what its turn answers."""

    conversation: ConversationRow
    context: TurnContext
    account: OpenAccount
    said: Sequence[MessageRow]  # since the last turn, both directions, oldest first, without the agents' own words
    started_at: datetime
    carried: CarriedFrom | None = None

    @property
    def answered_seq(self) -> int:
        inbound = [row.seq for row in self.said if row.direction == "in"]
        return max([self.conversation.answered_seq, *inbound])

    @property
    def history_seq(self) -> int:
        return max([self.conversation.history_seq, *(row.seq for row in self.said)])


class TurnStore:
    """Turns as rows. `runner` names this process; it is also the `sender` of what it commits."""

    def __init__(
        self, *, database: Database, tenants: TenantDirectory, accounts: AccountDirectory, clock: Clock, runner: str,
        lease_seconds: float, price: Price, failpoint: Failpoint,
    ) -> None:  # fmt: skip
        self._database = database
        self._tenants = tenants
        self._accounts = accounts
        self._clock = clock
        self._runner = runner
        self._lease = timedelta(seconds=lease_seconds)
        self._price = price
        self._failpoint = failpoint

    async def claim(self, limit: int) -> list[ConversationRow]:
        """Take up to `limit` due conversations."""
        now = self._clock.now()
        async with self._database.platform() as connection:
            return await conversations.claim(
                connection, runner=self._runner, now=now, locked_until=now + self._lease, limit=limit
            )

    async def next_due_at(self) -> datetime | None:
        async with self._database.platform() as connection:
            return await conversations.next_due_at(connection, now=self._clock.now())

    async def renew(self, rows: Sequence[ConversationRow]) -> set[object]:
        """Prolong the leases; return the ids that are still ours."""
        async with self._database.platform() as connection:
            kept = await conversations.renew(
                connection, ids=[row.id for row in rows], runner=self._runner,
                locked_until=self._clock.now() + self._lease,
            )  # fmt: skip
        return set(kept)

    async def load(self, conversation: ConversationRow) -> LoadedTurn | None:
        """Read what the turn needs; None when nobody should answer (bot off, human, account disabled)."""
        now = self._clock.now()
        profile = await self._tenants.profile(conversation.tenant_id)
        account = await self._accounts.by_id(conversation.tenant_id, conversation.channel_account_id)
        async with self._database.tenant(conversation.tenant_id) as connection:
            turn = await read_turn(connection, conversation, profile=profile, account=account, now=now)
            if turn is None:
                await conversations.silence(connection, conversation)
        return turn

    async def commit(
        self, turn: LoadedTurn, outcome: TurnOutcome, *, checkpoint_id: str | None, reruns: int, is_final: bool
    ) -> Commit:
        """Write the whole turn or nothing. `is_final`: answer even if the customer wrote again meanwhile."""
        now = self._clock.now()
        conversation = turn.conversation
        async with self._database.tenant(conversation.tenant_id) as connection:
            current = await conversations.lock(connection, conversation.id)
            if not is_ours(current, conversation):
                return Commit.LOST
            if current is not None and current.handler != "bot":
                await conversations.silence(connection, conversation)
                return Commit.LOST
            if current is not None and current.last_inbound_seq > turn.answered_seq and not is_final:
                return Commit.STALE
            self._failpoint("turn.committing")
            await self._write(connection, turn, outcome, checkpoint_id=checkpoint_id, reruns=reruns, now=now)
        self._failpoint("turn.committed")
        return Commit.COMMITTED

    async def _write(
        self, connection: Connection, turn: LoadedTurn, outcome: TurnOutcome, *, checkpoint_id: str | None,
        reruns: int, now: datetime,
    ) -> None:  # fmt: skip
        conversation = turn.conversation
        await apply_effects(
            connection, outcome.effects, tenant=turn.context.tenant, contact_id=conversation.contact_id,
            conversation_id=conversation.id, turn_seq=conversation.turn_seq, now=now,
        )  # fmt: skip
        async with connection.pipeline():
            await messages.insert_outbound(
                connection, self._outbox(turn, outcome), tenant_id=conversation.tenant_id,
                conversation_id=conversation.id, channel_account_id=conversation.channel_account_id, now=now,
                sender=self._runner, locked_until=now + self._lease,
            )  # fmt: skip
            await write_turn(
                connection, turn, outcome, checkpoint_id=checkpoint_id, reruns=reruns, price=self._price, now=now
            )

    def _outbox(self, turn: LoadedTurn, outcome: TurnOutcome) -> list[NewOutbound]:
        parts: Sequence[Part] = render(outcome.parts, CAPABILITIES[turn.account.row.provider])
        return [
            NewOutbound(
                id=uuid4(),
                author="agent",
                kind=part_kind(part),
                text=part_text(part),
                content=part_to_json(part),
                turn_seq=turn.conversation.turn_seq,
                agent=outcome.agent,
                prompt_version=outcome.prompt_version,
                model=outcome.model,
            )
            for part in parts
        ]

    async def release(self, conversation: ConversationRow, *, delay_seconds: float, has_failed: bool) -> None:
        """Let go of a turn that was not committed; it is due again after the delay."""
        async with self._database.tenant(conversation.tenant_id) as connection:
            await conversations.release(
                connection, conversation, due_at=self._clock.now() + timedelta(seconds=delay_seconds),
                has_failed=has_failed,
            )  # fmt: skip


async def read_turn(
    connection: Connection, conversation: ConversationRow, *, profile: TenantProfile, account: OpenAccount | None,
    now: datetime, call: CallContext | None = None,
) -> LoadedTurn | None:  # fmt: skip
    """Read what a claimed conversation's turn needs; None when nobody should answer: bot off, human, account off."""
    person = await turns.person(
        connection, conversation.contact_id, conversation_id=conversation.id, is_call=call is not None,
        since=max(conversation.last_turn_at or now - _CARRIED_FOR, now - _CARRIED_FOR),
    )  # fmt: skip
    if person is None or account is None or not _is_answered(conversation, person, profile, account):
        return None
    said = await messages.after(connection, conversation.id, seq=conversation.history_seq, limit=_MOST_MESSAGES)
    return LoadedTurn(
        conversation=conversation,
        context=_context(conversation, person, profile=profile, medium=Medium(account.row.medium), now=now, call=call),
        account=account,
        said=[row for row in said if row.author != "agent" or (call is not None and _is_outside_graph(row))],
        started_at=now,
        carried=_carried_from(person),
    )


def _is_answered(
    conversation: ConversationRow, person: PersonRow, profile: TenantProfile, account: OpenAccount
) -> bool:
    return (
        conversation.handler == "bot"
        and profile.tenant.is_bot_enabled
        and account.row.is_bot_enabled
        and account.row.status != "disabled"
        and person.is_bot_enabled
        and person.is_platform_bot_enabled
    )


def _is_outside_graph(row: MessageRow) -> bool:
    """Tell what the graph's own history lacks of an agent's words: said by code, or heard only in part."""
    return row.turn_seq is None or row.content.get("isInterrupted") is True


def _carried_from(person: PersonRow) -> CarriedFrom | None:
    if person.newer_conversation_id is None or person.newer_checkpoint_id is None or person.newer_medium is None:
        return None
    return CarriedFrom(
        conversation_id=person.newer_conversation_id, checkpoint_id=person.newer_checkpoint_id,
        medium=Medium(person.newer_medium),
    )  # fmt: skip


def _context(
    conversation: ConversationRow, person: PersonRow, *, profile: TenantProfile, medium: Medium, now: datetime,
    call: CallContext | None,
) -> TurnContext:  # fmt: skip
    contact = ContactProfile(
        id=person.id,
        name=person.name,
        document=person.document,
        custom_fields=person.custom_fields,
        has_opted_out=person.opted_out_at is not None,
        identity_tries=person.identity_tries,
        identity_tries_on=person.identity_tries_on,
        phone_match_keys=tuple(person.match_keys),
    )
    return TurnContext(
        tenant=profile.tenant,
        contact=contact,
        conversation_id=conversation.id,
        turn_seq=conversation.turn_seq,
        medium=medium,
        now=now,
        source="campaign" if "campaign" in conversation.source else "customer",
        assigned_agent=_agent(conversation.assigned_agent),
        is_first_reply=_is_first_reply(conversation),
        custom_fields=profile.custom_fields,
        stages=profile.stages,
        call=call,
    )


async def write_turn(
    connection: Connection, turn: LoadedTurn, outcome: TurnOutcome, *, checkpoint_id: str | None, reruns: int,
    price: Price, now: datetime,
) -> None:  # fmt: skip
    """Write what every turn leaves beside its reply and its effects: trace, usage, and the conversation moved on."""
    conversation = turn.conversation
    await turns.insert_trace(
        connection, trace=outcome.trace, tenant_id=conversation.tenant_id, conversation_id=conversation.id,
        turn_seq=conversation.turn_seq, outcome="answered" if outcome.parts else "silent",
        agent=outcome.agent, verdict=outcome.verdict, model=outcome.model,
        prompt_version=outcome.prompt_version, reruns=reruns, started_at=turn.started_at, finished_at=now,
    )  # fmt: skip
    await turns.insert_usage(
        connection, outcome.usage, price=price, tenant_id=conversation.tenant_id, conversation_id=conversation.id,
        turn_seq=conversation.turn_seq, now=now,
    )  # fmt: skip
    await conversations.commit_turn(
        connection, conversation=conversation, answered_seq=turn.answered_seq, history_seq=turn.history_seq,
        agent=outcome.agent, has_reply=bool(outcome.parts), checkpoint_id=checkpoint_id, now=now,
    )  # fmt: skip


def is_ours(current: ConversationRow | None, claimed: ConversationRow) -> bool:
    """Compare the fencing number: false when the lease went to another runner."""
    return current is not None and current.turn_seq == claimed.turn_seq and current.locked_by == claimed.locked_by


def _is_first_reply(conversation: ConversationRow) -> bool:
    """Tell whether no agent has spoken yet: what a campaign sent does not say who answers (spec 3.10)."""
    if "campaign" in conversation.source:
        return conversation.current_agent is None
    return conversation.last_outbound_at is None


def _agent(name: str | None) -> AgentName | None:
    return next((agent for agent in AGENTS if agent == name), None)
