import subprocess
from pathlib import Path

import pytest

from agents.prompts import shipped_prompt
from evals.prompt_sets import PromptSetInvalid, prompts_folder, read_prompt_set


def test_current_is_what_ships() -> None:
    found = read_prompt_set("current")
    assert found.bodies == {}
    assert found.versions()["cobranca"] == shipped_prompt("cobranca").version


def test_folder_holds_only_what_differs(tmp_path: Path) -> None:
    (tmp_path / "meu").mkdir()
    (tmp_path / "meu" / "persona.md").write_text("---\nname: persona\n---\nVocê é {{assistant.name}}.\n", "utf-8")

    for given in ("meu", f"meu={tmp_path / 'meu'}"):
        found = read_prompt_set(given, drafts=tmp_path)
        assert (found.name, dict(found.bodies)) == ("meu", {"persona": "Você é {{assistant.name}}."})
        assert found.versions()["persona"].startswith("persona@meu+")
        assert found.versions()["sales"] == shipped_prompt("sales").version


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("persona.md", "", "empty"),
        ("persona.md", "Você é {{quem}}", "unknown variable"),
        ("persona.md", "chave {{ solta", "stray template braces"),
        ("persona.md", "a" * 30_000, "longer than"),
        ("ninguem.md", "oi", "unknown prompt name"),
    ],
)
def test_prompt_that_cannot_be_used_is_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(PromptSetInvalid, match=words):
        read_prompt_set(f"x={tmp_path}")


@pytest.mark.parametrize("given", ["nope", "=pasta", "x=git:", "x=git:--output=y", "x=git:não-há"])
def test_version_that_is_not_there_says_what_to_do(given: str, tmp_path: Path) -> None:
    with pytest.raises(PromptSetInvalid):
        read_prompt_set(given, drafts=tmp_path)


def test_folder_without_prompts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptSetInvalid, match="holds no"):
        read_prompt_set(f"x={tmp_path}")


def test_revision_gives_what_differs_from_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "agents" / "prompts"
    folder.mkdir(parents=True)
    (folder / "persona.md").write_text("---\nname: persona\n---\nAntigo, {{assistant.name}}.\n", "utf-8")
    (folder / "sales.md").write_text(f"---\nname: sales\n---\n{shipped_prompt('sales').body}\n", "utf-8")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)

    assert dict(read_prompt_set("antes=git:HEAD").bodies) == {"persona": "Antigo, {{assistant.name}}."}


def test_what_is_edited_has_a_folder_and_a_revision_has_none() -> None:
    assert (prompts_folder("current") / "cobranca.md").is_file()
    assert prompts_folder("x=y") == Path("y")
    with pytest.raises(PromptSetInvalid):
        prompts_folder("x=git:HEAD")
