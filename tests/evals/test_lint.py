"""What lint says of scenarios that load but cannot work, and that sound ones pass."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from evals.lint import Level, Problem, lint, lint_file
from evals.loading import SUITES, load_suites, suite_names
from evals.scenario import Scenario
from evals.schema import SCHEMA_FILE, scenario_schema, schema_text
from evals.yaml_reading import read_yaml

MARIA: dict[str, Any] = {
    "document": "52998224725", "name": "Maria da Silva", "phone": "+5511999990001",
    "invoices": [{"number": "FAT-1001", "amount_cents": 11990, "days_late": 41}],
}  # fmt: skip
RULES: dict[str, Any] = {"kind": "rules", "opening": "oi", "rules": [{"when": "cpf", "say": "529.982.247-25"}]}


def scenario_of(**changes: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "id": "provas-001", "suite": "provas", "title": "Promete pagar", "now": "2026-11-20T10:00:00-03:00",
            "seed": {"customers": [MARIA]},
            "user": {"kind": "script", "turns": ["oi", "529.982.247-25", "tudo sexta", "sim"]},
            "expect": {"state": {"promises": [{"amount_cents": 11990, "due_on": "2026-11-27"}]}}, **changes,
        }
    )  # fmt: skip


def found(**changes: Any) -> list[tuple[str, str]]:
    return [(problem.path, problem.level.value) for problem in lint([scenario_of(**changes)], policy_ids={"a-policy"})]


def seed(**changes: Any) -> dict[str, Any]:
    return {"seed": {"customers": [MARIA], **changes}}


def expect(**changes: Any) -> dict[str, Any]:
    return {"expect": changes}


def state(**changes: Any) -> dict[str, Any]:
    return {"expect": {"state": changes}}


def customer(**changes: Any) -> dict[str, Any]:
    return {"seed": {"customers": [{**MARIA, **changes}]}}


PROMISE = {"document": "52998224725", "amount_cents": 100, "due_on": "2026-11-25"}
SCRIPT_OF_3 = {"user": {"kind": "script", "turns": ["oi", {"wait_minutes": 5}, ["529.982.247-25", "a"], "sim"]}}


def test_sound_scenario_passes() -> None:
    assert found() == []
    assert found(**seed(promises=[PROMISE]), expect={"state": {"promises": [{"due_on": "2026-11-25"}]}}) == []
    assert found(user=RULES, expect={"state": {"identity": "confirmada"}}) == []
    assert found(**expect(said=[{"pattern": r"r\$ ?119,90\S*(?P<a>x)?"}, {"pattern": r"(?i:ol\w)", "turn": 4}])) == []
    assert found(**expect(skip_policies=[{"id": "a-policy", "reason": "porque não cabe"}])) == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        (customer(document="52998224724"), "seed.customers[0].document"),
        (customer(document="11111111111"), "seed.customers[0].document"),
        (customer(phone="+5511123"), "seed.customers[0].phone"),
        (customer(phone="11999990001"), "seed.customers[0].phone"),
        (customer(name=" "), "seed.customers[0].name"),
        (customer(invoices=[{"number": "F", "amount_cents": 99999}]), "seed.customers[0].invoices[0]"),
        (
            customer(invoices=[{"number": "F", "amount_cents": 99999, "days_late": 1, "due_on": "2026-11-01"}]),
            "seed.customers[0].invoices[0]",
        ),
        (customer(invoices=[MARIA["invoices"][0]] * 2), "seed.customers"),
        (seed(customers=[MARIA, MARIA]), "seed.customers"),
        (seed(contact={"phone": "+5511999000"}), "seed.contact.phone"),
        (seed(contact={"document": "529.982.247-25"}), "seed.contact.document"),
        (seed(time_zone="America/Sao_Paolo"), "seed.time_zone"),
        (seed(state="XX"), "seed.state"),
        (seed(policy={"promise_horizon": 10}), "seed.policy.promise_horizon"),
        (seed(promises=[{**PROMISE, "document": "11144477735"}]), "seed.promises[0].document"),
        ({"now": "1999-11-20T10:00:00-03:00", **state(promises=[])}, "now"),
        ({"user": {"kind": "script", "turns": ["oi", "a\0b", "sim"]}}, "user.turns[1]"),
        ({"user": {"kind": "script", "turns": ["oi", " ", "sim"]}}, "user.turns[1]"),
        ({"user": {"kind": "script", "turns": ["oi", {"media": "image"}, "x"]}, "channel": "voice"}, "user.turns[1]"),
        (state(promises=[{"due_on": "2026-11-19"}]), "expect.state.promises[0].due_on"),
        (state(promises=[{"due_on": []}]), "expect.state.promises[0].due_on"),
        (state(promises=[{"document": "52998224724"}]), "expect.state.promises[0].document"),
        (state(promises=[{"amount_cents": 11991}]), "expect.state.promises[0].amount_cents"),
        (state(promises=[{}, {}]), "expect.state.promises"),
        ({"user": {"kind": "script", "turns": ["529.982.247-25"]}}, "expect.state.promises"),
        (state(identity_document="1"), "expect.state.identity_document"),
        (state(stage="Ganho"), "expect.state.stage"),
        (state(fields={"cor": "azul"}), "expect.state.fields.cor"),
        (state(call_requests=-1), "expect.state.call_requests"),
        (expect(tools={"required": ["registrar_promessa"]}), "expect.tools.required[0]"),
        (expect(tools={"forbidden": ["registrar_promessa"]}), "expect.tools.forbidden[0]"),
        (expect(tools={"required": ["encerrar_ligacao"]}), "expect.tools.required[0]"),
        ({"channel": "voice", **expect(tools={"required": ["escalar_para_voz"]})}, "expect.tools.required[0]"),
        (expect(tools={"required": ["mover_kanban"], "forbidden": ["mover_kanban"]}), "expect.tools"),
        ({**SCRIPT_OF_3, **expect(route=["persona", None, "cobranca", None])}, "expect.route"),
        ({**SCRIPT_OF_3, **expect(said=[{"pattern": "x", "turn": 4}])}, "expect.said[0].turn"),
        (expect(said=[{"pattern": "x", "turn": 0}]), "expect.said[0].turn"),
        (expect(never_said=[{"pattern": "x", "turn": -2}]), "expect.never_said[0].turn"),
        (expect(said=[{"pattern": "("}]), "expect.said[0].pattern"),
        (expect(said=[{"pattern": "R\\$"}]), "expect.said[0].pattern"),
        (expect(said=[{"pattern": "não"}]), "expect.said[0].pattern"),
        (expect(said=[{"pattern": "nao|"}]), "expect.said[0].pattern"),
        (expect(said=[{"pattern": "a"}], never_said=[{"pattern": "a"}]), "expect.never_said"),
        (expect(skip_policies=[{"id": "b-policy", "reason": "porque não cabe"}]), "expect.skip_policies[0].id"),
        ({"user": {**RULES, "until": "Tchau"}}, "user.until"),
        ({"user": {**RULES, "rules": [{"when": "[", "say": "x"}]}}, "user.rules[0].when"),
        ({"user": {**RULES, "rules": [{"when": "a", "unless": "é", "say": "x"}]}}, "user.rules[0].unless"),
        ({"user": {"kind": "llm"}}, "user"),
        ({"budget": {"turns": 3}}, "budget.turns"),
        ({"known_failure": {"gpt": "não sabe"}}, "known_failure.gpt"),
    ],
)
def test_what_cannot_work_is_an_error(changes: dict[str, Any], path: str) -> None:
    assert (path, "error") in found(**changes)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": "outra-001"}, "id"),
        ({"tags": ["a", "a"]}, "tags"),
        ({"expect": {}}, "expect"),
        (seed(contact={"document": "11144477735"}), "seed.contact.document"),
        (state(promises=[{"due_on": "2026-12-21"}]), "expect.state.promises[0].due_on"),
        (customer(invoices=[{"number": "F", "amount_cents": 99999, "due_on": "2022-01-01"}]),
         "seed.customers[0].invoices[0].due_on"),
        (seed(promises=[{**PROMISE, "due_on": "2026-10-01"}], **{}), "seed.promises[0].due_on"),
        ({"user": {"kind": "script", "turns": ["oi", "529.982.247-24", "sim"]}}, "user.turns[1]"),
        ({"user": {"kind": "script", "turns": ["oi", "sim"]}, **state(identity="confirmada")}, "expect.state.identity"),
        (expect(tools={"required": ["mover_kanban"], "is_ordered": True}), "expect.tools.is_ordered"),
        (expect(judge=["Foi gentil"]), "expect.judge[0]"),
        ({"channel": "voice", **SCRIPT_OF_3}, "user.turns[1]"),
        ({"user": {**RULES, "rules": RULES["rules"] * 2}}, "user.rules[1]"),
    ],
)  # fmt: skip
def test_what_may_be_meant_is_a_warning(changes: dict[str, Any], path: str) -> None:
    assert (path, "warning") in found(**changes)


def test_horizon_is_the_tenants() -> None:
    late = {"expect": {"state": {"promises": [{"due_on": "2027-01-10"}]}}}
    assert [path for path, _ in found(**late)] == ["expect.state.promises[0].due_on"]
    assert found(**late, **seed(policy={"promise_horizon_days": 60})) == []


def test_wrong_document_that_is_meant_passes() -> None:
    turns = {
        "user": {"kind": "script", "turns": ["oi", "529.982.247-24", "sim"]},
        "expect": {"state": {"promises": []}},
    }
    assert found(**turns, tags=["documento-errado"]) == []


def test_seeded_promises_count_among_the_expected_ones() -> None:
    assert ("expect.state.promises", "error") in found(**seed(promises=[PROMISE]), expect={"state": {"promises": []}})
    two = [PROMISE, {**PROMISE, "due_on": "2026-11-26"}]
    assert ("seed.promises", "error") in found(**seed(promises=two), expect={"state": {"handler": "bot"}})


def test_greeting_may_be_judged_where_we_speak_first() -> None:
    said = expect(said=[{"pattern": "oi", "turn": 0}])
    assert found(channel="voice", **said) == []
    assert found(**seed(campaign=True), **said) == []


def test_ids_and_titles_are_compared_over_all() -> None:
    first, second = scenario_of(), scenario_of(title="promete PAGAR")
    assert [(p.path, p.level) for p in lint([first, second])] == [
        ("id", Level.ERROR), ("id", Level.ERROR), ("title", Level.WARNING)
    ]  # fmt: skip
    assert lint([scenario_of(suite="provas"), scenario_of(id="provas-002", title="Outro")]) == []


def test_suite_bears_the_name_of_its_file(tmp_path: Path) -> None:
    assert [problem.path for problem in lint([scenario_of()], stem="outra")] == ["suite"]
    path = tmp_path / "emprestada.jsonl"  # somebody's own file may be called as they like
    path.write_text(scenario_of().model_dump_json())
    assert lint_file(path) == []


def test_problem_reads_as_a_line() -> None:
    problem = Problem(scenario_id="a-1", path="now", message="is odd", level=Level.WARNING)
    assert str(problem) == "warning: a-1: now: is odd"


def test_own_suites_have_no_errors() -> None:
    problems = [problem for name in suite_names() for problem in lint_file(SUITES / f"{name}.yaml")]
    assert [str(problem) for problem in problems if problem.level is Level.ERROR] == []
    assert [str(problem) for problem in lint(load_suites(["all"])) if problem.level is Level.ERROR] == []


def test_published_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run: python -m evals.schema"


def test_published_schema_takes_own_suites_and_refuses_unknown_keys() -> None:
    validator = jsonschema_rs.validator_for(scenario_schema())
    for name in suite_names():
        whole = read_yaml((SUITES / f"{name}.yaml").read_text(encoding="utf-8")).value
        assert validator.is_valid(whole), name
    scenario = scenario_of().model_dump(mode="json", exclude_defaults=True)
    assert validator.is_valid(scenario)
    assert not validator.is_valid({**scenario, "expects": {}})
    assert not validator.is_valid({"suite": "provas", "scenarios": [{**scenario, "expects": {}}]})
    assert not validator.is_valid({"suite": "provas", "scenarios": [], "default": {}})
