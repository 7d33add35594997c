"""LangSmith tracing: only with a key, and with personal data masked before it leaves the process (spec 8.4)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from uuid import UUID

from langsmith import Client
from langsmith.run_helpers import tracing_context
from pydantic import BaseModel

from domain.masking import HIDDEN, mask_text
from wiring.settings import Settings

_DEPTH = 24
# Dataclasses of other packages, and what holds services or secrets, are named and not opened.
_OURS = ("domain.", "agents.")
# A tool's result is traced before anybody has read the name in it.
_WRITTEN_NAME = re.compile(r'"(?:nome|primeiro_nome|cartao|customer_name)"\s*:\s*"([^"]{2,200})"')
_NAME_FIELDS = frozenset({"nome", "primeiro_nome", "cartao", "customer_name"})
_names: ContextVar[set[str] | None] = ContextVar("traced_names", default=None)


def note_name(name: str | None) -> None:
    """Mask this name too in what this turn traces from now on."""
    names = _names.get()
    if name and names is not None:
        names.add(name)


def mask_traced(value: object, depth: int = 0) -> object:
    """Give a copy fit to leave the process: plain JSON, every text masked, of other objects only their type's name."""
    if depth > _DEPTH:
        return HIDDEN
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, str):
        for named in _WRITTEN_NAME.finditer(value):
            note_name(named[1])
        return mask_text(value, names=frozenset(_names.get() or ()))
    if isinstance(value, int | Decimal | UUID | date):
        return mask_text(str(value))
    if isinstance(value, Mapping):
        for key in _NAME_FIELDS & value.keys():
            note_name(value[key] if isinstance(value[key], str) else None)
        return {str(key): mask_traced(item, depth + 1) for key, item in value.items()}
    if isinstance(value, BaseModel):
        return {name: mask_traced(getattr(value, name), depth + 1) for name in type(value).model_fields}
    if is_dataclass(value) and not isinstance(value, type) and type(value).__module__.startswith(_OURS):
        return {item.name: mask_traced(getattr(value, item.name), depth + 1) for item in fields(value)}
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray | Iterator):
        return [mask_traced(item, depth + 1) for item in value]
    return type(value).__name__


def _mask_fields(data: dict[str, object]) -> dict[str, object]:
    return {key: mask_traced(value) for key, value in data.items()}


@lru_cache(maxsize=4)
def tracing_client(api_key: str) -> Client:
    """Make the client once for a process: it sends from a thread of its own."""
    return Client(api_key=api_key, anonymizer=_mask_fields, hide_metadata=False)


@contextmanager
def turn_tracing(settings: Settings | None, *, names: Iterable[str | None] = ()) -> Iterator[None]:
    """Trace what runs inside when a key is set; without one nothing is traced, whatever the environment says."""
    token = _names.set({name for name in names if name})
    try:
        if settings is None or settings.langsmith_api_key is None:
            with tracing_context(enabled=False):
                yield
        else:
            client = tracing_client(settings.langsmith_api_key.get_secret_value())
            with tracing_context(enabled=True, client=client, project_name=settings.langsmith_project):
                yield
    finally:
        _names.reset(token)
