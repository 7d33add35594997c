"""Scenarios and cells of the harness's own tests."""

from collections.abc import Mapping
from typing import Any

from evals.prompt_sets import PromptSet
from evals.results import Cell, Mode
from evals.runner import Job, run_key
from evals.scenario import Scenario

OFFLINE = Cell(prompts="current", model="offline", mode=Mode.OFFLINE)
CURRENT = PromptSet(name="current")
MARIA = "52998224725"
COURSE = ("oi, quero ver minha fatura", "529.982.247-25", "pago tudo dia 27", "sim")


def make_scenario(*turns: Any, id: str = "teste-001", **changes: Any) -> Scenario:
    """Make a scenario of Maria, who owes two invoices of R$ 119,90, on Friday 2026-11-20 at 10:00."""
    values: Mapping[str, Any] = {
        "id": id, "suite": "teste", "title": "Um teste", "now": "2026-11-20T10:00:00-03:00",
        "seed": {
            "contact": {"name": "Maria da Silva"},
            "customers": [
                {
                    "document": MARIA, "name": "Maria da Silva", "phone": "+5511999990001",
                    "invoices": [
                        {"number": "FAT-1001", "amount_cents": 11990, "days_late": 41},
                        {"number": "FAT-1002", "amount_cents": 11990, "days_late": 11},
                    ],
                }
            ],
        },
        "user": {"kind": "script", "turns": turns or COURSE},
        "expect": {},
    }  # fmt: skip
    return Scenario.model_validate({**values, **changes})


def with_seed(scenario: Scenario, **changes: Any) -> Scenario:
    """Give the scenario with other keys of its seed."""
    data = scenario.model_dump(mode="json")
    data["seed"].update(changes)
    return Scenario.model_validate(data)


def make_job(scenario: Scenario, *, cell: Cell = OFFLINE, prompts: PromptSet = CURRENT, repeat: int = 0) -> Job:
    return Job(
        scenario=scenario, cell=cell, prompts=prompts, repeat=repeat, seed=repeat,
        key=run_key(scenario, cell, prompts, 0),
    )  # fmt: skip
