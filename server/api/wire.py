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


Limit = Annotated[int, Query(ge=1, le=200, description="How many at most")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="How many to skip")]
