"""Resolve everything afresh and write the exact versions into pyproject.toml.

The exact versions stand there, transitive ones too, because a lock file would name the registry it came from; the
one that uv keeps beside it (uv.lock) is not committed.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bootstrap import ROOT, find_uv, uv_environment

PYPROJECT = ROOT / "pyproject.toml"
RUNNING = "constraint-dependencies"
BUILDING = "build-constraint-dependencies"


def uv(*arguments: str, given: str = "") -> str:
    """Run uv and return what it printed."""
    done = subprocess.run(
        [find_uv(), *arguments], env=uv_environment(), input=given, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"uv {arguments[0]} did not succeed; pyproject.toml is unchanged")
    return done.stdout


def pins(exported: str) -> list[str]:
    """The pinned requirements of an export, markers kept, in order."""
    return sorted(
        {re.sub(r"\[.*?\]", "", line.strip()) for line in exported.splitlines() if re.match(r"[A-Za-z0-9]", line)}
    )


def with_pins(text: str, name: str, requirements: list[str]) -> str:
    """The project file with that list of [tool.uv] replaced."""
    items = "".join(f'    "{requirement.replace(chr(34), chr(39))}",\n' for requirement in requirements)
    block = f"{name} = [\n{items}]" if requirements else f"{name} = []"
    changed, count = re.subn(rf"^{name} = \[[^\]]*\]", lambda _: block, text, flags=re.MULTILINE)
    if count != 1:
        sys.exit(f"pyproject.toml must have one list {name}")
    return changed


def resolve(text: str) -> str:
    """The project file with every version resolved anew, old pins forgotten."""
    free = with_pins(with_pins(text, RUNNING, []), BUILDING, [])
    with tempfile.TemporaryDirectory() as empty:
        Path(empty, "pyproject.toml").write_text(free, encoding="utf-8")
        place = ("--quiet", "--project", empty)
        uv("lock", *place)
        running = uv(
            "export", *place, "--frozen", "--all-groups", "--no-hashes", "--no-annotate", "--no-header",
            "--no-emit-project",
        )  # fmt: skip
    build_requires = "\n".join(re.findall(r'"([^"]+)"', re.search(r"^requires = \[(.*)\]", text, re.MULTILINE)[1]))
    building = uv("pip", "compile", "--quiet", "--universal", "--no-annotate", "--no-header", "-", given=build_requires)
    return with_pins(with_pins(text, RUNNING, pins(running)), BUILDING, pins(building))


def main() -> None:
    """Rewrite pyproject.toml and bring uv.lock after it."""
    before = PYPROJECT.read_text(encoding="utf-8")
    after = resolve(before)
    PYPROJECT.write_text(after, encoding="utf-8")
    uv("lock", "--quiet", "--project", str(ROOT))
    old, new = (set(re.findall(r'"([a-z0-9._-]+==[^"]+)"', text)) for text in (before, after))
    for line in sorted(f"- {pin}" for pin in old - new) + sorted(f"+ {pin}" for pin in new - old):
        print(line)
    print(f"{len(new)} exact versions stand in pyproject.toml" + ("" if old != new else ", as before"))


if __name__ == "__main__":
    main()
