"""What Meta's error codes mean (protocols 1.9). The code decides; titles and texts change without notice."""

from dataclasses import dataclass

from channels.reading import JsonObject, as_object, as_text
from channels.transport import masked
from domain.messages import ErrorClass

_DAY_SECONDS = 86_400.0
_PAIR_SECONDS = 6.0
_CODES: dict[ErrorClass, tuple[int, ...]] = {
    ErrorClass.STOP: (0, 3, 10, 190, 131048, 368, 130497, 131031, 131037, 131042, 131044, 131045, 131063),
    ErrorClass.RETRY: (4, 80007, 130429, 131064, 1, 2, 131000, 131016, 131057, 135000, 132069, 133016),
    ErrorClass.PAIR: (131056,),
    ErrorClass.WINDOW: (131047,),
    ErrorClass.ADDRESS: (131026, 131021),
    ErrorClass.CAP: (131049, 130472),
    ErrorClass.OPTOUT: (131050,),
    ErrorClass.CONTENT: (
        *(33, 100, 131008, 131009, 131030, 131051, 131052, 131053, 131062),
        *(132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 132018, 132068),
    ),
}
_CLASS_OF = {code: error_class for error_class, codes in _CODES.items() for code in codes}
_RATE_LIMITS = {4: None, 80007: None, 130429: None, 131056: _PAIR_SECONDS, 131064: _DAY_SECONDS, 132069: None}


@dataclass(frozen=True, kw_only=True, slots=True)
class MetaError:
    """An error read by its code. `is_known` is False when only the HTTP status can tell what to do."""

    error_class: ErrorClass
    code: str
    detail: str
    is_known: bool
    is_rate_limit: bool
    wait_seconds: float | None


def classify(error: JsonObject) -> MetaError:
    """Read one error object of an answer (`error`) or of a status (`errors[]`)."""
    code_text = (as_text(error.get("code")) or "unknown")[:32]
    code = int(code_text) if code_text.isascii() and code_text.isdigit() else -1
    known = _class_of(code)
    details = as_text(as_object(error.get("error_data")).get("details"))
    return MetaError(
        error_class=known or ErrorClass.CONTENT,
        code=code_text,
        detail=masked(details or as_text(error.get("message")) or as_text(error.get("title")) or ""),
        is_known=known is not None,
        is_rate_limit=code in _RATE_LIMITS,
        wait_seconds=_RATE_LIMITS.get(code),
    )


def _class_of(code: int) -> ErrorClass | None:
    if code in _CLASS_OF:
        return _CLASS_OF[code]
    if 200 <= code <= 299:
        return ErrorClass.STOP
    if 138000 <= code <= 138018:
        return ErrorClass.CONTENT
    return None
