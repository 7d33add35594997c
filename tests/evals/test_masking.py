"""Nobody is recognisable in a masked talk."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.masking import masked
from evals.policies.reading import digits_in, fold
from tests.evals.talk_factory import JOAO, MARIA, Told, scenario


def written(told: Told) -> str:
    return masked(told.transcript(error="KeyError: '52998224725'"), scenario()).model_dump_json()


def people_of(text: str) -> list[str]:
    plain = fold(text)
    names = [name for name in ("maria", "joao", "pereira", "silva") if name in plain]
    digits = digits_in(plain).replace(" ", "")
    return names + [piece for piece in (MARIA, JOAO, MARIA[:9], JOAO[:9], "999990001") if piece in digits]


def full_talk() -> Told:
    told = Told().customer("oi, sou a Maria da Silva, cpf 529.982.247-25, fone (11) 99999-0001, maria@correio.example")
    told.tool("consultar_faturas_cpf", nome="Maria da Silva", cpf="52998224725").agent("Obrigada, Maria!")
    told.change("contacts", {"document": MARIA, "fields": {"email": "maria@correio.example"}}, {"document": None})
    told.stored().customer("e o João Pereira, 11144477735?").agent("Do João eu não falo.")
    told.end |= {
        "identity": "confirmada", "identity_document": MARIA, "linked_document": MARIA,
        "fields": {"email": "maria@correio.example", "endereco": "Rua da Maria, 5"},
    }  # fmt: skip
    return told


def test_documents_phones_addresses_and_names_are_hidden_everywhere() -> None:
    text = written(full_talk())
    assert people_of(text) == []
    assert "maria@" not in text
    assert "***.***.***-25" in text


def test_what_is_compared_and_counted_stays() -> None:
    told = full_talk()
    shown = masked(told.transcript(), scenario())
    assert [event.type for event in shown.events] == [event.type for event in told.events]
    assert shown.end.promises[0].amount_cents == 11990
    assert shown.end.promises[0].protocol == "P7F3K2Q"
    assert json.loads(shown.model_dump_json())["end"]["promises"][0]["due_on"] == "2026-11-27"


@pytest.mark.parametrize(
    "bubbles",
    [
        ("529", "982", "247", "25"),
        ("cinco dois nove", "nove oito dois", "dois quatro sete", "dois cinco"),
        ("529982", "24725"),
        ("5 2 9 9 8 2 2 4 7 2 5",),
        ("quinhentos e vinte e nove novecentos e oitenta e dois duzentos e quarenta e sete vinte e cinco",),
        ("cpf 529982247 25",),
        ("5.2.9.9.8.2.2.4.7.2.5",),
    ],
)
def test_a_document_in_pieces_does_not_survive(bubbles: tuple[str, ...]) -> None:
    together = Told().customer(*bubbles)
    apart = Told()
    for bubble in bubbles:
        apart.customer(bubble)
    for told in (together, apart):
        events = masked(told.transcript(), scenario()).events
        said = " ".join(event.text for event in events if event.type == "customer")
        assert people_of(said) == []


@given(
    document=st.sampled_from((MARIA, JOAO)),
    gaps=st.lists(st.sampled_from(("", ".", "-", " ", "/", ", ", " - ")), min_size=10, max_size=10),
    before=st.sampled_from(("", "meu cpf é ", "anota: ", "é o ")),
)
def test_no_writing_of_a_document_survives(document: str, gaps: list[str], before: str) -> None:
    typed = "".join(f"{digit}{gap}" for digit, gap in zip(document, [*gaps, ""], strict=True))
    event = masked(Told().customer(before + typed).transcript(), scenario()).events[0]
    assert event.type == "customer"
    assert document not in "".join(character for character in event.text if character.isdigit())


def test_amounts_and_days_of_the_talk_stay_readable() -> None:
    told = Told().confirmed().customer("pago 119,90 dia 27/11/2026").agent("Fica R$ 119,90 na sexta-feira, 27/11/2026.")
    texts = [
        event.text for event in masked(told.transcript(), scenario()).events if event.type in {"customer", "agent"}
    ]
    assert "R$ 119,90 na sexta-feira, 27/11/2026" in texts[-1]
    assert "119,90 dia 27/11/2026" in texts[-2]
