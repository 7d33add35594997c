"""The language in which the API explains itself: what Accept-Language prefers among those we speak, else English."""

from enum import StrEnum

from starlette.requests import HTTPConnection

_LONGEST_HEADER = 500


class Language(StrEnum):
    ENGLISH = "en"
    PORTUGUESE = "pt-BR"


_BY_PRIMARY_TAG = {"en": Language.ENGLISH, "pt": Language.PORTUGUESE}


def language_of(connection: HTTPConnection) -> Language:
    """Give the caller's language."""
    return read_language(connection.headers.get("accept-language", ""))


def read_language(accepted: str) -> Language:
    """Choose by the weights of an Accept-Language value; what is first wins among equals, nonsense counts nothing."""
    best, best_weight = Language.ENGLISH, 0.0
    for item in accepted[:_LONGEST_HEADER].split(","):
        tag, _, parameters = item.partition(";")
        language = _BY_PRIMARY_TAG.get(tag.strip().lower().split("-")[0])
        weight = _weight(parameters)
        if language is not None and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
