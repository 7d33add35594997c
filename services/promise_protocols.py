"""The short code that a customer keeps of a promise."""

import hashlib
from uuid import UUID

from store import promises
from store.database import Connection

# No letter or digit that is taken for another when read aloud or typed.
_LETTERS = "2346789BCDFGHJKMNPQRTVWXYZ"
_LENGTH = 6


def protocol_of(*what: object) -> str:
    """Derive a code from what the promise is: 'P7F3K2Q'."""
    number = int.from_bytes(hashlib.sha256("|".join(map(str, what)).encode()).digest())
    letters = []
    for _ in range(_LENGTH):
        number, letter = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[letter])
    return "P" + "".join(letters)


async def free_protocol(connection: Connection, promise_id: UUID, *what: object) -> str:
    """Give a code that no other promise of the tenant bears; the same again when asked again for this promise."""
    salt = 0
    while True:
        code = protocol_of(*what, salt)
        owner = await promises.owner_of_protocol(connection, code)
        if owner is None or owner == promise_id:
            return code
        salt += 1
