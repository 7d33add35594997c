"""First messages: what fills them, and what they may not say (compliance 3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.message_templates import (
    DEFAULT_OPENING,
    DEFAULT_SMS,
    find_problem,
    first_name,
    parameters_of,
    render,
    values_for,
)

VALUES = values_for(client_name="JOSÉ DE SOUZA", document="52998224725", tenant_name="TR Telecom", assistant_name="Lia")


def test_numbers_are_filled_by_the_order_of_the_variables() -> None:
    text = "Oi, {{1}}! Aqui é da {{ 2 }}.\n\nTudo bem?"
    variables = ["contact.first_name", "tenant.name"]
    assert render(text, VALUES, variables) == "Oi, José! Aqui é da TR Telecom. Tudo bem?"
    assert parameters_of(VALUES, variables) == ("José", "TR Telecom")
    assert parameters_of(VALUES, ["promise.day"]) == ("",)


def test_names_are_filled_by_name_and_strangers_left_out() -> None:
    assert render("{{assistant.name}} da {{tenant.name}}{{9}}{{debt.amount}}", VALUES) == "Lia da TR Telecom"


@pytest.mark.parametrize("text", [DEFAULT_OPENING, DEFAULT_SMS])
def test_own_texts_are_fit(text: str) -> None:
    assert find_problem(text) is None
    assert "José" in render(text, VALUES)
    assert "{" not in render(text, VALUES)


@pytest.mark.parametrize(
    ("name", "document", "called"),
    [
        ("maria da silva", "52998224725", "maria"),
        ("MARIA", "52998224725", "Maria"),
        ("  ", "52998224725", "cliente"),
        ("12345", "52998224725", "cliente"),
        ("{{1}} https://mal.example/x", "52998224725", "https"),
        ("Ana\nLigue 0900", "52998224725", "Ana"),
        ("D'Ávila Prado", "52998224725", "D'Ávila"),
        ("PADARIA SÃO JOÃO LTDA", "11222333000181", "Padaria São João"),
        ("x" * 500, "52998224725", "x" * 40),
    ],
)
def test_name_to_greet_with(name: str, document: str, called: str) -> None:
    assert first_name(name, document=document) == called


@pytest.mark.parametrize(
    ("text", "variables", "problem"),
    [
        ("Oi, {{1}}!", ["contact.first_name"], None),
        ("Oi, {{2}}!", ["contact.first_name"], "number of its variables"),
        ("Oi!", ["contact.first_name"], "number of its variables"),
        ("Oi, {{1}}!", ["contact.document"], "only be filled from"),
        ("Oi, {{contact.first_name}}!", None, None),
        ("Oi, {{contact.document}}!", None, "only name the variables"),
        ("Oi, {{contact.first_name}", None, "braces"),
        ("", None, "empty"),
        ("x" * 1025, None, "1024"),
        ("Sua fatura vencida de R$ 119,90 está em aberto.", None, "neutral"),
        ("Você está devendo.", None, "neutral"),
        ("Consta um débito em seu nome.", None, "neutral"),
        ("Regularize a sua dívida.", None, "neutral"),
        ("São R$ 50,00.", None, "neutral"),
    ],
)
def test_problem(text: str, variables: list[str] | None, problem: str | None) -> None:
    found = find_problem(text, variables)
    assert found is None if problem is None else found is not None and problem in found


@given(name=st.text(max_size=60))
def test_any_name_in_a_list_gives_one_harmless_line(name: str) -> None:
    words = first_name(name, document="52998224725")
    assert words
    assert len(words) <= 40
    assert not set(words) & set("{}<>/:\n\r\t0123456789")
