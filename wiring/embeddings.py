"""Choose what turns text into vectors: OpenAI's model when a key is set, else the offline one; 384 numbers each."""

from langchain_core.embeddings import Embeddings

from services.offline_embeddings import OfflineEmbeddings
from wiring.settings import Settings

DIMENSIONS = 384  # of the column knowledge_chunks.embedding
_TIMEOUT_SECONDS = 10


def make_embeddings(settings: Settings) -> Embeddings:
    """Make the embeddings of this process. Changing the model means embedding the knowledge base again."""
    if settings.openai_api_key is None:
        return OfflineEmbeddings()
    from langchain_openai import OpenAIEmbeddings  # long to import; who has no key need not

    return OpenAIEmbeddings(
        model=settings.openai_embedding_model,
        dimensions=DIMENSIONS,
        api_key=settings.openai_api_key,
        base_url=settings.openai_base_url,
        timeout=_TIMEOUT_SECONDS,
        max_retries=1,
        # The library would fetch a tokenizer file over the network otherwise.
        check_embedding_ctx_length=False,
    )
