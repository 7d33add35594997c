"""Finished results to LangSmith, when somebody asks for it and a key is set: figures and verdicts, never the talks.

`langsmith.aevaluate` posts runs even with `upload_results=False`, so it is not used: our runner runs, and what goes
out is written here field by field. It goes through the service's endpoint for experiments that were run elsewhere
(`POST /datasets/upload-experiment`, docs.langchain.com/langsmith/upload-existing-experiments): one dataset for each
suite, one experiment for each cell, one row for each scenario with its repeats summed up, feedback keys = check ids.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from langsmith import Client
from langsmith.utils import LangSmithConflictError, LangSmithError
from urllib3.util import Retry

from domain.masking import mask_text
from evals.results import Cause, Cell, Check, ResultFile, Run
from evals.statistics import figures, runs_by_suite

_NAMESPACE: Final = UUID("5f0c2f0e-2f53-5d0e-9a57-7d0b6a1f4c11")
_MOST_KEY: Final = 180  # characters of a feedback key, by the service's schema
_MOST_COMMENT: Final = 500
_TIMEOUT_MS: Final = 60_000


class UploadRefused(ValueError):
    """A result that is not sent."""


class UploadFailed(Exception):
    """The service did not take it; what was sent before stays there, and another try adds only the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Uploaded:
    """One experiment of the service. `is_new` is false when it was there already from an earlier try."""

    dataset: str
    experiment: str
    rows: int
    is_new: bool


def dataset_id(suite: str) -> UUID:
    """Name a suite's dataset the same on every machine."""
    return uuid5(_NAMESPACE, suite)


def example_id(suite: str, scenario_id: str, version: int) -> UUID:
    """Name a scenario's row the same in every experiment; a new version is a new row."""
    return uuid5(_NAMESPACE, f"{suite}/{scenario_id}/{version}")


def upload(
    result: ResultFile,
    *,
    api_key: str,
    names: Collection[str],
    api_url: str | None = None,
    retries: Retry | None = None,
) -> tuple[Uploaded, ...]:
    """Send each suite of each cell as an experiment; sending a result twice adds nothing.

    `names`: every person's name in the scenarios' seeds; they are masked, as documents, phones and e-mails are. The
    address is `api_url`, else LANGSMITH_ENDPOINT, else the public service. Blocks: call it from a thread.
    """
    if not api_key.strip():
        raise UploadRefused("no LangSmith key is set")
    if not result.is_complete:
        raise UploadRefused("an incomplete result is not sent")
    # No tracing is started: the client is its authenticated HTTP, with the service's retries.
    client = Client(api_url, api_key=api_key, auto_batch_tracing=False, timeout_ms=_TIMEOUT_MS, retry_config=retries)
    try:
        return tuple(_send(client, experiment) for experiment in _experiments(result, names))
    finally:
        client.close()


def _send(client: Client, experiment: Mapping[str, object]) -> Uploaded:
    is_new = True
    try:
        client.request_with_retries(
            "POST",
            "/datasets/upload-experiment",
            headers={"Content-Type": "application/json"},
            data=json.dumps(experiment, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"),
        )
    except LangSmithConflictError:
        is_new = False
    except LangSmithError as error:
        raise UploadFailed(mask_text(str(error))) from error
    results = experiment["results"]
    return Uploaded(
        dataset=str(experiment["dataset_name"]),
        experiment=str(experiment["experiment_name"]),
        rows=len(results) if isinstance(results, list) else 0,
        is_new=is_new,
    )


def _experiments(result: ResultFile, names: Collection[str]) -> Iterator[dict[str, object]]:
    for (suite, cell), runs in runs_by_suite(result).items():
        yield _experiment(result, suite, cell, runs, names)


def _experiment(
    result: ResultFile, suite: str, cell: Cell, runs: Sequence[Run], names: Collection[str]
) -> dict[str, object]:
    found = figures(runs, cell=cell, suite=suite, seed=result.seed, resamples=1)
    started = result.created_at
    by_scenario: dict[tuple[str, int], list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.repeat):
        by_scenario.setdefault((run.scenario_id, run.scenario_version), []).append(run)
    rows = [_row(result, suite, group, names) for _, group in sorted(by_scenario.items())]
    return {
        # A project's name is unique in a workspace: the instant tells two runs of one cell apart.
        "experiment_name": f"{suite} · {cell.name} · {started.isoformat(timespec='seconds')}",
        "experiment_description": "",
        "experiment_start_time": started.isoformat(),
        "experiment_end_time": _ended(started, runs).isoformat(),
        "dataset_id": str(dataset_id(suite)),
        "dataset_name": f"master-ia/{suite}",
        "experiment_metadata": {
            "prompts": cell.prompts,
            "model": cell.model,
            "mode": str(cell.mode),
            "seed": result.seed,
            "repeats": result.repeats,
            "product_version": result.product_version,
            "prompt_versions": result.prompt_versions.get(cell.prompts, {}),
        },
        "summary_experiment_scores": [
            {"key": f"pass^{each.k}", "score": each.interval.value}
            for each in found.pass_hat
            if each.interval is not None
        ],
        "results": rows,
    }


def _row(result: ResultFile, suite: str, runs: Sequence[Run], names: Collection[str]) -> dict[str, object]:
    first = runs[0]
    counted = [run for run in runs if run.is_counted]
    passed = sum(run.has_passed for run in counted)
    started = result.created_at
    return {
        "row_id": str(example_id(suite, first.scenario_id, first.scenario_version)),
        "inputs": {
            "scenario": first.scenario_id,
            "version": first.scenario_version,
            "title": mask_text(result.titles.get(first.scenario_id, ""), names=names),
            "severity": str(first.severity),
        },
        "expected_outputs": {"passed": len(counted)},
        "actual_outputs": {
            "passed": passed,
            "counted": len(counted),
            "causes": {str(cause): sum(run.cause is cause for run in runs) for cause in Cause},
            "known_failure": mask_text(first.known_failure or "", names=names),
        },
        "evaluation_scores": [
            *([{"key": "pass_rate", "score": passed / len(counted)}] if counted else []),
            *_scores(counted, names),
        ],
        "start_time": started.isoformat(),
        "end_time": _ended(started, runs).isoformat(),
        "run_name": first.scenario_id,
        "run_metadata": {
            "cost_brl": sum(run.cost_brl for run in runs),
            "input_tokens": sum(run.input_tokens for run in runs),
            "output_tokens": sum(run.output_tokens for run in runs),
            "turns": max(run.turns for run in runs),
        },
    }


def _scores(runs: Sequence[Run], names: Collection[str]) -> list[dict[str, object]]:
    """Give each check the share of repeats in which it held, with what the first broken one says."""
    by_id: dict[str, dict[int, list[Check]]] = {}  # a policy may be broken in several turns of one repeat
    for run in runs:
        for check in run.checks:
            by_id.setdefault(check.id, {}).setdefault(run.repeat, []).append(check)
    return [_score(key, list(repeats.values()), names) for key, repeats in sorted(by_id.items())]


def _score(key: str, repeats: Sequence[Sequence[Check]], names: Collection[str]) -> dict[str, object]:
    score: dict[str, object] = {
        "key": mask_text(key, names=names)[:_MOST_KEY],
        "score": sum(all(check.has_passed for check in checks) for checks in repeats) / len(repeats),
    }
    broken = (check for checks in repeats for check in checks if not check.has_passed)
    detail = next((check.detail for check in broken if check.detail), "")
    return {**score, "comment": mask_text(detail, names=names)[:_MOST_COMMENT]} if detail else score


def _ended(started: datetime, runs: Sequence[Run]) -> datetime:
    """Give an end that lies after every row's, as the service asks: rows count the same talks."""
    return started + timedelta(milliseconds=sum(ms for run in runs for ms in run.turn_ms))
