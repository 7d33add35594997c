"""One thing that a lint rule says of a scenario, and the names that its messages use."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from evals.scenario import Audio, LlmUser, Media, RulesUser, Say, Scenario, ScriptUser, Wait


class Level(StrEnum):
    """An error makes a suite unusable; a warning asks whether it was meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    path: str
    message: str
    level: Level


def error(path: str, message: str) -> Finding:
    return Finding(path=path, message=message, level=Level.ERROR)


def warning(path: str, message: str) -> Finding:
    return Finding(path=path, message=message, level=Level.WARNING)


def says(scenario: Scenario) -> Iterator[tuple[str, Say]]:
    """Give everything the customer may say in fixed words, each with its place."""
    match scenario.user:
        case ScriptUser(turns=turns):
            yield from ((f"user.turns[{place}]", say) for place, say in enumerate(turns))
        case RulesUser() as user:
            yield "user.opening", user.opening
            yield from ((f"user.rules[{place}].say", rule.say) for place, rule in enumerate(user.rules))
            yield from ((f"user.otherwise[{place}]", say) for place, say in enumerate(user.otherwise))
        case LlmUser(opening=opening) if opening is not None:
            yield "user.opening", opening


def bubbles(say: Say) -> Iterator[str | Audio | Media]:
    """Give the bubbles of one turn; none of a wait."""
    if isinstance(say, tuple):
        yield from say
    elif not isinstance(say, Wait):
        yield say


def words(say: Say) -> Iterator[str]:
    """Give the texts that the assistant reads of one turn."""
    for bubble in bubbles(say):
        if isinstance(bubble, str):
            yield bubble
        elif isinstance(bubble, Audio) and bubble.transcript:
            yield bubble.transcript


def turn_limit(scenario: Scenario) -> int:
    """Give the most turns the customer can take."""
    match scenario.user:
        case ScriptUser(turns=turns):
            most = sum(not isinstance(say, Wait) for say in turns)
        case RulesUser(rules=rules, otherwise=otherwise):
            most = 1 + sum(rule.at_most for rule in rules) + len(otherwise)
        case _:
            most = scenario.budget.turns
    return min(most, scenario.budget.turns)
