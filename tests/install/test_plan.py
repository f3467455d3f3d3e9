"""What would be done, decided from what was seen."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from ftp_stream.config import load
from ftp_stream.install import layout
from ftp_stream.install.layout import Account
from ftp_stream.install.plan import Machine, Plan, accesses, install, state_dir, uninstall
from ftp_stream.install.steps import CopyJournal, MakeDirectory, MakeUser, Owned, Remove, RemoveUser, Write

if TYPE_CHECKING:
    from ftp_stream.config import Settings

T = TypeVar("T")
TECH = Account("tech", 1000, 1000, "users", Path("/home/tech"))
KEY = secrets.token_hex(8)
ENV = f"RTMP_URL=rtmp://h/a/{KEY}\nWATCH_DIR=/srv/gate\n"
MACHINE = Machine(
    source=Path("/home/tech/ftp-stream"),
    python="/usr/bin/python3",
    builder=TECH,
    user=TECH,
    user_name="tech",
    release=layout.PROGRAM / "1.2-now",
    dotenv=ENV,
)


def settings(place: Path, env: str = ENV, toml: str = "") -> Settings:
    (place / ".env").write_text(env)
    (place / "ftp-stream.toml").write_text(toml)
    return load({"HOME": "/home/tech"}, place)


def writes(plan: Plan) -> dict[Path, Write]:
    return {step.path: step for step in plan.steps if isinstance(step, Write)}


def of_kind(plan: Plan, kind: type[T]) -> list[T]:
    return [step for step in plan.steps if isinstance(step, kind)]


def test_the_program_is_whole_before_anything_leads_to_it(tmp_path: Path) -> None:
    """And systemd is told last: whatever breaks off in between leaves what was there before."""
    words = [step.words for step in install(MACHINE, settings(tmp_path), {}).steps]
    order = [next(place for place, each in enumerate(words) if part in each) for part in ORDER]
    assert order == sorted(order)
    assert words[-1] == "systemctl enable --quiet ftp-stream"


ORDER = ("install the program", "ftp-stream.env", "current lead to", "write /etc/systemd", "daemon-reload", "enable")


def test_settings_are_taken_over_for_the_service_alone(tmp_path: Path) -> None:
    made = writes(install(MACHINE, settings(tmp_path), {}))[layout.DOTENV]
    assert made.text.startswith(ENV)
    assert (made.owner, made.mode) == ("tech", 0o600)
    assert KEY not in made.words + repr(made)


def test_the_unit_has_no_secret_and_the_users_own_group(tmp_path: Path) -> None:
    plan = install(MACHINE, settings(tmp_path), {})
    assert plan.unit == writes(plan)[layout.UNIT].text
    assert KEY not in plan.unit
    assert "User=tech\nGroup=users\n" in plan.unit


def test_an_upgrade_keeps_the_settings_and_the_journal(tmp_path: Path) -> None:
    there = replace(MACHINE, installed=True, unit=f"{layout.MARK}\nUser=tech\n", journal=None)
    plan = install(there, settings(tmp_path), {})
    assert layout.DOTENV not in writes(plan)
    assert [step.path for step in of_kind(plan, Owned)] == [layout.DOTENV]
    assert "are kept" in plan.notes[0]


def test_what_was_delivered_by_hand_is_known_to_the_service(tmp_path: Path) -> None:
    there = replace(MACHINE, journal=Path("/home/tech/.local/state/ftp-stream/journal.db"))
    (copied,) = of_kind(install(there, settings(tmp_path), {}), CopyJournal)
    assert (copied.source, copied.target, copied.owner) == (there.journal, layout.STATE / "journal.db", "tech")
    elsewhere = settings(tmp_path, f"{ENV}STATE_DIR=/srv/state\n")
    assert not of_kind(install(there, elsewhere, {}), CopyJournal), "it stays where the settings say"


def test_a_missing_user_is_made_and_remembered(tmp_path: Path) -> None:
    plan = install(replace(MACHINE, user=None, user_name="watcher"), settings(tmp_path), {})
    assert plan.steps[:2] == (
        MakeDirectory(layout.PROGRAM),
        MakeUser("watcher", layout.STATE, layout.MADE_USER),
    )
    assert "User=watcher\nGroup=watcher\n" in plan.unit


def test_without_a_destination_nothing_is_done(tmp_path: Path) -> None:
    plan = install(MACHINE, settings(tmp_path, "WATCH_DIR=/srv/gate\n"), {})
    assert plan.problems == ("no RTMP_URL: set it in .env (cp .env.example .env)",)
    assert not plan.steps


@pytest.mark.parametrize("name", ["a:b", 'a"b', "a\\b"])
def test_a_path_that_systemd_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    quoted = name.replace("\\", "\\\\")
    plan = install(MACHINE, settings(tmp_path, f"RTMP_URL=rtmp://h/a/k\nWATCH_DIR='/srv/{quoted}'\n"), {})
    assert "rename" in plan.problems[0]
    assert name.split("a")[1][0] in plan.problems[0]


def test_tables_whose_paths_depend_on_their_place_are_refused(tmp_path: Path) -> None:
    toml = '[[camera]]\nname = "gate"\nwatch_dir = "gate"\n[[camera.destination]]\nurl = "rtmp://h/a/k"\n'
    there = replace(MACHINE, dotenv=None, tables=toml)
    assert "write this path in full" in install(there, settings(tmp_path, "", toml), {}).problems[0]
    good = toml.replace('"gate"\n[[', '"/srv/gate"\n[[')
    plan = install(replace(there, tables=good), settings(tmp_path, "", good), {})
    assert writes(plan)[layout.TABLES].text == good
    assert writes(plan)[layout.TABLES].mode == 0o600


def test_a_unit_that_was_written_by_hand_is_kept_where_only_root_sees_it(tmp_path: Path) -> None:
    by_hand = f"[Service]\nEnvironment=RTMP_URL=rtmp://h/a/{KEY}\n"
    plan = install(replace(MACHINE, unit=by_hand), settings(tmp_path), {})
    kept = writes(plan)[layout.KEPT_UNIT]
    assert (kept.text, kept.owner, kept.mode) == (by_hand, "root", 0o600)
    assert "written by hand is replaced" in plan.notes[0]


def test_inboxes_archives_certificates_and_pictures_are_what_it_must_reach(tmp_path: Path) -> None:
    authority, picture = tmp_path / "our.pem", tmp_path / "slate.png"
    for path in (authority, picture):
        path.write_text("x")
    env = f"{ENV}ARCHIVE_DIR=/srv/kept\nRTMP_CA_FILE={authority}\nSTATE_DIR=/srv/state\nSLATE_IMAGE={picture}\n"
    found = {each.name: each.writable for each in accesses(settings(tmp_path, env), {})}
    assert found == {
        Path("/srv/gate"): True,
        Path("/srv/kept"): True,
        Path("/srv/state"): True,
        authority: False,
        picture: False,
    }
    (gate,) = accesses(settings(tmp_path), {Path("/srv/gate"): Path("/mnt/usb")})
    assert gate.source == Path("/mnt/usb")


def test_the_journal_is_where_the_settings_say_else_where_services_have_it(tmp_path: Path) -> None:
    assert state_dir(settings(tmp_path)) == layout.STATE
    assert state_dir(settings(tmp_path, f"{ENV}STATE_DIR=/srv/state\n")) == Path("/srv/state")


def test_the_removal_takes_all_but_settings_and_data_and_says_what_it_leaves() -> None:
    there = replace(MACHINE, unit=f"{layout.MARK}\n", has_program=True, made_users=("watcher",), has_drop_ins=True)
    plan = uninstall(there, [Path("/srv/gate")])
    words = [step.words for step in plan.steps]
    assert words[:2] == ["systemctl disable --quiet --now ftp-stream", "systemctl reset-failed ftp-stream"]
    for path in (layout.UNIT, layout.COMMAND, layout.PROGRAM):
        assert f"remove {path}" in words
    assert plan.steps.index(RemoveUser("watcher")) < plan.steps.index(Remove(layout.PROGRAM)), "known until it is gone"
    left = "\n".join(plan.notes)
    for path in (layout.SETTINGS, layout.STATE, layout.DROP_INS, Path("/srv/gate")):
        assert f"Left: {path}" in left
        assert not [each for each in words if each.endswith(str(path))]


def test_a_removed_users_number_opens_no_key() -> None:
    """Its number may be given to the next user that is made."""
    there = replace(MACHINE, has_program=True, made_users=("watcher",), installed=True, has_state=True, tables="")
    steps = uninstall(there, []).steps
    assert Owned(layout.DOTENV, "root") in steps
    assert Owned(layout.TABLES, "root") in steps
    assert f"chown -R -h root: {layout.STATE}" in [step.words for step in steps]
    assert not [step for step in uninstall(replace(there, made_users=()), []).steps if isinstance(step, Owned)]


def test_what_was_taken_over_is_complete_once_the_settings_are_there(tmp_path: Path) -> None:
    """Their presence is what tells that nothing more is to be taken over."""
    there = replace(MACHINE, journal=Path("/home/tech/.local/state/ftp-stream/journal.db"), tables="")
    steps = install(there, settings(tmp_path), {}).steps
    last = steps.index(writes(install(there, settings(tmp_path), {}))[layout.DOTENV])
    taken = [step for step in steps if isinstance(step, CopyJournal) or step.words.startswith(f"write {layout.TABLES}")]
    assert len(taken) == 2
    assert all(steps.index(step) < last for step in taken)


def test_an_upgrade_knows_the_way_back(tmp_path: Path) -> None:
    there = replace(
        MACHINE,
        installed=True,
        unit=f"{layout.MARK}\nUser=other\n",
        earlier_user="other",
        has_program=True,
        previous=layout.PROGRAM / "1.1-then",
    )
    back = [step.words for step in install(there, settings(tmp_path), {}).back]
    assert back[0] == f"let other and root alone read {layout.DOTENV}", "who ran it before can read them again"
    assert back[1] == f"let {layout.CURRENT} lead to {layout.PROGRAM}/1.1-then"
    assert back[-1] == "systemctl restart ftp-stream"
    assert not install(MACHINE, settings(tmp_path), {}).back


def test_another_user_gets_only_what_he_can_reach(tmp_path: Path) -> None:
    there = replace(MACHINE, installed=True, unit=f"{layout.MARK}\n", earlier_user="other", state_owner="other")
    assert not install(there, settings(tmp_path), {}).problems
    elsewhere = settings(tmp_path, f"{ENV}STATE_DIR=/srv/state\n")
    (told,) = install(there, elsewhere, {}).problems
    assert "runs as other" in told
    assert "sudo chown -R tech /srv/state" in told
    assert not install(replace(there, state_owner="tech"), elsewhere, {}).problems, "once that is done"
    tables = '[[camera]]\nname = "gate"\nwatch_dir = "~/gate"\n[[camera.destination]]\nurl = "rtmp://h/a/k"\n'
    (told,) = install(replace(there, tables=tables), settings(tmp_path, "", tables), {}).problems
    assert "watch_dir = '~/gate'" in told


def test_an_installed_service_without_a_destination_is_told_its_own_file(tmp_path: Path) -> None:
    there = replace(MACHINE, installed=True)
    (told,) = install(there, settings(tmp_path, "WATCH_DIR=/srv/gate\n"), {}).problems
    assert told == f"no RTMP_URL: set it in {layout.DOTENV}"


def test_a_removal_that_broke_off_goes_on() -> None:
    plan = uninstall(replace(MACHINE, has_program=True), [])
    assert plan.steps[-1].words == f"remove {layout.PROGRAM}"
    assert not [step for step in plan.steps if "systemctl" in step.words]


def test_what_is_not_ours_is_not_removed() -> None:
    assert "by hand" in uninstall(replace(MACHINE, unit="[Service]\n"), []).problems[0]
    assert uninstall(MACHINE, []).problems == ("the service is not installed",)
