"""The printable page of a campaign's report: facts in, HTML out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined, Template

from domain.money import format_brl
from domain.tenants import Tenant
from services import campaign_report_words as words
from services.campaign_stats import rates_of
from store.campaign_stats import DayFigures, Figures
from store.campaigns import CampaignRow

_TEMPLATE = "campaign_report.html.j2"
_MOST_BARS = 92
_PLOT_WIDTH = 640
_PLOT_HEIGHT = 64
_SERIES: Final = (
    ("Contatos", "contacts", "um"), ("Respostas", "replies", "dois"), ("Promessas", "promises", "tres"),
    ("Pagamentos", "payments", "quatro"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class PageFacts:
    """All that the page shows."""

    tenant: Tenant
    campaign: CampaignRow
    figures: Figures
    days: Sequence[DayFigures]
    now: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A step of the funnel, with its share of the first one."""

    name: str
    count: int
    percent: str
    width: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    x: str
    y: str
    width: str
    height: str
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """The bars of one kind of event, one for each day or span of days."""

    name: str
    colour: str
    total: int
    highest: int
    bars: Sequence[Bar]


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    panels: Sequence[Panel]
    first: str
    last: str
    span_days: int


def render_page(facts: PageFacts) -> str:
    """Fill the template. All texts are escaped; those that came with a list may be anything."""
    figures = facts.figures
    return _template().render(
        tenant=facts.tenant.name,
        name=facts.campaign.name,
        made_at=_local(facts.now, facts),
        heading=_heading(facts),
        tiles=_tiles(figures),
        funnel=funnel(figures),
        curve=curve(facts.days, last_day=_last_day(facts)),
        rates=_rates(figures),
        outcomes=_outcomes(figures),
        methods=[
            (words.METHODS.get(name, name), _number(found.contacts), _number(found.delivered), _number(found.read),
             _number(found.answered), _number(found.unknown), format_brl(found.spent_cents))
            for name, found in sorted(figures.methods.items())
        ],
        withheld=_counted(figures.skipped, words.REASONS),
        postponed=_counted(figures.postponed, words.REASONS),
        plot_width=_PLOT_WIDTH,
        plot_height=_PLOT_HEIGHT,
    )  # fmt: skip


def funnel(figures: Figures) -> list[Step]:
    """Give the steps from the list to the payment."""
    counts = (
        ("Na lista", figures.total_targets), ("Contatados", figures.reached), ("Receberam", figures.delivered),
        ("Leram", figures.read), ("Responderam", figures.responded), ("Prometeram", figures.promised),
        ("Pagaram", figures.paid),
    )  # fmt: skip
    whole = max(figures.total_targets, 1)
    return [
        Step(name=name, count=count, percent=_percent(count / whole), width=f"{100 * count / whole:.2f}")
        for name, count in counts
    ]


def curve(days: Sequence[DayFigures], *, last_day: date) -> Curve | None:
    """Draw a bar for each day from the first with an event on; long campaigns get a bar for several days together."""
    if not days:
        return None
    first = days[0].day
    last = max(last_day, days[-1].day)
    length = (last - first).days + 1
    span = -(-length // _MOST_BARS)
    slots = -(-length // span)
    return Curve(
        panels=[_panel(name, kind, colour, days, first, span, slots) for name, kind, colour in _SERIES],
        first=first.strftime("%d/%m/%Y"),
        last=last.strftime("%d/%m/%Y"),
        span_days=span,
    )


def _panel(name: str, kind: str, colour: str, days: Sequence[DayFigures], first: date, span: int, slots: int) -> Panel:
    counts = [0] * slots
    for day in days:
        counts[(day.day - first).days // span] += int(getattr(day, kind))
    highest = max(counts)
    step = _PLOT_WIDTH / slots
    bars = []
    for slot, count in enumerate(counts):
        if count == 0:
            continue
        height = max(_PLOT_HEIGHT * count / highest, 1.0)
        width = min(step * 0.76, 28)
        begins = first + timedelta(days=slot * span)
        bars.append(
            Bar(
                x=f"{slot * step + (step - width) / 2:.2f}", y=f"{_PLOT_HEIGHT - height:.2f}",
                width=f"{width:.2f}", height=f"{height:.2f}",
                title=f"{begins:%d/%m/%Y}: {_number(count)}",
            )
        )  # fmt: skip
    return Panel(name=name, colour=colour, total=sum(counts), highest=highest, bars=bars)


def _heading(facts: PageFacts) -> list[tuple[str, str]]:
    campaign = facts.campaign
    status = words.STATUSES[campaign.status]
    reason = campaign.pause_reason and words.REASONS.get(campaign.pause_reason, campaign.pause_reason)
    days = ", ".join(words.WEEKDAYS[day - 1] for day in campaign.weekdays)
    began = "ainda não começou" if campaign.started_at is None else f"desde {_local(campaign.started_at, facts)}"
    if campaign.completed_at is not None:
        began += f" até {_local(campaign.completed_at, facts)}"
    budget = "sem limite" if campaign.budget_cents is None else f"até {format_brl(campaign.budget_cents)}"
    return [
        ("Situação", f"{status} ({reason})" if reason else status),
        ("Período", began),
        ("Canais", ", ".join(words.METHODS[method] for method in campaign.allowed_methods)),
        ("Começa por", words.CONTACT_METHODS[campaign.contact_method]),
        ("Horário", f"{campaign.schedule_start:%H:%M} às {campaign.schedule_end:%H:%M} ({days})"),
        ("Tentativas", f"até {campaign.max_attempts} por pessoa"),
        ("Orçamento", budget),
    ]


def _tiles(figures: Figures) -> list[tuple[str, str]]:
    return [
        ("Pessoas na lista", _number(figures.total_targets)),
        ("Dívida na lista", format_brl(figures.debt_cents)),
        ("Contatos feitos", _number(sum(found.contacts for found in figures.methods.values()))),
        ("Pagaram após contato", _number(figures.paid)),
        ("Pagaram sem contato", _number(figures.paid_without_contact)),
        ("Prometido", format_brl(figures.promised_cents)),
        ("Promessas cumpridas", format_brl(figures.fulfilled_cents)),
        ("Custo dos contatos", format_brl(figures.spent_cents)),
    ]


def _rates(figures: Figures) -> list[tuple[str, str, str]]:
    rates = rates_of(figures)
    found = (
        ("Contato", "contatados ÷ pessoas na lista", rates.contact_rate),
        ("Resposta", "responderam ÷ contatados", rates.response_rate),
        ("Promessa", "prometeram ÷ responderam", rates.promise_rate),
        ("Cumprimento", "promessas cumpridas ÷ (cumpridas + não cumpridas)", rates.fulfilment_rate),
        ("Conversão", "pagaram após contato ÷ contatados", rates.conversion_rate),
    )
    return [(name, meaning, "–" if rate is None else _percent(rate)) for name, meaning, rate in found]


def _outcomes(figures: Figures) -> list[tuple[str, str, str]]:
    whole = max(figures.total_targets, 1)
    counts = {**figures.outcomes}
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [(words.OUTCOMES.get(name, name), count) for name, count in found]
    if figures.without_outcome:
        rows.append(("ainda sem resultado", figures.without_outcome))
    return [(name, _number(count), _percent(count / whole)) for name, count in rows]


def _counted(counts: Mapping[str, int], names: Mapping[str, str]) -> list[tuple[str, str]]:
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(names.get(name, name), _number(count)) for name, count in found]


def _last_day(facts: PageFacts) -> date:
    end = facts.campaign.completed_at or facts.now
    return end.astimezone(facts.tenant.time_zone).date()


def _local(at: datetime, facts: PageFacts) -> str:
    return at.astimezone(facts.tenant.time_zone).strftime("%d/%m/%Y %H:%M")


def _number(count: int) -> str:
    return f"{count:,}".replace(",", ".")


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%".replace(".", ",")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = _number
    return environment.from_string(files("services").joinpath(_TEMPLATE).read_text("utf-8"))
