"""How holders are called."""

import pytest

from domain.wording import called_name


@pytest.mark.parametrize(
    ("name", "document", "called"),
    [
        ("Maria da Silva", "52998224725", "Maria"),
        ("MARIA DA SILVA", "52998224725", "Maria"),
        ("Padaria Pão Quente Ltda", "11222333000181", "Padaria Pão Quente"),
        ("PADARIA PÃO QUENTE LTDA.", "11222333000181", "Padaria Pão Quente"),
        ("Rede Sul S/A", "11222333000181", "Rede Sul"),
        ("  João   Souza ", "11144477735", "João"),
        ("", "11144477735", ""),
    ],
)
def test_person_by_first_name_company_without_legal_form(name: str, document: str, called: str) -> None:
    assert called_name(name, document=document) == called
