"""Versions of the prompts to compare: the files as they lie, a folder of drafts, or the files of a git revision."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Final

from agents.prompts import PROMPT_NAMES, Prompt, check_prompt, read_prompt, shipped_prompt

CURRENT: Final = "current"
DRAFTS: Final = Path("evals") / "drafts"
_GIT: Final = "git:"
_GIT_SECONDS: Final = 20


class PromptSetInvalid(Exception):
    """A version of the prompts that cannot be used; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSet:
    """Prompts under one name. `bodies` are those that differ from the files as they lie."""

    name: str
    bodies: Mapping[str, str] = field(default_factory=dict)

    def versions(self) -> dict[str, str]:
        """Name the version of every prompt: name@number+hash."""
        found = {}
        for name in PROMPT_NAMES:
            body = self.bodies.get(name)
            prompt = shipped_prompt(name) if body is None else Prompt(name=name, number=self.name, body=body)
            found[name] = prompt.version
        return found


def read_prompt_set(given: str, *, drafts: Path = DRAFTS) -> PromptSet:
    """Read `current`, `NAME` (a folder below evals/drafts), `NAME=FOLDER` or `NAME=git:REVISION`.

    A folder holds only the prompts that differ, as `cobranca.md` and so on, with or without a front matter. Raises
    PromptSetInvalid.
    """
    if given == CURRENT:
        return PromptSet(name=CURRENT)
    name, _, source = given.partition("=")
    if not name:
        raise PromptSetInvalid(f"{given!r} has no name: write NAME=FOLDER")
    if source.startswith(_GIT):
        return _of_revision(name, source.removeprefix(_GIT))
    folder = Path(source) if source else drafts / name
    if not folder.is_dir():
        raise PromptSetInvalid(
            f"no prompts named {name!r}: there is no folder {folder}. Copy agents/prompts/<name>.md into it and edit "
            f"the copy, or write NAME=FOLDER or NAME=git:REVISION"
        )
    texts = {path.stem: path.read_text("utf-8", "replace") for path in sorted(folder.glob("*.md"))}
    if not texts:
        raise PromptSetInvalid(f"{folder} holds no .md file")
    return PromptSet(name=name, bodies=_checked(texts, str(folder)))


def prompts_folder(given: str, *, drafts: Path = DRAFTS) -> Path:
    """Name the folder in which a version is edited. Raises PromptSetInvalid for a revision, which nobody edits."""
    name, _, source = given.partition("=")
    if source.startswith(_GIT):
        raise PromptSetInvalid(f"{given} is a revision: nothing in it changes")
    if given == CURRENT:
        return Path(str(files("agents") / "prompts"))
    return Path(source) if source else drafts / name


def _of_revision(name: str, revision: str) -> PromptSet:
    git = shutil.which("git")
    if git is None:
        raise PromptSetInvalid("git is not installed, so no revision can be read")
    if not revision or revision.startswith("-"):
        raise PromptSetInvalid(f"{revision!r} is no revision")
    texts = {}
    for prompt in PROMPT_NAMES:
        shown = subprocess.run(  # noqa: S603 - a program found on the PATH, a revision that is no option
            [git, "show", f"{revision}:agents/prompts/{prompt}.md"],
            capture_output=True, text=True, check=False, timeout=_GIT_SECONDS,
        )  # fmt: skip
        if shown.returncode == 0:
            texts[prompt] = shown.stdout
    if not texts:
        raise PromptSetInvalid(f"git knows no prompts at {revision!r}")
    bodies = _checked(texts, revision)
    return PromptSet(name=name, bodies={key: body for key, body in bodies.items() if body != shipped_prompt(key).body})


def _checked(texts: Mapping[str, str], where: str) -> dict[str, str]:
    bodies, problems = {}, []
    for name, text in texts.items():
        body = read_prompt(text)
        problems += [f"{where}, {name}.md: {problem}" for problem in check_prompt(name, body)]
        bodies[name] = body
    if problems:
        raise PromptSetInvalid("; ".join(problems))
    return bodies
