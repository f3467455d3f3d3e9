"""``install-service.sh``: what a person is told and asked, and the order of it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ftp_stream import __version__
from ftp_stream.errors import ConfigError, FtpStreamError, InstallationError
from ftp_stream.install import layout, plan
from ftp_stream.install.machine import denied, leads, observe, owner_of, running_by_hand, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftp_stream.install.plan import Machine
    from ftp_stream.install.steps import Step

__all__ = ["main"]

_DONE, _FAILED, _REFUSED = 0, 1, 2


def main(argv: Sequence[str]) -> int:
    """Install, upgrade or remove the service; return the exit status: 1 a step failed, 2 nothing was done."""
    os.umask(0o022)  # everyone may read the program; what nobody may read has a mode of its own
    options = _parser().parse_args(argv)
    try:
        machine = observe(options.source, options.python, options.user, os.environ)
        return _uninstall(machine, options) if options.uninstall else _install(machine, options)
    except ConfigError as error:
        _refuse(str(error))
    except (FtpStreamError, OSError) as error:
        sys.stderr.write(f"{error}\nWhat was done before this stays; mend it and run the same again.\n")
    except KeyboardInterrupt:
        sys.stderr.write("\nBroken off. What was done before this stays; run the same again.\n")
    return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="install-service.sh", description="Install, upgrade or remove the service.")
    parser.add_argument("--user", default="", help="run the service as this user, who is made if missing (you)")
    parser.add_argument("--yes", action="store_true", help="ask nothing, and start the service")
    parser.add_argument("--no-start", action="store_true", help="install, and do not start it now")
    parser.add_argument("--dry-run", action="store_true", help="show the unit and the steps, and change nothing")
    parser.add_argument("--uninstall", action="store_true", help="remove all but data and settings")
    parser.add_argument("--source", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--python", default=sys.executable, help=argparse.SUPPRESS)
    return parser


def _install(machine: Machine, options: argparse.Namespace) -> int:
    settings = settings_of(machine)
    found = leads(settings)
    wanted = plan.accesses(settings, found)
    # a link that leads nowhere is a disk that is not there now: the service tells of it
    missing = tuple(each.name for each in wanted if each.writable and not os.path.lexists(each.name))
    machine = replace(machine, missing=missing, state_owner=owner_of(plan.state_dir(settings)))
    decided = plan.install(machine, settings, found)
    problems = [*decided.problems, *denied(machine, wanted), running_by_hand(machine, settings, time.time())]
    if any(problems):
        _refuse(*filter(None, problems))
    if options.dry_run:
        _say(decided.unit)
    is_upgrade = machine.unit.startswith(layout.MARK)
    what = "Upgrade" if is_upgrade else "Install"
    _say(f"{what} ftp-stream {__version__} as a service that runs as {machine.user_name}:")
    steps = decided.steps if options.no_start else (*decided.steps, *decided.start)
    _list(decided.steps if not options.dry_run else steps, decided.notes)
    if options.dry_run:
        return _DONE
    if not options.yes and not _agreed("Do this?"):
        return _refused_by_user()
    _carry_out(decided.steps)
    if options.no_start or not (options.yes or _agreed("Restart it now?" if is_upgrade else "Start it now?")):
        verb = "restart" if is_upgrade else "start"
        _say(f"Installed, and not {verb}ed: sudo systemctl {verb} {layout.SERVICE}")
        return _DONE
    try:
        _carry_out(decided.start)
    except InstallationError as failed:
        return _go_back(decided.back, failed)
    _say(_AFTERWARDS.format(version=__version__, settings=layout.DOTENV))
    return _DONE


def _go_back(steps: Sequence[Step], failed: InstallationError) -> int:
    """Start the version that ran before: pictures that flow are worth more than a new version."""
    sys.stderr.write(f"{failed}\n")
    if steps:
        _say("It did not start: back to the version before.")
        _carry_out(steps)
    return _FAILED


def _uninstall(machine: Machine, options: argparse.Namespace) -> int:
    decided = plan.uninstall(machine, _data(machine))
    if decided.problems:
        _refuse(*decided.problems)
    _say("Remove the service ftp-stream:")
    _list(decided.steps, decided.notes)
    if options.dry_run:
        return _DONE
    if not options.yes and not _agreed("Do this?"):
        return _refused_by_user()
    _carry_out(decided.steps)
    _say("Removed.", *decided.notes)
    return _DONE


def _data(machine: Machine) -> list[Path]:
    """Return the directories with footage, as far as the settings tell."""
    if not machine.installed:
        return []
    try:
        return [each.name for each in plan.accesses(settings_of(machine), {}) if each.writable and each.name.exists()]
    except ConfigError:
        return []  # nothing of it is touched either way


# --- what is said and asked -------------------------------------------------------------------------------------------


def _list(steps: Sequence[Step], notes: Sequence[str]) -> None:
    _say(*(f"  {number}. {step.words}" for number, step in enumerate(steps, 1)), *notes)


def _carry_out(steps: Sequence[Step]) -> None:
    for number, step in enumerate(steps, 1):
        _say(f"[{number}/{len(steps)}] {step.words}")
        step.do()


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        _refuse("nobody is here to be asked: say --yes")
    try:
        return input(f"{question} [Y/n] ").strip().lower() in {"", "y", "yes", "s", "si", "sí"}
    except (EOFError, KeyboardInterrupt):
        return False


def _refused_by_user() -> int:
    _say("Nothing was changed.")
    return _REFUSED


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _refuse(*problems: str) -> NoReturn:
    for problem in problems:
        sys.stderr.write(f"Nothing was changed: {problem}\n")
    raise SystemExit(_REFUSED)


_AFTERWARDS = """
ftp-stream {version} runs, and will at every start of this machine. What to look at:
  make service-status       what it does now
  make service-logs         what it said last (service-logs-live: what it says)
  sudo nano {settings}
                            the settings; then: sudo systemctl reload ftp-stream
  make uninstall-service    removes it; data and settings stay"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
