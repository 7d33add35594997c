"""Whether somebody has said to be, or not to be, the person that was asked for."""

import pytest

from domain.speaker import has_denied_name

ASKED = "Oi! Aqui é a Lia, assistente virtual da TR Telecom 😊 Falo com Maria?"


@pytest.mark.parametrize("answer", ["não", "nao", "Não!", "n", "não senhora", "nao, obrigado", "não é", "aqui não"])
def test_bare_no_denies_the_name(answer: str) -> None:
    assert has_denied_name(ASKED, answer)


@pytest.mark.parametrize(
    "answer", ["sim", "não posso falar agora", "não entendi", "não é um bom momento", "nao quero pagar hoje", ""]
)
def test_other_answers_deny_nothing(answer: str) -> None:
    assert not has_denied_name(ASKED, answer)


def test_no_to_another_question_denies_no_name() -> None:
    assert not has_denied_name("Posso registrar?", "não")
