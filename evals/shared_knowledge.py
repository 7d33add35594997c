"""The demo's knowledge base stored once for all talks that use it: it is only read, and embedding it is slow."""

from datetime import datetime
from uuid import UUID

from langchain_core.embeddings import Embeddings

from services.knowledge import KnowledgeBase, Passage


class SharedKnowledge(KnowledgeBase):
    """Search the library that a talk's tenant was lent; tenants that were lent none search their own documents."""

    def __init__(self, database_url: str, embeddings: Embeddings) -> None:
        super().__init__(database_url, embeddings)
        self._lent: dict[UUID, UUID] = {}

    def lend(self, library: UUID, *, to: UUID) -> None:
        """Let a tenant search the documents of another one."""
        self._lent[to] = library

    def take_back(self, tenant_id: UUID) -> None:
        self._lent.pop(tenant_id, None)

    async def search(self, tenant_id: UUID, question: str, k: int = 4) -> list[Passage]:
        return await super().search(self._lent.get(tenant_id, tenant_id), question, k)

    async def fill(self, tenant_id: UUID, texts: list[tuple[str, str, str]], now: datetime) -> None:
        """Store (title, source, text) documents."""
        for title, source, text in texts:
            await self.add_document(tenant_id, title, source, text, now)
