"""Judge a talk: expectations and policies, whether it passed, and whose fault it is when it did not."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.masking import mask_text
from evals.checks import check_expectations
from evals.events import Transcript
from evals.policies.registry import POLICIES, find_breaks
from evals.results import Cause, Cell, Check, CheckKind
from evals.scenario import Scenario, Severity

_ADVISORY: Final = frozenset({CheckKind.JUDGE})
# How evals/talk.py and evals/runner.py begin what they write of a talk that could not be held.
_CUSTOMER: Final = re.compile(r"^(?:customer: |CustomerFailed\b)")
_SEED: Final = re.compile(r"^seed: ")
# What a machine, a network or a provider does, as the exceptions of our libraries name it.
_INFRASTRUCTURE: Final = re.compile(
    r"^(?:seed: )?(?:\w+\.)*(?:TalkBroken|OperationalError|InterfaceError|AdminShutdown|TooManyConnections|DiskFull|"
    r"QueryCanceled|SerializationFailure|DeadlockDetected|PoolTimeout|PoolClosed|EveryModelFailed|TimeoutError|"
    r"ConnectionError|ConnectionResetError|ConnectionRefusedError|BrokenPipeError|OSError|MemoryError|ConnectError|"
    r"ConnectTimeout|ReadTimeout|ReadError|RemoteProtocolError|WriteError|APIError|APIConnectionError|"
    r"APITimeoutError|RateLimitError|InternalServerError|AuthenticationError|PermissionDeniedError|\w*Unavailable)\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What a run came to."""

    checks: tuple[Check, ...]
    has_passed: bool
    cause: Cause | None
    known_failure: str | None


def judge(scenario: Scenario, transcript: Transcript, *, cell: Cell) -> Judged:
    """Judge one talk. Minor policies and model judges are shown and fail nothing.

    A talk that another model than the cell's answered says nothing of the cell: infrastructure, whatever it looks like.
    """
    checks = (*check_expectations(scenario, transcript), *check_policies(scenario, transcript))
    cause = _cause(transcript, cell=cell, has_passed=not any(map(_fails, checks)))
    return Judged(
        checks=checks, has_passed=cause is None, cause=cause,
        known_failure=_known_failure(scenario, cell) if cause is Cause.AGENT else None,
    )  # fmt: skip


def check_policies(scenario: Scenario, transcript: Transcript) -> tuple[Check, ...]:
    """Give one check for each policy that the scenario does not skip, in the registry's order."""
    breaks = find_breaks(scenario, transcript)
    checks = []
    for policy in POLICIES:
        found = breaks.get(policy.id)
        if found is None:
            continue
        first = found[0] if found else None
        more = f" (e mais {len(found) - 1})" if len(found) > 1 else ""
        checks.append(
            Check(
                id=f"policy.{policy.id}",
                kind=CheckKind.POLICY,
                has_passed=first is None,
                severity=policy.severity,
                turn=first.turn if first else None,
                detail=f"{mask_text(first.detail)}{more}" if first else "",
                ground=policy.ground,
            )
        )
    return tuple(checks)


def with_votes(judged: Judged, votes: Sequence[Check]) -> Judged:
    """Add what model judges say; it changes neither verdict nor cause."""
    return Judged(
        checks=(*judged.checks, *votes), has_passed=judged.has_passed, cause=judged.cause,
        known_failure=judged.known_failure,
    )  # fmt: skip


def _fails(check: Check) -> bool:
    if check.has_passed or check.kind in _ADVISORY:
        return False
    return check.kind is not CheckKind.POLICY or check.severity is not Severity.MINOR


def _cause(transcript: Transcript, *, cell: Cell, has_passed: bool) -> Cause | None:
    if transcript.error is not None:
        return _cause_of_error(transcript.error)
    if any(not _is_cells(model, cell) for model in transcript.models_used):
        return Cause.INFRASTRUCTURE
    return None if has_passed else Cause.AGENT


def _cause_of_error(error: str) -> Cause:
    """Say whose fault it is that a talk broke off. What nobody else explains is a crash of the agent."""
    if _CUSTOMER.search(error):
        return Cause.USER
    if _INFRASTRUCTURE.search(error):
        return Cause.INFRASTRUCTURE
    return Cause.SCENARIO if _SEED.search(error) else Cause.AGENT


def _is_cells(model: str, cell: Cell) -> bool:
    """Tell whether a model that answered is the cell's. Providers answer with a dated name of what was asked for."""
    asked = cell.model.rpartition(":")[2]
    return model == cell.model or model.rpartition(":")[2].startswith(asked)


def _known_failure(scenario: Scenario, cell: Cell) -> str | None:
    return scenario.known_failure.get(cell.model) or scenario.known_failure.get(cell.model.rpartition(":")[2])
