"""The product's errors: one base, one class per fact, the facts as attributes."""

from collections.abc import Collection, Sequence
from uuid import UUID


class DomainError(Exception):
    """Base of every error the product raises on purpose."""


class NotFound(DomainError):
    """There is no such thing, or it is another tenant's: the two look the same."""

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}")
        self.what = what


class Unauthenticated(DomainError):
    """The API key is missing, unknown or revoked."""

    def __init__(self) -> None:
        super().__init__("Send a valid API key as: Authorization: Bearer <key>")


class ScopeMissing(DomainError):
    """The API key is good, but not for this."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This API key lacks the scope {scope}")
        self.scope = scope


class InvalidInput(DomainError):
    """A value that cannot be taken. `reason` never repeats it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class UnknownNames(InvalidInput):
    """Names that mean nothing here; `known` are those that would."""

    def __init__(self, field: str, known: Collection[str]) -> None:
        super().__init__(field, f"may only name: {', '.join(sorted(known)) or '(nothing is defined)'}")
        self.known = tuple(sorted(known))


class PromptRefused(InvalidInput):
    """A prompt that could not be used in a turn."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("body", f"cannot be used: {'; '.join(problems)}")
        self.problems = tuple(problems)


class Conflict(DomainError):
    """What was asked for contradicts how things stand. Each fact is a class of its own with its `code`."""

    code = "conflict"


class ConversationClosed(Conflict):
    """It has ended: nothing can be sent, handed over or closed in it any more."""

    code = "conversation_closed"

    def __init__(self, conversation_id: UUID) -> None:
        super().__init__("The conversation is closed")
        self.conversation_id = conversation_id


class AlreadyHandedOff(Conflict):
    code = "already_handed_off"

    def __init__(self, conversation_id: UUID) -> None:
        super().__init__("A human has this conversation already")
        self.conversation_id = conversation_id


class NotHandedOff(Conflict):
    code = "not_handed_off"

    def __init__(self, conversation_id: UUID) -> None:
        super().__init__("The bot has this conversation already")
        self.conversation_id = conversation_id


class MessageIdTaken(Conflict):
    """The id names a message of another conversation, or one with other words."""

    code = "message_id_taken"

    def __init__(self, message_id: UUID) -> None:
        super().__init__("Another message has this id")
        self.message_id = message_id


class ContactMerged(Conflict):
    """The contact was merged into another one, which has its addresses and conversations now."""

    code = "contact_merged"

    def __init__(self, into: UUID) -> None:
        super().__init__(f"This contact was merged into {into}")
        self.into = into


class AccountExists(Conflict):
    """The tenant has an account with this provider and external id already."""

    code = "channel_account_exists"

    def __init__(self) -> None:
        super().__init__("There is an account with this provider and externalId already")


class LastAdminKey(Conflict):
    """Without this key nobody could make another one."""

    code = "last_admin_key"

    def __init__(self) -> None:
        super().__init__("This is the last API key with the scope admin; create another one first")


class CampaignNotEditable(Conflict):
    """It has ended: nothing of it changes any more, and nobody is added."""

    code = "campaign_not_editable"

    def __init__(self, campaign_id: UUID) -> None:
        super().__init__("The campaign is completed and cannot be changed")
        self.campaign_id = campaign_id


class CampaignCannotBecome(Conflict):
    """Its status does not allow this step."""

    code = "campaign_cannot_become"

    def __init__(self, current: str, new: str) -> None:
        super().__init__(f"A campaign that is {current} cannot become {new}")
        self.current = current
        self.new = new


class CampaignHasContacts(Conflict):
    """Somebody was contacted: the decisions are evidence and stay (compliance: keep ids, statuses and times)."""

    code = "campaign_has_contacts"

    def __init__(self, campaign_id: UUID) -> None:
        super().__init__("The campaign has contacted people and is kept as evidence; complete it instead")
        self.campaign_id = campaign_id


class CampaignWithoutTargets(Conflict):
    code = "campaign_without_targets"

    def __init__(self, campaign_id: UUID) -> None:
        super().__init__("The campaign has no targets; import a file first")
        self.campaign_id = campaign_id


class CampaignWithoutAccount(Conflict):
    """A method is allowed for which no active channel account is attached."""

    code = "campaign_without_account"

    def __init__(self, method: str) -> None:
        super().__init__(f"The campaign has no active channel account for {method}")
        self.method = method


class CampaignWithoutTemplate(Conflict):
    """A provider that takes only approved openings, and none is approved."""

    code = "campaign_without_template"

    def __init__(self, provider: str) -> None:
        super().__init__(f"The campaign needs an approved template for {provider}")
        self.provider = provider


class CampaignBudgetExhausted(Conflict):
    """Its ceiling is reached: it would be paused again by the first contact."""

    code = "campaign_budget_exhausted"

    def __init__(self, budget_cents: int, spent_cents: int) -> None:
        super().__init__(f"The campaign has spent {spent_cents} of {budget_cents} cents; raise its budget first")
        self.budget_cents = budget_cents
        self.spent_cents = spent_cents


class TargetNotEditable(Conflict):
    """Its state does not allow this change."""

    code = "target_not_editable"

    def __init__(self, state: str, outcome: str | None) -> None:
        super().__init__(f"A target that is {state}{f' ({outcome})' if outcome else ''} cannot be changed like this")
        self.state = state
        self.outcome = outcome
