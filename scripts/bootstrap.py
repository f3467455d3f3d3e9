"""Make `.venv` complete: uv first, where there is none on the path, and then with it all that the project needs.

With --into another directory is made complete, the program itself in it: it needs this one no more.

Called by the Makefile and install-service.sh with any Python 3 there is. It uses the standard library only, and syntax
that old versions can read, so that it can refuse them in words.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
VENV_UV = VENV / "bin" / "uv"
SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def refuse_old_python() -> None:
    """Exit with what to do when this Python cannot run the project."""
    if sys.version_info < OLDEST:
        here = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit(
            f"ftp-stream needs Python 3.11 or newer; {sys.executable} is {here}.\n"
            "Debian 12 and Ubuntu 24.04 have it: sudo apt install python3 python3-venv\n"
            "Is a newer one installed beside it? Name it: make PYTHON=python3.12 ..."
        )


def pinned_uv() -> str:
    """The requirement that installs the same uv everywhere, as `make lock` has written it."""
    found = re.search(r'"(uv==[^" ;]+)', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return found.group(1) if found else "uv"


def can_import(python: str, module: str) -> bool:
    """Whether that interpreter has the module."""
    probe = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    return probe.returncode == 0


def refuse_python_without_pip() -> None:
    """Exit with what to install when this Python has no way to get a pip."""
    if not can_import(sys.executable, "ensurepip") and not can_import(sys.executable, "pip"):
        sys.exit(
            "This Python has neither pip nor the means to make one (Debian packs them apart).\n"
            "Install them and run make again: sudo apt install python3-venv"
        )


def pip_for_venv() -> "list[str]":
    """The command of a pip that installs into `.venv`, made if needed."""
    inside = str(VENV_PYTHON)
    if not can_import(inside, "pip") and can_import(inside, "ensurepip"):
        subprocess.run([inside, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
    if can_import(inside, "pip"):
        return [inside, "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", inside]


def bootstrap_uv() -> str:
    """Install uv into `.venv` and return its path."""
    print("No uv on the path: installing it into .venv", flush=True)
    refuse_python_without_pip()
    if not VENV_PYTHON.exists():  # a dangling link, after an upgrade of the system's Python, does not exist either
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", str(VENV)], check=True)
    subprocess.run([*pip_for_venv(), "install", "--quiet", pinned_uv()], check=True)
    return str(VENV_UV)


def find_uv() -> str:
    """The uv to use: the one on the path, else the project's own."""
    on_path = shutil.which("uv")
    if on_path:
        return on_path
    return str(VENV_UV) if VENV_UV.exists() else bootstrap_uv()


def uv_environment(target: Path) -> "dict[str, str]":
    """The caller's environment, without what would lead uv to another virtual environment or Python."""
    environment = dict(os.environ, UV_PROJECT_ENVIRONMENT=str(target))
    environment.pop("VIRTUAL_ENV", None)
    environment.setdefault("UV_PYTHON_DOWNLOADS", "never")
    if SYSTEM_AUTHORITIES.exists():  # a company's own authority is known to the system, not to uv
        environment.setdefault("UV_SYSTEM_CERTS", "1")
    return environment


def main() -> None:
    """Do it all."""
    parser = argparse.ArgumentParser(description="Make .venv complete.")
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    parser.add_argument("--into", type=Path, help="an empty directory, to be made complete in place of .venv")
    wanted = parser.parse_args()
    refuse_old_python()
    # --inexact keeps the uv that stands in .venv itself
    command = [find_uv(), "sync", "--quiet", "--inexact", "--project", str(ROOT)]
    command += [] if wanted.dev else ["--no-dev"]
    command += ["--python", sys.executable] if wanted.into or not VENV_PYTHON.exists() else []
    if wanted.into:
        # copies, and not links to a cache whose owner could change them; and built afresh: uv would take what it built
        # of an earlier state of the same version
        command += ["--no-editable", "--compile-bytecode", "--link-mode", "copy", "--reinstall-package", "ftp-stream"]
    try:
        subprocess.run(command, check=True, env=uv_environment(wanted.into or VENV))
    except subprocess.CalledProcessError as error:
        sys.exit(f"Installing did not succeed (uv exit {error.returncode}); what it said stands above.")


if __name__ == "__main__":
    main()
