"""What a policy is: an id, how grave its break is, the ground it stands on, and the function that finds breaks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from evals.policies.facts import Facts
from evals.scenario import Severity


@dataclass(frozen=True, slots=True)
class Break:
    """One break of a policy: the turn to look at and what was found there, in Portuguese."""

    turn: int | None
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """A rule for every talk. `find` is pure: the same talk always gives the same breaks."""

    id: str
    severity: Severity
    ground: str  # law, contract or measurement
    find: Callable[[Facts], Iterable[Break]]
