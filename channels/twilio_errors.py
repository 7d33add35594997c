"""What Twilio's error codes mean, of messages and of calls (protocols 4.3, 4.4)."""

from domain.messages import ErrorClass

_CODES: dict[ErrorClass, tuple[int, ...]] = {
    ErrorClass.RETRY: (20429, 14107, 63018, 30022, 30001, 30003, 30008, 10004),
    ErrorClass.WINDOW: (63016,),
    ErrorClass.OPTOUT: (21610,),
    ErrorClass.ADDRESS: (63024, 63003, 21211, 21614, 30005, 30006, 13223, 13224, 13225, 21214, 21217),
    ErrorClass.CONTENT: (30007, 63013, 63028, 63027, 21656, 21408, 21205, 21218),
    ErrorClass.CAP: (63032, 63049),
    ErrorClass.STOP: (20003, 63019, 63020, 21606, 21210, 21212, 21215, 21216),
}
_CLASS_OF = {str(code): error_class for error_class, codes in _CODES.items() for code in codes}
RATE_LIMITS = frozenset(("20429", "14107", "63018", "30022", "30001", "10004"))


def class_of_code(code: str) -> ErrorClass | None:
    """Return the class of a code, or None when it is not in the table."""
    return _CLASS_OF.get(code)
