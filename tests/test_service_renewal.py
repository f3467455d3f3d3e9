"""A segment that needs a new session gets one, and every frame comes once and in order across it."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.files import Clip, demux, make
from tests.support.world import START, World, eventually

from ftp_stream.config import Idle
from ftp_stream.core.destinations import PRESETS
from ftp_stream.rtmp.audit import payload_hash
from ftp_stream.rtmp.habits import NGINX_RTMP, NODE_MEDIA_SERVER, SRS, Unpublish
from ftp_stream.shell.receiver import Receiver

if TYPE_CHECKING:
    from pathlib import Path

    from ftp_stream.rtmp.habits import Habits

SEGMENTS = 16
ACKNOWLEDGES = replace(SRS, answers_pings=False, unpublish=Unpublish.NOTHING)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One-second segments whose pictures are narrow and wide in turns, as no real camera does it."""
    directory = tmp_path_factory.mktemp("turns")
    paths = []
    for second in range(SEGMENTS):
        path = directory / f"20260101_0000{second:02}.mp4"
        make(path, Clip(width=(64, 96)[second % 2], gop=25))
        os.utime(path, (START + second + 1, START + second + 1))
        paths.append(path)
    return paths


@pytest.mark.parametrize(
    "habits", [NGINX_RTMP, NODE_MEDIA_SERVER, ACKNOWLEDGES], ids=["pongs", "silent", "acknowledges"]
)
async def test_every_segment_has_a_session_of_its_own_where_it_needs_one(
    habits: Habits, files: list[Path], tmp_path: Path
) -> None:
    """Also at servers that say nothing, or acknowledge whole windows only: shorter sessions come to an end."""
    key = secrets.token_hex(8)
    wanted = files if habits is NGINX_RTMP else files[:3]
    world = World(tmp_path, {}, catchup_rate=8.0, idle=Idle.OFF, preset=PRESETS["facebook"])
    expected = {
        kind: [payload_hash(each.payload) for path in wanted[:-1] for each in demux(path, kind) if not each.discard]
        for kind in ("video", "audio")
    }
    async with Receiver(habits=habits, hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*wanted)
        async with world.running():
            await eventually(lambda: receiver.audits, 20)
            audit = receiver.audits[f"live/{key}"]
            await eventually(lambda: len(audit.hashes("video")) >= len(expected["video"]), 60)
    assert world.faults == []
    assert {kind: audit.hashes(kind) for kind in expected} == expected
    assert audit.publish_count == len(wanted) - 1
    assert world.cursor().path == wanted[-2].name
    assert world.cursor().complete, "an orderly end leaves nothing to be sent again"
