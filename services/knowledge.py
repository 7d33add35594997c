"""The tenant's knowledge base: passages found by meaning and by words, each tenant's own only (design: tenancy).

Search is langchain-postgres over our table. Its connections take the application's role and name the tenant in every
transaction, so row-level security holds there as everywhere; its queries know nothing of tenants.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Any, Final, cast
from uuid import UUID, uuid5

from langchain_core.embeddings import Embeddings
from langchain_postgres import PGEngine, PGVectorStore
from langchain_postgres.v2.hybrid_search_config import HybridSearchConfig, reciprocal_rank_fusion
from rapidfuzz import fuzz
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from domain.errors import DomainError
from domain.folded_text import fold
from services.model_failures import is_openai_error
from services.passages import split_passages
from services.plain_text import tidy, tidy_line
from store import knowledge
from store.database import Connection

_TABLE: Final = "knowledge_chunks"
_LANGUAGE: Final = "pg_catalog.portuguese"
_CANDIDATES: Final = 12
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

_tenant: ContextVar[str] = ContextVar("knowledge_tenant", default="")


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
        url = make_url(database_url).set(drivername="postgresql+psycopg")
        self._engine = create_async_engine(
            url, connect_args={"options": "-c role=master_ia_app -c timezone=UTC"}, pool_size=4, max_overflow=4,
            pool_pre_ping=True,
        )  # fmt: skip
        event.listen(self._engine.sync_engine, "begin", _name_tenant)
        self._embeddings = embeddings
        self._store: PGVectorStore | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        await self._engine.dispose()

    async def search(self, tenant_id: UUID, question: str, k: int = 4) -> list[Passage]:
        """Find the passages that answer a question, best first; an unrelated question finds none."""
        asked = tidy(question, limit=_QUESTION_LIMIT)
        words = content_words(asked)
        if not words:
            return []
        try:
            embedding = await self._embeddings.aembed_query(asked)
            with _as_tenant(tenant_id):
                found = await (await self._opened()).asimilarity_search_with_score_by_vector(
                    embedding, k=_CANDIDATES, fts_query=" ".join(words), hybrid_search_config=_hybrid(embedding)
                )
        except Exception as error:
            if not (isinstance(error, SQLAlchemyError | OSError) or is_openai_error(error)):
                raise
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
        async with self._transaction(tenant_id) as connection:
            if await knowledge.hash_of(connection, origin) == content_hash:
                return False
        pieces = split_passages(clean)
        chunks = await self._embedded(uuid5(tenant_id, origin), heading, pieces)
        document = knowledge.DocumentRow(
            id=uuid5(tenant_id, origin), title=heading, source=origin, content_hash=content_hash, created_at=now
        )
        async with self._transaction(tenant_id) as connection:
            document_id = await knowledge.put_document(connection, tenant_id, document)
            await knowledge.delete_chunks(connection, document_id)
            await knowledge.insert_chunks(
                connection, tenant_id=tenant_id, document_id=document_id, title=heading, source=origin, chunks=chunks
            )
        return True

    async def has_document(self, tenant_id: UUID, source: str) -> bool:
        """Tell whether a document of this source is stored."""
        async with self._transaction(tenant_id) as connection:
            return await knowledge.hash_of(connection, source) is not None

    async def remove_document(self, tenant_id: UUID, source: str) -> bool:
        """Drop a document with its passages; say whether it existed."""
        async with self._transaction(tenant_id) as connection:
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

    @asynccontextmanager
    async def _transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """Open a transaction of this tenant's on the same pool, as the store's repositories take it."""
        with _as_tenant(tenant_id):
            async with self._engine.begin() as connection:
                raw = await connection.get_raw_connection()
                yield cast(Connection, raw.driver_connection)

    async def _opened(self) -> PGVectorStore:
        async with self._opening:
            if self._store is None:
                self._store = await PGVectorStore.create(
                    PGEngine.from_engine(self._engine), self._embeddings, _TABLE, id_column="id",
                    content_column="content", embedding_column="embedding", metadata_columns=["title", "source"],
                    metadata_json_column="metadata",
                )  # fmt: skip
            return self._store


def content_words(text: str) -> list[str]:
    """Give the words that say what a question is about, folded, each once."""
    words = [_SLANG.get(word, word) for word in _WORD.findall(fold(text).text)]
    return list(dict.fromkeys(word for word in words if word not in _QUESTION_WORDS and len(word) > 1))


def _name_tenant(connection: SyncConnection) -> None:
    """Say whose rows this transaction sees; without a tenant it sees none."""
    connection.exec_driver_sql("SELECT set_config('app.tenant_id', %s, true)", (_tenant.get(),))


@contextmanager
def _as_tenant(tenant_id: UUID) -> Iterator[None]:
    token = _tenant.set(str(tenant_id))
    try:
        yield
    finally:
        _tenant.reset(token)


def _hybrid(question: Sequence[float]) -> HybridSearchConfig:
    """Configure one search. Fusing the two rankings loses the distance, so the similarity is kept aside."""

    def fuse(primary: Sequence[Any], secondary: Sequence[Any], **options: Any) -> Sequence[Any]:
        fused = reciprocal_rank_fusion(primary, secondary, **options)
        by_words = {row["id"] for row in secondary}
        for row in fused:
            row["metadata"] = {"similarity": _cosine(question, row["embedding"]), "by_words": row["id"] in by_words}
        return fused

    return HybridSearchConfig(
        tsv_column="content_tsv", tsv_lang=_LANGUAGE, fusion_function=fuse,  # type: ignore[arg-type]  # it is called by name
        primary_top_k=_CANDIDATES,
        secondary_top_k=_CANDIDATES,
    )  # fmt: skip


def _cosine(question: Sequence[float], stored: str) -> float:
    other = [float(number) for number in str(stored).strip("[]").split(",")]
    product = sum(a * b for a, b in zip(question, other, strict=True))
    lengths = sqrt(sum(a * a for a in question)) * sqrt(sum(b * b for b in other))
    return product / lengths if lengths else 0.0


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
