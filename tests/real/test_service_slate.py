"""A slate through a real server, and what becomes of its recording: every picture is decoded, whoever copied it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.real.conftest import require
from tests.real.servers import FfmpegListener
from tests.real.tape import digest, packets
from tests.support.world import Footage, World, make_reel

from ftp_stream.config import Idle
from ftp_stream.core.destinations import PRESETS
from ftp_stream.core.status import Phase

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.real.servers import RealServer

pytestmark = pytest.mark.real


def pictures(path: Path) -> int:
    """Return how many pictures FFmpeg's program decodes; it ends at the first error."""
    argv = ["ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-err_detect", "explode", "-i", str(path)]
    argv += ["-map", "0:v", "-fps_mode", "passthrough", "-f", "framehash", "-"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return sum(1 for line in done.stdout.splitlines() if not line.startswith("#"))


def copied(path: Path, suffix: str) -> Path:
    """Return a recording in another container."""
    copy = path.with_suffix(suffix)
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-c", "copy", str(copy)], check=True)
    return copy


@pytest.mark.parametrize("preset", ["nginx-rtmp", "facebook"])
async def test_a_recorded_slate_between_files_is_decoded_also_after_it_was_copied(
    nginx_rtmp: RealServer, key: str, tmp_path: Path, eventually: Callable, preset: str
) -> None:
    """FFmpeg 5.1, as Debian 12 has it, knows the first header alone where it copies into another container."""
    require(FfmpegListener.missing())
    reel = make_reel(tmp_path / "reel", 4)
    last = Footage.of(reel.files[:3], digest).frames["video"][-1]
    world = World(tmp_path / "world", {"one": nginx_rtmp.url(key)}, catchup_rate=8.0, idle=Idle.SLATE)
    world.hold_seconds, world.preset = 1.0, PRESETS[preset]
    world.upload(*reel.files[:2])
    async with world.running():
        await eventually(lambda: world.statuses and world.stream.phase is Phase.SLATE, "the slate")
        world.upload(*reel.files[2:])
        await eventually(lambda: world.files() == [reel.files[3].name], "three files delivered", 60)
    assert world.faults == []
    [recording] = nginx_rtmp.recordings(key)
    await eventually(lambda: last in {packet.digest for packet in packets(recording, "video")}, "the last picture")
    sent = len(packets(recording, "video"))
    assert sent > 150 + 25, "three files of fifty, and more than a second of what stands in"
    assert pictures(recording) == sent
    for suffix in (".ts", ".mp4"):
        assert pictures(copied(recording, suffix)) == sent
