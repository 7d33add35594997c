"""Knowledge documents and their passages. Reading goes through the vector store (services/passage_index.py).

Writing is ours: langchain-postgres writes passages one transaction each and wants an id unique across tenants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentRow:
    id: UUID
    title: str
    source: str
    content_hash: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkRow:
    """One passage. `words` is the text that the word search sees: case and accents folded."""

    id: UUID
    content: str
    words: str
    embedding: Sequence[float]


_ALL: LiteralString = (
    "SELECT id, title, source, content_hash, created_at FROM knowledge_documents ORDER BY title, source"
)
_HASH: LiteralString = "SELECT content_hash FROM knowledge_documents WHERE source = %(source)s"
_PUT: LiteralString = """
    INSERT INTO knowledge_documents (tenant_id, id, title, source, content_hash, created_at)
    VALUES (%(tenant_id)s, %(id)s, %(title)s, %(source)s, %(content_hash)s, %(now)s)
    ON CONFLICT (tenant_id, source) DO UPDATE SET title = EXCLUDED.title, content_hash = EXCLUDED.content_hash
    RETURNING id
"""
_DELETE: LiteralString = "DELETE FROM knowledge_documents WHERE source = %(source)s"
_DELETE_CHUNKS: LiteralString = "DELETE FROM knowledge_chunks WHERE document_id = %(document_id)s"
_INSERT_CHUNK: LiteralString = """
    INSERT INTO knowledge_chunks
        (tenant_id, id, document_id, content, title, source, embedding, content_tsv, metadata)
    VALUES
        (%(tenant_id)s, %(id)s, %(document_id)s, %(content)s, %(title)s, %(source)s, %(embedding)s::vector,
         to_tsvector('pg_catalog.portuguese', %(words)s), '{}')
"""


async def list_all(connection: Connection) -> list[DocumentRow]:
    async with connection.cursor(row_factory=class_row(DocumentRow)) as cursor:
        await cursor.execute(_ALL)
        return await cursor.fetchall()


async def hash_of(connection: Connection, source: str) -> str | None:
    """Give the hash of the content a source was last stored with."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_HASH, {"source": source})
        return await cursor.fetchone()


async def put_document(connection: Connection, tenant_id: UUID, row: DocumentRow) -> UUID:
    """Write a document, or replace the one of this source; give its id."""
    parameters = {
        "tenant_id": tenant_id, "id": row.id, "title": row.title, "source": row.source,
        "content_hash": row.content_hash, "now": row.created_at,
    }  # fmt: skip
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_PUT, parameters)
        found: UUID | None = await cursor.fetchone()
    return found or row.id


async def delete_chunks(connection: Connection, document_id: UUID) -> None:
    await connection.execute(_DELETE_CHUNKS, {"document_id": document_id})


async def insert_chunks(
    connection: Connection, *, tenant_id: UUID, document_id: UUID, title: str, source: str, chunks: Sequence[ChunkRow]
) -> None:
    parameters = [
        {
            "tenant_id": tenant_id, "id": chunk.id, "document_id": document_id, "content": chunk.content,
            "title": title, "source": source, "words": chunk.words,
            "embedding": "[" + ",".join(map(repr, map(float, chunk.embedding))) + "]",
        }
        for chunk in chunks
    ]  # fmt: skip
    async with connection.cursor() as cursor:
        await cursor.executemany(_INSERT_CHUNK, parameters)


async def delete_document(connection: Connection, source: str) -> bool:
    """Drop a document with its passages; say whether it existed."""
    cursor = await connection.execute(_DELETE, {"source": source})
    return cursor.rowcount == 1
