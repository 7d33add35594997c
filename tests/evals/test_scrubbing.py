import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.br import cnpj, cpf

from evals.scrubbing import Scrubber

REAL = "52998224725"
COMPANY = "11222333000181"


@pytest.fixture
def scrubber() -> Scrubber:
    made = Scrubber()
    made.document(REAL)
    made.name("Maria da Silva")
    made.phone("+5521999990044")
    return made


def test_made_up_documents_are_valid_distinct_and_kept(scrubber: Scrubber) -> None:
    documents = [scrubber.document(f"{number:011d}") for number in range(60)]
    assert len(set(documents)) == 60
    assert all(cpf.is_valid(document) for document in documents)
    assert cnpj.is_valid(scrubber.document(COMPANY))
    assert scrubber.document(REAL) == scrubber.document(REAL) != REAL


@pytest.mark.parametrize("written", ["529.982.247-25", "52998224725", "529 982 247 25", "529982247-25"])
def test_document_keeps_its_writing(scrubber: Scrubber, written: str) -> None:
    text = scrubber.text(f"meu cpf é {written}, tá?")
    new = scrubber.document(REAL)
    assert re.sub(r"\D", "", text) == new
    assert re.sub(r"\d", "0", text) == re.sub(r"\d", "0", f"meu cpf é {written}, tá?")


def test_pieces_of_a_document_become_the_same_pieces(scrubber: Scrubber) -> None:
    new = scrubber.document(REAL)
    assert scrubber.text("529") == new[:3]
    assert scrubber.text("982 247") == f"{new[3:6]} {new[6:9]}"


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("aqui é a Maria", "aqui é a Marina"),
        ("MARIA DA SILVA", "MARINA DA PRADO"),
        ("sou maría silva", "sou marina prado"),
        ("mariana não é ela", "mariana não é ela"),
        ("pago R$ 119,90 dia 27/11 às 14h", "pago R$ 119,90 dia 27/11 às 14h"),
        ("me liga no (21) 99999-0044", "me liga no (21) 99999-0001"),
        ("2199990044", "2199990001"),
    ],
)
def test_people_become_others_and_the_rest_stays(scrubber: Scrubber, text: str, scrubbed: str) -> None:
    assert scrubber.text(text) == scrubbed


def test_documents_nobody_knew_are_replaced_and_other_numbers_masked(scrubber: Scrubber) -> None:
    text = scrubber.text("o cpf do meu marido é 111.444.777-35 e o zap dele (31) 98888-7777, joao@exemplo.com")
    assert "111.444.777-35" not in text
    assert "98888" not in text
    assert "joao@" not in text
    assert cpf.is_valid(text.split(" e o zap")[0].rsplit(" ", 1)[1])


@given(st.text(max_size=200))
def test_no_text_breaks_it_or_keeps_a_known_document(text: str) -> None:
    made = Scrubber()
    made.document(REAL)
    assert REAL not in made.text(f"{text} 529.982.247-25 {text} {REAL}").replace(".", "").replace("-", "").replace(
        " ", ""
    )
