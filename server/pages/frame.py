"""What stands around every page: name, language, theme, and the banner that tells what does not work."""

from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from server.pages.markup import set_text, tag
from server.pages.words import LANGUAGES, Language, Words

LANGUAGE_COOKIE: Final = "language"
THEME_COOKIE: Final = "theme"
_KEEP: Final = "path=/;max-age=31536000;samesite=lax"
_TABS: Final = ("people", "chat", "trace")


class Frame:
    """The frame of one page. Problems have names, so that each is taken back by whoever told it."""

    def __init__(self, *, words: Words, language: Language, theme: str | None) -> None:
        self._words = words
        self._language = language
        self._problems: dict[str, str] = {}
        # None leaves it to the browser's own preference.
        self._dark = ui.dark_mode(None if theme is None else theme == "dark")

    def build(self) -> None:
        with tag("header", "topbar"):
            tag("span", "brand", text="Master IA")
            tag("span", "brand-page", text=self._words.title)
            tag("span", "brand-text", text=self._words.subtitle)
            tag("span", "grow")
            self._languages()
            self._theme()
        with tag("div", "banner", attributes={"role": "alert", "data-testid": "banner"}) as self._banner:
            self._banner_text = tag("span", text="…", icon="alert")
            tag("span", "banner-retry", text=self._words.retrying)
        self._banner.set_visibility(False)

    def build_tabs(self) -> None:
        """Draw the tabs that narrow screens switch the panels with."""
        names = {"people": self._words.tab_people, "chat": self._words.tab_chat, "trace": self._words.tab_trace}
        icons = {"people": "people", "chat": "chat", "trace": "graph"}
        with tag("nav", "tabs"):
            for tab in _TABS:
                hooks = {"data-tab-of": tab, "data-testid": f"tab-{tab}"}
                button = tag("button", "tab", text=names[tab], icon=icons[tab], attributes=hooks)
                button.on("click", js_handler=f"() => {{ document.querySelector('.board').dataset.tab = '{tab}'; }}")

    def set_problem(self, name: str, text: str | None) -> None:
        """Tell that something does not work, or (None) that it works again."""
        if text is None:
            self._problems.pop(name, None)
        else:
            self._problems[name] = text
        shown = next(iter(self._problems.values()), None)
        if shown is not None:
            set_text(self._banner_text, shown, icon="alert")
        self._banner.set_visibility(shown is not None)

    def _languages(self) -> None:
        with tag("div", "switch", attributes={"role": "group", "aria-label": self._words.language}):
            for language in LANGUAGES:
                button = tag("button", "switch-item", text=language.upper())
                button.props["aria-pressed"] = "true" if language == self._language else "false"
                button.props["data-testid"] = f"language-{language}"
                cookie = f"{LANGUAGE_COOKIE}={language};{_KEEP}"
                button.on("click", js_handler=f"() => {{ document.cookie = '{cookie}'; location.reload(); }}")

    def _theme(self) -> None:
        def switched(event: GenericEventArguments) -> None:
            is_dark = bool(event.args)
            self._dark.value = is_dark
            ui.run_javascript(f"document.cookie = '{THEME_COOKIE}={'dark' if is_dark else 'light'};{_KEEP}'")

        button = tag("button", "icon-button theme", attributes={"data-testid": "theme"})
        with button:
            tag("span", "when-light", text="", icon="moon", attributes={"title": self._words.to_dark})
            tag("span", "when-dark", text="", icon="sun", attributes={"title": self._words.to_light})
        button.props["aria-label"] = f"{self._words.to_dark} / {self._words.to_light}"
        button.on("click", switched, js_handler="() => emit(!document.body.classList.contains('body--dark'))")
