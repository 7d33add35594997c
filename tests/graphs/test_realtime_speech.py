"""Whatever order words and sound come in: what breaks a rule is never let out, what is clean comes out whole."""

from collections.abc import Sequence
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.evidence import Finding
from graphs.realtime_dialogue import Dialogue
from graphs.realtime_speech import LONGEST_DELAY_SECONDS, Playout, SpokenItem
from tests.fakes.openai_realtime import MS_A_CHARACTER, voice_of

FORBIDDEN = "devendo"
SENTENCES = ("Olá, Maria!", "Tudo bem com você?", "Pode ser na sexta, dia 27 de novembro.", "Um instante, por favor.")
BAD = "Você está devendo R$ 999,00 para a gente."


def check(sentence: str, said: Sequence[str]) -> Sequence[Finding]:
    return [Finding(reason="debt_before_identity")] if FORBIDDEN in sentence else []


def speak(item: SpokenItem, text: str, order: Sequence[bool], sizes: Sequence[int], *, now: float = 0.0) -> bytes:
    """Give words and sound to an item in this order, in pieces of these sizes; give what was let out meanwhile."""
    words, sound, out = text, voice_of(text), b""
    steps = [*order, *[True] * len(text), *[False] * len(text)]
    for place, is_words in enumerate(steps):
        size = sizes[place % len(sizes)]
        if is_words:
            piece, words = words[:size], words[size:]
            item.add_words(piece)
        else:
            taken, sound = sound[: size * 97], sound[size * 97 :]
            if taken:
                item.add_sound(taken, now=now)
        if item.review(check):
            return out
        out += item.release(check, now=now)
    item.add_sound(sound, now=now)
    item.end(is_whole=True)
    return out if item.review(check) else out + item.release(check, now=now)


orders = st.lists(st.booleans(), max_size=60)
sizes_of_pieces = st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=8)


@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4), orders, sizes_of_pieces)
def test_clean_words_are_heard_whole_in_any_order(sentences: list[str], order: list[bool], sizes: list[int]) -> None:
    text = " ".join(sentences)
    item = SpokenItem("item", "resp")
    assert speak(item, text, order, sizes) == voice_of(text)
    assert item.is_complete


@given(st.lists(st.sampled_from(SENTENCES), max_size=3), orders, sizes_of_pieces)
def test_nothing_of_a_forbidden_sentence_is_ever_let_out(
    sentences: list[str], order: list[bool], sizes: list[int]
) -> None:
    before = " ".join(sentences)
    item = SpokenItem("item", "resp")
    out = speak(item, f"{before} {BAD} Até logo!".strip(), order, sizes)
    assert len(out) <= len(voice_of(before))


def test_late_sound_waits_while_its_sentence_looks_wrong() -> None:
    item = SpokenItem("item", "resp")
    item.add_words("Você está devendo")
    item.add_sound(voice_of("Você"), now=0.0)
    item.add_words(" muito")
    assert item.release(check, now=LONGEST_DELAY_SECONDS * 10) == b""
    assert item.due_at(now=LONGEST_DELAY_SECONDS * 10) is None


def test_late_sound_follows_its_words() -> None:
    item = SpokenItem("item", "resp")
    item.add_words("Eu vou ")
    item.add_sound(voice_of("Eu"), now=1.0)
    item.add_words("te explicar com calma")
    assert item.release(check, now=1.1) == b""
    assert item.due_at(now=1.1) == pytest.approx(1.0 + LONGEST_DELAY_SECONDS)
    assert item.release(check, now=1.5) == voice_of("Eu")


@pytest.mark.parametrize(
    ("milliseconds", "heard"),
    [(0, ""), (59, ""), (5 * MS_A_CHARACTER, ""), (8 * MS_A_CHARACTER, "Claro,"), (10_000, "Claro, Maria. Diga!")],
)
def test_only_whole_words_that_were_heard_count(milliseconds: int, heard: str) -> None:
    text = "Claro, Maria. Diga!"
    item = SpokenItem("item", "resp")
    item.add_words(text)
    item.add_sound(voice_of(text), now=0)
    item.end(is_whole=True)
    assert item.heard(milliseconds) == heard


def test_words_of_a_broken_off_answer_are_not_all_taken_for_heard() -> None:
    item = SpokenItem("item", "resp")
    item.add_words("Isto foi falado e isto aqui não foi mais")
    item.add_sound(voice_of("Isto foi falado"), now=0)
    item.end(is_whole=False)
    assert item.heard(15 * MS_A_CHARACTER) == "Isto foi falado e"  # at most what the fastest voice says


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 5000)), max_size=12), st.data())
def test_marks_count_what_was_played_and_no_more(pieces: list[tuple[str, int]], data: st.DataObject) -> None:
    playout = Playout()
    frames = [(item, *frame) for item, size in pieces for frame in playout.frames(item, b"\x01" * size)]
    passed = data.draw(st.integers(0, len(frames)))
    lost = data.draw(st.sets(st.sampled_from(range(passed - 1)))) if passed > 1 else set()
    for place, (_, _, mark) in enumerate(frames[:passed]):
        if place not in lost:
            playout.passed(mark)
    for item in ("a", "b"):
        played = sum(len(audio) for owner, audio, _ in frames[:passed] if owner == item)
        assert playout.played_ms(item) == played / 8
    playout.clear()
    for _, _, mark in frames[passed:]:
        playout.passed(mark)  # cleared marks come back too
    assert not playout.is_playing
    assert playout.played_ms("a") == sum(len(audio) for owner, audio, _ in frames[:passed] if owner == "a") / 8


def test_utterances_keep_the_order_of_the_items() -> None:
    dialogue = Dialogue(uuid4())
    dialogue.begin("i1", "agent")
    dialogue.begin("i3", "agent")
    dialogue.begin("i2", "customer", after="i1")
    dialogue.settle("i3", "depois")
    dialogue.settle("i1", "antes")
    assert [said.text for said in dialogue.take_known()] == ["antes"]
    assert dialogue.unheard == {"i2"}
    dialogue.settle("i2", "no meio")
    dialogue.settle("i2", "outra coisa")
    assert [said.text for said in dialogue.take_known()] == ["no meio", "depois"]
    assert dialogue.take_known() == []
    assert dialogue.customer_texts == ["no meio"]
    assert [message.content for message in dialogue.messages()] == ["antes", "no meio", "depois"]
