"""Runs and results for tests of what is counted over them."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from evals.results import Cause, Cell, Check, CheckKind, Mode, ResultFile, Run
from evals.scenario import Severity

CREATED_AT = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)
OFFLINE = Cell(prompts="current", model="offline", mode=Mode.OFFLINE)
DRAFT = Cell(prompts="draft", model="offline", mode=Mode.OFFLINE)
LIVE = Cell(prompts="current", model="openai:gpt-5-mini", mode=Mode.LIVE)


def a_check(
    check_id: str = "state.promises",
    *,
    kind: CheckKind = CheckKind.STATE,
    has_passed: bool = False,
    severity: Severity = Severity.SERIOUS,
    turn: int | None = 3,
    detail: str = "esperada uma promessa de R$ 119,90; nenhuma foi registrada",
) -> Check:
    return Check(
        id=check_id, kind=kind, has_passed=has_passed, severity=severity, turn=turn, detail="" if has_passed else detail
    )


def a_blocking_break(policy: str = "identity-before-debt") -> Check:
    return a_check(f"policy.{policy}", kind=CheckKind.POLICY, severity=Severity.BLOCKING, detail="dívida antes do CPF")


def a_run(
    scenario_id: str = "cobranca-datas-001",
    *,
    repeat: int = 0,
    has_passed: bool = True,
    cause: Cause | None = None,
    cell: Cell = OFFLINE,
    suite: str = "cobranca-datas",
    version: int = 1,
    checks: Sequence[Check] | None = None,
    known_failure: str | None = None,
    turn_ms: tuple[float, ...] = (100.0, 200.0),
    cost_brl: float = 0.01,
    error: str | None = None,
) -> Run:
    if cause is None and not has_passed:
        cause = Cause.AGENT
    return Run(
        scenario_id=scenario_id,
        scenario_version=version,
        suite=suite,
        severity=Severity.SERIOUS,
        cell=cell,
        repeat=repeat,
        key=f"key-{scenario_id}-{version}-{cell.name}",
        has_passed=has_passed,
        cause=cause,
        known_failure=known_failure,
        checks=tuple([a_check(has_passed=has_passed)] if checks is None else checks),
        turns=len(turn_ms),
        turn_ms=turn_ms,
        input_tokens=10,
        output_tokens=5,
        cost_brl=cost_brl,
        error=error,
    )


def a_result(runs: Iterable[Run] = (), **fields: object) -> ResultFile:
    listed = tuple(runs)
    values: dict[str, object] = {
        "created_at": CREATED_AT,
        "product_version": "0.1.0",
        "seed": 7,
        "suites": tuple(dict.fromkeys(run.suite for run in listed)),
        "cells": tuple(dict.fromkeys(run.cell for run in listed)),
        "repeats": max((run.repeat for run in listed), default=0) + 1,
        "runs": listed,
    }
    return ResultFile.model_validate(values | fields)


def repeats(
    scenario_id: str, outcomes: Sequence[bool], *, cell: Cell = OFFLINE, suite: str = "cobranca-datas", version: int = 1
) -> list[Run]:
    return [
        a_run(scenario_id, repeat=repeat, has_passed=outcome, cell=cell, suite=suite, version=version)
        for repeat, outcome in enumerate(outcomes)
    ]


def simulated(
    chances: Mapping[str, float], *, count: int, seed: int, cell: Cell = LIVE, result_seed: int = 7
) -> ResultFile:
    """Talk each scenario through `count` times, passing with its chance."""
    luck = random.Random(seed)
    runs = [
        run
        for name, chance in chances.items()
        for run in repeats(name, [luck.random() < chance for _ in range(count)], cell=cell)
    ]
    return a_result(runs, seed=result_seed)


def rich_result(**fields: object) -> ResultFile:
    runs = [*repeats("b", [True, False]), *repeats("a", [True, True], suite="vendas"), a_run("b", cell=DRAFT)]
    return a_result(runs, titles={"a": "Promete para o “dia 10”"}, prompt_versions={"draft": {"sales": "v2"}}, **fields)
