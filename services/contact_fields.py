"""Values for the fields a tenant defined for its contacts."""

import re
from datetime import date
from uuid import UUID

from domain.dates_ptbr import format_date
from domain.documents import contains_full_document
from domain.errors import DomainError
from domain.folded_text import fold
from services.plain_text import tidy_line
from store import custom_fields
from store.custom_fields import CustomFieldRow
from store.database import Database

_VALUE_LIMIT = 300
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d{1,15}(?:[.,]\d{1,6})?", re.ASCII)
_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)


class FieldUnknown(DomainError):
    """The tenant defined no such field."""

    def __init__(self, names: list[str]) -> None:
        super().__init__("the tenant defined no such field")
        self.names = names


class ValueUnfit(DomainError):
    """The value does not fit the field's kind; never carries the value itself (it may be personal)."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"not a value of kind {kind}")
        self.kind = kind


async def check_field(database: Database, tenant_id: UUID, *, name: str, value: str) -> tuple[str, str]:
    """Give the field's own name and the value as it is stored. Raises FieldUnknown, ValueUnfit."""
    async with database.tenant(tenant_id) as connection:
        fields = await custom_fields.list_all(connection)
    wanted = _plain(name)
    field = next((f for f in fields if wanted and wanted in (_plain(f.name), _plain(f.label))), None)
    if field is None:
        raise FieldUnknown([known.name for known in fields])
    return field.name, fit_value(field, value)


def fit_value(field: CustomFieldRow, value: str) -> str:
    """Check a value against the field's kind. A whole CPF or CNPJ belongs in no free field."""
    clean = tidy_line(value, limit=_VALUE_LIMIT)
    is_fit = bool(clean) and len(value) <= 2 * _VALUE_LIMIT and not contains_full_document(clean)
    if field.kind == "email":
        is_fit = is_fit and _EMAIL.fullmatch(clean) is not None
        clean = clean.lower()
    elif field.kind == "number":
        is_fit = is_fit and _NUMBER.fullmatch(clean) is not None
    elif field.kind == "date":
        day = _read_date(clean)
        is_fit, clean = day is not None, format_date(day) if day else clean
    if not is_fit:
        raise ValueUnfit(field.kind)
    return clean


def _read_date(text: str) -> date | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[3]), int(match[2]), int(match[1]))
    except ValueError:
        return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", fold(name[:100]).text)
