"""Find out whose message it is: many addresses, one contact (design: who somebody is)."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from domain.messages import Address, AddressKind
from domain.phones import match_key
from store import contacts
from store.database import Connection

_PHONE_KINDS = (AddressKind.PHONE, AddressKind.WA_ID)


def match_key_of(address: Address) -> str | None:
    """Give what makes two spellings of one phone equal; None for addresses that are not phones."""
    return match_key(address.value) if address.kind in _PHONE_KINDS else None


async def resolve_contact(
    connection: Connection, *, tenant_id: UUID, addresses: Sequence[Address], profile_name: str | None
) -> UUID:
    """Return the contact that owns these addresses, making or merging contacts as the addresses prove.

    Addresses seen together belong to one person. The oldest contact stays; the stricter flags survive.
    """
    keys = {address: match_key_of(address) for address in addresses}
    # Locked in one order, so that two webhooks about one person wait for each other instead of deadlocking.
    for lock in sorted({key or f"{address.kind}:{address.value}" for address, key in keys.items()}):
        await contacts.lock_identity(connection, tenant_id, lock)
    known = await contacts.find_addresses(connection, addresses, [key for key in keys.values() if key])
    owners = list(dict.fromkeys(row.contact_id for row in known))
    if owners:
        contact_id, *others = owners
        for other in others:
            await contacts.merge(connection, keep=contact_id, gone=other)
        if profile_name:
            await contacts.name_if_unknown(connection, contact_id, profile_name)
    else:
        contact_id = uuid4()
        await contacts.insert(connection, tenant_id=tenant_id, contact_id=contact_id, name=profile_name)
    seen = {(row.kind, row.value) for row in known}
    for address, key in keys.items():
        if (address.kind, address.value) not in seen:
            await contacts.add_address(
                connection, tenant_id=tenant_id, contact_id=contact_id, address=address, match_key=key
            )
    return contact_id
