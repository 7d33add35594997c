"""How campaigns stand and what they achieve: counts, the funnel, the five rates (spec 3.9)."""

from dataclasses import dataclass
from uuid import UUID

from domain.errors import NotFound
from store import campaign_stats, campaigns
from store.campaign_stats import Figures
from store.database import Database


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """The five rates, from 0 to 1; None where there is nothing to divide by."""

    contact_rate: float | None  # reached / targets
    response_rate: float | None  # responded / reached
    promise_rate: float | None  # promised / responded
    fulfilment_rate: float | None  # fulfilled / (fulfilled + broken) promises
    conversion_rate: float | None  # paid after a contact / reached


async def stats_of_campaign(database: Database, tenant_id: UUID, campaign_id: UUID) -> Figures:
    """Count a campaign at one instant. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        if await campaigns.by_id(connection, campaign_id) is None:
            raise NotFound("campaign")
        return await campaign_stats.of_campaign(connection, campaign_id)


async def metrics_of_tenant(database: Database, tenant_id: UUID) -> Figures:
    """Count all campaigns of a tenant at one instant."""
    async with database.tenant(tenant_id) as connection:
        return await campaign_stats.of_tenant(connection)


def rates_of(figures: Figures) -> Rates:
    """Work out the rates; each is of the people of the step before it, so none is above 1."""
    settled = figures.fulfilled_promises + figures.broken_promises
    return Rates(
        contact_rate=_share(figures.reached, figures.total_targets),
        response_rate=_share(figures.responded, figures.reached),
        promise_rate=_share(figures.promised, figures.responded),
        fulfilment_rate=_share(figures.fulfilled_promises, settled),
        conversion_rate=_share(figures.paid, figures.reached),
    )


def contacts_by(figures: Figures, method: str) -> int:
    """Give how many contacts were made by a method."""
    found = figures.methods.get(method)
    return found.contacts if found else 0


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
