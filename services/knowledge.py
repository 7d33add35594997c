"""The tenant's knowledge base: passages found by meaning and by words, each tenant's own only (design: tenancy)."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from langchain_core.embeddings import Embeddings
from rapidfuzz import fuzz

from domain.errors import DomainError
from domain.folded_text import fold
from services.model_failures import openai_failures
from services.passages import split_passages
from services.plain_text import tidy, tidy_line
from store import knowledge

if TYPE_CHECKING:
    from services.passage_index import PassageIndex

_QUESTION_LIMIT: Final = 1000
_DOCUMENT_LIMIT: Final = 1_000_000
_BATCH: Final = 64
_WORD = re.compile(r"[a-z0-9]+")
# A passage counts when all the question's words stand in it, when its meaning is near, or when a share of the words and
# a nearness that alone would not do come together. Set on the demo's documents with the offline embeddings.
_NEAR: Final = 0.5
_NEAR_WITH_WORDS: Final = 0.36
_WORDS_WEIGH: Final = 0.35
_SLANG: Final = {"net": "internet", "zap": "whatsapp", "wi": "wifi"}
_WORD_ALIKE: Final = 86
_QUESTION_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        """
        a aceita aceitam ai ainda ajuda ajudar algum alguma ao aos aqui as ate boa bom com como da das de dele dessa
        desse dia do dos e ela ele em entao entre era essa esse esta estao estava este estou eu existe faco favor
        faz fazer fica ficar foi fosse gostaria ha isso isto ja la lhe mais mas me mesmo meu meus minha minhas muito
        na nao nas nem no noite nos o oi ola onde os ou para pela pelo pode podem poderia por porque posso pq pra
        precisa preciso pro q qdo qto quais qual quando quanto que quem quer queria quero saber se sem ser seria seu
        sim so sobre sou sua tambem tarde tb te tem tenho ter to todo tudo um uma umas uns vai vc vcs ver vez voce
        voces vou
        """,
    )
)


class KnowledgeUnavailable(DomainError):
    """The knowledge base could not be asked: nothing may be concluded from it."""

    def __init__(self) -> None:
        super().__init__("the knowledge base is unavailable")


class DocumentRefused(DomainError):
    """A document that cannot be taken: empty or too long."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"document refused: {reason}")
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A piece of a document. `score` is the nearness of meaning, 0 to 1."""

    text: str
    title: str
    source: str
    score: float


class KnowledgeBase:
    """Search and fill the knowledge of any tenant. Belongs to one event loop; connects when first asked."""

    def __init__(self, database_url: str, embeddings: Embeddings) -> None:
        self._database_url = database_url
        self._embeddings = embeddings
        self._opened: PassageIndex | None = None

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def search(self, tenant_id: UUID, question: str, k: int = 4) -> list[Passage]:
        """Find the passages that answer a question, best first; an unrelated question finds none."""
        asked = tidy(question, limit=_QUESTION_LIMIT)
        words = content_words(asked)
        if not words:
            return []
        try:
            embedding = await self._embeddings.aembed_query(asked)
            found = await self._index.find(tenant_id, embedding, words)
        except self._index.failures + openai_failures() as error:
            raise KnowledgeUnavailable from error
        return [
            Passage(
                text=document.page_content, title=document.metadata["title"], source=document.metadata["source"],
                score=document.metadata["similarity"],
            )
            for document, _ in found
            if _is_relevant(document.page_content, document.metadata, words)
        ][:k]  # fmt: skip

    async def add_document(self, tenant_id: UUID, title: str, source: str, text: str, now: datetime) -> bool:
        """Store a document, replacing the one of this source; False when it is stored exactly so already."""
        if len(text) > _DOCUMENT_LIMIT:
            raise DocumentRefused("too long")
        clean, heading, origin = tidy(text, limit=len(text)), tidy_line(title, limit=200), tidy_line(source, limit=300)
        if not (clean and heading and origin):
            raise DocumentRefused("empty")
        content_hash = hashlib.sha256(f"{heading}\n{clean}".encode()).hexdigest()
        async with self._index.transaction(tenant_id) as connection:
            if await knowledge.hash_of(connection, origin) == content_hash:
                return False
        pieces = split_passages(clean)
        chunks = await self._embedded(uuid5(tenant_id, origin), heading, pieces)
        document = knowledge.DocumentRow(
            id=uuid5(tenant_id, origin), title=heading, source=origin, content_hash=content_hash, created_at=now
        )
        async with self._index.transaction(tenant_id) as connection:
            document_id = await knowledge.put_document(connection, tenant_id, document)
            await knowledge.delete_chunks(connection, document_id)
            await knowledge.insert_chunks(
                connection, tenant_id=tenant_id, document_id=document_id, title=heading, source=origin, chunks=chunks
            )
        return True

    async def has_document(self, tenant_id: UUID, source: str) -> bool:
        """Tell whether a document of this source is stored."""
        async with self._index.transaction(tenant_id) as connection:
            return await knowledge.hash_of(connection, source) is not None

    async def remove_document(self, tenant_id: UUID, source: str) -> bool:
        """Drop a document with its passages; say whether it existed."""
        async with self._index.transaction(tenant_id) as connection:
            return await knowledge.delete_document(connection, source)

    async def _embedded(self, namespace: UUID, title: str, pieces: Sequence[str]) -> list[knowledge.ChunkRow]:
        vectors: list[list[float]] = []
        for start in range(0, len(pieces), _BATCH):
            texts = [f"{title}\n{piece}" for piece in pieces[start : start + _BATCH]]
            vectors += await self._embeddings.aembed_documents(texts)
        return [
            knowledge.ChunkRow(
                id=uuid5(namespace, str(place)),
                content=piece,
                words=" ".join(_WORD.findall(fold(f"{title}\n{piece}").text)),
                embedding=vector,
            )
            for place, (piece, vector) in enumerate(zip(pieces, vectors, strict=True))
        ]

    @property
    def _index(self) -> "PassageIndex":
        if self._opened is None:
            # Long to import: most processes open a knowledge base and never ask it.
            from services.passage_index import PassageIndex

            self._opened = PassageIndex(self._database_url, self._embeddings)
        return self._opened


def content_words(text: str) -> list[str]:
    """Give the words that say what a question is about, folded, each once."""
    words = [_SLANG.get(word, word) for word in _WORD.findall(fold(text).text)]
    return list(dict.fromkeys(word for word in words if word not in _QUESTION_WORDS and len(word) > 1))


def _is_relevant(text: str, metadata: Mapping[str, Any], words: Sequence[str]) -> bool:
    similarity: float = metadata["similarity"]
    if similarity >= _NEAR or metadata["by_words"]:
        return True
    share = coverage(words, f"{metadata['title']} {text}")
    return share > 0 and similarity + _WORDS_WEIGH * share >= _NEAR_WITH_WORDS


def coverage(words: Sequence[str], text: str) -> float:
    """Give the share of the words that stand in a text, small typing errors and endings aside."""
    present = set(_WORD.findall(fold(text).text))
    return sum(_stands_in(word, present) for word in words) / len(words) if words else 0.0


def _stands_in(word: str, present: set[str]) -> bool:
    if word in present:
        return True
    if len(word) < 4:
        return False
    return any(
        fuzz.ratio(word, other) >= _WORD_ALIKE or (len(word) > 5 and word[:5] == other[:5])
        for other in present
        if len(other) > 3
    )
