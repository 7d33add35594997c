"""What happens to the targets of a campaign, written down as the engines write it; a test tells the story."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from domain.campaigns import Method, TargetOutcome, TargetState
from store import contact_decisions, contacts, conversations, promises
from store.campaigns import CampaignRow
from store.channel_accounts import AccountRow
from store.contact_decisions import NewDecision
from store.database import Database
from store.promises import PromiseRow
from store.targets import TargetRow
from tests.campaign_rig import add_target, make_campaign
from tests.contact_world import document_of, phone_of
from tests.factories import make_account, make_tenant
from tests.fakes_clock import DEFAULT_NOW


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """A tenant with one campaign, and what befalls its targets."""

    database: Database
    tenant_id: UUID
    account: AccountRow
    campaign: CampaignRow

    async def target(self, place: int, *, campaign: CampaignRow | None = None, **changes: object) -> TargetRow:
        """Add the place-th debtor."""
        return await add_target(
            self.database, campaign or self.campaign, document=document_of(place), phone=phone_of(place),
            now=DEFAULT_NOW, **changes,
        )  # fmt: skip

    async def execute(self, statement: str, **parameters: object) -> None:
        async with self.database.tenant(self.tenant_id) as connection:
            await connection.execute(statement.encode(), parameters)

    async def contact(
        self, target: TargetRow, *, at: datetime = DEFAULT_NOW, status: str = "sent", cost_cents: int = 40,
        is_voided: bool = False,
    ) -> UUID:  # fmt: skip
        """Make a WhatsApp contact; give its conversation."""
        contact_id, conversation_id, message_id = uuid4(), uuid4(), uuid4()
        async with self.database.tenant(self.tenant_id) as connection:
            await contacts.insert(connection, tenant_id=self.tenant_id, contact_id=contact_id, name=target.client_name)
            await conversations.open_conversation(
                connection, tenant_id=self.tenant_id, conversation_id=conversation_id, contact_id=contact_id,
                channel_account_id=self.account.id, address_kind="phone", address_value=target.phone,
                source="whatsapp_campaign", now=at,
            )  # fmt: skip
            await connection.execute(
                """
                INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text,
                    content, sent_at, status, status_at)
                VALUES (%(tenant)s, %(id)s, %(conversation)s, %(account)s, 'out', 'campaign', 'text', 'Olá!',
                    %(content)s, %(at)s, %(status)s, %(at)s)
                """,
                {
                    "tenant": self.tenant_id, "id": message_id, "conversation": conversation_id,
                    "account": self.account.id, "content": Jsonb({}), "at": at, "status": status,
                },
            )  # fmt: skip
            await contact_decisions.insert(
                connection,
                self.tenant_id,
                [
                    NewDecision(
                        id=uuid4(), engine="campaign", document=target.document, match_key=target.match_key,
                        method="whatsapp", verdict="contact", reason="allowed", decided_at=at,
                        campaign_id=target.campaign_id, target_id=target.id, contact_id=contact_id,
                        channel_account_id=self.account.id, message_id=message_id, cost_cents=cost_cents,
                    )
                ],
            )  # fmt: skip
            if is_voided:
                await contact_decisions.void_by_message(connection, message_id, now=at)
        if not is_voided:
            await self._contacted(target, Method.WHATSAPP, at, cost_cents, contact_id, conversation_id)
        return conversation_id

    async def call(
        self, target: TargetRow, *, status: str = "completed", answered_by: str | None = "human",
        at: datetime = DEFAULT_NOW,
    ) -> None:  # fmt: skip
        """Make a call."""
        call_id = uuid4()
        await self.execute(
            """
            INSERT INTO calls (tenant_id, id, channel_account_id, target_id, direction, phone, status, status_at,
                answered_by, created_at)
            VALUES (%(tenant)s, %(id)s, %(account)s, %(target)s, 'out', %(phone)s, %(status)s, %(at)s, %(by)s, %(at)s)
            """,
            tenant=self.tenant_id, id=call_id, account=self.account.id, target=target.id, phone=target.phone,
            status=status, by=answered_by, at=at,
        )  # fmt: skip
        await self.decide(target, "contact", "allowed", method="voice", call_id=call_id, at=at, cost_cents=60)
        await self._contacted(target, Method.VOICE, at, 60, None, None)

    async def decide(
        self, target: TargetRow, verdict: str, reason: str, *, method: str = "whatsapp", at: datetime = DEFAULT_NOW,
        call_id: UUID | None = None, cost_cents: int = 0, **details: object,
    ) -> None:  # fmt: skip
        """Write down a decision of the gate."""
        decision = NewDecision(
            id=uuid4(), engine="campaign", document=target.document, match_key=target.match_key, method=method,
            verdict=verdict, reason=reason, decided_at=at, campaign_id=target.campaign_id, target_id=target.id,
            details=details, call_id=call_id, cost_cents=cost_cents,
        )  # fmt: skip
        async with self.database.tenant(self.tenant_id) as connection:
            await contact_decisions.insert(connection, self.tenant_id, [decision])

    async def reply(self, conversation_id: UUID, *, at: datetime = DEFAULT_NOW + timedelta(minutes=5)) -> None:
        """Let the customer write."""
        await self.execute(
            """
            INSERT INTO messages (tenant_id, id, conversation_id, channel_account_id, direction, author, kind, text,
                sent_at)
            VALUES (%(tenant)s, gen_random_uuid(), %(conversation)s, %(account)s, 'in', 'customer', 'text', 'oi',
                %(at)s)
            """,
            tenant=self.tenant_id, conversation=conversation_id, account=self.account.id, at=at,
        )  # fmt: skip
        await self.execute(
            "UPDATE conversations SET last_inbound_at = %(at)s WHERE id = %(id)s", at=at, id=conversation_id
        )

    async def promise(
        self, target: TargetRow, *, status: str = "pending", at: datetime = DEFAULT_NOW + timedelta(minutes=6),
        amount_cents: int = 5000,
    ) -> None:  # fmt: skip
        """Record a promise and what it does to the target."""
        contact_id = uuid4()
        row = PromiseRow(
            id=uuid4(), protocol=uuid4().hex[:8].upper(), document=target.document, contact_id=contact_id,
            conversation_id=None, turn_seq=None, amount_cents=amount_cents, due_on=date(2026, 11, 27),
            protected_until=at + timedelta(days=7), method="Pix", notes=None, status=status, replaced_by=None,
            created_at=at, updated_at=at,
        )  # fmt: skip
        async with self.database.tenant(self.tenant_id) as connection:
            await contacts.insert(connection, tenant_id=self.tenant_id, contact_id=contact_id, name=target.client_name)
            await promises.put(connection, self.tenant_id, row)
        await self.move(target, TargetState.CONTACTED, TargetOutcome.PROMISE_MADE, promised_at=at)

    async def pay(self, target: TargetRow, *, at: datetime = DEFAULT_NOW + timedelta(days=1)) -> None:
        await self.move(target, TargetState.COMPLETED, TargetOutcome.PAID, paid_at=at)

    async def move(
        self, target: TargetRow, state: TargetState, outcome: TargetOutcome | None, *,
        promised_at: datetime | None = None, paid_at: datetime | None = None,
    ) -> None:  # fmt: skip
        await self.execute(
            """
            UPDATE targets SET state = %(state)s, outcome = %(outcome)s,
                promised_at = coalesce(%(promised_at)s, promised_at), paid_at = coalesce(%(paid_at)s, paid_at)
            WHERE id = %(id)s
            """,
            id=target.id, state=state, outcome=outcome, promised_at=promised_at, paid_at=paid_at,
        )  # fmt: skip

    async def _contacted(
        self, target: TargetRow, method: Method, at: datetime, cost_cents: int, contact_id: UUID | None,
        conversation_id: UUID | None,
    ) -> None:  # fmt: skip
        await self.execute(
            """
            UPDATE targets SET state = 'contacted', outcome = 'sent', method = %(method)s,
                attempt_count = attempt_count + 1, first_contacted_at = coalesce(first_contacted_at, %(at)s),
                last_attempt_at = %(at)s, contact_id = coalesce(%(contact)s, contact_id),
                conversation_id = coalesce(%(conversation)s, conversation_id)
            WHERE id = %(id)s
            """,
            id=target.id, method=method, at=at, contact=contact_id, conversation=conversation_id,
        )  # fmt: skip
        await self.execute(
            "UPDATE campaigns SET spent_cents = spent_cents + %(cost)s WHERE id = %(id)s",
            cost=cost_cents, id=target.campaign_id,
        )  # fmt: skip


async def begin_story(database: Database, *, slug: str = "tr-telecom", **campaign: object) -> Story:
    """Make a tenant with an account and an active campaign."""
    tenant_id = await make_tenant(database, slug)
    return await begin_story_of(database, tenant_id, **campaign)


async def begin_story_of(database: Database, tenant_id: UUID, **campaign: object) -> Story:
    """Make an account and an active campaign of a tenant that is there."""
    account = await make_account(database, tenant_id)
    made = await make_campaign(database, tenant_id, account.id, **campaign)  # type: ignore[arg-type]
    return Story(database=database, tenant_id=tenant_id, account=account, campaign=made)
