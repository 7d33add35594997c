import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.br import cnpj as cnpj_rules
from stdnum.br import cpf as cpf_rules

from domain.masking import mask_text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("CPF 529.982.247-25 ok", "CPF ***.***.***-25 ok"),
        ("cpf=52998224725", "cpf=***.***.***-25"),
        ("cpf52998224725x", "cpf***.***.***-25x"),
        ("529 982 247 25", "***.***.***-25"),
        ("529-982-247-25", "***.***.***-25"),
        ("CNPJ 11.222.333/0001-81", "CNPJ **.***.***/****-81"),
        ("11222333000181", "**.***.***/****-81"),
        ("12.ABC.345/01DE-35", "**.***.***/****-35"),
        ("12ABC34501DE35", "**.***.***/****-35"),
        ("123.456.789-10 tem erro", "***.***.***-10 tem erro"),
        ("+5511999990001", "***0001"),
        ("5511999990001", "***0001"),
        ("551199990001", "***0001"),
        ("whatsapp:+5511999990001", "whatsapp:***0001"),
        ("(11) 99999-0001", "***0001"),
        ("(11)3333-4444", "***4444"),
        ("11 99999-0001", "***0001"),
        ("11999990001", "***0001"),
        ("011 99999-0001", "***0001"),
        ("1133334444", "***4444"),
        ("meu fixo é 3333-4444", "meu fixo é 3333-4444"),
        ("liga no 99999-0001", "liga no ***0001"),
        ("+1 415 555 0100", "***0100"),
        ("5511999990001@s.whatsapp.net", "***0001@s.whatsapp.net"),
        ("maria.silva+x@exemplo.com.br", "***@exemplo.com.br"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("access_token=EAABsbCS1234567890abcdef&x=1", "access_token=***&x=1"),
        ('{"api_key": "abcd1234"}', '{"api_key": "***"}'),
        ("key sk-proj-abcdefgh12345678", "key sk-***"),
        ("postgresql://u:s3nha@db/x", "postgresql://u:***@db/x"),
        ("redis://:s3nh@a@127.0.0.1:1/0", None),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "***"),
    ],
)
def test_personal_data_and_secrets_are_hidden(text: str, masked: str | None) -> None:
    if masked is None:
        assert "s3nh" not in mask_text(text)
    else:
        assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-20T14:00:00.123456+00:00",
        "2026-11-20 14:00:00",
        "3f0c2a9e-1111-2222-3333-123456789012",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "R$ 1.234.567,89",
        "fatura 2026-000123",
        "1763647200",
        "1763647200.123",
        "127.0.0.1:54321",
        "GET /api/v1/conversations 200 12ms",
        "tokens: 1234 prompt_version 3",
        "turn 12 of 345",
        "ABRIRCHAMADO1",
    ],
)
def test_harmless_text_is_left_alone(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize("shown", ["Mária Conceição", "MARIA CONCEICAO", "maria conceição", "conceicao", "Maria"])
def test_names_are_hidden_whatever_their_case_and_accents(shown: str) -> None:
    masked = mask_text(f"oi, {shown}!", names=["Maria da Conceição"])

    assert not re.search("maria|m.ria|concei", masked, re.IGNORECASE)


def test_name_inside_another_word_stays() -> None:
    assert mask_text("a analise do Ana", names=["Ana"]) == "a analise do [nome]"


def test_names_with_pattern_characters_are_taken_literally() -> None:
    assert mask_text("oi (.*) tudo", names=["(.*)", "[a-z]+", "", " "]).startswith("oi ")


def _valid_cpf(seed: int) -> str:
    base = f"{seed:09d}"
    return next(base + f"{check:02d}" for check in range(100) if cpf_rules.is_valid(base + f"{check:02d}"))


def _valid_cnpj(seed: int) -> str:
    base = f"{seed:012d}"
    return base + cnpj_rules.calc_check_digits(base)


FORMATS: list[Callable[[str], str]] = [
    lambda d: d,
    lambda d: f"{d[:3]}.{d[3:6]}.{d[6:9]}-{d[9:]}",
    lambda d: f"{d[:3]} {d[3:6]} {d[6:9]} {d[9:]}",
    lambda d: f"{d[:3]}.{d[3:6]}.{d[6:9]}/{d[9:]}",
    lambda d: f"{d[:9]}-{d[9:]}",
]
AROUND = st.text(st.characters(exclude_categories=["Nd", "Cs"]), max_size=20)


@given(st.integers(1, 999_999_998), st.sampled_from(FORMATS), AROUND, AROUND)
def test_no_cpf_survives_in_any_writing(seed: int, write: Callable[[str], str], before: str, after: str) -> None:
    digits = _valid_cpf(seed)

    masked = mask_text(before + write(digits) + after)

    assert write(digits) not in masked
    assert digits[:9] not in re.sub(r"\D", "", masked)


@given(st.integers(0, 999_999_999_999), st.booleans(), AROUND, AROUND)
def test_no_cnpj_survives_in_any_writing(seed: int, dressed: bool, before: str, after: str) -> None:
    digits = _valid_cnpj(seed)
    written = f"{digits[:2]}.{digits[2:5]}.{digits[5:8]}/{digits[8:12]}-{digits[12:]}" if dressed else digits

    assert digits[:12] not in re.sub(r"\D", "", mask_text(before + written + after))


@given(
    st.integers(11, 99).filter(lambda area: area % 10), st.integers(0, 99_999_999), st.integers(0, 5), AROUND, AROUND
)
def test_no_mobile_survives_in_any_writing(area: int, number: int, form: int, before: str, after: str) -> None:
    eight = f"{number:08d}"
    written = [
        f"+55{area}9{eight}",
        f"55{area}9{eight}",
        f"({area}) 9{eight[:4]}-{eight[4:]}",
        f"{area}9{eight}",
        f"{area} 9{eight[:4]}-{eight[4:]}",
        f"+55 {area} 9 {eight[:4]} {eight[4:]}",
    ][form]

    masked = mask_text(before + written + after)

    assert f"{area}9{eight[:6]}" not in re.sub(r"\D", "", masked)


@given(st.text(max_size=300))
def test_any_text_is_masked_without_error_and_masking_twice_changes_nothing(text: str) -> None:
    once = mask_text(text)

    assert mask_text(once) == once
