"""What holds for the tree as a whole."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# In two parts, so that this file does not name them either
REGISTRIES = [
    "".join(parts)
    for parts in (
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("registry.", "npmjs"),
        ("registry.", "yarnpkg"),
        ("proxy.", "golang"),
        ("deb.", "debian.org"),
        ("security.", "debian.org"),
        ("archive.", "ubuntu.com"),
    )
]
NOT_OURS = {".git", ".venv", "node_modules", "__pycache__"}


def committed_files() -> list[Path]:
    if shutil.which("git") and (ROOT / ".git").exists():
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not NOT_OURS & set(path.relative_to(ROOT).parts)]


def project() -> dict[str, dict[str, dict[str, list[str]]]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_no_committed_file_names_a_registry_host() -> None:
    """Where packages come from is the machine's business: a mirror or an offline box must do as well."""
    files = committed_files()
    assert ROOT / "pyproject.toml" in files
    named = {
        f"{path.relative_to(ROOT)}: {host}"
        for path in files
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    }
    assert not named


def test_every_requirement_has_an_exact_version() -> None:
    """`make lock` was run after the last change of a requirement."""
    data = project()
    uv = data["tool"]["uv"]
    pinned = {re.split(r"[=; ]", pin)[0] for pin in uv["constraint-dependencies"] if "==" in pin}
    assert len(pinned) == len(uv["constraint-dependencies"])
    groups = [data["project"]["dependencies"], *data["dependency-groups"].values()]
    wanted = {re.split(r"[\[<>=!~; ]", requirement)[0] for group in groups for requirement in group}
    assert wanted <= pinned
    building = {re.split(r"[=; ]", pin)[0] for pin in uv["build-constraint-dependencies"]}
    assert {re.split(r"[<>=]", each)[0] for each in data["build-system"]["requires"]} <= building


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_help_has_a_line_for_every_target() -> None:
    """An operator finds every target without reading the Makefile."""
    phony = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  make ([a-z-]+) +\S", said, re.MULTILINE)
    assert sorted(listed) == sorted(" ".join(phony).split())
