"""The names of our packages are ours alone, and what ships is complete."""

import importlib.metadata
import importlib.resources
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(str(importlib.resources.files("wiring"))).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def test_no_other_distribution_owns_one_of_our_package_names() -> None:
    owners = importlib.metadata.packages_distributions()

    foreign = {name: set(owners.get(name, [])) - {"master-ia"} for name in [*PACKAGES, "tests"]}

    assert not {name: owner for name, owner in foreign.items() if owner}


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_what_it_is_and_is_typed(package: str) -> None:
    folder = ROOT / package

    assert (folder / "py.typed").is_file()
    assert (folder / "__init__.py").read_text("utf-8").startswith('"""')


def test_no_package_folder_is_left_out_of_the_wheel() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py") if not path.parent.name.startswith(".")}

    assert found - {"bench"} == set(PACKAGES)  # the measurements are for who has the repository


def _locked() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    parsed = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {_normalised(requirement.name): requirement for requirement in parsed}


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_direct_dependency_is_locked_within_its_range() -> None:
    locked = _locked()
    direct = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["dev"]

    for requirement in map(Requirement, direct):
        lock = locked[_normalised(requirement.name)]
        version = next(iter(lock.specifier)).version
        assert requirement.specifier.contains(Version(version)), f"{requirement} is locked at {version}"


@pytest.mark.parametrize("version", ["3.11.2", "3.11.9", "3.12.3"])
def test_lock_is_complete_for_each_python(version: str) -> None:
    environment = {"python_full_version": version, "python_version": ".".join(version.split(".")[:2]), "extra": ""}
    locked = _locked()
    missing = [
        f"{name} needs {text}"
        for name, lock in locked.items()
        if lock.marker is None
        for text in importlib.metadata.requires(name) or ()
        if (needed := Requirement(text)) and (needed.marker is None or needed.marker.evaluate(environment))
        if _normalised(needed.name) not in locked
    ]

    assert missing == []


def test_lock_holds_one_exact_version_each_and_no_addresses() -> None:
    for requirement in _locked().values():
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], str(requirement)
        assert requirement.url is None


def test_distribution_that_would_overwrite_our_agents_is_not_required() -> None:
    assert "openai-agents" not in _locked()
