"""CPF and CNPJ in every form that people type."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.br import cpf

from domain.documents import (
    InvalidDocument,
    contains_full_document,
    find_document_attempts,
    find_documents,
    is_cnpj,
    make_cpf,
    mask_document,
    parse_document,
)

SAMPLES = json.loads((Path(__file__).parents[1] / "payloads" / "brazil" / "documentos.json").read_text("utf-8"))
PIX = json.loads((Path(__file__).parents[1] / "payloads" / "brazil" / "pix_static.json").read_text("utf-8"))["brcode"]
CNPJS = SAMPLES["cnpj_validos"] + SAMPLES["cnpj_alfanumerico_valido_desde_2026_07"]


def with_check_digits(base: str) -> str:
    return next(digits for n in range(100) if cpf.is_valid(digits := f"{base}{n:02d}") or base == "0" * 9)


@given(number=st.integers(0, 999_999_999).filter(lambda number: len(set(f"{number:09d}")) > 1))
def test_made_up_cpf_is_valid(number: int) -> None:
    made = make_cpf(number)
    assert made.startswith(f"{number:09d}")
    assert parse_document(made) == made
    assert cpf.is_valid(made)


@pytest.mark.parametrize("text", SAMPLES["cpf_validos"] + CNPJS)
def test_valid_documents_are_accepted(text: str) -> None:
    document = parse_document(text)
    assert document == text
    assert is_cnpj(document) == (len(text) == 14)


@pytest.mark.parametrize(
    "text",
    [*SAMPLES["cpf_invalidos"], *(digit * 11 for digit in "0123456789"), *(digit * 14 for digit in "0123456789"), "",
     "12ABC34501DE36", "12ÁBC34501DE35", "5299822472", "meu cpf 52998224725", "５２９"],
)  # fmt: skip
def test_wrong_documents_are_refused(text: str) -> None:
    with pytest.raises(InvalidDocument) as refusal:
        parse_document(text)
    assert not text or text not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("529.982.247-25", "52998224725"),
        (" 529 982 247 25 ", "52998224725"),
        ("５２９９８２２４７２５", "52998224725"),
        ("11.222.333/0001-81", "11222333000181"),
        ("12.abc.345/01de-35", "12ABC34501DE35"),
    ],
)
def test_masks_and_case_do_not_matter(text: str, expected: str) -> None:
    assert parse_document(text) == expected


def test_zeros_eaten_by_a_spreadsheet_come_back_only_on_request() -> None:
    assert parse_document("1234567890", pad_zeros=True) == "01234567890"
    with pytest.raises(InvalidDocument):
        parse_document("1234567890")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("meu cpf é 529 982 247 25", ["52998224725"]),
        ("529.982.247-25", ["52998224725"]),
        ("52998224725", ["52998224725"]),
        ("cpf52998224725 ok?", ["52998224725"]),
        ("CPF: 529982247-25.", ["52998224725"]),
        ("529-982-247-25", ["52998224725"]),
        ("529,982,247,25", ["52998224725"]),
        ("529.982.247 - 25", ["52998224725"]),
        ("(529.982.247-25)", ["52998224725"]),
        ("é o 529 982\n247 25", ["52998224725"]),
        ("5 2 9 9 8 2 2 4 7 2 5", ["52998224725"]),
        ("meu cpf é 52 99 82 24 72 5 tá", ["52998224725"]),
        ("529.982.247-25 e 111.444.777-35", ["52998224725", "11144477735"]),
        ("529.982.247-25 repito 52998224725", ["52998224725"]),
        ("52998224725 11144477735", ["52998224725", "11144477735"]),
        ("dia 20/11 529.982.247-25", ["52998224725"]),
        ("meu zap é 11999990001 e cpf 529.982.247-25", ["52998224725"]),
        ("cnpj 11.222.333/0001-81", ["11222333000181"]),
        ("11222333000181", ["11222333000181"]),
        ("11 222 333 0001 81", ["11222333000181"]),
        ("empresa 12.ABC.345/01DE-35", ["12ABC34501DE35"]),
        ("cnpj 12abc34501de35", ["12ABC34501DE35"]),
        ("oi", []),
        ("+55 11 98765-4321", []),
        ("(11) 98765-4321", []),
        ("11 99999-0001", []),
        ("111.111.111-11", []),
        ("529.982.247-26", []),
        ("34191.09123 34567.890123 34567.890008 4 99260000005000", []),
        ("846200000012 199001232024 611100000003 000012345674", []),
        (PIX, []),
        ("123e4567-e89b-12d3-a456-426614174000", []),
        ("protocolo 2026112000012345", []),
    ],
)
def test_documents_are_found_in_messy_text(text: str, expected: list[str]) -> None:
    assert find_documents(text) == expected
    assert contains_full_document(text) is bool(expected)


def test_valid_cpf_that_looks_like_a_phone_is_a_cpf_unless_written_as_one() -> None:
    digits = with_check_digits("119876543")
    assert find_documents(digits) == [digits]
    assert find_documents(f"+55 {digits}") == []
    assert find_documents(f"{digits[:2]} {digits[2:7]}-{digits[7:]}") == []
    assert find_documents(f"meu cpf {digits[:2]} {digits[2:7]}-{digits[7:]}") == [digits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("529.982.247-26", ["529.982.247-26"]),
        ("meu cpf é 52998224726", ["52998224726"]),
        ("111.111.111-11", ["111.111.111-11"]),
        ("cpf 5299822472", ["5299822472"]),
        ("cpf: 529.982.247", ["529.982.247"]),
        ("11.222.333/0001-82", ["11.222.333/0001-82"]),
        ("529 982 247 26", ["529 982 247 26"]),
        ("529.982.247-25", []),
        ("11999990001", []),
        ("(11) 99999-0001", []),
        ("dia 10/12", []),
        ("pago 50 reais", []),
        ("34191.09123 34567.890123 34567.890008 4 99260000005000", []),
    ],
)
def test_mistyped_documents_are_noticed(text: str, expected: list[str]) -> None:
    assert find_document_attempts(text) == expected


@pytest.mark.parametrize(
    ("document", "masked"),
    [
        ("52998224725", "***.***.***-25"),
        ("529.982.247-25", "***.***.***-25"),
        ("11222333000181", "**.***.***/****-81"),
        ("12ABC34501DE35", "**.***.***/****-35"),
    ],
)
def test_mask_shows_the_last_two_digits_only(document: str, masked: str) -> None:
    assert mask_document(document) == masked
    assert not contains_full_document(masked)


@given(base=st.integers(min_value=0, max_value=999_999_999).map(lambda n: f"{n:09d}"), shape=st.integers(0, 3))
def test_every_cpf_is_found_in_every_mask(base: str, shape: int) -> None:
    digits = with_check_digits(base)
    masks = (
        digits,
        cpf.format(digits),
        " ".join((digits[:3], digits[3:6], digits[6:9], digits[9:])),
        f"{base}-{digits[9:]}",
    )
    expected = [] if len(set(digits)) == 1 else [digits]
    assert find_documents(f"oi, {masks[shape]} é o meu") == expected


@given(st.text(max_size=80))
def test_any_text_is_scanned_without_error(text: str) -> None:
    for document in find_documents(text):
        assert parse_document(document) == document
    find_document_attempts(text)
