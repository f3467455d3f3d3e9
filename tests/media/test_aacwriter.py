"""Samples at any place become frames on an even grid: what has sound has a frame, what has none has none."""

from __future__ import annotations

import io
import math
import os
from array import array
from itertools import pairwise

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftp_stream.core.aac import parse_config, silent_frame
from ftp_stream.media.aacwriter import AacWriter
from ftp_stream.media.places import Places
from ftp_stream.model import AudioConfig, Source

MONO = parse_config(b"\x14\x08")  # LC, 16 kHz: frames of 64 ms
FRAME = 1024
START_US = 5_000_000


def writer(frames: float, config: AudioConfig = MONO) -> tuple[AacWriter, io.BytesIO]:
    """One for pictures that last as long as so many frames."""
    aside = io.BytesIO()
    end_us = START_US + round(frames * config.frame_us)
    return AacWriter(config, Places(-1, aside), START_US, end_us), aside


def tone(count: int, level: float = 0.5) -> bytes:
    return array("f", (level * math.sin(at * 0.3) for at in range(count))).tobytes()


def slots(written: AacWriter) -> list[int]:
    columns = written.finish()
    return [round((time - START_US) / MONO.frame_us) for time in columns.dts_us] if columns else []


def test_frames_lie_end_to_end_from_the_start_of_the_pictures() -> None:
    audio, aside = writer(10)
    audio.write(0, [tone(10 * FRAME)])
    columns = audio.finish()
    assert columns
    assert set(columns.flags) == {Source.SIDECAR}
    assert list(columns.dts_us) == [START_US + slot * 64_000 for slot in range(10)]
    assert columns.position[0] == 0
    assert all(
        at + size == after
        for (at, size), after in zip(
            zip(columns.position, columns.size, strict=True),
            [*columns.position[1:], len(aside.getvalue())],
            strict=True,
        )
    )
    assert not columns.cts_us


@pytest.mark.parametrize(("frames", "count"), [(10.49, 10), (10.51, 11), (0.51, 1), (0.49, 0), (0.0, 0)])
def test_a_frame_whose_most_part_has_no_picture_is_left_out(frames: float, count: int) -> None:
    audio, _ = writer(frames)
    audio.write(0, [tone(20 * FRAME)])
    assert slots(audio) == list(range(count))


@pytest.mark.parametrize(("count", "last"), [(1, 0), (1024, 0), (1025, 1), (5 * 1024, 4)])
def test_the_last_frame_is_filled_up(count: int, last: int) -> None:
    audio, _ = writer(10)
    audio.write(0, [tone(count)])
    assert slots(audio) == list(range(last + 1))


def test_no_sample_no_frame() -> None:
    audio, aside = writer(10)
    audio.write(0, [b""])
    audio.write(-5000, [tone(5000)])
    audio.write(11 * FRAME, [tone(5000)])
    assert audio.finish() is None
    assert aside.getvalue() == b""


def heard(written: AacWriter, aside: io.BytesIO, frames: int) -> list[array[float]]:
    """What a decoder makes of each slot, of those without a frame from silence."""
    columns = written.finish()
    assert columns
    content = aside.getvalue()
    places = zip(columns.dts_us, columns.position, columns.size, strict=True)
    filled = {round((time - START_US) / MONO.frame_us): content[at : at + size] for time, at, size in places}
    decoder = av.AudioCodecContext.create("aac", "r")
    decoder.extradata = MONO.record
    decoder.options = {"err_detect": "explode"}
    decoded = []
    for slot in range(frames):
        [frame] = decoder.decode(av.Packet(filled.get(slot, silent_frame(1))))
        decoded.append(array("f", bytes(frame.planes[0])[: 4 * frame.samples]))
    return decoded


def test_sound_behind_a_hole_comes_out_whole() -> None:
    """A frame of zeros at both ends lets a decoder complete the last one before it and the first one behind it."""
    audio, aside = writer(20)
    wave = tone(20 * FRAME)
    audio.write(0, [wave[: 4 * 3 * FRAME]])
    audio.write(9 * FRAME, [wave[4 * 9 * FRAME : 4 * 12 * FRAME]])
    decoded = heard(audio, aside, 20)
    original = array("f", wave)
    for slot in (1, 2, 9, 10, 11):
        expected = original[slot * FRAME : (slot + 1) * FRAME]
        noise = sum((ours - theirs) ** 2 for ours, theirs in zip(decoded[slot], expected, strict=True))
        assert noise < 0.05 * sum(each**2 for each in expected), slot
    for slot in (4, 5, 6, 7, 13, 14):
        assert max(map(abs, decoded[slot])) < 0.01


def test_what_comes_twice_is_taken_once() -> None:
    audio, aside = writer(10)
    audio.write(0, [tone(3000)])
    audio.write(1000, [tone(2000, level=1.0)])
    audio.write(2500, [tone(2000)])
    decoded = heard(audio, aside, 10)
    assert max(map(abs, decoded[1])) < 0.6
    assert max(map(abs, decoded[3])) > 0.4  # up to 4,500
    assert max(map(abs, decoded[6])) < 0.01


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(-3000, 25_000), st.integers(0, 4000)), max_size=8), st.floats(0, 20))
def test_a_slot_has_a_frame_where_it_has_a_sample(writes: list[tuple[int, int]], frames: float) -> None:
    """And one more before each that follows a hole, for the decoder."""
    audio, _ = writer(frames)
    last = math.floor(round(frames * MONO.frame_us) / MONO.frame_us - 0.5)
    end = 0
    filled: set[int] = set()
    for position, count in writes:
        audio.write(position, [bytes(4 * count)])
        first, behind = max(end, position), min(position + count, (last + 2) * FRAME)
        if first < behind:
            filled |= set(range(first // FRAME, (behind - 1) // FRAME + 1))
            end = behind
    wanted = sorted(slot for slot in filled | {slot - 1 for slot in filled} if 0 <= slot <= last)
    assert slots(audio) == wanted
    assert all(before < after for before, after in pairwise(wanted))


def test_every_arrangement_of_channels_is_made() -> None:
    for number, channels in enumerate((1, 2, 3, 4, 5, 6, 8), start=1):
        config = parse_config((2 << 11 | 3 << 7 | number << 3).to_bytes(2, "big"))
        audio, aside = writer(4, config)
        audio.write(0, [tone(4 * FRAME)] * channels)
        columns = audio.finish()
        assert columns
        assert len(columns) == 4
        decoder = av.AudioCodecContext.create("aac", "r")
        decoder.extradata = config.record
        frames = decoder.decode(av.Packet(aside.getvalue()[columns.position[2] :][: columns.size[2]]))
        assert frames[0].layout.nb_channels == channels


def test_a_full_disk_is_not_hidden() -> None:
    with open(os.devnull, "rb") as nothing, open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - devices
        audio = AacWriter(MONO, Places(nothing.fileno(), full), 0, 10_000_000)
        with pytest.raises(OSError, match="No space left"):
            audio.write(0, [tone(10 * FRAME)])
