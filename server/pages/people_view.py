"""Who one can be: the demo's people with where each stands today."""

from collections.abc import Awaitable, Callable, Sequence

from nicegui.element import Element

from server.pages.markup import tag
from server.pages.words import Words
from services.simulation import DemoPerson
from store.simulation import SituationRow

Pick = Callable[[int], Awaitable[None]]
_AVATAR_COLOURS = 6


class PeopleView:
    """The list of contacts. `on_pick` gets the number of the one that was chosen."""

    def __init__(self, *, words: Words, on_pick: Pick) -> None:
        self._words = words
        self._on_pick = on_pick
        self._shown: dict[int, tuple[Element, Element, SituationRow]] = {}
        tag("div", "panel-title", text=words.people_hint)
        self._list = tag("div", "people-list", attributes={"role": "listbox", "aria-label": words.tab_people})

    def show(self, people: Sequence[DemoPerson]) -> None:
        """Draw the list, or bring its chips up to date."""
        for person in people:
            shown = self._shown.get(person.number)
            if shown is None:
                self._shown[person.number] = (*self._row(person), person.situation)
            elif shown[2] != person.situation:
                button, chips, _ = shown
                chips.clear()
                self._chips(chips, person.situation)
                self._shown[person.number] = (button, chips, person.situation)

    def select(self, number: int) -> None:
        for other, (button, _, _) in self._shown.items():
            is_chosen = other == number
            button.props["aria-selected"] = "true" if is_chosen else "false"
            button.classes(add="is-chosen" if is_chosen else "", remove="" if is_chosen else "is-chosen")

    def _row(self, person: DemoPerson) -> tuple[Element, Element]:
        async def picked() -> None:
            await self._on_pick(person.number)

        hooks = {"role": "option", "aria-selected": "false", "data-testid": f"contact-{person.number}"}
        with self._list:
            button = tag("button", "person", attributes=hooks).on("click", picked)
            with button:
                avatar(person.contact.name)
                with tag("div", "person-words"):
                    tag("div", "person-name", text=person.contact.name)
                    chips = tag("div", "chips")
                    self._chips(chips, person.situation)
        return button, chips

    def _chips(self, box: Element, situation: SituationRow) -> None:
        words = self._words
        count = situation.overdue_invoices
        with box:
            if count:
                text = words.overdue_one if count == 1 else words.overdue_many.format(count=count)
                tag("span", "chip is-due", text=text)
            if situation.has_promise:
                tag("span", "chip is-promise", text=words.promise)
            if situation.has_payment_claim:
                tag("span", "chip is-promise", text=words.claim)
            if situation.has_opted_out:
                tag("span", "chip is-out", text=words.opted_out)
            if not box.default_slot.children:
                tag("span", "chip is-fine", text=words.settled)


def avatar(name: str) -> Element:
    """Draw a person's initials; the colour follows the name."""
    parts = name.split()
    initials = (parts[0][0] + (parts[-1][0] if len(parts) > 1 else "")).upper() if parts else "?"
    return tag("span", f"avatar is-colour-{sum(map(ord, name)) % _AVATAR_COLOURS}", text=initials)
