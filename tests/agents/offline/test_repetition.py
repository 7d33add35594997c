"""The same question is put twice, then together with a person; amounts without a sign."""

import pytest

from agents.offline.debt import Debt, OpenInvoice, bare_amount, chosen_amount
from domain.wording import fold
from tests.agents.offline.talking import Talk


def test_third_question_for_the_document_offers_a_person() -> None:
    talk = Talk()
    replies = [talk.say(text) for text in ("quero ver minha fatura", "hmm", "aff", "sei la", "ta dificil")]
    offered = ["pessoa da equipe" in reply for reply in replies]
    assert any(offered)
    for three in zip(offered, offered[1:], offered[2:], strict=False):
        assert any(three)


def test_third_question_for_the_day_offers_a_person() -> None:
    talk = Talk()
    talk.say("oi")
    talk.say("529.982.247-25")
    replies = [talk.say(text) for text in ("hmm", "aff", "vish", "eita")]
    assert any("Consegue me dizer um dia, ou prefere que eu te passe" in reply for reply in replies)


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("so os 50 entao hoje", ("R$ 50,00",)),
        ("consigo 80 por enquanto", ("R$ 80,00",)),
        ("so dia 30", ()),
        ("pago 10/12", ()),
        ("so 10 dias", ()),
        ("pago 15 de dezembro", ()),
        ("os 600 mega", ()),
    ],
)
def test_bare_numbers_are_amounts_only_where_they_can_be_nothing_else(text: str, amounts: tuple[str, ...]) -> None:
    assert bare_amount(fold(text)) == amounts


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("as duas primeiras", "R$ 30,00"),
        ("as duas ultimas", "R$ 50,00"),
        ("as tres", "R$ 60,00"),
        ("todas", "R$ 60,00"),
        ("a mais antiga", "R$ 10,00"),
        ("metade", "R$ 30,00"),
    ],
)
def test_some_of_three_invoices_are_added_up(text: str, amount: str) -> None:
    invoices = tuple(
        OpenInvoice(number=f"FAT-{number}", amount=f"R$ {number}0,00", due=f"10/0{number}/2026", days_late=9)
        for number in (1, 2, 3)
    )
    debt = Debt(first_name="Ana", total="R$ 60,00", invoices=invoices, promise=None)
    assert chosen_amount(fold(text), (), debt) == amount
