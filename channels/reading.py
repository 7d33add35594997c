"""Read what strangers send: JSON and forms of any shape become plain, storable values, and nothing here raises."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

MAX_DEPTH = 64
MAX_ID_LENGTH = 512  # ids and addresses are index keys; PostgreSQL refuses long ones
_MAX_INTEGER_DIGITS = 40
_MAX_FORM_FIELDS = 1000
_EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)  # WhatsApp did not exist before
_CLOCK_SKEW = timedelta(days=1)

JsonObject = Mapping[str, object]
EMPTY: JsonObject = {}


class Unreadable(Exception):
    """The body is not what its provider documents; the caller stores it as an event."""


def read_json(body: bytes) -> object:
    """Parse JSON into values that JSON and PostgreSQL can hold again: no NaN, no NUL, no lone surrogates."""
    try:
        parsed = json.loads(
            body.decode("utf-8", "replace"),
            parse_constant=lambda _: None,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except (ValueError, RecursionError) as error:
        raise Unreadable(type(error).__name__) from error
    return _storable(parsed, depth=0)


def read_form(body: bytes) -> dict[str, str]:
    """Parse a form body; of repeated fields the last one counts."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MAX_FORM_FIELDS,
        )
    except ValueError as error:
        raise Unreadable(type(error).__name__) from error
    return {_printable(name): _printable(value) for name, value in pairs}


def _finite(literal: str) -> float | None:
    number = float(literal)
    return number if math.isfinite(number) else None


def _bounded(literal: str) -> int | None:
    return int(literal) if len(literal) <= _MAX_INTEGER_DIGITS else None


def _storable(value: object, *, depth: int) -> object:
    if depth > MAX_DEPTH:
        raise Unreadable("nested too deep")
    if isinstance(value, str):
        return _printable(value)
    if isinstance(value, dict):
        return {_printable(str(key)): _storable(item, depth=depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item, depth=depth + 1) for item in value]
    return value


def _printable(value: str) -> str:
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def as_object(value: object) -> JsonObject:
    """Return the value when it is an object, else an empty one."""
    return value if isinstance(value, dict) else EMPTY


def as_list(value: object) -> list[object]:
    """Return the value when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def objects_in(value: object) -> Iterator[JsonObject]:
    """Yield the objects of a list; other items carry nothing for us."""
    return (item for item in as_list(value) if isinstance(item, dict))


def as_text(value: object) -> str | None:
    """Return a non-empty text; providers write ids as strings or as numbers."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def as_id(value: object) -> str | None:
    """Return a usable id or address, or None when it is absent, blank or absurdly long."""
    text = (as_text(value) or "").strip()
    return text if text and len(text) <= MAX_ID_LENGTH else None


def as_number(value: object) -> float | None:
    """Return a finite number, written as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_coordinates(latitude: object, longitude: object) -> tuple[float, float] | None:
    """Return a place on Earth, or None."""
    north, east = as_number(latitude), as_number(longitude)
    if north is None or east is None or abs(north) > 90 or abs(east) > 180:
        return None
    return north, east


def sent_time(value: object, *, received_at: datetime) -> datetime:
    """Return the provider's Unix seconds as an instant; what is absent or absurd gives the time of arrival.

    A message "from the future" would stretch the 24-hour window, so more than a day ahead is absurd too.
    """
    seconds = as_number(as_object(value).get("low") if isinstance(value, dict) else value)
    if seconds is None:
        return received_at
    try:
        instant = datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return received_at
    return instant if _EARLIEST <= instant <= received_at + _CLOCK_SKEW else received_at


def digest(value: object) -> str:
    """Return a stable key for a value without an id of its own: redelivered, it gives the same key."""
    if isinstance(value, bytes):
        raw = value
    else:
        raw = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str).encode()
    return hashlib.sha256(raw).hexdigest()
