"""The names of our packages are ours alone, and what ships is complete."""

import importlib.metadata
import importlib.resources
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
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


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give what installing our wheel would lay down."""
    folder = tmp_path_factory.mktemp("wheel")
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(folder / "built"), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_holds_every_file_of_a_package(unpacked: Path, package: str) -> None:
    def files_in(root: Path) -> set[str]:
        found = (path for path in (root / package).rglob("*") if path.is_file())
        return {str(path.relative_to(root)) for path in found if "__pycache__" not in path.parts}

    assert files_in(unpacked) == files_in(ROOT)


def test_evals_of_an_installed_wheel_find_their_suites_schema_and_page(unpacked: Path, tmp_path: Path) -> None:
    """Ask from elsewhere: the sources of this repository must not answer for the wheel."""
    asked = """
import evals, json
from datetime import UTC, datetime
from evals.html_report import render_report
from evals.loading import load_suites
from evals.results import ResultFile
from evals.schema import SCHEMA_FILE
empty = ResultFile(
    created_at=datetime(2026, 11, 20, tzinfo=UTC), product_version="1", seed=0, suites=(), cells=(), repeats=1
)
print(json.dumps({
    "from": evals.__file__, "scenarios": len(load_suites(["all"])), "page": render_report(empty, {})[:15],
    "schema": json.loads(SCHEMA_FILE.read_text())["$id"],
}))
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(unpacked), "PYTHONDONTWRITEBYTECODE": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    said = json.loads(answer.stdout)
    assert Path(said["from"]).is_relative_to(unpacked)
    assert said["scenarios"] >= 420
    assert said["schema"].startswith("urn:master-ia:scenarios:")
    assert said["page"] == "<!doctype html>"


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
