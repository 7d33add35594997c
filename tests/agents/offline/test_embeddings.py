"""Embeddings: near for what means the same, far for what does not, the same in every process."""

import math
import subprocess
import sys

import pytest

from agents.offline import DIMENSIONS, OfflineEmbeddings


def _cosine(left: str, right: str) -> float:
    one, other = OfflineEmbeddings().embed_documents([left, right])
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("text", ["segunda via do boleto", "", "   ", "🙂", "de a o", "x" * 20_000])
def test_vectors_have_one_length(text: str) -> None:
    vector = OfflineEmbeddings().embed_query(text)
    assert len(vector) == DIMENSIONS == 384
    assert math.isclose(sum(value * value for value in vector), 1.0, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("segunda via do boleto", "2ª via da fatura do boleto"),
        ("senha do wi-fi", "trocar a senha da internet"),
        ("minha internet está lenta", "internet lentíssima, muito lenta"),
        ("horário de atendimento", "que horas vocês atendem"),
        ("instalação", "instalacão"),
        ("cancelar o plano", "cancelamento do plano"),
    ],
)
def test_alike_is_near(left: str, right: str) -> None:
    assert _cosine(left, right) > 0.4


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("segunda via do boleto", "receita de bolo de cenoura"),
        ("senha do wi-fi", "jogo de futebol no domingo"),
        ("minha internet está lenta", "a consulta com o dentista"),
    ],
)
def test_unrelated_is_far(left: str, right: str) -> None:
    assert abs(_cosine(left, right)) < 0.25


def test_another_process_gives_the_same_vector() -> None:
    code = "from agents.offline import OfflineEmbeddings as E; print(repr(E().embed_query('segunda via')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repr(OfflineEmbeddings().embed_query("segunda via"))
