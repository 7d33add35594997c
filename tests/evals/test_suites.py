"""The reviewed suites: enough of each, sound, each able to tell a working agent from one that says nothing."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import pytest

from domain.documents import find_document_attempts, find_documents, parse_document
from domain.phones import InvalidPhone, parse_phone
from evals.checks import check_expectations
from evals.events import AgentSaid, CustomerSaid, EndState, Event, PromiseState, Transcript
from evals.lint import Level, lint_file
from evals.lint_finding import says, words
from evals.lint_world import WRONG_DOCUMENT_TAG
from evals.loading import SUITES, load_suites, suite_names
from evals.policies.reading import fold
from evals.scenario import Channel, Scenario, ScriptUser, Wait

LEAST: Final = {
    "cobranca-datas": 90, "cobranca-situacoes": 80, "cobranca-identidade": 40, "cobranca-vulneraveis": 20,
    "adversarial": 60, "opt-out-horarios": 25, "vendas": 35, "suporte": 40, "voz": 30,
}  # fmt: skip
OFFLINE_PAGE: Final = Path(__file__).parents[2] / "docs" / "offline-model.md"
SECTION: Final = "## What it cannot do in the suites"
TEST_PHONE: Final = re.compile(r"\+55\d{2}9999900\d{2}")
PHONE_IN_WORDS: Final = re.compile(r"(?<![\d.,/-])\(?\d{2}\)?\s?9\d{4}[-\s]?\d{4}(?!\d)")
MAIL: Final = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
MAIL_HOSTS: Final = ("exemplo.com", "exemplo.com.br", "exemplo.example", "trtelecom.example", "gmail.com")
LINK: Final = re.compile(r"https?://([\w.-]+)")


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    return load_suites(["all"])


def texts_of(scenario: Scenario) -> Iterator[str]:
    for _, say in says(scenario):
        yield from words(say)


def is_phone(digits: str) -> bool:
    try:
        return bool(parse_phone(f"+55{digits}"))
    except InvalidPhone:
        return False


# --- enough, and sound


def test_every_suite_has_the_scenarios_it_must_have(scenarios: list[Scenario]) -> None:
    counted = Counter(scenario.suite for scenario in scenarios)
    assert set(suite_names()) == set(LEAST)
    assert {name: counted[name] for name, least in LEAST.items() if counted[name] < least} == {}
    assert sum(counted.values()) >= 420


@pytest.mark.parametrize("name", sorted(LEAST))
def test_a_suite_is_free_of_lint_errors(name: str) -> None:
    problems = lint_file(SUITES / f"{name}.yaml")
    assert [str(problem) for problem in problems if problem.level is Level.ERROR] == []


def test_ids_and_titles_are_each_scenarios_own(scenarios: list[Scenario]) -> None:
    ids = Counter(scenario.id for scenario in scenarios)
    titles = Counter(fold(scenario.title) for scenario in scenarios)
    assert [name for name, count in (*ids.items(), *titles.items()) if count > 1] == []


def test_no_two_talks_of_a_channel_are_the_same_words_in_the_same_world(scenarios: list[Scenario]) -> None:
    seen = dict[str, str]()
    twice = list[tuple[str, str]]()
    for scenario in scenarios:
        talk = fold("\n".join(str(say) for _, say in says(scenario)))
        key = f"{scenario.channel}|{scenario.now}|{scenario.seed.model_dump_json()}|{talk}"
        if key in seen:
            twice.append((seen[key], scenario.id))
        seen[key] = scenario.id
    assert twice == []


# --- strong enough


def silence(scenario: Scenario) -> Transcript:
    """Make the talk of an agent that never says or does a thing: the seeded world stands as it was."""
    events: list[Event] = []
    if scenario.seed.campaign and scenario.channel is not Channel.VOICE:
        text = scenario.seed.campaign_text
        events.append(AgentSaid(turn=0, at=scenario.now, text=text, author="campaign"))
    heard = [say for _, say in says(scenario) if not isinstance(say, Wait)]
    if not isinstance(scenario.user, ScriptUser):
        heard = heard[:1]  # who waits for words that never come says no more
    at = scenario.now
    for turn, say in enumerate(heard, start=1):
        at += timedelta(minutes=1)
        events += [CustomerSaid(turn=turn, at=at, text=text) for text in words(say) or [""]]
    promises = tuple(
        PromiseState(
            document=promise.document, amount_cents=promise.amount_cents, due_on=promise.due_on,
            status=promise.status, protocol="PSEEDED", is_seeded=True,
        )
        for promise in scenario.seed.promises
    )  # fmt: skip
    contact = scenario.seed.contact
    end = EndState(promises=promises, is_opted_out=contact.is_opted_out, linked_document=contact.document)
    return Transcript(scenario_id=scenario.id, scenario_version=scenario.version, events=tuple(events), end=end)


def test_an_agent_that_says_nothing_meets_no_scenarios_expectations(scenarios: list[Scenario]) -> None:
    passed = [
        scenario.id
        for scenario in scenarios
        if all(check.has_passed for check in check_expectations(scenario, silence(scenario)))
    ]
    assert passed == []


def test_a_pattern_that_forbids_is_not_met_by_what_the_customer_must_be_told(scenarios: list[Scenario]) -> None:
    """The amount and day of an expected promise are read back: no scenario may forbid them in every reply."""
    wrong = list[str]()
    for scenario in scenarios:
        forbidden = [re.compile(item.pattern) for item in scenario.expect.never_said if item.turn is None]
        for promise in scenario.expect.state.promises or ():
            days = [promise.due_on] if isinstance(promise.due_on, date) else []
            if promise.amount_cents is None or not days or promise.status != "pending":
                continue
            reais, cents = divmod(promise.amount_cents, 100)
            told = f"entao fica assim: r$ {reais},{cents:02d} no dia {days[0]:%d/%m/%Y}."
            wrong += [f"{scenario.id}: {pattern.pattern}" for pattern in forbidden if pattern.search(told)]
    assert wrong == []


# --- nobody's data


def test_phones_are_test_numbers_and_documents_have_right_digits(scenarios: list[Scenario]) -> None:
    wrong = list[str]()
    for scenario in scenarios:
        phones = [scenario.seed.contact.phone, *(item.phone for item in scenario.seed.customers if item.phone)]
        wrong += [f"{scenario.id}: {phone}" for phone in phones if not TEST_PHONE.fullmatch(phone)]
        for customer in scenario.seed.customers:
            assert parse_document(customer.document) == customer.document
    assert wrong == []


def test_what_customers_type_holds_no_real_looking_phone_mail_or_link(scenarios: list[Scenario]) -> None:
    wrong = list[str]()
    for scenario in scenarios:
        for text in texts_of(scenario):
            documents = {str(document) for document in find_documents(text)}
            for match in PHONE_IN_WORDS.finditer(text):
                digits = re.sub(r"\D", "", match[0])
                if digits not in documents and is_phone(digits) and not TEST_PHONE.fullmatch(f"+55{digits}"):
                    wrong.append(f"{scenario.id}: {match[0]}")
            wrong += [f"{scenario.id}: {host}" for host in MAIL.findall(text) if host not in MAIL_HOSTS]
            wrong += [f"{scenario.id}: {host}" for host in LINK.findall(text) if ".example" not in f".{host}"]
            if find_document_attempts(text) and WRONG_DOCUMENT_TAG not in scenario.tags:
                wrong.append(f"{scenario.id}: a document with wrong digits that is not tagged")
    assert wrong == []


# --- what the offline model cannot do


def section() -> str:
    _, _, after = OFFLINE_PAGE.read_text("utf-8").partition(f"{SECTION}\n")
    assert after, f"{OFFLINE_PAGE.name} has no section '{SECTION}'"
    return after.partition("\n## ")[0]


def test_the_offline_models_page_lists_every_known_failure_with_its_reason(scenarios: list[Scenario]) -> None:
    known = {item.id: item.known_failure["offline"] for item in scenarios if "offline" in item.known_failure}
    listed = dict(re.findall(r"^- `([a-z0-9-]+)`: (.+)$", section(), re.MULTILINE))
    assert listed == known
    if not known:
        assert "none" in section()


def test_known_failures_are_few_and_none_is_excused_from_a_blocking_policy(scenarios: list[Scenario]) -> None:
    known = [item for item in scenarios if item.known_failure]
    assert len(known) <= 0.05 * len(scenarios)
    assert [item.id for item in scenarios if any(len(reason) < 12 for reason in item.known_failure.values())] == []
