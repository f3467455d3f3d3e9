"""`check` tells whether the service would start and reach its destinations."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.support.files import Clip, make

from ftp_stream.shell.receiver import Receiver, ReceiverEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Command

    from ftp_stream.rtmp.habits import Habits
    from ftp_stream.rtmp.receive import PublishRequested


@contextmanager
def receiving(
    events: list[ReceiverEvent],
    *,
    admit: Callable[[PublishRequested], bool] | None = None,
    habits: Habits | None = None,
) -> Iterator[Receiver]:
    """A receiver that runs in a thread, since the command has an event loop of its own."""
    ready, receivers = threading.Event(), []
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with Receiver(on_event=events.append, admit=admit, habits=habits) as receiver:
            receivers.append(receiver)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield receivers[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def test_every_setting_is_shown_with_its_value_and_where_it_came_from(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / ".env").write_text("MAX_LAG=77\n")
    monkeypatch.setenv("MIN_FILE_AGE", "9")
    rows = [line.split() for line in command("check", "--offline").out.splitlines()]
    assert ["MAX_LAG", "77", ".env"] in rows
    assert ["MIN_FILE_AGE", "9", "environment"] in rows
    assert ["MAX_RETRIES", "3", "default"] in rows


def test_a_sound_configuration_is_good(command: Command, place: Path) -> None:
    said = command("check", "--offline")
    assert said.status == 0
    assert f"{place}/inbox" in said.out
    assert "GB free" in said.out
    assert "made at the first start" in said.out
    assert not (place / "state").exists()


def test_a_missing_inbox_is_told_and_made_when_asked_for(command: Command, place: Path) -> None:
    (place / "inbox").rmdir()
    said = command("check", "--offline")
    assert said.status == 1
    assert "inbox does not exist" in said.out
    assert "make create-watch-dir" in said.out
    assert command("check", "--offline", "--create").status == 0
    assert (place / "inbox").is_dir()


def test_an_inbox_that_is_a_file_is_told(command: Command, place: Path) -> None:
    (place / "inbox").rmdir()
    (place / "inbox").write_text("")
    said = command("check", "--offline")
    assert said.status == 1
    assert "is no directory" in said.out


@pytest.mark.parametrize("right", ["R_OK", "W_OK", "X_OK"])
def test_an_inbox_without_rights_is_told(command: Command, monkeypatch: pytest.MonkeyPatch, right: str) -> None:
    """The system is asked; as root it would never say no."""
    wanted, real = getattr(os, right), os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != wanted and real(path, mode))
    said = command("check", "--offline")
    assert said.status == 1
    word = {"R_OK": "read", "W_OK": "written", "X_OK": "searched"}[right]
    assert f"inbox cannot be {word} by this user" in said.out


def test_a_sticky_inbox_of_another_user_is_told(command: Command, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As /tmp is: what the FTP server's user puts there, nobody else may delete."""
    (place / "inbox").chmod(0o1777)
    monkeypatch.setattr("os.geteuid", lambda: 12_345)
    said = command("check", "--offline")
    assert said.status == 1
    assert "sticky" in said.out


def test_without_a_destination_it_says_what_will_happen(command: Command) -> None:
    said = command("check")
    assert said.status == 0
    assert "built-in receiver" in said.out
    assert "set RTMP_URL" in said.out


def test_a_destination_is_reached_without_a_publish(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish would take the place of the running service's own."""
    key, events = secrets.token_hex(8), []
    with receiving(events) as receiver:
        monkeypatch.setenv("RTMP_URL", receiver.url("live", key))
        said = command("check")
    assert said.status == 0
    for step in ("resolve", "tcp", "handshake", "connect"):
        assert f"{step} " in said.out
    assert [type(event).__name__ for event in events] == ["Left"]
    assert key not in said.out + said.err


def test_a_dead_destination_is_told_with_step_and_cure(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    key = secrets.token_hex(8)
    with socket.socket() as held:  # bound and not listening: nobody else can take the port meanwhile
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RTMP_URL", f"rtmp://127.0.0.1:{held.getsockname()[1]}/live/{key}")
        said = command("check")
        offline = command("check", "--offline")
    assert said.status == 1
    assert "tcp:" in said.out
    assert "nothing listens there" in said.out
    assert key not in said.out + said.err
    assert offline.status == 0


def test_a_misspelt_setting_is_doubtful_and_no_fault(command: Command, place: Path) -> None:
    (place / ".env").write_text("MAX_LAGG=77\n")
    said = command("check", "--offline")
    assert said.status == 0
    assert "did you mean MAX_LAG?" in said.out


def test_what_a_destination_does_not_bear_is_doubtful_offline_too(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "RTMP_URL": "rtmps://192.0.2.1/app/key",
        "RTMP_PRESET": "ovenmediaengine",
        "IDLE": "off",
    }.items():
        monkeypatch.setenv(name, value)
    said = command("check", "--offline")
    assert said.status == 0
    assert "has no RTMPS" in said.out
    assert "set IDLE to hold or slate" in said.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(8), ""),
        (b"GIF89a" + bytes(10), "is no picture of a known kind: PNG, JPEG, WebP or BMP"),
        (b"", "is no picture of a known kind"),
    ],
)
def test_a_picture_that_is_of_no_use_to_the_slate_is_told(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
) -> None:
    """No fault: the slate is shown without it."""
    (place / "image").write_bytes(content)
    monkeypatch.setenv("SLATE_IMAGE", str(place / "image"))
    said = command("check", "--offline")
    assert said.status == 0
    assert "camera: SLATE_IMAGE" in said.out
    assert words in said.out
    assert ("name a picture file" in said.out) is bool(words)


def test_a_picture_that_cannot_be_read_is_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights would not keep root from it; nobody can read where nothing is mapped."""
    monkeypatch.setenv("SLATE_IMAGE", "/proc/self/mem")
    said = command("check", "--offline")
    assert said.status == 0
    assert "/proc/self/mem: Input/output error" in said.out


# --- what cameras upload against what destinations ask for ------------------------------------------------------------

HOST = "rtmp://192.0.2.1/app/{}"  # a documentation address: never reached, the checks are offline


def upload(place: Path, name: str, clip: Clip, *, age: float = 3600.0) -> Path:
    """Put a file into the inbox that was written a while ago."""
    path = make(place / "inbox" / name, clip)
    written = time.time() - age
    os.utime(path, (written, written))
    return path


def checked(command: Command, monkeypatch: pytest.MonkeyPatch, **settings: str) -> list[str]:
    """Return what a check says after the settings, line by line."""
    monkeypatch.setenv("RTMP_URL", HOST.format(secrets.token_hex(8)))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    said = command("check", "--offline")
    assert said.status == 0, said.out
    return said.out.partition("\n\n")[2].splitlines()


def test_rare_key_frames_are_told_with_the_camera_s_setting(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(place, "10_00.mp4", Clip(seconds=6.0, gop=150))
    lines = checked(command, monkeypatch, RTMP_PRESET="youtube")
    [index] = [number for number, line in enumerate(lines) if "key frames" in line and line.startswith("!")]
    assert "camera/192.0.2.1" in lines[index]
    assert "10_00.mp4: key frames are up to 6.0 s apart, where YouTube Live asks for 2 s" in lines[index]
    assert lines[index + 1].strip().endswith("(I-frame interval, GOP) to 2 s (50 pictures)")


def test_b_frames_are_told_to_whoever_publishes_to_ovenmediaengine(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(place, "10_00.mp4", Clip(seconds=2.0, gop=50, b_frames=2))
    assert any("Baseline" in line for line in checked(command, monkeypatch, RTMP_PRESET="ovenmediaengine"))
    assert not any("Baseline" in line for line in checked(command, monkeypatch, RTMP_PRESET="srs"))


def test_hevc_is_told_where_it_is_not_taken_and_fine_where_it_is(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(place, "10_00.mp4", Clip(video="libx265", seconds=2.0, gop=50))
    for mode, words in (("auto", "made into H.264 here"), ("copy", "set VIDEO=auto")):
        lines = checked(command, monkeypatch, RTMP_PRESET="nginx-rtmp", VIDEO=mode)
        assert any("not known to take H.265" in line for line in lines)
        assert words in " ".join(lines)
    lines = checked(command, monkeypatch, RTMP_PRESET="srs", VIDEO="auto")
    assert any(line.startswith("✔") and "10_00.mp4 suits SRS: H.265 64x48, 25 pictures" in line for line in lines)


def test_where_everything_is_encoded_that_is_told_and_not_the_camera_s_key_frames(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(place, "10_00.mp4", Clip(seconds=6.0, gop=150))
    lines = checked(command, monkeypatch, RTMP_PRESET="youtube", VIDEO="h264")
    assert not any("key frames" in line for line in lines)
    [index] = [number for number, line in enumerate(lines) if "everything is made into H.264 here" in line]
    assert lines[index + 1].strip() == "set VIDEO=auto: YouTube Live takes H.264 as the camera made it"


def test_the_newest_file_that_can_be_read_counts(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one that may still be written, nor one that is broken, nor an older one."""
    upload(place, "10_00.mp4", Clip(seconds=6.0, gop=150), age=3600)
    upload(place, "10_01.mp4", Clip(seconds=2.0, gop=50), age=3000)
    upload(place, "10_02.mp4", Clip(), age=2400).write_bytes(b"no film")
    os.utime(place / "inbox" / "10_02.mp4", (time.time() - 2400,) * 2)
    upload(place, "10_03.mp4", Clip(seconds=6.0, gop=150), age=1800)
    upload(place, "10_04.mp4", Clip(seconds=6.0, gop=150), age=1)
    (place / "inbox" / "10_03.mp4").write_bytes(b"still being written")
    lines = checked(command, monkeypatch, RTMP_PRESET="youtube")
    assert [line for line in lines if "10_01.mp4 suits YouTube Live" in line]
    assert not any(line.startswith("!") for line in lines)


def test_a_single_file_is_looked_at_once_it_has_settled(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(place, "10_00.mp4", Clip(seconds=2.0, gop=50), age=10)
    assert not any("10_00.mp4" in line for line in checked(command, monkeypatch))
    assert any("10_00.mp4 suits" in line for line in checked(command, monkeypatch, MIN_FILE_AGE="5"))


def test_files_that_cannot_be_sent_are_told_once(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in range(3):
        upload(place, f"10_0{minute}.mp4", Clip(video=""))
    lines = checked(command, monkeypatch)
    [index] = [number for number, line in enumerate(lines) if line.startswith("!")]
    assert "camera: footage" in lines[index]
    assert re.search(r"10_0[12].mp4 cannot be sent: it has no video", lines[index])
    assert "set the camera to record video" in lines[index + 1]


@pytest.mark.parametrize(
    ("mode", "words", "cure"),
    [
        ("auto", "MJPEG: it is made into H.264 here, at the processor's cost", "to H.264 or H.265: then nothing is"),
        ("h264", "MJPEG: it is made into H.264 here, at the processor's cost", "or H.265, and VIDEO=auto: then"),
        ("copy", "MJPEG is refused: VIDEO=copy", "set the camera's video codec to H.264, or set VIDEO=auto"),
    ],
)
def test_what_becomes_of_other_video_is_told_for_each_destination(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch, *, mode: str, words: str, cure: str
) -> None:
    """Nothing is encoded for it."""
    upload(place, "10_00.avi", Clip(video="mjpeg", pixels="yuvj420p", audio="pcm_s16le"))
    lines = checked(command, monkeypatch, RTMP_PRESET="srs", VIDEO=mode)
    [index] = [number for number, line in enumerate(lines) if line.startswith("!")]
    assert "camera/192.0.2.1" in lines[index]
    assert "10_00.avi: " in lines[index]
    assert words in lines[index]
    assert cure in lines[index + 1]


def test_an_inbox_without_ripe_files_is_told(command: Command, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(place, "10_00.mp4", Clip(), age=10)
    [line] = [line for line in checked(command, monkeypatch) if line.startswith("!")]
    assert f"no video file in {place}/inbox that is no longer written (MIN_FILE_AGE=30 s)" in line


def test_footage_is_held_against_nothing_without_a_destination(command: Command, place: Path) -> None:
    upload(place, "10_00.mp4", Clip())
    said = command("check", "--offline")
    assert said.status == 0
    assert "not looked at: without RTMP_URL" in said.out


def test_a_backup_is_not_told_again(command: Command, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(place, "10_00.mp4", Clip(seconds=6.0, gop=150))
    backup = HOST.format(secrets.token_hex(8))
    lines = checked(command, monkeypatch, RTMP_PRESET="youtube", RTMP_BACKUP_URL=backup)
    assert sum("key frames" in line for line in lines) == 1
