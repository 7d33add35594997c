import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.cipher import Cipher, Sealed, SecretUnreadable

OLD, NEW = {"2025": b"o" * 32}, {"2026": b"n" * 32}


@given(values=st.dictionaries(st.text(max_size=20), st.text(max_size=100), max_size=5))
def test_what_is_sealed_opens_again(values: dict[str, str]) -> None:
    cipher = Cipher(NEW)
    assert cipher.open(cipher.seal(values, identity="row"), identity="row") == values


def test_ciphertext_moved_to_another_row_does_not_open() -> None:
    cipher = Cipher(NEW)
    sealed = cipher.seal({"token": "x"}, identity="channel_accounts/a/1")
    with pytest.raises(SecretUnreadable):
        cipher.open(sealed, identity="channel_accounts/b/1")


@pytest.mark.parametrize("position", [0, 12, -1])
def test_changed_ciphertext_does_not_open(position: int) -> None:
    cipher = Cipher(NEW)
    sealed = cipher.seal({"token": "x"}, identity="row")
    changed = bytearray(sealed.ciphertext)
    changed[position] ^= 1
    with pytest.raises(SecretUnreadable):
        cipher.open(Sealed(ciphertext=bytes(changed), key_id=sealed.key_id), identity="row")


@pytest.mark.parametrize("ciphertext", [b"", b"x", b"x" * 12, b"x" * 40])
def test_garbage_does_not_open(ciphertext: bytes) -> None:
    with pytest.raises(SecretUnreadable):
        Cipher(NEW).open(Sealed(ciphertext=ciphertext, key_id="2026"), identity="row")


def test_rotation_reads_old_rows_and_seals_with_the_new_key() -> None:
    old = Cipher(OLD).seal({"token": "x"}, identity="row")
    rotated = Cipher({**NEW, **OLD})
    assert rotated.open(old, identity="row") == {"token": "x"}
    assert rotated.seal({}, identity="row").key_id == "2026"
    with pytest.raises(SecretUnreadable):
        Cipher(NEW).open(old, identity="row")


def test_same_secret_never_seals_to_the_same_bytes() -> None:
    cipher = Cipher(NEW)
    assert len({cipher.seal({"a": "b"}, identity="row").ciphertext for _ in range(50)}) == 50


def test_keys_do_not_show() -> None:
    assert "nnnn" not in repr(Cipher(NEW))
