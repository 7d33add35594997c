"""How campaigns stand and what they achieve, as JSON, for Prometheus, and as a report to keep."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import IO, Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import ConfigDict, Field

from domain.campaigns import Method
from server.api.wire import Given
from server.auth import ProcessDeps, ReadsCampaigns
from services import campaign_report, campaign_stats
from services.campaign_stats import contacts_by, rates_of
from services.campaigns import get_campaign
from store.campaign_stats import Figures

router = APIRouter(tags=["figures"])

_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CHUNK_BYTES: Final = 64 * 1024
_RATES_TEXT: Final = """
The five rates are from 0 to 1, and null where there is nothing to divide by:

* `contactRate`: targets contacted at least once / all targets
* `responseRate`: responded / contacted. Who wrote, took the call or promised after the first contact has responded
* `promiseRate`: promised / responded
* `fulfilmentRate`: fulfilled promises / (fulfilled + broken promises)
* `conversionRate`: paid after a contact / contacted
"""


class RatesGiven(Given):
    contact_rate: float | None
    response_rate: float | None
    promise_rate: float | None
    fulfilment_rate: float | None
    conversion_rate: float | None


class MethodGiven(Given):
    """What was sent by one method. Contacts that a provider surely refused do not count."""

    contacts: int
    delivered: int
    read: int
    answered: int = Field(description="Calls that a person took")
    unknown: int = Field(description="Nobody knows whether they went out; they are not repeated")
    spent_cents: int


class FunnelGiven(Given):
    """From the list to the payment; who responded counts as delivered and read, so no step grows."""

    imported: int
    contacted: int = Field(description="Contacted at least once, whatever the state is now")
    delivered: int
    read: int
    responded: int
    promised: int = Field(description="After the first contact")
    paid: int = Field(description="After the first contact")
    paid_without_contact: int


class PromisesGiven(Given):
    """Promises of these debtors since they were first contacted."""

    pending: int
    fulfilled: int
    broken: int
    renegotiated: int
    promised_cents: int = Field(description="Of the pending, fulfilled and broken ones")
    fulfilled_cents: int


class StatsGiven(Given):
    """A campaign at one instant: the five states add up to totalTargets, outcomes and withoutOutcome do too."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "campaignId": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                    "totalTargets": 500,
                    "importedRows": 500,
                    "pending": 12,
                    "scheduled": 88,
                    "calling": 0,
                    "contacted": 170,
                    "completed": 230,
                    "outcomes": {"paid": 120, "promise_made": 64, "sent": 106, "no_answer": 110},
                    "withoutOutcome": 100,
                    "debtCents": 6495000,
                    "attempts": 412,
                    "methods": {
                        "whatsapp": {
                            "contacts": 400, "delivered": 380, "read": 290, "answered": 0, "unknown": 1,
                            "spentCents": 16000,
                        },
                        "voice": {
                            "contacts": 12, "delivered": 0, "read": 0, "answered": 7, "unknown": 0, "spentCents": 720,
                        },
                    },
                    "calls": 12,
                    "spentCents": 16720,
                    "budgetCents": 50000,
                    "nextContactAt": "2026-11-23T11:00:00Z",
                    "funnel": {
                        "imported": 500, "contacted": 390, "delivered": 372, "read": 288, "responded": 210,
                        "promised": 96, "paid": 104, "paidWithoutContact": 16,
                    },
                    "promises": {
                        "pending": 40, "fulfilled": 44, "broken": 12, "renegotiated": 5, "promisedCents": 1248000,
                        "fulfilledCents": 571000,
                    },
                    "skipped": {"already_paid": 16, "active_promise": 9},
                    "postponed": {"outside_hours": 31},
                    "rates": {
                        "contactRate": 0.78, "responseRate": 0.5385, "promiseRate": 0.4571, "fulfilmentRate": 0.7857,
                        "conversionRate": 0.2667,
                    },
                }
            ]
        }
    )  # fmt: skip

    campaign_id: UUID
    total_targets: int
    imported_rows: int = Field(description="Lines that its imports have taken")
    pending: int
    scheduled: int
    calling: int
    contacted: int = Field(description="In this state now; for all that were ever contacted see the funnel")
    completed: int
    outcomes: dict[str, int]
    without_outcome: int
    debt_cents: int = Field(description="What the list said that is owed")
    attempts: int = Field(description="Contacts made by all methods")
    methods: dict[str, MethodGiven]
    calls: int
    spent_cents: int
    budget_cents: int | None
    next_contact_at: datetime | None = Field(description="When the next contact is planned; null: none, or not active")
    funnel: FunnelGiven
    promises: PromisesGiven
    skipped: dict[str, int] = Field(description="Decisions against a contact, by reason")
    postponed: dict[str, int] = Field(description="Decisions to wait, by reason; one target may wait often")
    rates: RatesGiven


class MetricsGiven(Given):
    """All campaigns of the tenant at one instant."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "totalTargets": 1500,
                    "totalCalls": 40,
                    "totalWhatsAppMessages": 1200,
                    "totalSmsMessages": 90,
                    "totalContacts": 1330,
                    "totalReminders": 61,
                    "pendingPromises": 80,
                    "fulfilledPromises": 140,
                    "brokenPromises": 31,
                    "contactRate": 0.81,
                    "responseRate": 0.52,
                    "promiseRate": 0.44,
                    "fulfilmentRate": 0.8187,
                    "conversionRate": 0.2411,
                    "spentCents": 52130,
                    "channels": {},
                }
            ]
        }
    )

    total_targets: int
    total_calls: int
    total_whats_app_messages: int
    total_sms_messages: int
    total_contacts: int = Field(description="All of the three; reminders of promises are among them")
    total_reminders: int
    pending_promises: int
    fulfilled_promises: int
    broken_promises: int
    contact_rate: float | None
    response_rate: float | None
    promise_rate: float | None
    fulfilment_rate: float | None
    conversion_rate: float | None
    spent_cents: int
    channels: dict[str, MethodGiven]


def _methods(figures: Figures) -> dict[str, MethodGiven]:
    return {name: MethodGiven.model_validate(found) for name, found in sorted(figures.methods.items())}


def _rates(figures: Figures) -> RatesGiven:
    return RatesGiven.model_validate(rates_of(figures))


def _attempts(figures: Figures) -> int:
    return sum(found.contacts for found in figures.methods.values())


def _stats(campaign_id: UUID, figures: Figures) -> StatsGiven:
    funnel = FunnelGiven(
        imported=figures.total_targets, contacted=figures.reached, delivered=figures.delivered, read=figures.read,
        responded=figures.responded, promised=figures.promised, paid=figures.paid,
        paid_without_contact=figures.paid_without_contact,
    )  # fmt: skip
    promises = PromisesGiven(
        pending=figures.pending_promises, fulfilled=figures.fulfilled_promises, broken=figures.broken_promises,
        renegotiated=figures.renegotiated_promises, promised_cents=figures.promised_cents,
        fulfilled_cents=figures.fulfilled_cents,
    )  # fmt: skip
    return StatsGiven(
        campaign_id=campaign_id, total_targets=figures.total_targets, imported_rows=figures.imported_rows,
        pending=figures.pending, scheduled=figures.scheduled, calling=figures.calling, contacted=figures.contacted,
        completed=figures.completed, outcomes=dict(figures.outcomes), without_outcome=figures.without_outcome,
        debt_cents=figures.debt_cents, attempts=_attempts(figures), methods=_methods(figures),
        calls=contacts_by(figures, Method.VOICE), spent_cents=figures.spent_cents, budget_cents=figures.budget_cents,
        next_contact_at=figures.next_contact_at,
        funnel=funnel, promises=promises, skipped=dict(figures.skipped), postponed=dict(figures.postponed),
        rates=_rates(figures),
    )  # fmt: skip


def _metrics(figures: Figures) -> MetricsGiven:
    rates = _rates(figures)
    return MetricsGiven(
        total_targets=figures.total_targets, total_calls=contacts_by(figures, Method.VOICE),
        total_whats_app_messages=contacts_by(figures, Method.WHATSAPP),
        total_sms_messages=contacts_by(figures, Method.SMS), total_contacts=_attempts(figures),
        total_reminders=figures.reminders, pending_promises=figures.pending_promises,
        fulfilled_promises=figures.fulfilled_promises, broken_promises=figures.broken_promises,
        contact_rate=rates.contact_rate, response_rate=rates.response_rate, promise_rate=rates.promise_rate,
        fulfilment_rate=rates.fulfilment_rate, conversion_rate=rates.conversion_rate, spent_cents=figures.spent_cents,
        channels=_methods(figures),
    )  # fmt: skip


class TenantCollector(Collector):
    """Figures as Prometheus families. Labels come from our own short lists, never from what a customer wrote."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self._figures
        states = {
            name: getattr(figures, name) for name in ("pending", "scheduled", "calling", "contacted", "completed")
        }
        promises = {
            "pending": figures.pending_promises, "fulfilled": figures.fulfilled_promises,
            "broken": figures.broken_promises, "renegotiated": figures.renegotiated_promises,
        }  # fmt: skip
        contacts = {name: found.contacts for name, found in figures.methods.items()}
        rates = {
            name.removesuffix("_rate"): value for name, value in _rates(figures).model_dump(by_alias=False).items()
        }
        yield _family("targets", "Targets by state", "state", states)
        yield _family("outcomes", "Targets by outcome", "outcome", figures.outcomes)
        yield _family("contacts", "Contacts made, by method", "method", contacts)
        yield _family("promises", "Promises by status", "status", promises)
        yield _family("skipped", "Decisions against a contact, by reason", "reason", figures.skipped)
        yield _family("postponed", "Decisions to wait, by reason", "reason", figures.postponed)
        yield _family("rate", "The five rates, 0 to 1; absent where there is nothing to divide by", "rate", rates)
        yield GaugeMetricFamily("master_ia_campaign_spent_cents", "Cost of the contacts", value=figures.spent_cents)


def _family(name: str, text: str, label: str, values: Mapping[str, float | None]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"master_ia_campaign_{name}", text, labels=[label])
    for key, value in sorted(values.items()):
        if value is not None:
            family.add_metric([key], value)
    return family


@router.get(
    "/campaigns/{campaign_id}/stats",
    summary="Count a campaign: states, outcomes, funnel, rates",
    description=f"All from one statement, so that it adds up at any instant.\n{_RATES_TEXT}",
)
async def get_stats(deps: ProcessDeps, caller: ReadsCampaigns, campaign_id: UUID) -> StatsGiven:
    return _stats(campaign_id, await campaign_stats.stats_of_campaign(deps.database, caller.tenant_id, campaign_id))


@router.get(
    "/metrics",
    summary="Count all campaigns, as JSON or for Prometheus",
    description=(
        "For Prometheus with `?format=prometheus`, or when Accept asks for text/plain or OpenMetrics and not for "
        f"JSON.\n{_RATES_TEXT}"
    ),
    response_model=MetricsGiven,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_metrics(
    deps: ProcessDeps,
    caller: ReadsCampaigns,
    format: Annotated[Literal["json", "prometheus"] | None, Query(description="Left out: as Accept says")] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response | MetricsGiven:
    figures = await campaign_stats.metrics_of_tenant(deps.database, caller.tenant_id)
    if format == "json" or (format is None and not _wants_text(accept)):
        return _metrics(figures)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TenantCollector(figures))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _wants_text(accept: str) -> bool:
    kinds = {item.partition(";")[0].strip().lower() for item in accept[:1000].split(",")}
    return not kinds.isdisjoint({"text/plain", "application/openmetrics-text"}) and "application/json" not in kinds


@router.get(
    "/campaigns/{campaign_id}/report",
    summary="Load the report of a campaign",
    description=(
        "`csv` (UTF-8, semicolons) and `xlsx` list the targets with documents and phones masked, and are safe to open "
        "in a spreadsheet; `html` is a page to print with the funnel, the daily curve and the rates. In Portuguese."
    ),
    response_class=Response,
    responses={
        200: {
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                _XLSX: {"schema": {"type": "string", "format": "binary"}},
                "text/html": {"schema": {"type": "string"}},
            }
        }
    },
)
async def get_report(
    deps: ProcessDeps,
    caller: ReadsCampaigns,
    campaign_id: UUID,
    format: Annotated[Literal["csv", "xlsx", "html"], Query(description="What kind of file")] = "csv",
) -> Response:
    tenant = (await deps.tenants.profile(caller.tenant_id)).tenant
    headers = {
        "content-disposition": f'attachment; filename="campanha-{campaign_id}.{format}"',
        "content-language": "pt-BR",
    }
    if format == "html":
        page = await campaign_report.html_report(deps.database, tenant, campaign_id, now=deps.clock.now())
        return Response(page, media_type="text/html; charset=utf-8", headers=headers)
    await get_campaign(deps.database, caller.tenant_id, campaign_id)  # before the answer has begun
    if format == "csv":
        lines = campaign_report.csv_report(deps.database, tenant, campaign_id)
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)
    file = await campaign_report.xlsx_report(deps.database, tenant, campaign_id)
    return StreamingResponse(_pieces(file), media_type=_XLSX, headers=headers)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := file.read(_CHUNK_BYTES):
            yield piece
