"""Judge a batch of contacts on gathered facts, each seeing what those before it did, and list the rows to write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from domain import contact_rules
from domain.call_requests import REQUESTED_HOURS, RequestState
from domain.campaigns import CampaignStatus, Method, TargetState
from domain.contact_hours import ContactWindow, place_of
from domain.contact_rules import Facts, Judgement, Reason
from domain.messages import Address, AddressKind
from domain.phones import PhoneKind, match_key, phone_kind
from domain.ports import DebtStatement
from domain.promise_reminders import REMINDER_HOURS
from domain.tenants import Tenant, TenantSettings
from services.contact_requests import ContactRequest, Decision
from services.contact_senders import Sender, Senders
from services.contact_targets import as_judged, contacted, refused_request, undeliverable_of
from services.parts import part_kind, part_to_json
from store.call_requests import CallRequestRow, ChangedRequest
from store.campaigns import CampaignRow
from store.contact_decisions import NewDecision
from store.contact_facts import CampaignAccount, Gathered, HeldConversation, People, PersonFacts
from store.contact_writes import (
    ChangedTarget,
    DialingCall,
    NewAddress,
    NewPerson,
    OpenedConversation,
    SendingMessage,
)
from store.targets import TargetRow

_REMINDER_LIVE_HOURS = 2  # the promise itself was a conversation
_STATEMENT_AGE = timedelta(seconds=45)  # an answer of the CRM is good for seconds, not minutes
_COLLECTOR = "cobranca"


@dataclass(slots=True)
class Rows:
    """What a batch writes."""

    persons: list[NewPerson] = field(default_factory=list)
    addresses: list[NewAddress] = field(default_factory=list)
    conversations: dict[UUID, OpenedConversation] = field(default_factory=dict)
    messages: list[SendingMessage] = field(default_factory=list)
    calls: list[DialingCall] = field(default_factory=list)
    targets: dict[UUID, ChangedTarget] = field(default_factory=dict)
    decisions: list[NewDecision] = field(default_factory=list)
    requests: dict[UUID, ChangedRequest] = field(default_factory=dict)
    spent: dict[UUID, int] = field(default_factory=dict)
    paused: set[UUID] = field(default_factory=set)


class ContactBatch:
    """The judgement of one transaction. Not reusable: it remembers what it has decided."""

    def __init__(
        self, *, tenant: Tenant, gathered: Gathered, people: People, statements: Mapping[str, DebtStatement] | None,
        now: datetime,
    ) -> None:  # fmt: skip
        self._tenant = tenant
        self._facts = gathered
        self._statements = statements  # the tenant's own ledger, read under the locks; None: the CRM was asked
        self._now = now
        self._owners: dict[str, list[UUID]] = {}
        self._aliases: dict[str, list[Address]] = {}
        self._unreachable: set[str] = set()
        for known in people.addresses:
            self._owners.setdefault(known.match_key, []).append(known.contact_id)
            if known.kind in (AddressKind.PHONE, AddressKind.WA_ID):
                address = Address(kind=AddressKind(known.kind), value=known.value)
                self._aliases.setdefault(known.match_key, []).append(address)
            if known.is_unreachable:
                self._unreachable.add(known.match_key)
        self._bearers: dict[str, list[UUID]] = {}
        for contact_id, document in people.of_documents.items():
            self._bearers.setdefault(document, []).append(contact_id)
        self._contacted = [(row.document, row.match_key, row.decided_at) for row in gathered.recent]
        self._live = {(row.contact_id, row.channel_account_id): row for row in gathered.conversations}
        self._senders = Senders(tenant=tenant, gathered=gathered, now=now)
        self.rows = Rows()

    def judge(self, request: ContactRequest) -> Decision:
        """Decide one request and note what it changes."""
        target = self._facts.targets.get(request.target_id) if request.target_id else None
        campaign = self._facts.campaigns.get(target.campaign_id) if target else None
        key = match_key(request.phone) or request.phone
        refusal = self._not_ours(request, target, campaign)
        if refusal is not None:
            return self._refused(request, target, key, refusal)
        sender = self._senders.choose(request, campaign, key=key, contact_id=self._owner(key))
        judgement = contact_rules.decide(self._gathered(request, target, campaign, key, sender))
        if judgement.verdict == "contact" and sender.account is not None:
            return self._made(request, target, campaign, key, sender)
        return self._refused(request, target, key, judgement)

    def _not_ours(
        self, request: ContactRequest, target: TargetRow | None, campaign: CampaignRow | None
    ) -> Judgement | None:
        """Refuse what was changed, taken over or withdrawn since it was asked for."""
        not_due = Judgement(verdict="skip", reason=Reason.TARGET_NOT_DUE)
        if request.engine == "reminder":
            return None if request.promise_id in self._facts.pending_promises else not_due
        if request.engine == "escalation":
            return None if self._wanted(request) is not None else not_due
        if target is None or campaign is None or target.locked_by != request.worker:
            return not_due
        if target.state is not TargetState.SCHEDULED or target.method is not request.method:
            return not_due
        if target.due_at is None or target.due_at > self._now or target.document != request.document:
            return not_due
        return None

    def _wanted(self, request: ContactRequest) -> CallRequestRow | None:
        """Give the customer's request for this call, if it is still to be met by this worker."""
        wanted = self._facts.call_requests.get(request.request_id) if request.request_id else None
        if wanted is None or wanted.locked_by != request.worker or wanted.state is not RequestState.WAITING:
            return None
        is_due = wanted.due_at is not None and wanted.due_at <= self._now
        return wanted if is_due and wanted.phone == request.phone and request.method is Method.VOICE else None

    def _gathered(
        self, request: ContactRequest, target: TargetRow | None, campaign: CampaignRow | None, key: str,
        sender: Sender,
    ) -> Facts:  # fmt: skip
        settings = self._tenant.settings
        is_reminder = request.engine == "reminder"
        wanted = self._wanted(request)
        people = self._people(key, request.document)
        kind = phone_kind(request.phone)
        statement, problem = self._debt(request)
        talks = [row for (contact_id, _), row in self._live.items() if any(contact_id == who.id for who in people)]
        inbound = [who.last_inbound_at for who in people if who.last_inbound_at is not None]
        return Facts(
            now=self._now, method=request.method, is_reminder=is_reminder, is_asked_for=wanted is not None,
            campaign_status=self._status(campaign), document=request.document,
            attempts=target.attempt_count if target else 0, max_attempts=campaign.max_attempts if campaign else 1,
            is_last_outcome_open=self._is_outcome_open(target),
            opt_out_scopes=_scopes(people, since=wanted.created_at if wanted else None),
            medium=str(sender.account.medium) if sender.account else "",
            is_wrong_number=(request.document, key) in self._facts.wrong_numbers,
            is_contactable=kind in (PhoneKind.MOBILE, PhoneKind.FIXED_LINE),
            place=place_of(request.phone, uf=target.uf if target else None),
            window=REQUESTED_HOURS if wanted else _window(campaign),
            tenant_holidays=self._facts.holidays,
            contacted_at=[at for doc, phone, at in self._contacted if doc == request.document or phone == key],
            cap_per_day=settings.contact_cap_per_day, cap_per_week=settings.contact_cap_per_week,
            last_inbound_at=max(inbound, default=None),
            live_hours=_REMINDER_LIVE_HOURS if is_reminder else settings.live_conversation_hours,
            is_turn_open=any(self._is_turn_open(talk) for talk in talks),
            is_human_handling=any(talk.handler == "human" for talk in talks),
            is_bot_enabled=self._is_bot_enabled(people, sender),
            statement=statement, crm_problem=problem, postponements=_postponements(target, Reason.CRM_UNAVAILABLE),
            promise_protected_until=self._facts.protections.get(request.document),
            claim_hold_until=self._facts.holds.get(request.document),
            usable_methods=contact_rules.usable_methods(
                allowed=frozenset(campaign.allowed_methods) if campaign else frozenset({request.method}),
                is_mobile=kind is PhoneKind.MOBILE, undeliverable=undeliverable_of(target),
                is_unreachable=key in self._unreachable,
            ),
            account=sender.health, template=sender.need, cost_cents=self._cost(request.method),
            budget_left_cents=self._budget_left(campaign),
        )  # fmt: skip

    def _owner(self, key: str) -> UUID | None:
        """Give who is reached at a phone: the contact that was met there first."""
        return next(iter(self._owners.get(key, [])), None)

    def _people(self, key: str, document: str) -> list[PersonFacts]:
        ids = dict.fromkeys([*self._owners.get(key, []), *self._bearers.get(document, [])])
        return [self._facts.people[contact_id] for contact_id in ids if contact_id in self._facts.people]

    def _status(self, campaign: CampaignRow | None) -> CampaignStatus | None:
        if campaign is None:
            return None
        return CampaignStatus.PAUSED if campaign.id in self.rows.paused else campaign.status

    def _is_outcome_open(self, target: TargetRow | None) -> bool:
        """Tell whether the contact before this one may still turn out either way; what an operator or a reply settled
        has another outcome."""
        if target is None:
            return False
        status = self._facts.open_outcomes.get(target.id)
        return status is not None and (status != "unknown" or target.outcome in (None, "sent", "no_answer"))

    def _is_turn_open(self, talk: HeldConversation) -> bool:
        return talk.turn_due_at is not None or (talk.locked_until is not None and talk.locked_until > self._now)

    def _is_bot_enabled(self, people: Sequence[PersonFacts], sender: Sender) -> bool:
        is_account_on = sender.account is None or sender.account.is_bot_enabled
        return self._facts.is_bot_enabled and is_account_on and all(who.is_bot_enabled for who in people)

    def _debt(self, request: ContactRequest) -> tuple[DebtStatement | None, str | None]:
        if self._statements is not None:
            statement = self._statements.get(request.document)
            return statement, None if statement else contact_rules.UNKNOWN_CUSTOMER
        if request.asked_at is not None and self._now - request.asked_at > _STATEMENT_AGE:
            return None, "answer_too_old"
        return request.statement, request.crm_problem

    def _cost(self, method: Method) -> int:
        return cost_cents(self._tenant.settings, method)

    def _budget_left(self, campaign: CampaignRow | None) -> int | None:
        if campaign is None or campaign.budget_cents is None:
            return None
        return campaign.budget_cents - campaign.spent_cents - self.rows.spent.get(campaign.id, 0)

    def _made(
        self, request: ContactRequest, target: TargetRow | None, campaign: CampaignRow | None, key: str,
        sender: Sender,
    ) -> Decision:  # fmt: skip
        """Write the contact down: who, in which conversation, what is said, and that it counts."""
        account = sender.account
        assert account is not None  # noqa: S101  # the rules let nobody pass without a number
        wanted = self._wanted(request)
        contact_id = wanted.contact_id if wanted else self._contact(request, key)
        conversation = None
        message_id = call_id = None
        if request.method is Method.VOICE:
            call_id = uuid4()
            self.rows.calls.append(
                DialingCall(
                    id=call_id, channel_account_id=account.id, contact_id=contact_id, target_id=request.target_id,
                    phone=request.phone, locked_by=request.worker,
                    purpose="requested" if wanted else "campaign", request_id=wanted.id if wanted else None,
                )
            )  # fmt: skip
        else:
            conversation = self._conversation(request, contact_id, account, key)
            message_id = self._message(request, conversation, sender)
        cost = self._cost(request.method)
        if campaign is not None and target is not None:
            if campaign.budget_cents is not None:
                self.rows.spent[campaign.id] = self.rows.spent.get(campaign.id, 0) + cost
            self.rows.targets[target.id] = contacted(
                target, campaign, method=request.method, contact_id=contact_id,
                conversation_id=conversation.id if conversation else target.conversation_id, now=self._now,
            )  # fmt: skip
        if wanted is not None:
            self.rows.requests[wanted.id] = ChangedRequest(
                id=wanted.id, state=RequestState.CALLING, outcome=None, due_at=None, attempts=wanted.attempts + 1
            )
        elif request.engine != "reminder":
            self._contacted.append((request.document, key, self._now))
        decision = Decision(
            id=uuid4(), request=request, verdict="contact", reason=Reason.ALLOWED, decided_at=self._now,
            contact_id=contact_id, conversation_id=conversation.id if conversation else None, account_id=account.id,
            message_id=message_id, call_id=call_id, part=sender.part,
            address=Address(
                kind=AddressKind(conversation.address_kind), value=conversation.address_value
            ) if conversation else Address(kind=AddressKind.PHONE, value=request.phone),
        )  # fmt: skip
        self._note(decision, target, key, cost)
        return decision

    def _contact(self, request: ContactRequest, key: str) -> UUID:
        owner = self._owner(key)
        if owner is not None:
            return owner
        contact_id = uuid4()
        self._owners[key] = [contact_id]
        self.rows.persons.append(NewPerson(id=contact_id, name=request.client_name or None))
        self.rows.addresses.append(NewAddress(contact_id=contact_id, value=request.phone, match_key=key))
        return contact_id

    def _conversation(
        self, request: ContactRequest, contact_id: UUID, account: CampaignAccount, key: str
    ) -> OpenedConversation:
        live = self._live.get((contact_id, account.id))
        opened = next(
            (
                row for row in self.rows.conversations.values()
                if row.contact_id == contact_id and row.channel_account_id == account.id
            ),
            None,
        )  # fmt: skip
        address = self._address(request, live, key)
        source = f"{request.method}_campaign" if request.engine == "campaign" else None
        conversation = OpenedConversation(
            id=opened.id if opened else live.id if live else uuid4(), contact_id=contact_id,
            channel_account_id=account.id, address_kind=address.kind, address_value=address.value,
            target_id=request.target_id, source=source, agent=_COLLECTOR,
            is_new=opened.is_new if opened else live is None,
        )  # fmt: skip
        self.rows.conversations[conversation.id] = conversation
        return conversation

    def _address(self, request: ContactRequest, live: HeldConversation | None, key: str) -> Address:
        """Write to where this person was last seen on this number: ids without the ninth digit, hidden ids."""
        if live is not None:
            kind = AddressKind(live.address_kind)
            is_phone = kind in (AddressKind.PHONE, AddressKind.WA_ID)
            if not is_phone or match_key(live.address_value) == key:
                return Address(kind=kind, value=live.address_value)
        aliases = self._aliases.get(key, [])
        if request.method is Method.WHATSAPP and aliases:
            return aliases[-1]
        return Address(kind=AddressKind.PHONE, value=request.phone)

    def _message(self, request: ContactRequest, conversation: OpenedConversation, sender: Sender) -> UUID:
        part = sender.part
        assert part is not None  # noqa: S101  # every method but voice has words
        message = SendingMessage(
            id=uuid4(), conversation_id=conversation.id, channel_account_id=conversation.channel_account_id,
            author="campaign" if request.engine == "campaign" else "system", kind=part_kind(part), text=sender.words,
            content=part_to_json(part), locked_by=request.worker,
        )  # fmt: skip
        self.rows.messages.append(message)
        return message.id

    def _refused(self, request: ContactRequest, target: TargetRow | None, key: str, judgement: Judgement) -> Decision:
        decision = Decision(
            id=uuid4(), request=request, verdict=judgement.verdict, reason=judgement.reason, decided_at=self._now,
            next_at=judgement.next_at, details=judgement.details,
        )  # fmt: skip
        if target is not None and target.locked_by == request.worker:
            campaign = self._facts.campaigns.get(target.campaign_id)
            self.rows.targets[target.id] = as_judged(target, campaign, judgement, now=self._now)
            if judgement.reason is Reason.BUDGET_EXHAUSTED:
                self.rows.paused.add(target.campaign_id)
        wanted = self._wanted(request)
        if wanted is not None:
            self.rows.requests[wanted.id] = refused_request(wanted, judgement)
        self._note(decision, target, key, 0)
        return decision

    def _note(self, decision: Decision, target: TargetRow | None, key: str, cost: int) -> None:
        request = decision.request
        if request.target_id is not None and target is None:
            return  # deleted meanwhile: there is nothing left that the row could be about
        self.rows.decisions.append(
            NewDecision(
                id=decision.id, engine=request.engine, document=request.document or None, match_key=key,
                method=request.method, verdict=decision.verdict, reason=decision.reason,
                decided_at=decision.decided_at, campaign_id=target.campaign_id if target else None,
                target_id=request.target_id, promise_id=request.promise_id, contact_id=decision.contact_id,
                channel_account_id=decision.account_id or request.account_id, cost_cents=cost,
                message_id=decision.message_id, call_id=decision.call_id, request_id=self._named_request(request),
                details=dict(decision.details)
                | ({"nextAt": decision.next_at.isoformat()} if decision.next_at else {}),
            )
        )  # fmt: skip

    def _named_request(self, request: ContactRequest) -> UUID | None:
        return request.request_id if request.request_id in self._facts.call_requests else None


def cost_cents(settings: TenantSettings, method: Method) -> int:
    """Give what one contact costs the tenant."""
    return {
        Method.WHATSAPP: settings.whatsapp_cost_cents, Method.SMS: settings.sms_cost_cents,
        Method.VOICE: settings.voice_cost_cents,
    }[method]  # fmt: skip


def moved_phones(requests: Sequence[ContactRequest], gathered: Gathered) -> list[ContactRequest] | None:
    """Give the requests with the phones that their targets have now; None when none was edited meanwhile."""
    edited = []
    for request in requests:
        target = gathered.targets.get(request.target_id) if request.target_id else None
        edited.append(replace(request, phone=target.phone) if target else request)
    return None if edited == list(requests) else edited


def _scopes(people: Sequence[PersonFacts], *, since: datetime | None) -> frozenset[str]:
    """List what was refused; `since`: only what was refused after that."""
    scopes = {
        scope
        for who in people
        for scope, at in zip(who.scopes, who.scopes_since, strict=True)
        if since is None or at > since
    }
    if any(who.opted_out_at is not None and (since is None or who.opted_out_at > since) for who in people):
        scopes.add(contact_rules.EVERY_SCOPE)
    return frozenset(scopes)


def _window(campaign: CampaignRow | None) -> ContactWindow:
    if campaign is None:
        return REMINDER_HOURS
    return ContactWindow(
        start=campaign.schedule_start, end=campaign.schedule_end, weekdays=frozenset(campaign.weekdays),
        avoids_optional_holidays=campaign.avoids_optional_holidays,
    )  # fmt: skip


def _postponements(target: TargetRow | None, reason: Reason) -> int:
    postponed = target.outcome_details.get("postponed") if target else None
    if not isinstance(postponed, dict) or postponed.get("reason") != reason:
        return 0
    count = postponed.get("count")
    return count if isinstance(count, int) else 0
