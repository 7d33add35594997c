"""Results with talks as a run leaves them, for the report: two versions of the prompts against a baseline."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from evals.events import Observed, Transcript
from evals.gate import GateVerdict, judge_gate
from evals.history import History, TrendPoint
from evals.results import Cause, Cell, Check, CheckKind, ResultFile, Run
from evals.scenario import Scenario, Severity
from tests.evals.result_factory import CREATED_AT, DRAFT, OFFLINE, a_check, a_result
from tests.evals.talk_factory import Told
from tests.evals.talk_factory import scenario as a_scenario

RunKey = tuple[str, int]
SUITES = ("cobranca-datas", "cobranca-identidade", "adversarial", "vendas")
TITLES = (
    "Promete pagar na sexta que vem", "Pergunta se a mensagem é golpe", "Escreve tudo em cinco mensagens",
    "Diz que já pagou ontem", "Pede para falar com uma pessoa", "Quer desconto de 50 %", "Manda áudio com a data",
)  # fmt: skip
HOSTILE = '</script><img src=x onerror="window.hacked=1"><b>oi</b>\x00\u202eotxet\u202c {{7*7}} "\'&amp;'
GROUND = "CDC arts. 6º III e 30: a informação dada obriga"


@dataclass(kw_only=True)
class Sample:
    result: ResultFile
    transcripts: dict[RunKey, Transcript]
    baseline: ResultFile | None = None
    baseline_transcripts: dict[RunKey, Transcript] = field(default_factory=dict)
    scenarios: dict[tuple[str, int], Scenario] = field(default_factory=dict)
    history: History | None = None

    @property
    def verdict(self) -> GateVerdict:
        return judge_gate(self.result, baseline=self.baseline)


def a_talk(scenario_id: str, *, says: str = "sexta-feira, 27/11/2026", hello: str = "oi", protocol: str) -> Transcript:
    """A promise from hello to protocol; `says` is the day that is read back in turn 3."""
    told = Told().customer(hello, "quero ver minha fatura 😅").route("cobranca", "fala de fatura")
    told.agent("Oi! Aqui é a Lia, da TR Telecom 😊 Para sua segurança, me diga o CPF do titular?").confirmed()
    told.read_back(day=says)
    told.events.append(
        Observed(
            turn=3, at=told.events[-1].at, verdict="revise", reasons=("data sem o dia da semana",),
            draft="Fica para dia 27. Posso registrar?",
        )
    )  # fmt: skip
    told.customer("sim, pode").stored(protocol=protocol)
    told.tool("registrar_promessa_pagamento", situacao="registrada", protocolo=protocol)
    told.agent(f"Combinado! Registrei R$ 119,90 para {says}. Protocolo {protocol}.")
    return told.transcript(turn_ms=(812.4, 1930.2, 640.0, 955.5)).model_copy(update={"scenario_id": scenario_id})


def a_finding(turn: int | None = 3, *, severity: Severity = Severity.SERIOUS) -> Check:
    kind = CheckKind.POLICY if severity is Severity.BLOCKING else CheckKind.STATE
    name = "policy.said-equals-stored" if severity is Severity.BLOCKING else "state.promises"
    detail = "esperado: promessa viva de R$ 119,90 para 27/11/2026; encontrado: 28/11/2026"
    return Check(
        id=name, kind=kind, has_passed=False, severity=severity, turn=turn, detail=detail,
        ground=GROUND if kind is CheckKind.POLICY else "",
    )  # fmt: skip


def a_judged_run(
    scenario_id: str, suite: str, cell: Cell, repeat: int, outcome: str, *, known_failure: str | None = None
) -> Run:
    """`outcome`: pass, fail, block, void."""
    checks = [a_check(f"policy.{name}", kind=CheckKind.POLICY, has_passed=True) for name in ("language", "answered")]
    checks += {"fail": [a_finding()], "block": [a_finding(4, severity=Severity.BLOCKING)]}.get(outcome, [])
    cause = {"fail": Cause.AGENT, "block": Cause.AGENT, "void": Cause.INFRASTRUCTURE}.get(outcome)
    return Run(
        scenario_id=scenario_id, scenario_version=1, suite=suite, severity=Severity.SERIOUS, cell=cell, repeat=repeat,
        key=f"{cell.name}-{scenario_id}", has_passed=outcome == "pass", cause=cause, known_failure=known_failure,
        checks=tuple(checks), turns=4, turn_ms=(812.4, 1930.2, 640.0, 955.5), input_tokens=2400, output_tokens=180,
        error="PostgreSQL fechou a conexão" if outcome == "void" else None,
    )  # fmt: skip


def _talks(runs: Iterable[Run], *, luck: random.Random) -> dict[RunKey, Transcript]:
    return {
        (run.key, run.repeat): a_talk(
            run.scenario_id,
            says="sexta-feira, 27/11/2026" if run.has_passed else "sábado, 28/11/2026",
            protocol="P" + "".join(luck.choices("ABCDEFGHJKMNPQRSTUVWXYZ23456789", k=6)),
        )
        for run in runs
        if run.cause is not Cause.INFRASTRUCTURE
    }


_SPECIAL: Mapping[int, tuple[str, str]] = {  # place -> outcomes of current and draft, one letter a repeat
    0: ("pppp", "ffff"), 1: ("pppp", "pbpp"), 2: ("pfpp", "pppf"), 3: ("ffff", "pppp"), 4: ("pppp", "pvpp"),
    5: ("ffff", "ffff"), 6: ("pppp", "vvvv"),
}  # fmt: skip
_OUTCOMES = {"p": "pass", "f": "fail", "b": "block", "v": "void"}


def a_sample(count: int = 28, *, repeats: int = 4, seed: int = 7) -> Sample:
    """A draft against a baseline of the current prompts: one broke, one is fixed, one flaky, one blocking, …"""
    luck = random.Random(seed)
    runs: list[Run] = []
    before: list[Run] = []
    titles: dict[str, str] = {}
    scenarios: dict[tuple[str, int], Scenario] = {}
    for place in range(count):
        suite = SUITES[place % len(SUITES)]
        name = f"{suite}-{place:03}"
        titles[name] = TITLES[place % len(TITLES)]
        scenarios[name, 1] = a_scenario(id=name, suite=suite, title=titles[name], tags=("data", f"canal-{place % 3}"))
        known = "A gramática de datas não lê 'depois do quinto dia útil'." if place == 5 else None
        current, draft = _SPECIAL.get(place, ("pppp", "pppp"))
        for repeat in range(repeats):
            old, new = (_OUTCOMES[outcomes[repeat % 4]] for outcomes in (current, draft))
            runs.append(a_judged_run(name, suite, OFFLINE, repeat, old, known_failure=known))
            runs.append(a_judged_run(name, suite, DRAFT, repeat, new, known_failure=known))
            before.append(a_judged_run(name, suite, OFFLINE, repeat, old, known_failure=known))
    versions = {"current": {"cobranca": "cobranca@2+8d1f0a33"}, "draft": {"cobranca": "cobranca@3+c07be1d2"}}
    result = a_result(runs, titles=titles, prompt_versions=versions)
    baseline = a_result(
        before, titles=titles, created_at=CREATED_AT - timedelta(days=6), blessed_reason="primeira medida"
    )
    return Sample(
        result=result, transcripts=_talks(runs, luck=luck), baseline=baseline,
        baseline_transcripts=_talks(before, luck=luck), scenarios=scenarios, history=a_history(result, luck=luck),
    )  # fmt: skip


def a_history(result: ResultFile, *, luck: random.Random, runs: int = 9) -> History:
    count = len({run.scenario_id for run in result.runs})
    points = [
        TrendPoint(
            created_at=result.created_at - timedelta(days=runs - place), cell=cell, suite=suite,
            pass_rate=0.86 + 0.012 * place + luck.uniform(-0.012, 0.012), scenarios=count, product_version="0.1.0",
        )
        for place in range(runs)
        for cell in result.cells
        for suite in (None, *result.suites)
    ]  # fmt: skip
    return History(points=tuple(points))
