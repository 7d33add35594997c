"""Lint of the world before the first word: documents, phones, invoices, promises, the clock."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from domain.documents import InvalidDocument, find_document_attempts, parse_document
from domain.phones import InvalidPhone, area_code, parse_phone, time_zones_of_area_code
from domain.tenants import TenantSettings
from evals.lint_finding import Finding, bubbles, error, says, warning, words
from evals.scenario import Channel, Media, Scenario, SeedCustomer, SeedInvoice, Wait

WRONG_DOCUMENT_TAG: Final = "documento-errado"  # says that a wrong CPF in the customer's words is meant
_YEARS: Final = range(2024, 2036)
_FAR: Final = timedelta(days=400)
_STATES: Final = frozenset(
    {
        "AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA", "PB", "PE", "PI", "PR",
        "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO",
    }
)  # fmt: skip
_POLICY_KEYS: Final = frozenset(field.name for field in fields(TenantSettings))
_ZONES: Final = frozenset(available_timezones())


def lint_world(scenario: Scenario) -> Iterator[Finding]:
    """Check everything in `now` and `seed`, and what the customer types."""
    if not has_zone(scenario):
        yield error("seed.time_zone", f"no time zone is called {scenario.seed.time_zone!r}")
        return
    if scenario.now.year not in _YEARS:
        yield error("now", f"the year {scenario.now.year} is no year to try things in")
    if scenario.seed.state not in _STATES:
        yield error("seed.state", f"{scenario.seed.state} is no state of Brazil")
    for key in sorted(scenario.seed.policy.keys() - _POLICY_KEYS):
        yield error(f"seed.policy.{key}", "no setting of a tenant has this name")
    yield from _contact(scenario)
    for place, customer in enumerate(scenario.seed.customers):
        yield from _customer(scenario, customer, f"seed.customers[{place}]")
    yield from _promises(scenario)
    yield from _repeated(scenario)
    yield from _typed(scenario)


def has_zone(scenario: Scenario) -> bool:
    """Tell whether the scenario's zone exists; without it nothing local can be computed."""
    return scenario.seed.time_zone in _ZONES


def customers_today(scenario: Scenario) -> date:
    """Give the day where the customer is, as the phone tells; of several, and without one, the earliest."""
    code = area_code(scenario.seed.contact.phone)
    zones = [*(time_zones_of_area_code(code) if code else ()), scenario.seed.time_zone]
    return min(scenario.now.astimezone(ZoneInfo(zone)).date() for zone in zones)


def document_finding(path: str, document: str) -> Iterator[Finding]:
    """Check the digits of one document."""
    try:
        if parse_document(document) != document:
            yield error(path, "write the document without punctuation")
    except InvalidDocument:
        yield error(path, "the check digits are wrong: no system would know this document")


def _phone(path: str, phone: str | None) -> Iterator[Finding]:
    if phone is None:
        return
    try:
        if parse_phone(phone) != phone:
            yield error(path, f"write the phone as {parse_phone(phone)}")
    except InvalidPhone:
        yield error(path, "is no phone number of Brazil; write it as +5511999990001")


def _contact(scenario: Scenario) -> Iterator[Finding]:
    contact = scenario.seed.contact
    yield from _phone("seed.contact.phone", contact.phone)
    if contact.document is None:
        return
    yield from document_finding("seed.contact.document", contact.document)
    if contact.document not in {customer.document for customer in scenario.seed.customers}:
        yield warning("seed.contact.document", "no customer of the seed has this document")


def _customer(scenario: Scenario, customer: SeedCustomer, path: str) -> Iterator[Finding]:
    yield from document_finding(f"{path}.document", customer.document)
    yield from _phone(f"{path}.phone", customer.phone)
    if not customer.name.strip():
        yield error(f"{path}.name", "is empty")
    for place, invoice in enumerate(customer.invoices):
        yield from _invoice(scenario, invoice, f"{path}.invoices[{place}]")


def _invoice(scenario: Scenario, invoice: SeedInvoice, path: str) -> Iterator[Finding]:
    if (invoice.days_late is None) == (invoice.due_on is None):
        yield error(path, "needs either 'days_late' or 'due_on'")
    elif invoice.due_on is not None and abs(invoice.due_on - scenario.local_now.date()) > _FAR:
        yield warning(f"{path}.due_on", "lies more than a year away from 'now'")
    elif invoice.days_late is not None and abs(invoice.days_late) > _FAR.days * 5:
        yield warning(f"{path}.days_late", "is more than five years")


def _promises(scenario: Scenario) -> Iterator[Finding]:
    documents = {customer.document for customer in scenario.seed.customers}
    for place, promise in enumerate(scenario.seed.promises):
        path = f"seed.promises[{place}]"
        yield from document_finding(f"{path}.document", promise.document)
        if promise.document not in documents:
            yield error(f"{path}.document", "no customer of the seed has this document")
        if promise.status == "pending" and promise.due_on < scenario.local_now.date() - timedelta(days=30):
            yield warning(f"{path}.due_on", "a promise cannot be pending a month after its day")
        if abs(promise.due_on - scenario.local_now.date()) > _FAR:
            yield warning(f"{path}.due_on", "lies more than a year away from 'now'")
    live = Counter(promise.document for promise in scenario.seed.promises if promise.status == "pending")
    if any(count > 1 for count in live.values()):
        yield error("seed.promises", "one document has two pending promises; the store keeps one")


def _repeated(scenario: Scenario) -> Iterator[Finding]:
    documents = Counter(customer.document for customer in scenario.seed.customers)
    if any(count > 1 for count in documents.values()):
        yield error("seed.customers", "one document stands twice")
    numbers = Counter(
        (customer.document, invoice.number) for customer in scenario.seed.customers for invoice in customer.invoices
    )
    for (_, number), count in numbers.items():
        if count > 1:
            yield error("seed.customers", f"the invoice {number} stands twice")


def _typed(scenario: Scenario) -> Iterator[Finding]:
    for path, say in says(scenario):
        if isinstance(say, Wait):
            if scenario.channel is Channel.VOICE:
                yield warning(path, "time that passes in a call is silence: is it meant?")
            continue
        if scenario.channel is Channel.VOICE and any(isinstance(bubble, Media) for bubble in bubbles(say)):
            yield error(path, "a call carries no images or files")
        for text in words(say):
            if "\x00" in text:
                yield error(path, "holds a NUL character, which no message can carry")
            if not text.strip():
                yield error(path, "is empty")
            elif find_document_attempts(text) and WRONG_DOCUMENT_TAG not in scenario.tags:
                yield warning(path, f"holds a document with wrong digits; tag '{WRONG_DOCUMENT_TAG}' if it is meant")
