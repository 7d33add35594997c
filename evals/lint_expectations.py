"""Lint of what must be true at the end: can it come about, and can it be judged?"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from typing import Final

from domain.documents import find_documents
from domain.messages import Medium
from domain.tenants import TenantSettings
from evals.lint_finding import Finding, error, says, turn_limit, warning, words
from evals.lint_world import customers_today, document_finding
from evals.policies.reading import fold
from evals.scenario import Channel, Expectations, ExpectedPromise, LlmUser, RulesUser, Scenario, ScriptUser, Words
from services.demo_content import CUSTOM_FIELDS, SETTINGS, STAGES
from tools.registry import TOOLS_BY_AGENT, offered_on

_TOOLS: Final = frozenset(tool.name for tools in TOOLS_BY_AGENT.values() for tool in tools)
_TOOLS_ON: Final = {
    medium: frozenset(tool.name for tools in TOOLS_BY_AGENT.values() for tool in offered_on(medium, tools))
    for medium in (Medium.WHATSAPP, Medium.SMS, Medium.VOICE)
}
_ESCAPES: Final = re.compile(r"\\.|\(\?P[<=>]|\(\?[aiLmsux-]+[:)]")
_LEAST_TURNS_TO_PROMISE: Final = 2  # a proposal, and the yes in a message of its own (docs/tools.md)


def lint_expectations(scenario: Scenario, *, policy_ids: Collection[str]) -> Iterator[Finding]:
    """Check that each expectation can be met by some agent, and that something is expected at all."""
    expect = scenario.expect
    if expect == Expectations():
        yield warning("expect", "expects nothing but the policies")
    yield from _promises(scenario)
    yield from _state(scenario)
    yield from _tools(scenario)
    yield from _turns(scenario)
    yield from _patterns(scenario)
    yield from _skipped(scenario, policy_ids)
    for place, question in enumerate(expect.judge):
        if not question.rstrip().endswith("?"):
            yield warning(f"expect.judge[{place}]", "ask a question that yes or no answers")
    for model in scenario.known_failure:
        if model != "offline" and ":" not in model:
            yield error(f"known_failure.{model}", "name a model as 'offline' or 'openai:gpt-5-mini'")


def _promises(scenario: Scenario) -> Iterator[Finding]:
    expected = scenario.expect.state.promises or ()
    for place, promise in enumerate(expected):
        yield from _promise(scenario, promise, f"expect.state.promises[{place}]")
    if scenario.expect.state.promises is None:
        return
    pending = Counter(promise.document for promise in expected if promise.status == "pending")
    if any(count > 1 for count in pending.values()):
        yield error("expect.state.promises", "one document has two pending promises; the store keeps one")
    if len(expected) < sum(promise.status == "pending" for promise in scenario.seed.promises):
        yield error("expect.state.promises", "seeded promises count too: name what becomes of each")
    new = len(expected) - len(scenario.seed.promises)
    if new > 0 and turn_limit(scenario) < _LEAST_TURNS_TO_PROMISE:
        yield error("expect.state.promises", "a promise needs a day and, in a later message, a yes")


def _promise(scenario: Scenario, promise: ExpectedPromise, path: str) -> Iterator[Finding]:
    today = customers_today(scenario)
    if promise.document is not None:
        yield from document_finding(f"{path}.document", promise.document)
    days = _days(promise)
    if days == ():
        yield error(f"{path}.due_on", "an empty list fits no day")
    seeded = {item.due_on for item in scenario.seed.promises}
    for day in days or ():
        if day in seeded:
            continue
        if day < today:
            yield error(f"{path}.due_on", f"{day} has passed: nobody may store this promise")
        elif day > today + timedelta(days=_horizon(scenario)):
            yield warning(f"{path}.due_on", f"{day} lies beyond the tenant's {_horizon(scenario)} days")
    owed = {
        customer.document: sum(invoice.amount_cents for invoice in customer.invoices if not invoice.is_paid)
        for customer in scenario.seed.customers
    }
    most = owed.get(promise.document or "", max(owed.values(), default=0))
    if promise.amount_cents is not None and promise.amount_cents > most and not scenario.seed.promises:
        yield error(f"{path}.amount_cents", f"is more than the {most} cents that are owed")


def _days(promise: ExpectedPromise) -> tuple[date, ...] | None:
    return promise.due_on if isinstance(promise.due_on, tuple | None) else (promise.due_on,)


def _horizon(scenario: Scenario) -> int:
    return TenantSettings.from_json({**SETTINGS, **scenario.seed.policy}).promise_horizon_days


def _state(scenario: Scenario) -> Iterator[Finding]:
    state = scenario.expect.state
    if state.identity_document is not None:
        yield from document_finding("expect.state.identity_document", state.identity_document)
    if state.stage and state.stage not in STAGES:
        yield error("expect.state.stage", f"the demo board has no stage {state.stage!r}: {', '.join(STAGES)}")
    for name in sorted(state.fields.keys() - {field.name for field in CUSTOM_FIELDS}):
        yield error(f"expect.state.fields.{name}", "the demo tenant has no such field")
    if state.identity == "confirmada" and scenario.channel is not Channel.VOICE and not _names_a_document(scenario):
        yield warning("expect.state.identity", "nobody says a valid document: how is it to be confirmed?")
    for name, count in (("open_claims", state.open_claims), ("call_requests", state.call_requests)):
        if count is not None and count < 0:
            yield error(f"expect.state.{name}", "cannot be less than none")


def _names_a_document(scenario: Scenario) -> bool:
    if isinstance(scenario.user, LlmUser):
        return True
    said = "\n".join(text for _, say in says(scenario) for text in words(say))
    return bool(find_documents(said)) or sum(letter.isdigit() for letter in said) >= 11


def _tools(scenario: Scenario) -> Iterator[Finding]:
    tools = scenario.expect.tools
    for name in ("required", "forbidden"):
        for place, tool in enumerate(getattr(tools, name)):
            if tool not in _TOOLS:
                yield error(f"expect.tools.{name}[{place}]", f"there is no tool {tool!r}")
    offered = _TOOLS_ON[Medium(scenario.channel.value)]
    for place, tool in enumerate(tools.required):
        if tool in _TOOLS and tool not in offered:
            yield error(f"expect.tools.required[{place}]", f"{tool} is not offered on {scenario.channel}")
    for tool in sorted(set(tools.required) & set(tools.forbidden)):
        yield error("expect.tools", f"{tool} is required and forbidden")
    if tools.is_ordered and len(tools.required) < 2:
        yield warning("expect.tools.is_ordered", "one tool has no order")


def _turns(scenario: Scenario) -> Iterator[Finding]:
    most = turn_limit(scenario)
    if isinstance(scenario.user, ScriptUser) and sum(1 for _ in says(scenario)) > 60:
        yield warning("user.turns", "is longer than any talk")
    if isinstance(scenario.user, ScriptUser) and most == scenario.budget.turns < len(scenario.user.turns):
        yield error("budget.turns", "the script has more turns: its end would never be said")
    if len(scenario.expect.route) > most:
        yield error("expect.route", f"names {len(scenario.expect.route)} turns; the customer takes {most} at most")
    opens = scenario.seed.campaign or scenario.channel is Channel.VOICE
    for name in ("said", "never_said"):
        for place, item in enumerate(getattr(scenario.expect, name)):
            if item.turn is not None and (item.turn > most or item.turn < -1 or (item.turn == 0 and not opens)):
                reason = f"no turn {item.turn}: the customer takes {most} at most (-1 is the last reply)"
                yield error(f"expect.{name}[{place}].turn", reason)


def _patterns(scenario: Scenario) -> Iterator[Finding]:
    for name in ("said", "never_said"):
        for place, item in enumerate(getattr(scenario.expect, name)):
            yield from _pattern(f"expect.{name}[{place}].pattern", item.pattern)
    both = {_place(item) for item in scenario.expect.said} & {_place(item) for item in scenario.expect.never_said}
    for pattern, _ in sorted(both, key=str):
        yield error("expect.never_said", f"{pattern!r} is expected and forbidden in the same reply")
    if isinstance(scenario.user, RulesUser):
        for place, rule in enumerate(scenario.user.rules):
            yield from _pattern(f"user.rules[{place}].when", rule.when, may_be_empty=True)
            if rule.unless is not None:
                yield from _pattern(f"user.rules[{place}].unless", rule.unless)
        if scenario.user.until is not None:
            yield from _pattern("user.until", scenario.user.until)
        yield from _shadowed(scenario.user)


def _place(item: Words) -> tuple[str, int | None]:
    return item.pattern, item.turn


def _pattern(path: str, pattern: str, *, may_be_empty: bool = False) -> Iterator[Finding]:
    try:
        compiled = re.compile(pattern)
    except re.error as problem:
        yield error(path, f"is no regular expression: {problem}")
        return
    plain = _ESCAPES.sub("", pattern)
    if fold(plain) != plain:
        yield error(path, "replies are compared in lower case without accents: this can never be found")
    if not may_be_empty and compiled.search(""):
        yield error(path, "fits an empty text, so it fits everything")


def _shadowed(user: RulesUser) -> Iterator[Finding]:
    seen: dict[tuple[str, str | None], int] = {}
    for place, rule in enumerate(user.rules):
        if (rule.when, rule.unless) in seen and user.rules[seen[rule.when, rule.unless]].say == rule.say:
            yield warning(f"user.rules[{place}]", "repeats an earlier rule; raise its 'at_most'")
        seen.setdefault((rule.when, rule.unless), place)


def _skipped(scenario: Scenario, policy_ids: Collection[str]) -> Iterator[Finding]:
    counted = Counter(item.id for item in scenario.expect.skip_policies)
    for place, item in enumerate(scenario.expect.skip_policies):
        if item.id not in policy_ids:
            yield error(f"expect.skip_policies[{place}].id", f"there is no policy {item.id!r}")
        if counted[item.id] > 1:
            yield warning(f"expect.skip_policies[{place}].id", "stands twice")
