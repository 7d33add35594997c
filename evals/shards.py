"""Shards: the result files of parts of one run, put together again."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from evals.result_files import run_place
from evals.results import Cause, Cell, ResultFile, Run

_Item = TypeVar("_Item")


class MergeRefused(ValueError):
    """Shards that are not parts of one run."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def merge(results: Sequence[ResultFile]) -> ResultFile:
    """Put shards of one run together: by scenarios, by suites or by cells.

    A run that is in two shards must be the same run; of one that infrastructure spoilt, the other is taken.
    """
    if not results:
        raise MergeRefused(["nothing to merge"])
    problems = _misfits(results)
    runs: dict[tuple[str, int, Cell, int], Run] = {}
    for run in (run for result in results for run in result.runs):
        identity = (run.scenario_id, run.scenario_version, run.cell, run.repeat)
        kept = runs.get(identity)
        if kept is None or kept.cause is Cause.INFRASTRUCTURE:
            runs[identity] = run
        elif run.cause is not Cause.INFRASTRUCTURE and (run.key, run.has_passed) != (kept.key, kept.has_passed):
            problems.append(f"{run.scenario_id}, repeat {run.repeat}: two different runs")
    if problems:
        raise MergeRefused(problems)
    return results[0].model_copy(
        update={
            "created_at": min(result.created_at for result in results),
            "suites": _union(result.suites for result in results),
            "cells": _union(result.cells for result in results),
            "prompt_versions": {name: value for result in results for name, value in result.prompt_versions.items()},
            "titles": {name: title for result in results for name, title in result.titles.items()},
            "runs": tuple(sorted(runs.values(), key=run_place)),
            "is_complete": all(result.is_complete for result in results),
            "notes": _union(result.notes for result in results),
        }
    )


def _union(groups: Iterable[Iterable[_Item]]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))


def _misfits(results: Sequence[ResultFile]) -> list[str]:
    problems = [
        f"{name} differs: {', '.join(sorted(values))}"
        for name, values in (
            ("product version", {result.product_version for result in results}),
            ("seed", {str(result.seed) for result in results}),
            ("repeats", {str(result.repeats) for result in results}),
        )
        if len(values) > 1
    ]
    if any(result.blessed_reason is not None for result in results):
        problems.append("a baseline is not a shard")
    problems += _conflicts("prompts", [result.prompt_versions for result in results])
    problems += _conflicts("title of", [result.titles for result in results])
    return problems


def _conflicts(what: str, shards: Sequence[Mapping[str, object]]) -> list[str]:
    known: dict[str, object] = {}
    return [
        f"{what} {name} differs"
        for shard in shards
        for name, value in shard.items()
        if known.setdefault(name, value) != value
    ]
