"""Brazilian phones: written forms, identity, place."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.phones import (
    AREA_CODES,
    InvalidPhone,
    PhoneKind,
    area_code,
    is_mobile,
    mask_phone,
    match_key,
    parse_phone,
    phone_kind,
    time_zones_of_area_code,
    uf_of_area_code,
)


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("+5511999990001", "+5511999990001"),
        ("11999990001", "+5511999990001"),
        ("(11) 99999-0001", "+5511999990001"),
        ("011 99999 0001", "+5511999990001"),
        ("015 11 999990001", "+5511999990001"),
        ("0xx11 3333-0004", "+551133330004"),
        ("5511999990001", "+5511999990001"),
        ("553188880003", "+5531988880003"),
        ("553188880003@s.whatsapp.net", "+5531988880003"),
        ("5531988880003:12@s.whatsapp.net", "+5531988880003"),
        ("whatsapp:+5511999990001", "+5511999990001"),
        ("1187654321", "+5511987654321"),
        ("+551196543210", "+5511996543210"),
        ("5599990001", "+5555999990001"),
        ("55 99999-0001", "+5555999990001"),
        ("1133330004", "+551133330004"),
        ("08007771234", "+558007771234"),
        ("+14155552671", "+14155552671"),
    ],
)
def test_phone_gets_one_written_form(text: str, e164: str) -> None:
    assert parse_phone(text) == e164


@pytest.mark.parametrize(
    "text", ["", "abc", "999990001", "123", "+551012345678", "20999990001", "52998224725000000", "1"]
)
def test_what_is_no_phone_is_refused(text: str) -> None:
    with pytest.raises(InvalidPhone) as refusal:
        parse_phone(text)
    assert len(text) < 5 or text not in str(refusal.value)


@given(
    ddd=st.sampled_from(AREA_CODES),
    first=st.sampled_from("689"),
    rest=st.integers(min_value=0, max_value=9_999_999),
    form=st.sampled_from(["+{}", "{}", "{}@s.whatsapp.net", "whatsapp:+{}"]),
)
def test_ninth_digit_does_not_change_who_it_is(ddd: str, first: str, rest: int, form: str) -> None:
    local = f"{first}{rest:07d}"
    keys = {match_key(form.format(f"55{ddd}{nine}{local}")) for nine in ("", "9")}
    assert keys == {ddd + local}


def test_every_area_code_gives_one_mobile_with_and_without_the_ninth_digit() -> None:
    assert len(AREA_CODES) == 67
    for ddd in AREA_CODES:
        parsed = {parse_phone(f"+55{ddd}99990001"), parse_phone(f"{ddd}999990001"), parse_phone(f"55{ddd}99990001")}
        assert parsed == {f"+55{ddd}999990001"}
        assert is_mobile(f"+55{ddd}999990001")
        assert area_code(f"+55{ddd}999990001") == ddd


@given(ddd=st.sampled_from(AREA_CODES), local=st.integers(min_value=20_000_000, max_value=59_999_999))
def test_fixed_line_is_never_taken_for_a_mobile(ddd: str, local: int) -> None:
    assert match_key(f"+55{ddd}{local}") != match_key(f"+55{ddd}9{local}")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("+551133330004", "1133330004"),
        ("+14155552671", "14155552671"),
        ("351912345678", "351912345678"),
        ("558007771234", "558007771234"),
        ("123456789012345@lid", None),
        ("120363000000000000@g.us", None),
        ("BR.1a2b3c", None),
        ("", None),
        ("+55", None),
    ],
)
def test_match_key_of_other_addresses(address: str, key: str | None) -> None:
    assert match_key(address) == key


@pytest.mark.parametrize(
    ("e164", "kind"),
    [
        ("+5511999990001", PhoneKind.MOBILE),
        ("+551133330004", PhoneKind.FIXED_LINE),
        ("+558007771234", PhoneKind.TOLL_FREE),
        ("+553003123456", PhoneKind.SHARED_COST),
        ("+14155552671", PhoneKind.FOREIGN),
        ("rubbish", PhoneKind.OTHER),
    ],
)
def test_kind_decides_who_may_be_contacted(e164: str, kind: PhoneKind) -> None:
    assert phone_kind(e164) is kind
    assert is_mobile(e164) is (kind is PhoneKind.MOBILE)


@pytest.mark.parametrize("text", ["0300 312 3456", "0303 123 4567", "0800 777 1234"])
def test_service_numbers_are_no_mobiles_and_have_no_area(text: str) -> None:
    number = parse_phone(text)
    assert phone_kind(number) in (PhoneKind.SHARED_COST, PhoneKind.TOLL_FREE)
    assert area_code(number) is None


@pytest.mark.parametrize(
    ("ddd", "uf", "zones"),
    [
        ("11", "SP", ("America/Sao_Paulo",)),
        ("21", "RJ", ("America/Sao_Paulo",)),
        ("81", "PE", ("America/Recife",)),
        ("87", "PE", ("America/Recife",)),
        ("97", "AM", ("America/Manaus", "America/Rio_Branco")),
        ("92", "AM", ("America/Manaus",)),
        ("65", "MT", ("America/Cuiaba",)),
        ("67", "MS", ("America/Campo_Grande",)),
        ("69", "RO", ("America/Porto_Velho",)),
        ("95", "RR", ("America/Boa_Vista",)),
        ("68", "AC", ("America/Rio_Branco",)),
        ("93", "PA", ("America/Santarem",)),
        ("20", None, ()),
    ],
)
def test_place_of_an_area_code(ddd: str, uf: str | None, zones: tuple[str, ...]) -> None:
    assert uf_of_area_code(ddd) == uf
    assert time_zones_of_area_code(ddd) == zones


def test_every_area_code_has_a_state_and_real_zones() -> None:
    assert len({uf_of_area_code(ddd) for ddd in AREA_CODES}) == 27
    for ddd in AREA_CODES:
        assert [ZoneInfo(zone).key for zone in time_zones_of_area_code(ddd)] == list(time_zones_of_area_code(ddd))


@pytest.mark.parametrize(
    ("e164", "masked"),
    [
        ("+5511999990001", "+55 11 *****-0001"),
        ("+551133330004", "+55 11 *****-0004"),
        ("+14155552671", "****2671"),
        ("12", "****"),
    ],
)
def test_mask_hides_the_middle(e164: str, masked: str) -> None:
    assert mask_phone(e164) == masked
