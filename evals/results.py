"""The result file of a run: what reports draw, the gate judges and a baseline is. JSON, versioned."""

from enum import StrEnum
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from evals.scenario import Severity

RESULT_SCHEMA_VERSION: Final = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mode(StrEnum):
    OFFLINE = "offline"  # the built-in model, in this process
    WIRE = "wire"  # the same model behind its HTTP front, through the OpenAI client
    REPLAY = "replay"  # the answers of models as an earlier run recorded them
    LIVE = "live"  # a model of a provider; needs its key


class Cause(StrEnum):
    """Whose fault a red run is. Infrastructure is left out of rates, shown and capped."""

    AGENT = "agent"
    USER = "user"  # the simulated one
    INFRASTRUCTURE = "infrastructure"
    SCENARIO = "scenario"


class Cell(_Frozen):
    """One column of the matrix."""

    prompts: str  # "current", "draft", …
    model: str  # "offline", "openai:gpt-5-mini"
    mode: Mode

    @property
    def name(self) -> str:
        return f"{self.prompts} · {self.model} · {self.mode}"


class CheckKind(StrEnum):
    """In the order in which they count: state gates, then trajectory, then policy; judges advise."""

    STATE = "state"
    TOOLS = "tools"
    ROUTE = "route"
    WORDS = "words"
    POLICY = "policy"
    BUDGET = "budget"
    JUDGE = "judge"


class Check(_Frozen):
    """One expectation or policy, judged. Only failures and judges' votes carry a detail."""

    id: str  # "state.promises", "tools.required.registrar_promessa_pagamento", "policy.identity-before-debt"
    kind: CheckKind
    has_passed: bool
    severity: Severity
    turn: int | None = None  # the turn to look at
    detail: str = ""  # what was expected and what was found, in Portuguese, documents masked
    ground: str = ""  # law, contract or measurement behind a policy


class Run(_Frozen):
    """One scenario in one cell, once."""

    scenario_id: str
    scenario_version: int
    suite: str
    severity: Severity
    cell: Cell
    repeat: int  # from 0
    key: str  # content hash of all that decides the outcome: a later run with the same key need not be made again
    has_passed: bool
    cause: Cause | None = None  # of a red run
    known_failure: str | None = None
    checks: tuple[Check, ...] = ()
    turns: int = 0
    turn_ms: tuple[float, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    cost_brl: float = 0.0
    error: str | None = None

    @property
    def is_counted(self) -> bool:
        """Whether it says anything about the agent."""
        return self.cause not in {Cause.INFRASTRUCTURE, Cause.SCENARIO}

    @property
    def blocking_breaks(self) -> tuple[Check, ...]:
        return tuple(
            check for check in self.checks
            if not check.has_passed and check.kind is CheckKind.POLICY and check.severity is Severity.BLOCKING
        )  # fmt: skip


class Interval(_Frozen):
    """An estimate with its 95 % interval (bootstrap over scenarios)."""

    value: float
    low: float
    high: float
    count: int


class ResultFile(_Frozen):
    """All runs of one command. Transcripts lie beside it, one JSON line per run, found by the run's key and repeat."""

    schema_version: Literal[1] = RESULT_SCHEMA_VERSION
    created_at: AwareDatetime
    product_version: str
    seed: int
    suites: tuple[str, ...]
    cells: tuple[Cell, ...]
    repeats: int
    prompt_versions: dict[str, dict[str, str]] = Field(default_factory=dict)  # "draft" -> {"cobranca": "cobranca@2+…"}
    titles: dict[str, str] = Field(default_factory=dict)  # scenario id -> title
    runs: tuple[Run, ...] = ()
    is_complete: bool = True  # false after Ctrl-C or a spent budget
    blessed_reason: str | None = None  # of a baseline
    notes: tuple[str, ...] = ()
