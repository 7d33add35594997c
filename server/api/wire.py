"""What every resource's JSON shares: camelCase names, lists by page, text that PostgreSQL can keep."""

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Item = TypeVar("Item")


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must be well-formed Unicode")
    return text


Text = Annotated[str, AfterValidator(_storable)]


class Sent(BaseModel):
    """A body that a caller sends. Unknown fields are refused: a typing error must not look like success."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", hide_input_in_errors=True)


class Given(BaseModel):
    """An answer, made from a row by attribute names."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, from_attributes=True, serialize_by_alias=True
    )


class Page(Given, Generic[Item]):
    """One page of a list, and how many there are in all."""

    items: Sequence[Item]
    total: int
    limit: int
    offset: int


class Problem(Given):
    """One value that was not taken."""

    field: str
    problem: str


class ErrorBody(Given):
    """What went wrong: `code` never changes, `message` is in the caller's language."""

    code: str
    message: str
    request_id: str
    details: Sequence[Problem] | None = None


class ErrorAnswer(Given):
    """The one form of every error (server.errors writes it)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "code": "invalid_request",
                        "message": "The request does not fit; see the details",
                        "requestId": "9f0c1f4f2a6b4a8fb7c5f7d2a1e0c3b4",
                        "details": [{"field": "body.name", "problem": "Field required"}],
                    }
                }
            ]
        }
    )

    error: ErrorBody


# Named once for all codes: with it FastAPI does not document a form of its own that nobody gets.
ERRORS: dict[int | str, dict[str, object]] = {
    "4XX": {
        "model": ErrorAnswer,
        "description": "Refused: 401 without a key, 403 without its scope, 404 for what is not there, "
        "409 for what does not go now, 422 for values that do not fit",
    }
}

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="How many to skip")]
