"""What the journal acknowledged is there after any end of the process, and losing it loses nothing but itself."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ftp_stream.errors import StorageError
from ftp_stream.model import (
    Action,
    Attempts,
    CameraState,
    Cursor,
    FileFact,
    FileId,
    Footage,
    OrderKey,
    Skip,
    StreamState,
    Verdict,
    VerdictKind,
)
from ftp_stream.shell.journal import MAX_AGE, MAX_HISTORY, Journal, schema
from ftp_stream.shell.journal.opening import set_aside

if TYPE_CHECKING:
    from collections.abc import Iterator

WALL = 1_767_263_460.25


def name() -> str:
    return "c" + secrets.token_hex(4)


def identity() -> FileId:
    return FileId(secrets.randbits(64), secrets.randbits(64), secrets.randbits(40), secrets.randbits(60))


def fact(path: str = "") -> FileFact:
    return FileFact(path or f"2026/{name()}.mp4", identity())


def cursor(*, gop: int = 0, complete: bool = False, file: FileFact | None = None) -> Cursor:
    file = file or fact()
    return Cursor(
        OrderKey(WALL + secrets.randbelow(1000), ((0, 0, "a"), (1, 12, ""))), file.path, file.id, gop, complete
    )


def verdict(file: FileFact | None = None, reason: str = "r") -> Verdict:
    return Verdict(file or fact(), VerdictKind.EXPIRED, Action.DELETE, reason, WALL)


@pytest.fixture(autouse=True)
def no_descriptor_leaks() -> Iterator[None]:
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path) as journal:
        yield journal


# --- what goes in comes out -----------------------------------------------------------------------------------------


def test_of_an_unknown_camera_nothing_is_known(journal: Journal) -> None:
    camera = name()
    assert journal.state(camera, []) == CameraState({})
    streams = [f"{camera}/a", f"{camera}/b"]
    assert journal.state(camera, streams) == CameraState(
        dict.fromkeys(streams, StreamState(None)), dict.fromkeys(streams, frozenset())
    )
    assert journal.history(camera) == []


raw_names = st.binary(min_size=1, max_size=40).map(os.fsdecode)
numbers = st.integers(0, 2**64 - 1)
identities = st.builds(FileId, numbers, numbers, st.integers(0, 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
keys = st.builds(
    OrderKey,
    st.floats(allow_nan=False),
    st.lists(st.tuples(st.integers(), st.integers(), raw_names | st.text()), max_size=4).map(tuple),
)
cursors = st.builds(Cursor, keys, raw_names, identities, st.integers(0, 2**40), st.booleans())


@settings(max_examples=60, deadline=None)
@given(saved=st.dictionaries(st.sampled_from("abc"), cursors), words=raw_names | st.text())
def test_everything_comes_back_as_it_was(saved: dict[str, Cursor], words: str) -> None:
    """Names that are not UTF-8, inode numbers of 64 bits, times before 1970 and natural keys of any length."""
    with tempfile.TemporaryDirectory() as directory:
        camera = name()
        streams = {f"{camera}/{each}": value for each, value in saved.items()}
        with Journal(Path(directory, "j")) as journal:
            journal.save_cursors(streams, WALL)
            for value in saved.values():
                journal.fail(camera, FileFact(value.path, value.file), words, WALL)
        with Journal(Path(directory, "j")) as journal:
            state = journal.state(camera, streams)
    assert {stream: each.cursor for stream, each in state.streams.items()} == streams
    for stream, value in streams.items():
        assert state.delivered[stream] == (frozenset({value.file}) if value.complete else frozenset())
        assert value.file in state.attempts


def test_a_cursor_moves_and_its_deliveries_stay(journal: Journal) -> None:
    camera = name()
    stream, other = f"{camera}/a", f"{camera}/b"
    first, second = cursor(complete=True), cursor(gop=3)
    journal.save_cursors({stream: first, other: second}, WALL)
    journal.save_cursors({stream: second}, WALL)
    state = journal.state(camera, [stream, other])
    assert state.streams == {stream: StreamState(second), other: StreamState(second)}
    assert state.delivered == {stream: frozenset({first.file}), other: frozenset()}
    journal.save_cursors({stream: first}, WALL)
    assert journal.state(camera, [stream]).delivered[stream] == {first.file}


def test_cursors_can_be_forgotten(journal: Journal) -> None:
    camera = name()
    saved = {f"{camera}/{each}": cursor(complete=True) for each in "abc"}
    journal.save_cursors(saved, WALL)
    journal.forget_cursors([f"{camera}/a", f"{camera}/c", f"{camera}/unknown"])
    state = journal.state(camera, saved)
    assert [each.cursor for each in state.streams.values()] == [None, saved[f"{camera}/b"], None]
    assert all(state.delivered.values())


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_what_lay_in_the_inbox_is_met_once(journal: Journal, count: int) -> None:
    """An inbox that was empty is met as well: what comes later is new."""
    camera = name()
    files = [fact() for _ in range(count)]
    assert journal.meet(camera, iter(files), WALL, inbox="/i")
    assert not journal.meet(camera, [*files, fact()], WALL, inbox="/i")
    assert journal.state(camera, []).before == {file.id for file in files}
    assert journal.state(name(), []).before == frozenset()


def test_another_inbox_is_met_anew(journal: Journal) -> None:
    """Whoever points a camera at a folder of old films must not lose them."""
    camera, old, new = name(), fact(), fact(os.fsdecode(b"\xff.mp4"))
    inbox = os.fsdecode(b"/caf\xe9")
    assert journal.meet(camera, [old], WALL, inbox="/old")
    assert journal.meet(camera, [new], WALL, inbox=inbox)
    assert not journal.meet(camera, [fact()], WALL, inbox=inbox)
    assert journal.state(camera, []).before == {old.id, new.id}


def test_it_can_be_asked_whether_an_inbox_was_met(journal: Journal) -> None:
    camera, inbox = name(), os.fsdecode(b"/caf\xe9")
    assert not journal.has_met(camera, inbox=inbox)
    journal.fail(camera, fact(), "the camera is known, its inbox is not", WALL)
    assert not journal.has_met(camera, inbox=inbox)
    journal.meet(camera, [], WALL, inbox=inbox)
    assert journal.has_met(camera, inbox=inbox)
    assert not journal.has_met(camera, inbox="/other")


def test_attempts_are_counted_per_version_of_a_file(journal: Journal) -> None:
    camera, file = name(), fact()
    changed = FileFact(file.path, replace(file.id, size=file.id.size + 1))
    assert journal.fail(camera, file, "first", WALL) == Attempts(1, WALL, "first")
    assert journal.fail(camera, file, "second", WALL + 1) == Attempts(2, WALL + 1, "second")
    assert journal.fail(camera, changed, "other", WALL) == Attempts(1, WALL, "other")
    assert journal.fail(name(), file, "elsewhere", WALL).count == 1
    assert journal.state(camera, []).attempts == {
        file.id: Attempts(2, WALL + 1, "second"),
        changed.id: Attempts(1, WALL, "other"),
    }


def test_what_is_gone_is_forgotten(journal: Journal) -> None:
    """Of one camera only; and the cursors stay, for they say what is late."""
    camera, other = name(), name()
    stays, goes = fact(), fact()
    stream = f"{camera}/a"
    for each in (camera, other):
        journal.meet(each, [stays, goes], WALL)
    for file in (stays, goes):
        journal.fail(camera, file, "r", WALL)
        journal.save_cursors({stream: cursor(file=file, complete=True)}, WALL)
    journal.forget_files(camera, iter([fact(), stays]))
    state = journal.state(camera, [stream])
    assert state.before == {stays.id}
    assert state.attempts.keys() == {stays.id}
    assert state.delivered[stream] == {stays.id}
    assert state.streams[stream].cursor is not None
    assert journal.state(other, []).before == {stays.id, goes.id}
    journal.forget_files(camera, [])
    assert journal.state(camera, [stream]).delivered[stream] == frozenset()
    journal.forget_files(name(), [])


def on(file: FileFact, device: int) -> FileFact:
    return FileFact(file.path, replace(file.id, device=device))


def test_a_file_is_known_again_on_another_device_number(journal: Journal) -> None:
    """A reboot gives network file systems and removable disks other numbers; the files are the same."""
    camera, other = name(), name()
    stream = f"{camera}/a"
    old, new = secrets.randbits(64), secrets.randbits(64)
    sent, bad, before, gone = (on(fact(), old) for _ in range(4))
    for each in (camera, other):
        journal.meet(each, [before, gone], WALL)
    journal.fail(camera, bad, "r", WALL)
    journal.save_cursors({stream: cursor(file=sent, complete=True)}, WALL)
    present = [on(file, new) for file in (sent, bad, before)]
    assert journal.recognise(camera, present)
    assert not journal.recognise(camera, present)
    state = journal.state(camera, [stream])
    assert state.delivered[stream] == {on(sent, new).id}
    assert state.attempts.keys() == {on(bad, new).id}
    assert state.before == {on(before, new).id, gone.id}
    position = state.streams[stream].cursor
    assert position
    assert position.file == on(sent, new).id
    assert journal.state(other, []).before == {before.id, gone.id}


def test_a_copy_on_another_disk_is_another_file(journal: Journal) -> None:
    """While files of the known device are there, the same numbers on another device mean another file."""
    camera = name()
    old, new = secrets.randbits(64), secrets.randbits(64)
    known, neighbour = on(fact(), old), on(fact(), old)
    journal.fail(camera, known, "r", WALL)
    assert not journal.recognise(camera, [neighbour, on(known, new)])
    assert not journal.recognise(camera, [])
    assert journal.state(camera, []).attempts.keys() == {known.id}


def test_a_camera_s_name_is_no_pattern(journal: Journal) -> None:
    old, new = secrets.randbits(64), secrets.randbits(64)
    file = on(fact(), old)
    journal.save_cursors({"north/a": cursor(file=file), "n*th/a": cursor(file=file)}, WALL)
    assert journal.recognise("n*th", [on(file, new)])
    position = journal.state("north", ["north/a"]).streams["north/a"].cursor
    assert position
    assert position.file == file.id


# --- history --------------------------------------------------------------------------------------------------------


def test_verdicts_are_kept_newest_first(journal: Journal) -> None:
    camera = name()
    words = os.fsdecode(b"caf\xe9 \xff")
    files = [fact(os.fsdecode(b"\xe9/\xff.mp4")), fact()]
    journal.record(camera, [verdict(files[0], words)], WALL)
    journal.record(camera, [replace(verdict(files[1]), recorded_at=None)], WALL + 1)
    journal.record(name(), [verdict()], WALL)
    newest, oldest = journal.history(camera)
    assert (newest.path, newest.recorded_at, newest.last_at) == (files[1].path, None, WALL + 1)
    assert (oldest.path, oldest.size, oldest.kind, oldest.action) == (
        files[0].path,
        files[0].id.size,
        VerdictKind.EXPIRED,
        Action.DELETE,
    )
    assert oldest.reason.startswith("caf")
    assert (oldest.recorded_at, oldest.first_at, oldest.times) == (WALL, WALL, 1)
    assert [row.path for row in journal.history(camera, 1)] == [files[1].path]


def test_a_verdict_that_cannot_be_carried_out_takes_one_row(journal: Journal) -> None:
    """On a read-only disk the same is decided every few seconds."""
    camera, file = name(), fact()
    for turn in range(5):
        journal.record(camera, [verdict(file, f"reason {turn}")], WALL + turn)
    [row] = journal.history(camera)
    assert (row.first_at, row.last_at, row.times, row.reason) == (WALL, WALL + 4, 5, "reason 4")


@pytest.mark.parametrize("extra", [0, 1, 100])
def test_the_history_has_a_limit(journal: Journal, extra: int) -> None:
    """Each camera's own, and the oldest go."""
    camera, other = name(), name()
    journal.record(other, [verdict()], WALL)
    files = [fact(f"{number}.mp4") for number in range(MAX_HISTORY + extra)]
    journal.record(camera, [verdict(file) for file in files[:5]], WALL)
    journal.record(camera, [verdict(file) for file in files[5:]], WALL + 1)
    rows = journal.history(camera, 2 * MAX_HISTORY)
    assert len(rows) == MAX_HISTORY
    assert {row.path for row in rows} == {file.path for file in files[extra:]}
    assert len(journal.history(other)) == 1


def test_the_history_has_an_age(journal: Journal) -> None:
    camera = name()
    files = [fact(), fact(), fact()]
    journal.record(camera, [verdict(files[0])], WALL)
    journal.record(camera, [verdict(files[1])], WALL + 1)
    journal.record(camera, [verdict(files[2])], WALL + 1 + MAX_AGE)
    assert [row.path for row in journal.history(camera)] == [files[2].path, files[1].path]


# --- the model ------------------------------------------------------------------------------------------------------


class Machine(RuleBasedStateMachine):
    """Any sequence of calls, with re-openings between them, leaves what a dictionary would."""

    streams = ("a/x", "a/y", "b/x")
    files = tuple(FileFact(f"{number}", FileId(1, number, number, number)) for number in range(4))
    some_files = st.sets(st.sampled_from(files))

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp()
        self.path = Path(self.directory, "journal.db")
        self.journal = Journal(self.path)
        self.cursors: dict[str, Cursor] = {}
        self.delivered: set[tuple[str, FileId]] = set()
        self.attempts: dict[tuple[str, FileId], int] = {}
        self.before: dict[str, set[FileId]] = {}

    @rule(stream=st.sampled_from(streams), file=st.sampled_from(files), gop=st.integers(0, 3), complete=st.booleans())
    def save(self, stream: str, file: FileFact, gop: int, complete: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        time_us = None if complete else 2_000_000 * gop
        value = Cursor(OrderKey(1.0, ()), file.path, file.id, gop, complete, time_us=time_us)
        self.journal.save_cursors({stream: value}, WALL)
        self.cursors[stream] = value
        if complete:
            self.delivered.add((stream, file.id))

    @rule(streams=st.sets(st.sampled_from(streams)))
    def step_back(self, streams: set[str]) -> None:
        self.journal.forget_cursors(streams)
        for stream in streams:
            self.cursors.pop(stream, None)

    @rule(camera=st.sampled_from("ab"), file=st.sampled_from(files))
    def fail(self, camera: str, file: FileFact) -> None:
        count = self.journal.fail(camera, file, "r", WALL).count
        self.attempts[camera, file.id] = self.attempts.get((camera, file.id), 0) + 1
        assert count == self.attempts[camera, file.id]

    @rule(camera=st.sampled_from("ab"), files=some_files)
    def meet(self, camera: str, files: set[FileFact]) -> None:
        assert self.journal.meet(camera, files, WALL) == (camera not in self.before)
        self.before.setdefault(camera, {file.id for file in files})

    @rule(camera=st.sampled_from("ab"), present=some_files)
    def forget(self, camera: str, present: set[FileFact]) -> None:
        self.journal.forget_files(camera, present)
        there = {file.id for file in present}
        self.delivered = {each for each in self.delivered if each[0][0] != camera or each[1] in there}
        self.attempts = {key: n for key, n in self.attempts.items() if key[0] != camera or key[1] in there}
        if camera in self.before:
            self.before[camera] &= there

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = Journal(self.path)

    @invariant()
    def is_the_same(self) -> None:
        for camera in "ab":
            streams = [stream for stream in self.streams if stream.startswith(camera)]
            state = self.journal.state(camera, streams)
            assert state.before == self.before.get(camera, set())
            counted = {key[1]: count for key, count in self.attempts.items() if key[0] == camera}
            assert {file: each.count for file, each in state.attempts.items()} == counted
            for stream in streams:
                assert state.streams[stream].cursor == self.cursors.get(stream)
                assert state.delivered[stream] == {file for each, file in self.delivered if each == stream}

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.directory)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


# --- crashes --------------------------------------------------------------------------------------------------------

WRITER = """
import itertools, sys
from pathlib import Path
from ftp_stream.model import Cursor, FileId, OrderKey
from ftp_stream.shell.journal import Journal
journal = Journal(Path(sys.argv[1]))
first = journal.state("a", ["a/x"]).streams["a/x"].cursor
for gop in itertools.count(first.gop + 1 if first else 0):
    cursor = Cursor(OrderKey(1.0, ()), f"{gop}", FileId(1, gop, 1, 1), gop, True)
    journal.save_cursors({"a/x": cursor, "a/y": cursor}, 0.0)
    print(gop, flush=True)
"""


def test_kill_9_at_any_instant_keeps_what_was_acknowledged(path: Path) -> None:
    """And a transaction is there wholly or not at all."""
    acknowledged = -1
    for _ in range(12):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout
            acknowledged = int(child.stdout.readline())
            time.sleep(secrets.randbelow(40) / 1000)
            child.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *(int(line) for line in child.stdout if line.endswith("\n"))])
        with Journal(path) as journal:
            assert journal.warning == ""
            state = journal.state("a", ["a/x", "a/y"])
        x, y = (state.streams[stream].cursor for stream in ("a/x", "a/y"))
        assert x
        assert x == y
        assert acknowledged <= x.gop <= acknowledged + 1
        assert state.delivered["a/x"] == {FileId(1, gop, 1, 1) for gop in range(x.gop + 1)}
    assert acknowledged > 12


def test_every_commit_reaches_the_disk(journal: Journal) -> None:
    """WAL and FULL: a power cut loses nothing that was acknowledged."""
    assert journal._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert journal._database.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_journal_of_version_1_keeps_its_cursors(path: Path) -> None:
    """What a running service of the first version wrote counts after an upgrade, and can be written on."""
    path.parent.mkdir(mode=0o700, parents=True)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(f"BEGIN; {schema.MIGRATIONS[0]}; PRAGMA user_version = 1; COMMIT;")
        database.execute(
            "INSERT INTO cursor VALUES ('gate/main', 5.0, '[]', 'a.mp4', 1, 2, 3, 4, 7, 0, 9.0)",
        )
        database.commit()
    with Journal(path) as journal:
        cursor = journal.state("gate", ["gate/main"]).streams["gate/main"].cursor
        assert cursor == Cursor(OrderKey(5.0, ()), "a.mp4", FileId(1, 2, 3, 4), 7, complete=False)
        assert (cursor.ends_at, cursor.time_us) == (None, None)
        later = replace(cursor, ends_at=8.5, time_us=secrets.randbelow(1 << 40))
        journal.save_cursors({"gate/main": later}, WALL)
        assert journal.state("gate", ["gate/main"]).streams["gate/main"].cursor == later


def test_what_a_stream_skipped_is_remembered_the_newest_first(journal: Journal) -> None:
    stream = f"{name()}/main"
    skips = [Skip("a.mp4", 3, 5, 4.0, "MAX_LAG"), Skip("b\udcff.mp4", 0, 2, 2.5, "it stood before")]
    for number, skip in enumerate(skips):
        journal.note([(stream, skip)], [], WALL + number)
    assert journal.skips(stream) == skips[::-1]
    journal.note([(stream, skips[0])], [], WALL + 91 * 86_400)
    assert journal.skips(stream) == skips[:1]


def test_footage_that_was_played_is_known_for_a_day(journal: Journal) -> None:
    camera, file = name(), fact()
    footage = Footage(b"digest", file.path, file.id, 10.0, 70.5, named=True)
    journal.note([], [(camera, footage)], WALL)
    journal.note([], [(camera, replace(footage, path="again.mp4"))], WALL + 1)
    assert journal.footage(camera) == [footage]  # the first of them is what was played
    assert journal.footage(name()) == []
    journal.note([], [(camera, replace(footage, digest=b"other"))], WALL + 86_402)
    assert [each.digest for each in journal.footage(camera)] == [b"other"]


def test_why_a_file_repeats_others_is_part_of_the_state(journal: Journal) -> None:
    camera, file = name(), fact()
    journal.repeat(camera, file, "it is a.mp4 again")
    assert journal.state(camera, []).repeated == {file.id: "it is a.mp4 again"}
    journal.forget_files(camera, [])
    assert journal.state(camera, []).repeated == {}
    assert journal._database.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_failed_write_changes_nothing_and_the_next_one_works(journal: Journal) -> None:
    camera = name()
    good = cursor()
    broken = replace(
        good, gop="x" * 5, key=OrderKey(float("nan"), ())
    )  # NaN is NULL to SQLite, which the table refuses
    with pytest.raises(StorageError):
        journal.save_cursors({f"{camera}/a": good, f"{camera}/b": broken}, WALL)
    assert journal.state(camera, [f"{camera}/a"]).streams[f"{camera}/a"].cursor is None
    journal.save_cursors({f"{camera}/a": good}, WALL)
    assert journal.state(camera, [f"{camera}/a"]).streams[f"{camera}/a"].cursor == good


def test_any_thread_may_call(journal: Journal) -> None:
    camera = name()
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda number: journal.fail(camera, FileFact("x", FileId(1, 1, 1, number % 10)), "r", WALL), range(200)
            )
        )
    assert [each.count for each in journal.state(camera, []).attempts.values()] == [20] * 10


def test_400_streams_are_saved_in_one_go(journal: Journal) -> None:
    """Once a second; it must be a small part of it, even on a slow disk and a busy machine."""
    saved = {f"c{number}/a": cursor(complete=number % 10 == 0) for number in range(400)}
    journal.save_cursors(saved, WALL)
    began = time.monotonic()
    for _ in range(5):
        journal.save_cursors(saved, WALL)
    assert (time.monotonic() - began) / 5 < 0.5
    assert journal.state("c399", ["c399/a"]).streams["c399/a"].cursor == saved["c399/a"]


# --- damage and refusal ---------------------------------------------------------------------------------------------


def overwritten(path: Path) -> None:
    path.write_bytes(secrets.token_bytes(20_000))


def middle_overwritten(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = secrets.token_bytes(len(data) - 4096)
    path.write_bytes(data)


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def tables_lost(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE cursor")
    database.close()


def of_another_program(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
    database.close()


@pytest.mark.parametrize("damage", [overwritten, middle_overwritten, cut, tables_lost, of_another_program])
def test_a_damaged_journal_is_set_aside(path: Path, damage: object) -> None:
    """The service starts; what was there is kept for whoever wants to look into it."""
    assert callable(damage)
    camera = name()
    for number in (1, 2):
        with Journal(path) as journal:
            journal.meet(camera, [fact() for _ in range(500)], WALL)
        damage(path)
        broken = path.read_bytes()
        with Journal(path) as journal:
            assert str(path) in journal.warning
            assert f"journal.db.damaged-{number}" in journal.warning
            assert journal.meet(camera, [fact()], WALL)
        assert path.with_name(f"journal.db.damaged-{number}").read_bytes()[:4096] == broken[:4096]
    with Journal(path) as journal:
        assert journal.warning == ""


def test_a_damaged_journal_takes_its_log_with_it(path: Path, journal: Journal) -> None:
    """A crash leaves a write-ahead log beside the file, which must not be played into the new one."""
    camera = name()
    journal.meet(camera, [fact()], WALL)
    after_crash = path.parent.parent / "other" / path.name
    shutil.copytree(path.parent, after_crash.parent)
    log = after_crash.with_name(f"{path.name}-wal")
    assert log.stat().st_size
    of_another_program(after_crash)
    with Journal(after_crash) as anew:
        assert anew.warning
        assert anew.state(camera, []).before == frozenset()
        assert anew.meet(camera, [], WALL)


def test_side_files_keep_their_owner(tmp_path: Path) -> None:
    """SQLite pairs a log with the file of its name: it must never stand beside another."""
    path = tmp_path / "j"
    for number in (1, 2):
        for part in ("", "-wal", "-shm")[: 4 - number]:
            path.with_name(f"j{part}").write_text(f"{number}{part}")
        assert set_aside(path) == tmp_path / f"j.damaged-{number}"
    held = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert held == {
        "j.damaged-1": "1",
        "j.damaged-1-wal": "1-wal",
        "j.damaged-1-shm": "1-shm",
        "j.damaged-2": "2",
        "j.damaged-2-wal": "2-wal",
    }


def test_damage_under_way_is_an_error_with_its_cure(path: Path) -> None:
    camera = name()
    with Journal(path) as journal:
        journal.meet(camera, [fact() for _ in range(5000)], WALL)
    with Journal(path) as journal:
        middle_overwritten(path)
        journal._database.execute("PRAGMA shrink_memory")
        with pytest.raises(StorageError, match="restart"):
            journal.state(camera, [])


def test_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    Journal(path).close()
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    database.close()
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StorageError, match="newer ftp-stream") as refused:
            Journal(path, read_only=read_only)
        assert str(path) in str(refused.value)
        assert "install that again" in str(refused.value)
    assert path.read_bytes() == before


def test_an_older_version_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    camera = name()
    with Journal(path) as journal:
        journal.meet(camera, [fact()], WALL)
    newer = schema.VERSION + 1
    migrations = (*schema.MIGRATIONS, "CREATE TABLE more (x INTEGER); INSERT INTO more VALUES (7)")
    monkeypatch.setattr("ftp_stream.shell.journal.opening.TABLES", (*schema.TABLES, schema.TABLES[-1] | {"more"}))
    for module in ("schema", "opening"):
        monkeypatch.setattr(f"ftp_stream.shell.journal.{module}.MIGRATIONS", migrations)
        monkeypatch.setattr(f"ftp_stream.shell.journal.{module}.VERSION", newer)
    with pytest.raises(StorageError, match="start the service once"):
        Journal(path, read_only=True)
    for _ in range(2):
        with Journal(path) as journal:
            assert not journal.meet(camera, [], WALL)
            assert journal._database.execute("SELECT x FROM more").fetchall() == [(7,)]
            assert journal._database.execute("PRAGMA user_version").fetchone() == (newer,)


def test_a_migration_that_fails_leaves_the_old_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Journal(path).close()
    broken = (*schema.MIGRATIONS, "CREATE TABLE more (x); CREATE TABLE more (x)")
    for module in ("schema", "opening"):
        monkeypatch.setattr(f"ftp_stream.shell.journal.{module}.MIGRATIONS", broken)
        monkeypatch.setattr(f"ftp_stream.shell.journal.{module}.VERSION", len(broken))
    with pytest.raises(StorageError):
        Journal(path)
    monkeypatch.undo()
    with Journal(path) as journal:
        assert journal.warning == ""


def test_two_services_with_one_state_directory_are_refused(path: Path, journal: Journal) -> None:
    """Their cameras may have the same names, and would move each other's cursors."""
    with pytest.raises(StorageError, match="STATE_DIR") as refused:
        Journal(path)
    assert str(path.parent) in str(refused.value)
    journal.close()
    Journal(path).close()


def test_others_may_look_on(path: Path, journal: Journal) -> None:
    """`ftp-stream plan` reads beside the running service, sees what it wrote, and changes nothing."""
    camera, file = name(), fact()
    with Journal(path, read_only=True) as reader:
        journal.meet(camera, [file], WALL)
        assert reader.state(camera, []).before == {file.id}
        with pytest.raises(StorageError):
            reader.fail(camera, file, "r", WALL)
    journal.close()
    with Journal(path, read_only=True) as reader:
        assert reader.state(camera, []).before == {file.id}


def test_to_look_on_makes_nothing(path: Path) -> None:
    with Journal(path, read_only=True) as reader:
        assert reader.state(name(), []) == CameraState({})
    assert not path.parent.exists()


def test_to_look_on_damage_is_an_error(path: Path) -> None:
    Journal(path).close()
    overwritten(path)
    with pytest.raises(StorageError, match="restart the service"):
        Journal(path, read_only=True)
    assert sorted(each.name for each in path.parent.iterdir()) == ["journal.db"]


def test_closing_twice_is_harmless_and_use_after_it_is_an_error(journal: Journal) -> None:
    journal.close()
    journal.close()
    with pytest.raises(StorageError):
        journal.state(name(), [])


def test_only_the_owner_can_read_it(path: Path, journal: Journal) -> None:
    journal.meet(name(), [fact()], WALL)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}


def test_a_path_with_odd_characters_works(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a?b#c%20 \xc3\xa9") / "j?x=1.db"
    camera = name()
    with Journal(path) as journal:
        journal.meet(camera, [fact()], WALL)
    with Journal(path, read_only=True) as reader:
        assert len(reader.state(camera, []).before) == 1


@pytest.mark.parametrize("obstacle", ["directory", "file"])
def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, obstacle: str) -> None:
    if obstacle == "directory":
        (tmp_path / "journal.db").mkdir()
        path = tmp_path / "journal.db"
    else:
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "journal.db"
    with pytest.raises(StorageError, match=str(tmp_path)):
        Journal(path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a mounted file system of 1 MiB."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", point], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"cannot mount: {mounted.stderr.decode().strip()}")
    yield point
    subprocess.run(["umount", point], check=True)


def test_a_full_disk_is_an_error_and_the_journal_goes_on_when_there_is_space(small_disk: Path) -> None:
    camera = name()
    with Journal(small_disk / "journal.db") as journal:
        journal.save_cursors({f"{camera}/a": cursor(gop=1)}, WALL)
        (small_disk / "other").write_bytes(bytes(small_disk.stat().st_blksize))
        with pytest.raises(StorageError, match=r"free space|disk is full"):
            journal.meet(camera, [fact() for _ in range(20_000)], WALL)
        state = journal.state(camera, [f"{camera}/a"])
        assert state.before == frozenset()
        (small_disk / "other").unlink()
        journal.save_cursors({f"{camera}/a": cursor(gop=2)}, WALL)
        position = journal.state(camera, [f"{camera}/a"]).streams[f"{camera}/a"].cursor
        assert position
        assert position.gop == 2


def test_a_read_only_disk_is_an_error_with_its_cure(small_disk: Path) -> None:
    Journal(small_disk / "journal.db").close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StorageError, match="writable"):
        Journal(small_disk / "journal.db")
