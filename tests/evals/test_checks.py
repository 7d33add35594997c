"""Expectations against what a talk left."""

from collections.abc import Mapping
from datetime import date

import pytest

from evals.checks import check_expectations, percentile
from evals.results import Check, CheckKind
from evals.scenario import Severity
from tests.evals.talk_factory import FRIDAY, JOAO, MARIA, Told, scenario


def checks_of(expect: Mapping[str, object], told: Told) -> dict[str, Check]:
    given = scenario(expect=dict(expect), severity="blocking")
    return {check.id: check for check in check_expectations(given, told.transcript())}


def failed(expect: Mapping[str, object], told: Told) -> set[str]:
    return {name for name, check in checks_of(expect, told).items() if not check.has_passed}


def promised(due_on: date = FRIDAY, amount_cents: int = 11990) -> Told:
    return Told().confirmed().read_back().customer("sim").stored(due_on=due_on, amount_cents=amount_cents)


@pytest.mark.parametrize(
    ("expected", "passes"),
    [
        ([{"amount_cents": 11990, "due_on": "2026-11-27"}], True),
        ([{"due_on": ["2026-12-04", "2026-11-27"]}], True),
        ([{"document": MARIA}], True),
        ([{}], True),
        ([{"amount_cents": 5000}], False),
        ([{"due_on": "2026-12-27"}], False),
        ([{"document": JOAO}], False),
        ([{"status": "renegotiated"}], False),
        ([{}, {}], False),
        ([], False),
    ],
)
def test_promises_are_exactly_those_expected(expected: list[dict[str, object]], passes: bool) -> None:
    assert (failed({"state": {"promises": expected}}, promised()) == set()) is passes


def test_each_expected_promise_needs_one_of_its_own() -> None:
    two = promised().stored(due_on=date(2026, 12, 1), protocol="P222222")
    loose_first = [{}, {"due_on": "2026-11-27"}]
    assert failed({"state": {"promises": loose_first}}, two) == set()
    assert failed({"state": {"promises": [{"due_on": "2026-11-27"}, {"due_on": "2026-11-27"}]}}, two) != set()


def test_no_promise_is_none_that_stands() -> None:
    assert failed({"state": {"promises": []}}, Told().customer("oi")) == set()
    assert failed({}, promised()) == set()


def test_a_wrong_promise_says_expected_found_and_where_without_the_document() -> None:
    check = checks_of({"state": {"promises": [{"amount_cents": 5000, "due_on": "2026-12-01"}]}}, promised())[
        "state.promises"
    ]
    assert check.turn == 3
    assert check.severity is Severity.BLOCKING
    assert "R$ 50,00 para terça, 01/12/2026" in check.detail
    assert "R$ 119,90 para sexta, 27/11/2026" in check.detail
    assert MARIA not in check.detail
    assert "-25" in check.detail


@pytest.mark.parametrize(
    ("name", "wanted", "found"),
    [
        ("identity", "confirmada", {"identity": "bloqueada"}),
        ("identity_document", MARIA, {"identity_document": JOAO}),
        ("handler", "human", {"handler": "bot"}),
        ("is_opted_out", True, {"is_opted_out": False}),
        ("open_claims", 1, {"open_claims": 0}),
        ("wrong_person", True, {"wrong_person": False}),
        ("stage", "Proposta enviada", {"stage": "Novo"}),
        ("stage", "", {"stage": "Novo"}),
        ("call_requests", 1, {"call_requests": 0}),
    ],
)
def test_every_state_is_a_gate(name: str, wanted: object, found: dict[str, object]) -> None:
    told = Told().customer("oi").agent("Oi!")
    told.end |= found
    assert failed({"state": {name: wanted}}, told) == {f"state.{name}"}
    told.end |= {name: wanted or None}
    assert failed({"state": {name: wanted}}, told) == set()


def test_custom_fields_are_compared_one_by_one() -> None:
    told = Told().customer("oi")
    told.end |= {"fields": {"email": "a@b.example"}}
    wanted = {"state": {"fields": {"email": "a@b.example", "endereco": "Rua A"}}}
    assert failed(wanted, told) == {"state.fields.endereco"}


def test_tools_are_required_forbidden_and_ordered() -> None:
    told = Told().customer("oi").tool("buscar_conhecimento").tool("transferir_para_humano")
    expect: dict[str, object] = {
        "tools": {
            "required": ["transferir_para_humano", "buscar_conhecimento", "mover_kanban"],
            "forbidden": ["buscar_conhecimento", "registrar_opt_out"], "is_ordered": True,
        }
    }  # fmt: skip
    assert failed(expect, told) == {"tools.required.mover_kanban", "tools.forbidden.buscar_conhecimento", "tools.order"}
    in_order: dict[str, object] = {
        "tools": {"required": ["buscar_conhecimento", "transferir_para_humano"], "is_ordered": True}
    }
    assert failed(in_order, told) == set()


def test_routes_are_compared_by_turn() -> None:
    told = Told().customer("oi").route("persona").customer("meu boleto").route("cobranca").customer("PARE").route(None)
    assert failed({"route": ["persona", "cobranca", None]}, told) == set()
    assert failed({"route": [None, "sales", "persona"]}, told) == {"route.2", "route.3"}


def test_words_are_looked_for_in_their_turn() -> None:
    told = Told().customer("oi").agent("Olá, João!").customer("e aí?").agent("Até amanhã.", "Fatura")
    words: dict[str, object] = {
        "said": [
            {"pattern": "ola, joao"}, {"pattern": "amanha", "turn": 2}, {"pattern": "fatura", "turn": -1},
            {"pattern": "amanha", "turn": 1}, {"pattern": "nunca dito"},
        ],
        "never_said": [{"pattern": "joao", "turn": 2}, {"pattern": "ate"}, {"pattern": "serasa"}],
    }  # fmt: skip
    assert failed(words, told) == {"said.4", "said.5", "never_said.2"}
    check = checks_of(words, told)["never_said.2"]
    assert check.turn == 2
    assert check.kind is CheckKind.WORDS


def test_what_a_campaign_said_is_no_reply() -> None:
    told = Told()
    told.agent("Oi! Posso falar com você?")
    told.events[0] = told.events[0].model_copy(update={"author": "campaign"})
    told.customer("quem é?").agent("É a Lia.")
    assert failed({"never_said": [{"pattern": "posso falar"}]}, told) == set()


def test_a_budget_is_kept() -> None:
    told = Told().customer("oi").customer("oi").customer("oi")
    given = scenario(budget={"turns": 2, "latency_ms": 100, "tokens": 10, "cost_brl": 0.01})
    transcript = told.transcript(turn_ms=(50.0, 300.0), input_tokens=9, output_tokens=2, cost_brl=0.02)
    found = {check.id for check in check_expectations(given, transcript) if not check.has_passed}
    assert found == {"budget.turns", "budget.latency", "budget.tokens", "budget.cost"}
    within = told.transcript(turn_ms=(50.0,), input_tokens=1, cost_brl=0.001)
    assert {
        c.id for c in check_expectations(scenario(budget={"turns": 3, "latency_ms": 100}), within) if not c.has_passed
    } == set()


def test_percentiles_are_of_the_nearest_rank() -> None:
    assert percentile([5.0, 1.0, 3.0], 50) == 3
    assert percentile([float(n) for n in range(1, 101)], 95) == 95
    assert percentile([7.0], 95) == 7
