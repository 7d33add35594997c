"""Claim turns, load what they need, commit what they did: one transaction, valid with the newest fencing number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import uuid4

from channels.degrade import CAPABILITIES, render
from domain.messages import Medium, Part
from domain.ports import Clock, Failpoint
from domain.turns import AGENTS, AgentName, ContactProfile, ModelUsage, TurnContext, TurnOutcome
from services.accounts import AccountDirectory, OpenAccount
from services.effects import apply_effects
from services.parts import part_kind, part_text, part_to_json
from services.tenant_directory import TenantDirectory
from store import conversations, messages, turns
from store.conversations import ConversationRow
from store.database import Connection, Database
from store.messages import MessageRow, NewOutbound

_MOST_MESSAGES = 60  # of one turn; a flood beyond that is answered from its newest part
Price = Callable[[ModelUsage], Decimal]


class Commit(StrEnum):
    """How a commit ended."""

    COMMITTED = "committed"
    STALE = "stale"  # the customer wrote again: run the turn once more with the new message
    LOST = "lost"  # the lease went to another runner, or a human took over: throw the result away


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedTurn:
    """A claimed conversation with what its turn answers."""

    conversation: ConversationRow
    context: TurnContext
    account: OpenAccount
    said: Sequence[MessageRow]  # since the last turn, both directions, oldest first, without the agents' own words
    started_at: datetime

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
            person = await turns.person(connection, conversation.contact_id)
            is_answered = (
                person is not None
                and account is not None
                and conversation.handler == "bot"
                and profile.tenant.is_bot_enabled
                and account.row.is_bot_enabled
                and account.row.status != "disabled"
                and person.is_bot_enabled
                and person.is_platform_bot_enabled
            )
            if not is_answered or person is None or account is None:
                await conversations.silence(connection, conversation)
                return None
            said = await messages.after(connection, conversation.id, seq=conversation.history_seq, limit=_MOST_MESSAGES)
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
        context = TurnContext(
            tenant=profile.tenant,
            contact=contact,
            conversation_id=conversation.id,
            turn_seq=conversation.turn_seq,
            medium=Medium(account.row.medium),
            now=now,
            source="campaign" if "campaign" in conversation.source else "customer",
            assigned_agent=_agent(conversation.assigned_agent),
            is_first_reply=_is_first_reply(conversation),
            custom_fields=profile.custom_fields,
            stages=profile.stages,
        )
        return LoadedTurn(
            conversation=conversation,
            context=context,
            account=account,
            said=[row for row in said if row.author != "agent"],
            started_at=now,
        )

    async def commit(
        self, turn: LoadedTurn, outcome: TurnOutcome, *, checkpoint_id: str | None, reruns: int, is_final: bool
    ) -> Commit:
        """Write the whole turn or nothing. `is_final`: answer even if the customer wrote again meanwhile."""
        now = self._clock.now()
        conversation = turn.conversation
        async with self._database.tenant(conversation.tenant_id) as connection:
            current = await conversations.lock(connection, conversation.id)
            if not _is_ours(current, conversation):
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
            await turns.insert_trace(
                connection, trace=outcome.trace, tenant_id=conversation.tenant_id, conversation_id=conversation.id,
                turn_seq=conversation.turn_seq, outcome="answered" if outcome.parts else "silent",
                agent=outcome.agent, verdict=outcome.verdict, model=outcome.model,
                prompt_version=outcome.prompt_version, reruns=reruns, started_at=turn.started_at, finished_at=now,
            )  # fmt: skip
            for usage in outcome.usage:
                await turns.insert_usage(
                    connection, tenant_id=conversation.tenant_id, conversation_id=conversation.id,
                    turn_seq=conversation.turn_seq, agent=usage.agent, feature=usage.feature,
                    provider=usage.provider, model=usage.model, input_tokens=usage.input_tokens,
                    output_tokens=usage.output_tokens, cost_usd=self._price(usage), created_at=now,
                )  # fmt: skip
            await conversations.commit_turn(
                connection, conversation=conversation, answered_seq=turn.answered_seq, history_seq=turn.history_seq,
                agent=outcome.agent, has_reply=bool(outcome.parts), checkpoint_id=checkpoint_id, now=now,
            )  # fmt: skip

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


def _is_ours(current: ConversationRow | None, claimed: ConversationRow) -> bool:
    return current is not None and current.turn_seq == claimed.turn_seq and current.locked_by == claimed.locked_by


def _is_first_reply(conversation: ConversationRow) -> bool:
    """Tell whether no agent has spoken yet: what a campaign sent does not say who answers (spec 3.10)."""
    if "campaign" in conversation.source:
        return conversation.current_agent is None
    return conversation.last_outbound_at is None


def _agent(name: str | None) -> AgentName | None:
    return next((agent for agent in AGENTS if agent == name), None)
