"""What a PATCH says of a field: left out it stays, null empties it where that is possible."""

from collections.abc import Collection

from pydantic.alias_generators import to_camel

from domain.errors import InvalidInput
from server.api.wire import Sent


def emptied(body: Sent, nullable: Collection[str]) -> frozenset[str]:
    """Give the fields that the caller set to null. Raises InvalidInput for one that cannot be empty."""
    found = {name for name in body.model_fields_set if getattr(body, name) is None}
    for name in sorted(found - set(nullable)):
        raise InvalidInput(to_camel(name), "must not be null")
    return frozenset(found)
