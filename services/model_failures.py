"""What a chat model or an embedding fails with, whichever library speaks to its provider.

OpenAI's library takes long to import (a sixth of a process's start). Who has no key never needs it, and where it was
not imported nothing can have raised its errors.
"""

import sys

import httpx
from langchain_core.exceptions import LangChainException

# What a provider's library, its server's nonsense or the network may raise.
_ANY_PROVIDER = (
    LangChainException, httpx.HTTPError, TimeoutError, OSError, ValueError, TypeError, KeyError, IndexError,
    AttributeError, RuntimeError,
)  # fmt: skip


def model_failures() -> tuple[type[Exception], ...]:
    """List what speaks of the provider, not of our own talk or graph. Call it in the `except`: it runs when something
    was raised, and names OpenAI's errors if they can be among it."""
    return (*_ANY_PROVIDER, *openai_failures())


def openai_failures() -> tuple[type[Exception], ...]:
    """List OpenAI's own errors."""
    library = sys.modules.get("openai")
    return () if library is None else (library.OpenAIError,)


def is_silence(error: Exception) -> bool:
    """Tell that no answer came in time."""
    return isinstance(error, TimeoutError) or _is_openai(error, "APITimeoutError")


def is_refused_request(error: Exception) -> bool:
    """Tell that the provider works and did not take what it was asked."""
    return _is_openai(error, "BadRequestError")


def _is_openai(error: Exception, name: str) -> bool:
    library = sys.modules.get("openai")
    return library is not None and isinstance(error, getattr(library, name))
