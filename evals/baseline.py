"""The baseline: a result that later ones are measured against, blessed by a person with a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evals.baseline_talks import talks_path, write_baseline_talks
from evals.events import Transcript
from evals.result_files import run_place, write_result
from evals.results import Cause, ResultFile
from evals.talk_files import RunKey

_SHOWN_BREAKS: Final = 8


class BlessRefused(ValueError):
    """A result that must not become a baseline."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True, kw_only=True, slots=True)
class Blessed:
    """A new baseline, and how many talks lie beside it."""

    result: ResultFile
    talks: int


def bless(
    result: ResultFile,
    path: Path,
    reason: str,
    *,
    talks: Mapping[RunKey, Transcript] | None = None,
    max_infrastructure_share: float = 0.0,
) -> Blessed:
    """Write `result` as the baseline, with who will read its diff in mind; refuse what must not be the measure.

    A baseline keeps what comparing needs: passed checks and times, which move at every run, are left out. `talks` of
    the result, masked, are kept beside it for the page that shows two talks side by side.
    """
    spoilt = sum(run.cause is Cause.INFRASTRUCTURE for run in result.runs)
    breaks = sorted({f"{run.scenario_id} ({check.id})" for run in result.runs for check in run.blocking_breaks})
    problems = [
        *([] if reason.strip() else ["a reason must be given"]),
        *([] if result.is_complete else ["the result is incomplete"]),
        *([] if any(run.is_counted for run in result.runs) else ["no run counts"]),
        *([f"blocking policies are broken: {', '.join(breaks[:_SHOWN_BREAKS])}"] if breaks else []),
        *(
            [f"infrastructure spoilt {spoilt} of {len(result.runs)} runs: resume the run first"]
            if result.runs and spoilt / len(result.runs) > max_infrastructure_share
            else []
        ),
    ]
    if problems:
        raise BlessRefused(problems)
    runs = [
        run.model_copy(update={"checks": tuple(check for check in run.checks if not check.has_passed), "turn_ms": ()})
        for run in sorted(result.runs, key=run_place)
    ]
    blessed = result.model_copy(update={"blessed_reason": " ".join(reason.split()), "runs": tuple(runs)})
    write_result(blessed, path)
    return Blessed(result=blessed, talks=write_baseline_talks(talks_path(path), blessed, talks or {}))
