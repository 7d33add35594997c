"""Deterministic text embeddings: hashed word stems and character n-grams, no model file."""

from itertools import pairwise
from math import sqrt
from typing import Final
from zlib import crc32

from langchain_core.embeddings import Embeddings

from domain.stems import stems

DIMENSIONS: Final = 384
EMBEDDING_MODEL_NAME: Final = "offline-ptbr-embedding-1"
_STEM_WEIGHT: Final = 1.0
_PAIR_WEIGHT: Final = 0.4
_GRAM_WEIGHT: Final = 0.3
_GRAM: Final = 3


def embed(text: str) -> list[float]:
    """Return the unit vector of a text; texts that share stems or spelling lie near each other.

    A text without meaning words has a vector of its own, so that no cosine divides by zero.
    """
    vector = [0.0] * DIMENSIONS
    words = stems(text)
    for word in words:
        _add(vector, f"w:{word}", _STEM_WEIGHT)
        padded = f"^{word}$"
        grams = len(padded) - _GRAM + 1
        for start in range(grams):
            # Long words have more grams; together they weigh the same as those of a short one.
            _add(vector, f"g:{padded[start : start + _GRAM]}", _GRAM_WEIGHT / sqrt(grams))
    for left, right in pairwise(words):
        _add(vector, f"p:{left} {right}", _PAIR_WEIGHT)
    length = sqrt(sum(value * value for value in vector))
    if length == 0:
        vector[crc32(text.strip().lower().encode()) % DIMENSIONS] = 1.0
        return vector
    return [value / length for value in vector]


def _add(vector: list[float], feature: str, weight: float) -> None:
    """Add a feature at its hashed place, with a hashed sign so that collisions cancel out on average."""
    code = crc32(feature.encode())
    vector[(code >> 1) % DIMENSIONS] += weight if code & 1 else -weight


class OfflineEmbeddings(Embeddings):
    """LangChain front of `embed`."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed the passages of a document."""
        return [embed(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Embed a search query."""
        return embed(text)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed without a thread: the work is pure and short."""
        return self.embed_documents(texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Embed without a thread."""
        return embed(text)
