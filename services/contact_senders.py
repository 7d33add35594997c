"""Which of a tenant's numbers makes a contact, and the words that it may open a conversation with."""

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.campaigns import Method, media_of
from domain.contact_rules import AccountHealth, TemplateNeed
from domain.message_templates import DEFAULT_OPENING, DEFAULT_SMS, parameters_of, render, values_for
from domain.messages import Part, Provider, Template, Text
from domain.tenants import Tenant
from services.contact_requests import ContactRequest
from store.campaigns import CampaignRow
from store.contact_facts import CampaignAccount, Gathered
from store.message_templates import TemplateRow

_APPROVING = (Provider.META, Provider.TWILIO_WHATSAPP)  # they open a conversation by an approved template alone
_SERVICE_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """The number to contact from, and the words."""

    health: AccountHealth = AccountHealth.ACTIVE
    need: TemplateNeed = TemplateNeed.NOT_NEEDED
    account: CampaignAccount | None = None
    part: Part | None = None
    words: str = ""


def choose_account(
    accounts: Sequence[CampaignAccount], *, key: str, talked_from: Collection[UUID] = ()
) -> CampaignAccount | None:
    """Give the number that talks with this phone already, else spread the phones evenly over all."""
    known = [account for account in accounts if account.id in talked_from]
    choices = sorted(known or accounts, key=lambda account: account.id)
    return choices[zlib.crc32(key.encode()) % len(choices)] if choices else None


class Senders:
    """Choose by the facts of one batch, as they are under its locks."""

    def __init__(self, *, tenant: Tenant, gathered: Gathered, now: datetime) -> None:
        self._tenant = tenant
        self._facts = gathered
        self._now = now
        self._talks = {(row.contact_id, row.channel_account_id) for row in gathered.conversations}

    def choose(
        self, request: ContactRequest, campaign: CampaignRow | None, *, key: str, contact_id: UUID | None
    ) -> Sender:
        """Give the number whose rate was taken if it may still send, else another one of the campaign's."""
        wanted = campaign.id if campaign else None
        media = media_of(request.method)
        accounts = [a for a in self._facts.accounts if a.campaign_id == wanted and a.medium in media]
        if not accounts:
            return Sender(health=AccountHealth.MISSING)
        working = [account for account in accounts if account.status == "active"]
        if not working:
            return Sender(health=AccountHealth.STOPPED, account=accounts[0])
        senders = {account.id: self._with_words(request, campaign, account, contact_id) for account in working}
        ready = [account for account in working if senders[account.id].need is not TemplateNeed.NOT_APPROVED]
        preferred = next((account for account in ready if account.id == request.account_id), None)
        talked_from = {account_id for who, account_id in self._talks if who == contact_id}
        chosen = preferred or choose_account(ready or working, key=key, talked_from=talked_from)
        return senders[(chosen or working[0]).id]

    def _with_words(
        self, request: ContactRequest, campaign: CampaignRow | None, account: CampaignAccount, contact_id: UUID | None
    ) -> Sender:
        if request.method is Method.VOICE:
            return Sender(account=account)
        values = self._values(request)
        template = self._template(request, campaign, account)
        may_write = request.text is not None and self._is_window_open(contact_id, account)
        if account.provider not in _APPROVING or may_write:
            words = request.text or _own_words(request, campaign, template, values)
            return Sender(account=account, part=Text(text=words), words=words)
        parameters = parameters_of(values, template.variables) if template else ()
        if template is None or template.status != "approved" or not all(parameters):
            return Sender(need=TemplateNeed.NOT_APPROVED, account=account)
        part = Template(
            name=template.name, language=template.language, parameters=parameters, content_sid=template.content_sid
        )
        words = render(template.body, values, template.variables)
        return Sender(need=TemplateNeed.APPROVED, account=account, part=part, words=words)

    def _values(self, request: ContactRequest) -> Mapping[str, str]:
        known = values_for(
            client_name=request.client_name, document=request.document, tenant_name=self._tenant.name,
            assistant_name=self._tenant.assistant_name,
        )  # fmt: skip
        return known | dict(request.values)

    def _template(
        self, request: ContactRequest, campaign: CampaignRow | None, account: CampaignAccount
    ) -> TemplateRow | None:
        """Find the template as this number has it: an approval is of one business account."""
        templates = self._facts.templates
        used = next((t for t in templates if campaign and t.id == campaign.template_id), None)
        name, language = (used.name, used.language) if used else (request.template_name, "pt_BR")
        own = [t for t in templates if t.channel_account_id == account.id and t.name == name and t.language == language]
        if own:
            return own[0]
        return None if account.provider in _APPROVING else used

    def _is_window_open(self, contact_id: UUID | None, account: CampaignAccount) -> bool:
        person = self._facts.people.get(contact_id) if contact_id else None
        if person is None or person.last_inbound_at is None or (person.id, account.id) not in self._talks:
            return False
        return self._now - person.last_inbound_at < _SERVICE_WINDOW


def _own_words(
    request: ContactRequest, campaign: CampaignRow | None, template: TemplateRow | None, values: Mapping[str, str]
) -> str:
    if request.method is Method.SMS:
        return render((campaign.sms_text if campaign else None) or DEFAULT_SMS, values)
    return render(template.body, values, template.variables) if template else render(DEFAULT_OPENING, values)
