import pytest

from graphs.realtime_keypad import Keypad


def typed(keys: str) -> Keypad:
    keypad = Keypad(patience=3.0)
    for key in keys:
        keypad.press(key, now=10.0)
    return keypad


@pytest.mark.parametrize(("keys", "digits"), [("12#", "12"), ("52998224725", "52998224725"), ("1" * 14, "1" * 14)])
def test_what_is_whole_is_given_at_once(keys: str, digits: str) -> None:
    assert typed(keys).take(now=10.0) == digits


def test_the_rest_is_given_after_a_pause_and_only_once() -> None:
    keypad = typed("123")
    assert keypad.take(now=12.9) == ""
    assert keypad.take(now=13.0) == "123"
    assert keypad.due_at is None
    assert keypad.take(now=99.0) == ""


def test_a_lone_hash_types_nothing() -> None:
    keypad = typed("#")
    assert keypad.take(now=10.0) == ""
    assert keypad.due_at is None
