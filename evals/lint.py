"""Find what is wrong with scenarios before a talk is wasted on them: what loading cannot see."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.lint_expectations import lint_expectations
from evals.lint_finding import Finding, Level, error, warning
from evals.lint_world import has_zone, lint_world
from evals.loading import SUITES, load_file
from evals.policies.registry import POLICY_IDS
from evals.scenario import LlmUser, Scenario

__all__ = ["Level", "Problem", "lint", "lint_file"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One finding of one scenario; `path` is its field, as `expect.state.promises[0].due_on`."""

    scenario_id: str
    path: str
    message: str
    level: Level = Level.ERROR

    def __str__(self) -> str:
        return f"{self.level}: {self.scenario_id}: {self.path}: {self.message}"


def lint(
    scenarios: Sequence[Scenario], *, policy_ids: Collection[str] | None = None, stem: str | None = None
) -> list[Problem]:
    """Check scenarios alone and together.

    `policy_ids` are the policies there are, the product's own by default; `stem` is the file's name, which a suite of
    the product bears.
    """
    known = POLICY_IDS if policy_ids is None else policy_ids
    found = [(scenario, finding) for scenario in scenarios for finding in _findings(scenario, known, stem)]
    return [
        Problem(scenario_id=scenario.id, path=finding.path, message=finding.message, level=finding.level)
        for scenario, finding in (*found, *_together(scenarios))
    ]


def lint_file(path: Path, *, policy_ids: Collection[str] | None = None) -> list[Problem]:
    """Load and check a file. Raises ScenarioFileInvalid when it cannot be loaded."""
    return lint(load_file(path), policy_ids=policy_ids, stem=path.stem if path.parent == SUITES else None)


def _findings(scenario: Scenario, policy_ids: Collection[str], stem: str | None) -> Iterator[Finding]:
    yield from _names(scenario, stem)
    yield from lint_world(scenario)
    if has_zone(scenario):
        yield from lint_expectations(scenario, policy_ids=policy_ids)
    if isinstance(scenario.user, LlmUser) and not (scenario.persona and scenario.goal):
        yield error("user", "a model that plays the customer needs 'persona' and 'goal'")


def _names(scenario: Scenario, stem: str | None) -> Iterator[Finding]:
    if stem is not None and scenario.suite != stem:
        yield error("suite", f"the file is called {stem}")
    if not scenario.id.startswith(f"{scenario.suite}-"):
        yield warning("id", f"begins with the suite's name by custom: {scenario.suite}-001")
    if len(set(scenario.tags)) < len(scenario.tags):
        yield warning("tags", "a tag stands twice")


def _together(scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Finding]]:
    ids = Counter(scenario.id for scenario in scenarios)
    titles: dict[tuple[str, str], Scenario] = {}
    for scenario in scenarios:
        if ids[scenario.id] > 1:
            yield scenario, error("id", "another scenario has this id")
        first = titles.setdefault((scenario.suite, scenario.title.casefold()), scenario)
        if first is not scenario:
            yield scenario, warning("title", f"{first.id} has the same title")
