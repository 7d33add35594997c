"""Pix BR Codes built and read, against sample codes of another maker."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pix import InvalidPix, build_pix, parse_pix

SAMPLES = Path(__file__).parents[1] / "payloads" / "brazil"


def sample(name: str) -> str:
    code = json.loads((SAMPLES / name).read_text("utf-8"))["brcode"]
    assert isinstance(code, str)
    return code


def test_static_sample_is_read() -> None:
    code = parse_pix(sample("pix_static.json"))
    assert (code.key, code.amount_cents, code.txid) == ("11222333000181", 11990, "FAT2026110001")
    assert (code.merchant_name, code.merchant_city) == ("TR TELECOM FICTICIA", "SAO PAULO")
    assert code.description == "Fatura 11/2026"[: len(code.description or "")]
    assert not code.is_dynamic


def test_dynamic_sample_is_read() -> None:
    code = parse_pix(sample("pix_dynamic.json"))
    assert code.url == "pix.exemplo.invalid/v2/cobv/9d36b84fc70b478fb95c12729b90ca25"
    assert (code.is_dynamic, code.key, code.amount_cents, code.txid) == (True, None, None, "***")


def test_wrong_checksum_is_refused() -> None:
    with pytest.raises(InvalidPix) as refusal:
        parse_pix(sample("pix_invalid_crc.json"))
    assert refusal.value.reason == "crc"


def test_static_sample_is_rebuilt_byte_by_byte() -> None:
    original = sample("pix_static.json")
    code = parse_pix(original)
    assert code.key is not None
    rebuilt = build_pix(
        key=code.key,
        merchant_name="TR Telecom Fictícia",
        merchant_city="São Paulo",
        amount_cents=11990,
        txid="FAT2026110001",
        description=code.description,
    )
    assert rebuilt == original


def test_names_are_made_plain_and_cut() -> None:
    code = parse_pix(
        build_pix(
            key="pix@exemplo.invalid",
            merchant_name="Provedor Ágil & Conexões do Sertão Ltda",
            merchant_city="São José dos Campos",
        )
    )
    assert (code.merchant_name, code.merchant_city) == ("PROVEDOR AGIL & CONEXOES", "SAO JOSE DOS CA")
    assert (code.amount_cents, code.txid) == (None, "***")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": ""}, "key"),
        ({"key": "chave ção"}, "key"),
        ({"txid": "com espaço"}, "txid"),
        ({"txid": "A" * 26}, "txid"),
        ({"amount_cents": 0}, "amount"),
        ({"amount_cents": -1}, "amount"),
        ({"merchant_name": "😊"}, "merchant"),
        ({"merchant_city": " "}, "merchant"),
    ],
)
def test_bad_parts_are_refused(changes: dict[str, object], reason: str) -> None:
    parts: dict[str, object] = {"key": "11222333000181", "merchant_name": "TR", "merchant_city": "SP", **changes}
    with pytest.raises(InvalidPix) as refusal:
        build_pix(**parts)  # type: ignore[arg-type]
    assert refusal.value.reason == reason


@pytest.mark.parametrize("code", ["", "oi", "000201", "6304ABCD", "00020163041D3D", "x" * 600])
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(InvalidPix):
        parse_pix(code)


@given(
    amount=st.integers(min_value=1, max_value=10**12 - 1),
    txid=st.from_regex(r"[A-Za-z0-9]{1,25}", fullmatch=True),
    name=st.text(alphabet="abcçãé XYZ", min_size=1, max_size=40).filter(str.strip),
    description=st.none() | st.text(alphabet="abc 123/", min_size=1, max_size=90).filter(str.strip),
)
def test_what_is_built_is_read_back(amount: int, txid: str, name: str, description: str | None) -> None:
    written = build_pix(
        key="11222333000181",
        merchant_name=name,
        merchant_city="Recife",
        amount_cents=amount,
        txid=txid,
        description=description,
    )
    code = parse_pix(written)
    assert (code.amount_cents, code.txid, code.key) == (amount, txid, "11222333000181")
    assert written.isascii()


@given(position=st.integers(min_value=0), digit=st.sampled_from("0123456789ABCDEF"))
def test_one_changed_letter_is_noticed(position: int, digit: str) -> None:
    original = sample("pix_static.json")
    index = position % len(original)
    changed = original[:index] + digit + original[index + 1 :]
    if changed != original:
        with pytest.raises(InvalidPix):
            parse_pix(changed)
