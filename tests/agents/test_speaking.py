"""Sentences of a streamed reply, and the gate that they pass (spec 5.4; design: N5, N6)."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.speaking import LONGEST_RUN, Listening, SentenceSplitter, Speech, may_speak, split, without_said
from domain.effects import ConfirmIdentity, CountIdentityTry, EndCall, HandOff, NoteFacts, OptOut, SaveContactField
from domain.evidence import Finding
from tests.fakes_clock import DEFAULT_NOW


def sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in split(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Oi, Maria! Tudo bem? Aqui é a Lia.", ["Oi, Maria!", "Tudo bem?", "Aqui é a Lia."]),
        ("O total é R$ 1.234,56. Pode ser?", ["O total é R$ 1.234,56.", "Pode ser?"]),
        ("O total é R$ 1.234. Pode ser?", ["O total é R$ 1.234.", "Pode ser?"]),
        ("Ligo às 10h30. Combinado?", ["Ligo às 10h30.", "Combinado?"]),
        ("Vence dia 27/11. Consegue pagar?", ["Vence dia 27/11.", "Consegue pagar?"]),
        ("É no 1º andar. Pode subir.", ["É no 1º andar.", "Pode subir."]),
        ("Falo com o Sr. João da Silva? Aqui é a Lia.", ["Falo com o Sr. João da Silva?", "Aqui é a Lia."]),
        ("Fica na Av. Brasil, nº. 10. Conhece?", ["Fica na Av. Brasil, nº. 10.", "Conhece?"]),
        ("Falo com J. Souza? Oi.", ["Falo com J. Souza?", "Oi."]),
        ("Então... vamos ver. Certo.", ["Então... vamos ver.", "Certo."]),
        ("Então... Vamos ver.", ["Então...", "Vamos ver."]),
        ("Um momento… Achei!", ["Um momento…", "Achei!"]),
        ("São dois planos:\n1. Fibra 300\n2. Fibra 600", ["São dois planos:", "1. Fibra 300", "2. Fibra 600"]),
        ('Ele disse "pode deixar." Foi isso?', ['Ele disse "pode deixar."', "Foi isso?"]),
        ("Que bom!!! Obrigada.", ["Que bom!!!", "Obrigada."]),
        ("Veja tr.com.br agora. Certo?", ["Veja tr.com.br agora.", "Certo?"]),
        ("Sem ponto no fim", ["Sem ponto no fim"]),
        ("Temos suporte etc. e vendas. Qual?", ["Temos suporte etc. e vendas.", "Qual?"]),
        ("   ", []),
        ("", []),
    ],
)
def test_text_is_cut_at_the_ends_of_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


TEXTS = st.text(alphabet='aBé 1,.!?…;:\n"R$/º-', max_size=500) | st.lists(
    st.sampled_from(
        [
            "Oi!",
            " ",
            "Sr. ",
            "R$ 1.234,56",
            ". ",
            ", ",
            "dia 27/11",
            "...",
            "\n",
            "1. ",
            "que fica na rua de cima",
            "?",
            "é",
        ]
    ),
    max_size=60,
).map("".join)


@given(text=TEXTS, cuts=st.lists(st.integers(0, 500), max_size=40))
@example(text="a" * 100 + ", " + "b" * 100 + ". Certo", cuts=[101, 102, 160, 161, 162, 201, 202, 203])
def test_sentences_do_not_depend_on_how_the_text_arrives(text: str, cuts: list[int]) -> None:
    splitter = SentenceSplitter()
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    got: list[str] = []
    for start, end in itertools.pairwise(edges):
        got += splitter.feed(text[start:end])
    got += splitter.finish()
    assert got == split(text)
    assert "".join(got) == text[: len("".join(got))]
    assert not text[len("".join(got)) :].strip()


def test_sentence_is_given_as_soon_as_the_next_word_shows_its_end() -> None:
    splitter = SentenceSplitter()
    assert list(splitter.feed("O total é R$ 1")) == []
    assert list(splitter.feed(".")) == []
    assert list(splitter.feed("234,56.")) == []
    assert list(splitter.feed(" Pode")) == ["O total é R$ 1.234,56."]
    assert list(splitter.feed(" ser?")) == []
    assert list(splitter.feed(" ")) == [" Pode ser?"]


def test_long_run_is_cut_at_its_last_comma() -> None:
    run = "palavra " * 12 + "aqui, " + "palavra " * 6 + "ali, " + "palavra " * 10
    first, second = sentences(run)
    assert first.endswith("ali,")
    assert len(first) <= LONGEST_RUN
    assert f"{first} {second}" == run.strip()


def test_long_run_without_a_comma_waits_for_its_end() -> None:
    run = "palavra " * 30 + "fim."
    assert sentences(run + " Outra.") == [run, "Outra."]


def test_only_effects_that_nobody_claims_leave_the_gate_open() -> None:
    confirmed = ConfirmIdentity(document="52998224725", customer_name="Maria")
    assert may_speak((confirmed, CountIdentityTry(on=DEFAULT_NOW.date()), NoteFacts(facts={})))
    for effect in (
        HandOff(reason="x"), OptOut(scope="all", reason="x"), EndCall(reason="x"),
        SaveContactField(name="a", value="b"),
    ):  # fmt: skip
        assert not may_speak((confirmed, effect))


def forbid(*words: str) -> Any:
    def check(sentence: str, said: Sequence[str]) -> list[Finding]:
        return [Finding(reason="x", excerpt=word) for word in words if word in " ".join((*said, sentence))]

    return check


def hear(listening: Listening, text: str) -> None:
    for start in range(0, len(text), 3):
        listening.take(text[start : start + 3])
    listening.end()


def test_first_bad_sentence_closes_the_gate() -> None:
    spoken: list[str] = []
    speech = Speech(spoken.append)
    listening = speech.listen(forbid("ruim"), is_open=True)
    hear(listening, "Oi! Isto é bom. Isto é ruim. E isto é bom.\nFim.")
    assert spoken == ["Oi!", "Isto é bom."]
    assert speech.said == ("Oi!", "Isto é bom.")
    assert listening.rest == "Isto é ruim. E isto é bom.\nFim."


def test_closed_gate_keeps_the_whole_text_as_it_was_written() -> None:
    spoken: list[str] = []
    listening = Speech(spoken.append).listen(forbid(), is_open=False)
    hear(listening, "Oi! Tudo bem?\n\nCerto 🙂. ")
    assert (spoken, listening.rest) == ([], "Oi! Tudo bem?\n\nCerto 🙂.")


def test_emoji_alone_is_not_spoken() -> None:
    spoken: list[str] = []
    hear(Speech(spoken.append).listen(forbid(), is_open=True), "Oi! 🙂\n🎉\nTudo bem?")
    assert spoken == ["Oi!", "Tudo bem?"]


def test_check_sees_what_was_said_in_earlier_rounds() -> None:
    spoken: list[str] = []
    speech = Speech(spoken.append)
    hear(speech.listen(forbid("meio fim"), is_open=True), "Começo meio")
    last = speech.listen(forbid("meio fim"), is_open=True)
    hear(last, "fim.")
    assert (spoken, last.rest) == (["Começo meio"], "fim.")


def test_model_that_takes_over_hears_what_was_said_and_repeats_nothing() -> None:
    spoken: list[str] = []
    listening = Speech(spoken.append).listen(forbid("ruim"), is_open=True)
    assert listening.begin() == ""
    listening.take("Certo, Maria. Deixa eu ver. E isto é ruim. Mais alg")
    assert listening.begin() == "Certo, Maria. Deixa eu ver."
    hear(listening, "certo, maria. Achei duas faturas.")
    assert spoken == ["Certo, Maria.", "Deixa eu ver.", "Achei duas faturas."]
    assert listening.rest == ""


def test_continuation_loses_what_was_said() -> None:
    assert without_said("Oi, Maria! O total é outro. Certo?", ["Oi, Maria!"]) == "O total é outro. Certo?"
    assert without_said("  Oi!  Tudo bem? ", ()) == "Oi!  Tudo bem?"
