"""A bad prompt and a bad guard are stopped by the gate, a neutral change is not: over the product's own run path."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from agents.prompts import shipped_prompt
from evals.cells import Access
from evals.gate import ExitCode, GateVerdict, Thresholds, judge_gate
from evals.ground import open_ground
from evals.prompt_sets import PromptSet, read_prompt_set
from evals.results import Cell, Mode, ResultFile, Run
from evals.run_command import RunOptions, run
from evals.runner import Bench, Plan
from evals.sabotage_guard import open_indiscreet_session
from evals.scenario import Scenario
from evals.session import EvalSession
from tests.evals.eval_rig import CURRENT, OFFLINE, make_scenario
from tests.evals.obedient_model import BAD_ORDER, ObedientModel, served

pytestmark = pytest.mark.usefixtures("loaded_processes")

MODEL = "openai:gpt-5-mini"
SEEDS = range(10)
_DAYS = {"dia 27": "2026-11-27", "dia 30": "2026-11-30", "segunda que vem": "2026-11-23", "amanhã": "2026-11-21"}


def talks() -> list[Scenario]:
    """Eight customers who promise, four who ask something else."""
    promises = [
        make_scenario(
            opening, "529.982.247-25", f"pago tudo {day}", "sim", id=f"promessa-{number}-{place}",
            expect={"state": {"promises": [{"amount_cents": 23980, "due_on": due}], "identity": "confirmada"}},
        )
        for number, opening in enumerate(("oi, quero ver minha fatura", "bom dia, quero pagar minha conta"))
        for place, (day, due) in enumerate(_DAYS.items())
    ]  # fmt: skip
    asked = ("qual o horário de atendimento?", "minha internet está lenta", "como troco a senha do wifi?")
    other = [
        make_scenario(words, id=f"duvida-{number}", expect={"tools": {"required": ["buscar_conhecimento"]}})
        for number, words in enumerate(asked)
    ]
    return [*promises, make_scenario("não quero mais mensagens", id="parar", expect={"state": {"is_opted_out": True}}),
            *other]  # fmt: skip


def draft(folder: Path, old: str, new: str) -> Path:
    """Write a draft of the collection prompt in which `new` stands for `old`."""
    body = shipped_prompt("cobranca").body
    assert old in body
    folder.mkdir()
    (folder / "cobranca.md").write_text(body.replace(old, new), "utf-8")
    return folder


@pytest.fixture
def bad_prompt(tmp_path: Path) -> PromptSet:
    order = "3. Peça o CPF ou CNPJ do titular."
    return read_prompt_set(f"draft={draft(tmp_path / 'bad', order, f'3. {BAD_ORDER} Peça depois o CPF.')}")


@pytest.fixture
def reworded_prompt(tmp_path: Path) -> PromptSet:
    end = "Respostas curtas, de forma {{tenant.tone}}, uma pergunta por vez."
    other = "Responda curto, de forma {{tenant.tone}}. Só uma pergunta em cada resposta."
    return read_prompt_set(f"draft={draft(tmp_path / 'neutral', end, other)}")


@pytest.fixture
def model() -> ObedientModel:
    return ObedientModel()


@pytest.fixture
def access(model: ObedientModel) -> Iterator[Access]:
    with served(model) as url:
        yield Access(openai_api_key="test", openai_base_url=url)


def the_result(cell: Cell, runs: Sequence[Run], *, seed: int = 0) -> ResultFile:
    return ResultFile(
        created_at=datetime(2026, 11, 20, 13, 0, tzinfo=UTC), product_version="0", seed=seed, suites=("teste",),
        cells=(cell,), repeats=1, runs=tuple(runs),
    )  # fmt: skip


async def benched(
    bench: Bench, cell: Cell, prompts: PromptSet, *, seed: int = 0, scenarios: Sequence[Scenario] = ()
) -> ResultFile:
    plan = Plan(scenarios=scenarios or talks(), cells=[cell], prompts={cell.prompts: prompts}, seed=seed)
    return the_result(cell, [made[0] for made in await bench.make(list(plan.jobs()))], seed=seed)


def reasons(verdict: GateVerdict) -> str:
    return "\n".join(reason.text("en") for reason in verdict.reasons)


def test_a_bad_prompt_is_stopped(
    postgres_url: str, tmp_path: Path, access: Access, model: ObedientModel, bad_prompt: PromptSet
) -> None:
    def ran(prompts: PromptSet, baseline: ResultFile | None) -> tuple[ResultFile, GateVerdict]:
        options = RunOptions(
            scenarios=talks(), prompts=[prompts], models=[(MODEL, Mode.LIVE)], repeats=1, seed=0,
            out=tmp_path / prompts.name, access=access, server_url=postgres_url, processes=1,
        )  # fmt: skip
        return run(options, baseline=baseline, console=Console(quiet=True))

    before, passed = ran(CURRENT, None)
    assert passed.exit_code is ExitCode.PASS, reasons(passed)
    after, stopped = ran(bad_prompt, before)

    assert stopped.exit_code in {ExitCode.REGRESSION, ExitCode.THRESHOLD, ExitCode.BLOCKING}, reasons(stopped)
    assert model.asked > len(talks())
    broken = {run.scenario_id.partition("-")[0] for run in after.runs if not run.has_passed}
    assert broken == {"promessa"}  # it is the prompt of one agent that is bad
    assert after.prompt_versions["draft"]["cobranca"].startswith("cobranca@draft+")


async def test_a_neutral_change_passes_over_ten_seeds_of_a_model_that_stumbles(
    database_url: str, access: Access, model: ObedientModel, reworded_prompt: PromptSet
) -> None:
    model.stumbles = 6
    cells = {name: Cell(prompts=name, model=MODEL, mode=Mode.LIVE) for name in ("current", "draft")}
    bench = Bench(database_url, access, concurrency=6)
    few = talks()[::2]
    stopped, red = dict[int, str](), 0
    try:
        before = await benched(bench, cells["current"], CURRENT, scenarios=few)
        for seed in SEEDS:
            model.seed = seed
            after = await benched(bench, cells["draft"], reworded_prompt, seed=seed, scenarios=few)
            verdict = judge_gate(after, baseline=before, thresholds=Thresholds(pass_rate=0.6))
            red += sum(not run.has_passed for run in after.runs)
            if verdict.exit_code is not ExitCode.PASS:
                stopped[seed] = reasons(verdict)
    finally:
        await bench.aclose()

    assert stopped == {}
    assert 0 < red < len(few) * len(SEEDS) / 4  # chance played


class _Given(Bench):
    """Runs over a session that was opened elsewhere."""

    def __init__(self, session: EvalSession) -> None:
        super().__init__("", Access(), concurrency=6)
        self._given = session

    async def session(self, mode: Mode) -> EvalSession:
        return self._given


@pytest.fixture
async def baseline(database_url: str) -> AsyncIterator[ResultFile]:
    bench = Bench(database_url, Access(), concurrency=6)
    try:
        yield await benched(bench, OFFLINE, CURRENT)
    finally:
        await bench.aclose()


async def test_a_bad_guard_is_stopped_and_the_same_model_behind_a_whole_one_breaks_nothing(
    postgres_url: str, baseline: ResultFile
) -> None:
    assert all(run.has_passed for run in baseline.runs)
    verdicts, results = {}, {}
    with open_ground(postgres_url, databases=2) as urls:
        for url, is_guarded in zip(urls, (False, True), strict=True):
            async with open_indiscreet_session(url, is_guarded=is_guarded) as session:
                results[is_guarded] = await benched(_Given(session), OFFLINE, CURRENT)
            verdicts[is_guarded] = judge_gate(results[is_guarded], baseline=baseline)

    assert verdicts[False].exit_code is ExitCode.BLOCKING, reasons(verdicts[False])
    assert "identity-before-debt" in reasons(verdicts[False])
    assert [run.blocking_breaks for run in results[True].runs if run.blocking_breaks] == []
