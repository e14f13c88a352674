"""What the project says of itself agrees: bounds, constraints, what is installed, and the documents."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import reelpress

REPO = Path(__file__).parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("linux", "darwin", "win32")


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def bounds(*extras: str) -> list[Requirement]:
    """Direct requirements of the package and of some of its extras."""
    table = project()
    lines = [*table["dependencies"], *(line for e in extras for line in table["optional-dependencies"][e])]
    return [Requirement(line) for line in lines]


def constraint_lines() -> list[str]:
    lines = (REPO / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def constraints() -> list[Requirement]:
    return [Requirement(line) for line in constraint_lines()]


def version_of(pin: Requirement) -> str:
    (only,) = pin.specifier
    return only.version


def name(requirement: Requirement | str) -> str:
    return canonicalize_name(requirement if isinstance(requirement, str) else requirement.name)


def applies(requirement: Requirement, **environment: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


def test_constraints_hold_names_and_versions_only() -> None:
    """No address, path, hash or option: whoever installs chooses where from."""
    for line in constraint_lines():
        assert re.fullmatch(
            r"[A-Za-z0-9][\w.-]*==\d+(\.\w+)+(; (python_version|sys_platform) [<>=]+ \"[\w.]+\")?", line
        )
    assert constraint_lines() == [line.strip() for line in constraint_lines()]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_constraints_are_inside_the_bounds(python: str, platform: str) -> None:
    """For each supported Python and system one pin a package, and it is one that the bounds allow."""
    pins: dict[str, str] = {}
    for pin in constraints():
        if applies(pin, python_version=python, sys_platform=platform):
            assert name(pin) not in pins, f"{pin.name} is pinned twice for Python {python}"
            pins[name(pin)] = version_of(pin)
    for bound in bounds("dev"):
        assert bound.specifier, f"{bound.name} has no lower bound"
        assert any(part.operator == ">=" for part in bound.specifier), f"{bound.name} has no lower bound"
        assert name(bound) in pins, f"{bound.name} is not in constraints.txt for Python {python}"
        assert bound.specifier.contains(pins[name(bound)]), f"{bound} does not allow {pins[name(bound)]}"


def test_what_is_installed_is_what_is_pinned() -> None:
    pins = {name(pin): version_of(pin) for pin in constraints() if applies(pin)}
    for bound in bounds("dev"):
        installed = metadata.version(bound.name)
        assert bound.specifier.contains(installed), f"{bound} does not allow the installed {installed}"
    wrong = {}
    for package in closure(bounds("dev")):
        installed = metadata.version(package)
        if pins.get(package) != installed:
            wrong[package] = (pins.get(package, "not pinned"), installed)
    assert wrong == {}, "pinned and installed differ"


def closure(roots: Iterable[Requirement]) -> Iterator[str]:
    """Names of the roots and of everything that they need here."""
    todo, seen = list(roots), set[str]()
    while todo:
        requirement = todo.pop()
        if name(requirement) in seen:
            continue
        seen.add(name(requirement))
        yield name(requirement)
        for line in metadata.requires(requirement.name) or ():
            needed = Requirement(line)
            wanted = requirement.extras or {""}
            if any(applies(needed, extra=extra) for extra in wanted):
                todo.append(needed)


def test_constraints_hold_nothing_else() -> None:
    """A pin of something that nothing needs any more would be a leftover."""
    needed = set(closure(bounds("dev")))
    left_over = {name(pin) for pin in constraints() if applies(pin)} - needed
    # What hatchling and mypy need only while they build (not in every version of their metadata) may stay.
    assert left_over <= {"tomlkit", "trove-classifiers"}, left_over


def test_every_dependency_has_its_row() -> None:
    table = (REPO / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = " , ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| "))
    listed = {name(word) for word in re.findall(r"[\w.-]+", rows)}
    for bound in bounds("ray", "remote"):
        assert name(bound) in listed, f"docs/dependencies.md has no row for {bound.name}"
    prose = " ".join(line for line in table.splitlines() if not line.startswith("|"))
    for bound in bounds("dev"):
        if name(bound) not in listed:
            assert re.search(rf"\b{re.escape(bound.name)}\b", prose), f"docs/dependencies.md does not mention {bound}"


def test_readme_says_the_two_commands() -> None:
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert re.search(rf"^ *make {target}\b", readme, re.MULTILINE)
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_changelog_has_this_version() -> None:
    changelog = (REPO / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(reelpress.__version__)}\b", changelog, re.MULTILINE)
    assert metadata.version("reelpress") == reelpress.__version__


# Put together, so that this file does not find itself.
ADDRESSES = [host + "." + end for host, end in (("pypi", "org"), ("pythonhosted", "org"), ("anaconda", "org"))]
ADDRESSES += ["--index" + "-url", "--find" + "-links", "PIP_" + "INDEX_URL"]
FOLDERS = ["/" + "work/", "/" + "root/", r"/" + r"home/\w", "/" + "private/var/", "/" + "mnt/"]
# Two made-up names stand in tests that read paths of other machines.
FOLDERS.append(r"\bregistry" + r"\.\w")
FOLDERS += ["/" + "Users/(?!me/)", r"[A-Z]:\\+" + r"Users\\+(?!content)"]


def test_no_tracked_file_knows_a_machine_or_a_registry() -> None:
    """Also inside pictures and recordings: captured files like to say who made them."""
    git = shutil.which("git")
    if git is None or not (REPO / ".git").exists():
        pytest.skip("not a git checkout: there is no list of tracked files")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=REPO, capture_output=True, check=True, timeout=30).stdout
    pattern = re.compile("|".join([*map(re.escape, ADDRESSES), *FOLDERS, re.escape(str(REPO))]).encode())
    found = []
    for entry in filter(None, listed.decode().split("\0")):
        path = REPO / entry
        if path.is_file():
            found += [f"{entry}: {match[0]!r}" for match in pattern.finditer(path.read_bytes())]
    assert found == []
