"""Let a simulated debtor act: the words come in as from a phone, the rest is written as a turn commits it."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from domain.effects import ClaimPayment, ConfirmPayment, Effect, HandOff, MarkWrongPerson, OptOut, RecordPromise
from domain.messages import Address, AddressKind, InboundMessage, MessageKind, ParsedWebhook
from domain.promised_day import protected_until
from domain.tenants import Tenant
from jobs.debtor_simulation.debtors import Action, ActionKind, Debtor
from services.conversations_admin import close, hand_back
from services.effects import apply_effects
from services.ledger import NewInvoice, upsert_customer_invoices
from store import conversations, invoices, messages
from store.channel_accounts import AccountRow
from wiring.deps import Deps


class DirectActor:
    """Writes what a turn of the graph would have written, without running one: thousands of debtors in a minute."""

    at_once = 8

    def __init__(self, deps: Deps, tenant: Tenant, account: AccountRow) -> None:
        self._deps = deps
        self._tenant = tenant
        self._account = account
        self._said: Counter[int] = Counter()
        self._conversations: dict[int, UUID] = {}

    async def act(self, action: Action) -> None:
        """Do one action now. Raises what the services raise: a simulation hides nothing."""
        if action.kind is ActionKind.PAY:
            await pay(self._deps, self._tenant, action.debtor, action.amount_cents)
        elif action.kind is ActionKind.SETTLE_DISPUTE:
            await self._settle_dispute(action)
        else:
            await self._talk(action)

    async def _talk(self, action: Action) -> None:
        conversation_id = await self._write(action)
        effects = await self._effects(action)
        async with self._deps.database.tenant(self._tenant.id) as connection:
            row = await conversations.lock(connection, conversation_id)
            if row is None:
                raise LookupError("the conversation that was just written in is gone")
            await apply_effects(
                connection, effects, tenant=self._tenant, contact_id=row.contact_id, conversation_id=row.id,
                turn_seq=self._said[action.debtor.number], now=self._deps.clock.now(),
            )  # fmt: skip
            await conversations.mark_answered(connection, conversation_id, now=self._deps.clock.now())

    async def _write(self, action: Action) -> UUID:
        """Send the text in through the inbox; give the conversation it went into."""
        debtor = action.debtor
        self._said[debtor.number] += 1
        message_id = f"debtor-{debtor.number}-{self._said[debtor.number]}"
        kinds = (AddressKind.SIMULATED, AddressKind.PHONE)  # as the simulator's channel reads a phone
        message = InboundMessage(
            provider_message_id=message_id, account_external_id=self._account.external_id,
            addresses=tuple(Address(kind=kind, value=debtor.phone) for kind in kinds),
            sent_at=self._deps.clock.now(), kind=MessageKind.TEXT, text=action.text or "", profile_name=debtor.name,
        )  # fmt: skip
        await self._deps.inbox.receive(self._account, ParsedWebhook(messages=(message,)), now=self._deps.clock.now())
        async with self._deps.database.tenant(self._tenant.id) as connection:
            row = await messages.by_provider_id(
                connection, channel_account_id=self._account.id, provider_message_id=message_id
            )
        if row is None:
            raise LookupError("the inbox lost a message")
        self._conversations[debtor.number] = row.conversation_id
        return row.conversation_id

    async def _effects(self, action: Action) -> list[Effect]:
        document, today = action.debtor.document, self._deps.clock.now().astimezone(self._tenant.time_zone).date()
        match action.kind:
            case ActionKind.PROMISE:
                open_cents = await open_cents_of(self._deps, self._tenant, document)
                if open_cents == 0 or action.day is None:
                    return []
                amount = min(action.amount_cents, open_cents)
                return [
                    RecordPromise(
                        protocol=f"P{action.debtor.number:05d}{self._said[action.debtor.number]}", document=document,
                        amount_cents=amount, due_on=max(action.day, today),
                    )
                ]  # fmt: skip
            case ActionKind.CLAIM_PAYMENT:
                if await open_cents_of(self._deps, self._tenant, document) == 0:
                    return [ConfirmPayment(document=document)]
                day = today + timedelta(days=self._tenant.settings.payment_claim_hold_days)
                return [ClaimPayment(document=document, hold_until=protected_until(day, self._tenant.time_zone))]
            case ActionKind.OPT_OUT:
                return [OptOut(scope="all", reason="pediu")]
            case ActionKind.DENY:
                return [MarkWrongPerson(reason="disse que não é a pessoa")]
            case ActionKind.ASK_PERSON:
                return [HandOff(reason="pediu uma pessoa")]
            case _:
                return []

    async def _settle_dispute(self, action: Action) -> None:
        """Let the operator hand the conversation back and close it; who was right owes nothing any more."""
        now = self._deps.clock.now()
        conversation_id = self._conversations[action.debtor.number]
        await hand_back(self._deps.database, self._tenant.id, conversation_id, now=now)
        await close(self._deps.database, self._tenant.id, conversation_id, reason="contestação resolvida", now=now)
        if action.amount_cents:
            await cancel_debt(self._deps, self._tenant, action.debtor)


async def open_cents_of(deps: Deps, tenant: Tenant, document: str) -> int:
    """Sum what a document owes in the ledger."""
    async with deps.database.tenant(tenant.id) as connection:
        return sum(row.amount_cents for row in await invoices.open_of(connection, document))


async def pay(deps: Deps, tenant: Tenant, debtor: Debtor, amount_cents: int) -> None:
    """Pay into the ledger: the whole invoice, or a part that makes it smaller. Nothing open: nothing is paid."""
    open_cents = await open_cents_of(deps, tenant, debtor.document)
    if open_cents == 0:
        return
    rest = open_cents - amount_cents
    invoice = _invoice(debtor, rest if rest > 0 else open_cents)
    await _write_invoice(deps, tenant, debtor, invoice if rest > 0 else replace(invoice, paid_at=deps.clock.now()))


async def cancel_debt(deps: Deps, tenant: Tenant, debtor: Debtor) -> None:
    """Cancel the invoice: the debtor was right."""
    open_cents = await open_cents_of(deps, tenant, debtor.document)
    if open_cents:
        await _write_invoice(deps, tenant, debtor, replace(_invoice(debtor, open_cents), canceled_at=deps.clock.now()))


def _invoice(debtor: Debtor, amount_cents: int) -> NewInvoice:
    return NewInvoice(number=debtor.invoice_number, amount_cents=amount_cents, due_on=debtor.due_on)


async def _write_invoice(deps: Deps, tenant: Tenant, debtor: Debtor, invoice: NewInvoice) -> None:
    await upsert_customer_invoices(
        deps.database, tenant_id=tenant.id, document=debtor.document, name=debtor.name, phone=debtor.phone,
        new_invoices=[invoice],
    )  # fmt: skip
