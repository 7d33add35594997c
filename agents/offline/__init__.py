"""The offline model: a deterministic Portuguese chat model and embeddings, in process or over HTTP."""

from agents.offline.brain import MODEL_NAME, ToolSchema, respond
from agents.offline.chat_model import OfflineChatModel
from agents.offline.http_front import create_openai_app
from services.offline_embeddings import DIMENSIONS, EMBEDDING_MODEL_NAME, OfflineEmbeddings

__all__ = [
    "DIMENSIONS",
    "EMBEDDING_MODEL_NAME",
    "MODEL_NAME",
    "OfflineChatModel",
    "OfflineEmbeddings",
    "ToolSchema",
    "create_openai_app",
    "respond",
]
