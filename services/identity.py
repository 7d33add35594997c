"""Who the customer is: the rules before any debt is told (design: who somebody is; N6).

The document must have been typed by the customer, be valid, and be the one we know for this contact; for a contact
we know no document of, the holder's name must have been typed too. Three tries a day, over all conversations. Who said
to be somebody else than the holder is told nothing, document or not, until the holder speaks (domain/speaker.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from domain.documents import InvalidDocument, find_documents, parse_document
from domain.effects import ConfirmIdentity, CountIdentityTry, Effect
from domain.ports import Crm, CustomerUnknown, DebtStatement
from domain.speaker import is_another_speaking
from domain.turns import ContactProfile, Identity, TurnContext
from services.typed_names import has_typed_another_name, has_typed_name
from store import customers, targets
from store.database import Database

_DOCUMENT_LIMIT = 40  # longer than any way to write a CNPJ
_TEXT_LIMIT = 4000
_TEXTS_READ = 60
_CNPJ_LENGTH = 14


class IdentityProblem(StrEnum):
    THIRD_PERSON = "third_person"
    INVALID_DOCUMENT = "invalid_document"
    NOT_TYPED = "not_typed"
    NAME_NEEDED = "name_needed"
    MISMATCH = "mismatch"
    EXHAUSTED = "exhausted"
    UNKNOWN_CUSTOMER = "unknown_customer"


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityCheck:
    """What came of a check. `identity` is set when it changed; `statement` when the holder is confirmed."""

    problem: IdentityProblem | None = None
    tries_left: int = 0
    identity: Identity | None = None
    effects: tuple[Effect, ...] = ()
    statement: DebtStatement | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What a check is decided on besides the document."""

    turn: TurnContext
    identity: Identity
    customer_texts: tuple[str, ...]
    new_texts: tuple[str, ...]
    asked: tuple[str, ...] = ()  # what was asked before each of the customer's texts

    @property
    def tries_used(self) -> int:
        """Failed tries of today, of this conversation and of the contact's others."""
        return max(
            _tries_on(self.turn.today, self.identity),
            self.turn.contact.identity_tries if self.turn.contact.identity_tries_on == self.turn.today else 0,
        )

    @property
    def tries_left(self) -> int:
        return max(0, self.turn.tenant.settings.identity_tries_per_day - self.tries_used)

    @property
    def confirmed_document(self) -> str | None:
        return self.identity.get("document") if self.identity["status"] == "confirmada" else None


def _tries_on(today: date, identity: Identity) -> int:
    return identity.get("tries", 0) if identity.get("tries_on") == today.isoformat() else 0


async def confirm_holder(
    database: Database, crm: Crm, surroundings: Surroundings, *, given_document: str
) -> IdentityCheck:
    """Check the document a tool was given, and look the debt up. Raises CrmUnavailable, which counts no try."""
    confirmed = surroundings.confirmed_document
    document = _valid(given_document) or confirmed
    if await _is_third_person(crm, surroundings, document):
        return _third_person(surroundings)
    if document is None:
        return IdentityCheck(problem=IdentityProblem.INVALID_DOCUMENT, tries_left=surroundings.tries_left)
    if document == confirmed:
        return await _confirmed_again(crm, surroundings, document)
    if surroundings.tries_left == 0:
        return _exhausted(surroundings)
    if document not in typed_documents(surroundings.customer_texts):
        return IdentityCheck(problem=IdentityProblem.NOT_TYPED, tries_left=surroundings.tries_left)
    if confirmed is not None:
        return _failed(surroundings, IdentityProblem.MISMATCH)
    known = await known_documents(database, surroundings.turn.tenant.id, surroundings.turn.contact)
    if known and document not in known:
        return _failed(surroundings, IdentityProblem.MISMATCH)
    return await _meet_holder(crm, surroundings, document, is_linked=bool(known))


def identity_after(identity: Identity, texts: Sequence[str], *, asked: Sequence[str] = ()) -> Identity:
    """Set a confirmed identity back once the customer's words say that another has taken the holder's phone over."""
    if identity["status"] != "confirmada":
        return identity
    is_company = len(identity.get("document", "")) == _CNPJ_LENGTH
    has_taken_over = is_another_speaking(
        texts, asked=asked, name=identity.get("customer_name"), is_company=is_company, is_confirmed=True
    )
    return _set_back(identity) if has_taken_over else identity


async def known_documents(database: Database, tenant_id: UUID, contact: ContactProfile) -> frozenset[str]:
    """Give the documents this contact may prove: its own, else those of the customers at its phones, as the ledger
    and the campaigns know them (spec 2.1)."""
    if contact.document is not None:
        return frozenset({contact.document})
    if not contact.phone_match_keys:
        return frozenset()
    async with database.tenant(tenant_id) as connection:
        known = await customers.documents_of_phones(connection, contact.phone_match_keys)
        sought = await targets.documents_of_phones(connection, contact.phone_match_keys)
    return frozenset((*known, *sought))


def typed_documents(texts: Sequence[str]) -> frozenset[str]:
    """Collect the valid documents in the customer's messages, also one broken over two bubbles."""
    recent = [text[:_TEXT_LIMIT] for text in texts[-_TEXTS_READ:]]
    pairs = [f"{first}\n{second}" for first, second in pairwise(recent)]
    return frozenset(document for text in (*recent, *pairs) for document in find_documents(text))


def _valid(given_document: str) -> str | None:
    try:
        return parse_document(given_document[:_DOCUMENT_LIMIT])
    except InvalidDocument:
        return None


async def _is_third_person(crm: Crm, surroundings: Surroundings, document: str | None) -> bool:
    """Tell whether somebody else than the holder speaks.

    A name given as one's own ends it only where the CRM has it for the document: the contact's may be of whoever owns
    the phone.
    """
    texts, asked = surroundings.customer_texts, surroundings.asked
    if surroundings.confirmed_document is not None:
        return identity_after(surroundings.identity, texts, asked=asked) != surroundings.identity
    is_company = document is not None and len(document) == _CNPJ_LENGTH
    expected = surroundings.identity.get("expected_name")
    if not is_another_speaking(texts, asked=asked, name=expected, is_company=is_company):
        return False
    contact = surroundings.turn.contact.name
    if contact is None or is_another_speaking(texts, asked=asked, name=contact, is_company=is_company):
        return True
    if document is None or document not in typed_documents(texts):
        return True
    try:
        statement = await crm.open_invoices(document)
    except CustomerUnknown:
        return True
    return is_another_speaking(texts, asked=asked, name=statement.customer_name, is_company=is_company)


def _third_person(surroundings: Surroundings) -> IdentityCheck:
    """Refuse, and count no try: nothing was guessed."""
    was_confirmed = surroundings.confirmed_document is not None
    return IdentityCheck(
        problem=IdentityProblem.THIRD_PERSON,
        tries_left=surroundings.tries_left,
        identity=_set_back(surroundings.identity) if was_confirmed else None,
    )


def _set_back(identity: Identity) -> Identity:
    pending = Identity(status="pendente")
    if "tries" in identity and "tries_on" in identity:
        pending |= {"tries": identity["tries"], "tries_on": identity["tries_on"]}
    return pending


async def _confirmed_again(crm: Crm, surroundings: Surroundings, document: str) -> IdentityCheck:
    try:
        statement = await crm.open_invoices(document)
    except CustomerUnknown:
        return IdentityCheck(problem=IdentityProblem.UNKNOWN_CUSTOMER, tries_left=surroundings.tries_left)
    return IdentityCheck(statement=statement, tries_left=surroundings.tries_left)


async def _meet_holder(crm: Crm, surroundings: Surroundings, document: str, *, is_linked: bool) -> IdentityCheck:
    try:
        statement = await crm.open_invoices(document)
    except CustomerUnknown:
        if is_linked:  # the right document, which the CRM lost: no guess
            return IdentityCheck(problem=IdentityProblem.UNKNOWN_CUSTOMER, tries_left=surroundings.tries_left)
        return _failed(surroundings, IdentityProblem.UNKNOWN_CUSTOMER)
    if is_linked or has_typed_name(statement.customer_name, surroundings.customer_texts):
        return _confirmed(surroundings, document, statement)
    was_asked = surroundings.identity.get("pending_document") == document
    if was_asked and has_typed_another_name(statement.customer_name, surroundings.new_texts):
        return _failed(surroundings, IdentityProblem.MISMATCH, pending_document=document)
    tries, day = _counted(surroundings, 0)
    return IdentityCheck(
        problem=IdentityProblem.NAME_NEEDED,
        tries_left=surroundings.tries_left,
        identity=Identity(status="pendente", pending_document=document, tries=tries, tries_on=day),
    )


def _confirmed(surroundings: Surroundings, document: str, statement: DebtStatement) -> IdentityCheck:
    name = statement.customer_name
    return IdentityCheck(
        statement=statement,
        tries_left=surroundings.tries_left,
        identity=Identity(status="confirmada", document=document, customer_name=name),
        effects=(ConfirmIdentity(document=document, customer_name=name),),
    )


def _failed(
    surroundings: Surroundings, problem: IdentityProblem, *, pending_document: str | None = None
) -> IdentityCheck:
    """Count a try. Who used up the last one is blocked for the day; a confirmed holder stays confirmed."""
    left = surroundings.tries_left - 1
    tries, day = _counted(surroundings, 1)
    identity: Identity
    if surroundings.confirmed_document is not None:
        identity = {**surroundings.identity, "tries": tries, "tries_on": day}
    elif left == 0:
        identity = Identity(status="bloqueada", tries=tries, tries_on=day)
    else:
        identity = Identity(status="pendente", tries=tries, tries_on=day)
        if pending_document is not None:
            identity["pending_document"] = pending_document
    return IdentityCheck(
        problem=problem if left > 0 else IdentityProblem.EXHAUSTED,
        tries_left=left,
        identity=identity,
        effects=(CountIdentityTry(on=surroundings.turn.today),),
    )


def _exhausted(surroundings: Surroundings) -> IdentityCheck:
    if surroundings.confirmed_document is not None:
        return IdentityCheck(problem=IdentityProblem.EXHAUSTED)
    tries, day = _counted(surroundings, 0)
    blocked = Identity(status="bloqueada", tries=tries, tries_on=day)
    return IdentityCheck(problem=IdentityProblem.EXHAUSTED, identity=blocked)


def _counted(surroundings: Surroundings, more: int) -> tuple[int, str]:
    """Give the tries of today with `more` added, and the day, as the identity keeps them."""
    return surroundings.tries_used + more, surroundings.turn.today.isoformat()
