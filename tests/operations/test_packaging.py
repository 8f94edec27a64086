"""What is declared, what is locked and what is installed agree, and the lock works with any installer and registry."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKED = [Requirement(line) for line in (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()]
DECLARED = [Requirement(text) for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]


def test_everything_declared_is_locked_at_a_version_that_fits() -> None:
    for declared in DECLARED:
        pinned = [one for one in LOCKED if canonicalize_name(one.name) == canonicalize_name(declared.name)]
        assert pinned, f"{declared.name} is not in requirements.lock: run `make lock`"
        for one in pinned:
            assert declared.specifier.contains(str(one.specifier).removeprefix("==")), f"{one} does not fit {declared}"


def test_every_line_of_the_lock_pins_one_version_and_names_no_place() -> None:
    assert all(re.fullmatch(r"==[0-9][^,*]*", str(one.specifier)) and one.url is None for one in LOCKED)


def test_what_is_installed_is_what_is_locked() -> None:
    here = [one for one in LOCKED if one.marker is None or one.marker.evaluate()]
    different = [one for one in here if Version(version(one.name)) != Version(str(one.specifier)[2:])]
    assert different == []


def test_the_frontends_lock_names_no_registry() -> None:
    text = (REPOSITORY / "frontend" / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert text.count('"integrity"') > 10
    assert "omit-lockfile-registry-resolved=true" in (REPOSITORY / "frontend" / ".npmrc").read_text(encoding="utf-8")
