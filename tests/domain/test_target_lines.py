"""Columns and lines of debtors' files: what is understood, what is refused and why."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import target_cells
from domain.documents import InvalidDocument, parse_document
from domain.phones import AREA_CODES, InvalidPhone, PhoneKind, match_key, parse_phone, phone_kind
from domain.target_amounts import LARGEST_CENTS, DecimalMark, decimal_mark_of
from domain.target_cells import Cell, is_empty
from domain.target_columns import REQUIRED, ColumnsRefused, Field, known_fields, map_columns
from domain.target_lines import REASONS, LineProblem, LineReader, NewTarget

HEADERS = ("Nome", "Telefone", "CPF/CNPJ", "Valor", "Ponto de instalação", "Fatura", "Vencimento", "UF", "Prioridade")
GOOD: Mapping[str, Cell] = {
    "Nome": "Maria da Silva", "Telefone": "(11) 99999-0001", "CPF/CNPJ": "529.982.247-25", "Valor": "R$ 1.234,56",
    "Ponto de instalação": "Rua das Flores, 10", "Fatura": "FAT-1", "Vencimento": "10/10/2026", "UF": "SP",
    "Prioridade": "5",
}  # fmt: skip


def read(mark: DecimalMark = DecimalMark.COMMA, **changes: Cell) -> NewTarget | LineProblem:
    """Read a good line with some cells changed; keywords are the first words of the headers."""
    return read_changed(changes, mark)


def read_changed(changes: Mapping[str, Cell], mark: DecimalMark = DecimalMark.COMMA) -> NewTarget | LineProblem:
    by_word = {header.split()[0].split("/")[0].lower(): header for header in HEADERS}
    cells = dict(GOOD) | {by_word[word]: cell for word, cell in changes.items()}
    return LineReader(map_columns(HEADERS, {}), mark).read([cells[header] for header in HEADERS])


def reason(result: NewTarget | LineProblem) -> str:
    assert isinstance(result, LineProblem)
    return result.reason


def target(result: NewTarget | LineProblem) -> NewTarget:
    assert isinstance(result, NewTarget), result
    return result


def test_good_line_gives_a_normalised_target() -> None:
    assert read() == NewTarget(
        client_name="Maria da Silva", phone="+5511999990001", match_key="1199990001", document="52998224725",
        debt_cents=123456, installation_point="Rua das Flores, 10", invoice_number="FAT-1",
        due_on=date(2026, 10, 10), uf="SP", priority=5,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("clientName", Field.CLIENT_NAME),
        ("client_name", Field.CLIENT_NAME),
        ("NOME", Field.CLIENT_NAME),
        ("Nome do Cliente", Field.CLIENT_NAME),
        ("Razão Social", Field.CLIENT_NAME),
        ("razao  social", Field.CLIENT_NAME),
        ("\ufeffCliente ", Field.CLIENT_NAME),
        ("Nome/Razão Social", Field.CLIENT_NAME),
        ("phoneNumber", Field.PHONE_NUMBER),
        ("Celular", Field.PHONE_NUMBER),
        ("WhatsApp", Field.PHONE_NUMBER),
        ("Fone", Field.PHONE_NUMBER),
        ("Telefone 1", Field.PHONE_NUMBER),
        ("Nº do telefone:", None),
        ("clientDocument", Field.CLIENT_DOCUMENT),
        ("CPF", Field.CLIENT_DOCUMENT),
        ("cnpj", Field.CLIENT_DOCUMENT),
        ("CPF/CNPJ", Field.CLIENT_DOCUMENT),
        ("CPF ou CNPJ", Field.CLIENT_DOCUMENT),
        ("Documento", Field.CLIENT_DOCUMENT),
        ("debtAmount", Field.DEBT_AMOUNT),
        ("Valor (R$)", Field.DEBT_AMOUNT),
        ("VALOR R$", Field.DEBT_AMOUNT),
        ("Valor da dívida", Field.DEBT_AMOUNT),
        ("Saldo", Field.DEBT_AMOUNT),
        ("Débito", Field.DEBT_AMOUNT),
        ("invoiceNumber", Field.INVOICE_NUMBER),
        ("Fatura", Field.INVOICE_NUMBER),
        ("Nº Fatura", Field.INVOICE_NUMBER),
        ("N° da fatura", Field.INVOICE_NUMBER),
        ("Número da Fatura", Field.INVOICE_NUMBER),
        ("Título", Field.INVOICE_NUMBER),
        ("installationPoint", Field.INSTALLATION_POINT),
        ("Ponto de Instalação", Field.INSTALLATION_POINT),
        ("Endereço", Field.INSTALLATION_POINT),
        ("Vencimento", Field.DUE_DATE),
        ("Data de vencimento", Field.DUE_DATE),
        ("dueDate", Field.DUE_DATE),
        ("UF", Field.UF),
        ("Estado", Field.UF),
        ("state", Field.UF),
        ("Prioridade", Field.PRIORITY),
        ("Ｎｏｍｅ", Field.CLIENT_NAME),
        ("Plano", None),
        ("", None),
        ("???", None),
    ],
)
def test_headers_are_known_by_their_meaning(header: str, field: Field | None) -> None:
    assert map_columns([header], {}).places == ({field: 0} if field else {})


def test_two_columns_of_one_meaning_are_refused_by_name() -> None:
    with pytest.raises(ColumnsRefused) as refused:
        map_columns(["Nome", "Telefone", "Celular"], {})
    assert (refused.value.reason, refused.value.field) == ("duplicate_column", Field.PHONE_NUMBER)
    assert refused.value.columns == ("Telefone", "Celular")


def test_mapping_beats_what_headers_mean() -> None:
    columns = map_columns(
        ["Nome", "Telefone", "Celular", "Saldo novo"], {Field.PHONE_NUMBER: "celular", Field.DEBT_AMOUNT: "Saldo novo"}
    )
    assert columns.places == {Field.CLIENT_NAME: 0, Field.PHONE_NUMBER: 2, Field.DEBT_AMOUNT: 3}
    assert columns.missing == (Field.CLIENT_DOCUMENT,)


@pytest.mark.parametrize(
    ("headers", "wanted", "expected"),
    [
        (["Nome"], {Field.UF: "Região"}, "unknown_column"),
        (["a", "a"], {Field.UF: "a"}, "duplicate_column"),
        (["a", "b"], {Field.UF: "a", Field.PRIORITY: "a"}, "duplicate_column"),
    ],
)
def test_mapping_that_cannot_be_followed_is_refused(
    headers: list[str], wanted: dict[Field, str], expected: str
) -> None:
    with pytest.raises(ColumnsRefused) as refused:
        map_columns(headers, wanted)
    assert refused.value.reason == expected


def test_header_is_told_from_a_title_by_the_fields_it_names() -> None:
    assert known_fields(["Relatório de inadimplentes", ""], {}) < known_fields(["Nome", "CPF", "Valor"], {})
    assert known_fields(["x", "y"], {Field.DEBT_AMOUNT: "y"}) == 1


@pytest.mark.parametrize("word", ["nome", "telefone", "cpf", "valor"])
@pytest.mark.parametrize("empty", [None, "", "   ", "\t\u00a0"])
def test_required_cells_may_not_be_empty(word: str, empty: Cell) -> None:
    assert reason(read_changed({word: empty})) == "required"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  João   da\tSilva \n", "João da Silva"),
        ("Jo\u0061\u0303o", "João"),
        ("Ana\u200b\u202e Lima\x00", "Ana Lima"),
        ("- Maria", "Maria"),
        ("+Maria", "Maria"),
        ("-2+3+cmd|' /C calc'!A0", "2+3+cmd|' /C calc'!A0"),
        ("O'Neill & Filhos ME", "O'Neill & Filhos ME"),
    ],
)
def test_name_is_stored_as_inert_text(typed: str, stored: str) -> None:
    assert target(read(nome=typed)).client_name == stored


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ('=HYPERLINK("http://x.invalid")', "formula"),
        ("@SUM(A1)", "formula"),
        ("+=1+1", "formula"),
        ("12345", "name_without_letters"),
        ("x" * 121, "too_long"),
        ("x" * 5000, "too_long"),
        ("---", "required"),
        ("#N/D", "required"),
        ("#REF!", "required"),
    ],
)
def test_name_that_is_none_is_refused(typed: str, expected: str) -> None:
    assert reason(read(nome=typed)) == expected


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("52998224725", "52998224725"),
        (" 529 982 247 25 ", "52998224725"),
        (52998224725, "52998224725"),
        (Decimal("52998224725.0"), "52998224725"),
        ("11.222.333/0001-81", "11222333000181"),
        (11222333000181, "11222333000181"),
        ("12.ABC.345/01DE-35", "12ABC34501DE35"),
        ("12abc34501de35", "12ABC34501DE35"),
        (1234567890, "01234567890"),
        (8765432126, "08765432126"),
        (123456797, "00123456797"),
        (1222333000128, "01222333000128"),
        (Decimal("5.2998224725E+10"), "52998224725"),
        ("５２９．９８２．２４７－２５", "52998224725"),
    ],
)
def test_documents_are_read_as_text_and_as_numbers(typed: Cell, stored: str) -> None:
    assert target(read(cpf=typed)).document == stored


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("5.2998224725E+10", "document_exponent"),
        ("5,29982E+10", "document_exponent"),
        ("5E10", "document_exponent"),
        ("111.111.111-11", "document_repeated"),
        ("99999999999", "document_repeated"),
        ("00000000000", "document_repeated"),
        ("00.000.000/0000-00", "document_repeated"),
        ("1234567890", "document_lost_zeros"),
        ("1222333000128", "document_lost_zeros"),
        ("529.982.247-26", "document_invalid"),
        ("abc", "document_invalid"),
        (191, "document_invalid"),
        (Decimal("52998224725.5"), "document_invalid"),
        (date(2026, 1, 1), "is_a_date"),
        ("5" * 3000, "document_invalid"),
        (-52998224725, "document_invalid"),
        ("Infinity", "document_invalid"),
    ],
)
def test_document_that_is_none_says_what_happened_to_it(typed: Cell, expected: str) -> None:
    assert read(cpf=typed) == LineProblem(Field.CLIENT_DOCUMENT, expected)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("11999990001", "+5511999990001"),
        (11999990001, "+5511999990001"),
        (Decimal("5511999990001"), "+5511999990001"),
        ("+55 (11) 9 9999-0001", "+5511999990001"),
        ("011 99999-0001", "+5511999990001"),
        ("1187654321", "+5511987654321"),
        ("0xx11 99999-0001", "+5511999990001"),
        ("(11) 3333-4444", "+551133334444"),
        ("55 99999-0001", "+5555999990001"),
        ("55999990001", "+5555999990001"),
        ("+5555999990001", "+5555999990001"),
        ("(11) 3333-4444 / (11) 99999-0001", "+5511999990001"),
        ("11 99999-0001 ou 11 98888-0002", "+5511999990001"),
        ("(11) 3333-4444; ramal", "+551133334444"),
    ],
)
def test_phones_are_read_as_people_type_them(typed: Cell, stored: str) -> None:
    assert target(read(telefone=typed)).phone == stored


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("5,51199E+12", "phone_exponent"),
        ("+1 202 555 0123", "phone_foreign"),
        ("0800 123 4567", "phone_not_contactable"),
        ("0300 789 5566", "phone_not_contactable"),
        ("4004-1234", "phone_not_contactable"),
        ("99999-0001", "phone_invalid"),
        ("não tem", "phone_invalid"),
        ("(10) 99999-0001", "phone_invalid"),
        (date(2026, 1, 1), "is_a_date"),
        ("1" * 500, "phone_invalid"),
        (0, "phone_invalid"),
    ],
)
def test_phone_that_nobody_may_contact_is_refused(typed: Cell, expected: str) -> None:
    assert read(telefone=typed) == LineProblem(Field.PHONE_NUMBER, expected)


_SHAPES = (
    "{d}9{a}{b}",
    "({d}) 9{a}-{b}",
    "+55{d}9{a}{b}",
    "55{d}9{a}{b}",
    "{d} 9 {a} {b}",
    "+55 {d} 9{a}-{b}",
    "({d})9{a}{b}",
    "55 ({d}) 9.{a}.{b}",
    " {d}-9{a}-{b} ",
    "+ 55 {d} 9{a}{b}",
)


def _assert_same_as_the_full_rules(text: str) -> bool:
    quick = target_cells._plain_mobile(text)
    if quick is None:
        return False
    number = parse_phone(text)
    assert (number, match_key(number)) == quick, text
    assert phone_kind(number) is PhoneKind.MOBILE
    return True


def test_quick_reading_of_mobiles_says_what_the_full_rules_say() -> None:
    firsts = ("0000", "0123", "1999", "2345", "3210", "4567", "5999", "6000", "7001", "8765", "9999", "9123")
    lasts = ("0000", "0001", "1234", "5678", "9999")
    read_quickly = 0
    for place, code in enumerate(AREA_CODES):
        for nth, first in enumerate(firsts):
            shape = _SHAPES[(place + nth) % len(_SHAPES)]
            read_quickly += _assert_same_as_the_full_rules(shape.format(d=code, a=first, b=lasts[nth % len(lasts)]))
    assert read_quickly == len(AREA_CODES) * len(firsts)


@given(st.from_regex(r"\A\s?(\+\s?)?(55)?[\s-]?\(?[0-9]{2}\)?[\s-]?9?[\s.]?[0-9]{4}[\s.-]?[0-9]{4}\s?\Z"))
def test_quick_reading_never_disagrees(text: str) -> None:
    try:
        _assert_same_as_the_full_rules(text)
    except InvalidPhone:
        pytest.fail(f"the quick reading took {text!r}")


def _full_rules(text: str) -> str | None:
    try:
        return parse_document(text)
    except InvalidDocument:
        return None


@given(st.from_regex(r"\A[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}\Z"))
def test_quick_reading_of_a_cpf_says_what_the_full_rules_say(text: str) -> None:
    assert target_cells._plain_cpf(text) == _full_rules(text)


@given(st.integers(0, 999_999_999))
def test_quick_reading_knows_every_valid_cpf(number: int) -> None:
    found = {
        document for last in range(100) if (document := target_cells._plain_cpf(text := f"{number:09d}{last:02d}"))
    } | {document for last in range(100) if (document := _full_rules(f"{number:09d}{last:02d}"))}
    assert len(found) == (0 if len(set(f"{number:09d}")) == 1 else 1), text
    assert all(target_cells._plain_cpf(document) == _full_rules(document) == document for document in found)


def test_quick_reading_leaves_numbers_without_an_area_code_alone() -> None:
    assert target_cells._plain_mobile("(10) 99999-0001") is None
    assert target_cells._plain_mobile("+1 11 99999-0001") is None


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("R$ 1.234,56", 123456),
        ("R$1.234,56", 123456),
        ("1234,56", 123456),
        ("R$\u00a01.234,56", 123456),
        ("1.234", 123400),
        ("120", 12000),
        ("120,5", 12050),
        ("0,01", 1),
        ("1.234.567,89", 123456789),
        ("119,9000", 11990),
        ("BRL 10,00", 1000),
        ("10 reais", 1000),
        (120, 12000),
        (Decimal("119.9"), 11990),
        (Decimal("119.90000000000001"), 11990),
        (Decimal("0.30000000000000004"), 30),
        ("99.999.999,99", LARGEST_CENTS),
        ("00012,00", 1200),
    ],
)
def test_amounts_with_a_comma(typed: Cell, cents: int) -> None:
    assert target(read(valor=typed)).debt_cents == cents


@pytest.mark.parametrize(
    ("typed", "cents"),
    [("1234.56", 123456), ("1,234.56", 123456), ("1,234", 123400), ("R$ 99.9", 9990), ("120", 12000), ("1.5000", 150)],
)
def test_amounts_with_a_dot(typed: Cell, cents: int) -> None:
    assert target(read(DecimalMark.DOT, valor=typed)).debt_cents == cents


@pytest.mark.parametrize(
    ("mark", "typed", "expected"),
    [
        (DecimalMark.COMMA, "1234.56", "amount_mixed"),
        (DecimalMark.COMMA, "1,234.56", "amount_mixed"),
        (DecimalMark.DOT, "1234,56", "amount_mixed"),
        (DecimalMark.DOT, "1.234,56", "amount_mixed"),
        (DecimalMark.COMMA, "119,900", "amount_mixed"),
        (DecimalMark.COMMA, "12.34,56", "amount_invalid"),
        (DecimalMark.COMMA, "0.123,00", "amount_invalid"),
        (DecimalMark.COMMA, "0,00", "amount_not_positive"),
        (DecimalMark.COMMA, "-10,00", "amount_not_positive"),
        (DecimalMark.COMMA, "(10,00)", "amount_not_positive"),
        (DecimalMark.COMMA, "R$ -10,00", "amount_not_positive"),
        (DecimalMark.COMMA, "10,00-", "amount_not_positive"),
        (DecimalMark.COMMA, "1E+05", "amount_invalid"),
        (DecimalMark.COMMA, "=1+1", "amount_invalid"),
        (DecimalMark.COMMA, "cem", "amount_invalid"),
        (DecimalMark.COMMA, "100.000.000,00", "amount_too_large"),
        (DecimalMark.COMMA, 10**18, "amount_too_large"),
        (DecimalMark.COMMA, Decimal("1E+300"), "amount_too_large"),
        (DecimalMark.COMMA, Decimal("10.005"), "amount_too_many_decimals"),
        (DecimalMark.COMMA, Decimal("NaN"), "amount_invalid"),
        (DecimalMark.COMMA, 0, "amount_not_positive"),
        (DecimalMark.COMMA, Decimal("-1"), "amount_not_positive"),
        (DecimalMark.COMMA, date(2026, 1, 1), "is_a_date"),
        (DecimalMark.COMMA, "1" * 50, "amount_invalid"),
    ],
)
def test_amount_that_is_none_is_refused(mark: DecimalMark, typed: Cell, expected: str) -> None:
    assert read(mark, valor=typed) == LineProblem(Field.DEBT_AMOUNT, expected)


@pytest.mark.parametrize(
    ("column", "mark"),
    [
        (["1.234,56", "10"], DecimalMark.COMMA),
        (["1234.56", "99.90"], DecimalMark.DOT),
        (["10", "20"], DecimalMark.COMMA),
        (["1.234", "2.500"], DecimalMark.COMMA),
        (["99.90", "10,00", "20,00"], DecimalMark.COMMA),
        (["99.90", "15.50", "20,00"], DecimalMark.DOT),
        ([], DecimalMark.COMMA),
        ([10, Decimal("9.9"), None], DecimalMark.COMMA),
        (["", "abc", "R$ 9.99"], DecimalMark.DOT),
        (["1,234.50"], DecimalMark.DOT),
    ],
)
def test_decimal_mark_is_decided_for_the_column(column: list[Cell], mark: DecimalMark) -> None:
    assert decimal_mark_of(column) is mark


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("10/11/2026", date(2026, 11, 10)),
        ("1/2/26", date(2026, 2, 1)),
        ("2026-11-10", date(2026, 11, 10)),
        ("10-11-2026", date(2026, 11, 10)),
        ("10.11.2026", date(2026, 11, 10)),
        ("2026-11-10 00:00:00", date(2026, 11, 10)),
        ("2026-11-10T00:00:00Z", date(2026, 11, 10)),
        (date(2026, 11, 10), date(2026, 11, 10)),
        (46336, date(2026, 11, 10)),
        ("", None),
        (None, None),
    ],
)
def test_due_dates(typed: Cell, day: date | None) -> None:
    assert target(read(vencimento=typed)).due_on == day


@pytest.mark.parametrize(
    "typed", ["31/02/2026", "11/13/2026", "10/11/1926", "amanhã", 5, -1, 10**9, Decimal("NaN"), "10/11"]
)
def test_due_date_that_is_none_is_refused(typed: Cell) -> None:
    assert read(vencimento=typed) == LineProblem(Field.DUE_DATE, "due_date_invalid")


@pytest.mark.parametrize(
    ("typed", "uf"), [("sp", "SP"), ("São Paulo", "SP"), ("PARA", "PA"), ("mato  grosso", "MT"), ("", None)]
)
def test_states(typed: Cell, uf: str | None) -> None:
    assert target(read(uf=typed)).uf == uf


@pytest.mark.parametrize("typed", ["XX", "Lisboa", 35, date(2026, 1, 1), "x" * 500])
def test_state_that_is_none_is_refused(typed: Cell) -> None:
    assert read(uf=typed) == LineProblem(Field.UF, "uf_invalid")


@pytest.mark.parametrize(
    ("typed", "priority"),
    [("5", 5), (7, 7), ("Alta", 10), ("média", 0), ("baixa", -10), ("", 0), ("-3", -3), (Decimal("2.0"), 2)],
)
def test_priorities(typed: Cell, priority: int) -> None:
    assert target(read(prioridade=typed)).priority == priority


@pytest.mark.parametrize(
    "typed", ["urgente", "1.5", 101, "-101", Decimal("1.5"), Decimal("NaN"), date(2026, 1, 1), "9" * 50]
)
def test_priority_that_is_none_is_refused(typed: Cell) -> None:
    assert read(prioridade=typed) == LineProblem(Field.PRIORITY, "priority_invalid")


def test_optional_text_that_begins_like_a_formula_is_refused() -> None:
    assert read(fatura="=1+1") == LineProblem(Field.INVOICE_NUMBER, "formula")
    assert read(ponto="@x") == LineProblem(Field.INSTALLATION_POINT, "formula")
    assert target(read(ponto="-", fatura="--")).installation_point is None


def test_short_rows_lack_cells_and_long_rows_have_slipped() -> None:
    reader = LineReader(map_columns(["Nome", "Telefone", "CPF", "Valor", "Fatura"], {}), DecimalMark.COMMA)
    cells = ["Maria", "11999990001", "52998224725", "10,00"]
    assert target(reader.read(cells)).invoice_number is None
    assert reader.read(cells[:3]) == LineProblem(Field.DEBT_AMOUNT, "required")
    assert target(reader.read([*cells, "F1", "", None])).invoice_number == "F1"
    assert reader.read([*cells, "F1", "resto"]) == LineProblem(None, "too_many_cells")


def test_empty_rows_are_told() -> None:
    assert is_empty([])
    assert is_empty([None, "", "  "])
    assert not is_empty([None, 0])
    assert not is_empty(["x"])


cells = st.one_of(
    st.none(), st.text(max_size=60), st.integers(), st.decimals(), st.dates(),
    st.sampled_from(["529.982.247-25", "11999990001", "1.234,56", "10/10/2026", "SP", "=1", "5E10", "\ud800", "\x00"]),
)  # fmt: skip


@given(st.lists(cells, max_size=12), st.sampled_from(DecimalMark))
def test_no_line_makes_the_reader_raise(row: list[Cell], mark: DecimalMark) -> None:
    result = LineReader(map_columns(HEADERS, {}), mark).read(row)
    if isinstance(result, LineProblem):
        assert result.field in REASONS[result.reason]
    else:
        assert result.debt_cents > 0
        assert parse_phone(result.phone) == result.phone


@given(st.lists(st.text(max_size=30), max_size=15))
def test_no_header_makes_the_mapping_raise_anything_else(headers: list[str]) -> None:
    with suppress(ColumnsRefused):
        assert set(map_columns(headers, {}).missing) <= set(REQUIRED)
