"""Tenants with what their turns need to know, remembered for some seconds per process."""

import time
from dataclasses import dataclass
from uuid import UUID

from domain.tenants import Tenant
from store import custom_fields, kanban, tenants
from store.database import Database

_FRESH_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantProfile:
    tenant: Tenant
    custom_fields: tuple[str, ...]
    stages: tuple[str, ...]


class TenantDirectory:
    """Read a tenant's profile; a change is seen within 15 seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries: dict[UUID, tuple[float, TenantProfile]] = {}

    async def profile(self, tenant_id: UUID) -> TenantProfile:
        """Give the tenant, its custom fields and its board's stages. Raises LookupError when there is none."""
        entry = self._entries.get(tenant_id)
        if entry is not None and time.monotonic() - entry[0] < _FRESH_SECONDS:
            return entry[1]
        async with self._database.tenant(tenant_id) as connection:
            tenant = await tenants.by_id(connection, tenant_id)
            if tenant is None:
                raise LookupError("no such tenant")
            profile = TenantProfile(
                tenant=tenant,
                custom_fields=tuple(await custom_fields.names(connection)),
                stages=tuple(await kanban.stage_names(connection)),
            )
        self._entries[tenant_id] = (time.monotonic(), profile)
        return profile
