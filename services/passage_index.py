"""Where passages are stored and found: langchain-postgres over our table.

Its connections take the application's role and name the tenant in every transaction, so row-level security holds there
as everywhere; its queries know nothing of tenants.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from math import sqrt
from typing import Any, Final, cast
from uuid import UUID

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_postgres import PGEngine, PGVectorStore
from langchain_postgres.v2.hybrid_search_config import HybridSearchConfig, reciprocal_rank_fusion
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from store.database import Connection

_TABLE: Final = "knowledge_chunks"
_LANGUAGE: Final = "pg_catalog.portuguese"
_CANDIDATES: Final = 12

_tenant: ContextVar[str] = ContextVar("knowledge_tenant", default="")


class PassageIndex:
    """The passages of any tenant. Belongs to one event loop; connects when first asked."""

    failures: Final = (SQLAlchemyError, OSError)  # what asking raises when the database cannot be asked

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

    async def find(
        self, tenant_id: UUID, embedding: list[float], words: Sequence[str]
    ) -> Sequence[tuple[Document, float]]:
        """Give the tenant's passages nearest in meaning or by their words, best first.

        Their metadata says how near (`similarity`) and whether all the words stand in them (`by_words`).
        """
        with _as_tenant(tenant_id):
            return await (await self._opened()).asimilarity_search_with_score_by_vector(
                embedding, k=_CANDIDATES, fts_query=" ".join(words), hybrid_search_config=_hybrid(embedding)
            )

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
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
