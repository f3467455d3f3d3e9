import os
import secrets
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import av
import pytest

from ftp_stream.media import camera
from ftp_stream.media.canvas import Canvas
from ftp_stream.media.picture import SMALLEST, Caption, Picture
from ftp_stream.media.recording import AAC_SAMPLES, SAMPLE_RATE, Recording, Shot

SMALL = ["--size", "x".join(map(str, SMALLEST)), "--bitrate", "100000"]


def packets(path: Path, kind: str):
    with av.open(str(path)) as container:
        stream = container.streams.get({kind: 0})[0]
        return [
            (packet.pts * stream.time_base, packet.is_keyframe, bytes(packet))
            for packet in container.demux(stream)
            if packet.size
        ]


def film(directory: Path, *options: str) -> list[Path]:
    assert camera.main([str(directory), "--fast", *SMALL, *options]) == 0
    return sorted(directory.rglob("*.mp4"))


@pytest.mark.parametrize(("seconds", "rate"), [(1.0, 25), (2.4, 30), (1.5, 24)])
def test_every_picture_and_every_sample_is_in_exactly_one_file(tmp_path, seconds, rate):
    files = film(tmp_path, "--count", "4", "--seconds", str(seconds), "--rate", str(rate))
    length = round(seconds * rate)
    heard = 0
    for index, path in enumerate(files):
        assert [float(when * rate) for when, _, _ in packets(path, "video")] == pytest.approx(range(length))
        begun = round(index * length * SAMPLE_RATE / rate)
        for when, _, _ in packets(path, "audio"):
            assert begun + when * SAMPLE_RATE == heard
            heard += AAC_SAMPLES
    assert len(files) == 4
    assert 0 <= heard - 4 * length * SAMPLE_RATE / rate < AAC_SAMPLES


def test_one_encoder_run_is_cut_so_no_frame_repeats(tmp_path):
    bodies = [
        body for path in film(tmp_path, "--count", "3", "--seconds", "2") for _, _, body in packets(path, "video")
    ]
    assert len(set(bodies)) == len(bodies) == 150


def test_the_sound_goes_on_over_the_seams(tmp_path):
    """Decoded as one stream the hum never stops and never jumps, at a seam as little as elsewhere."""
    files = film(tmp_path, "--count", "3", "--seconds", "1.1")
    with av.open(str(files[0])) as container:
        decoder = av.CodecContext.create("aac", "r")
        decoder.extradata = container.streams.audio[0].codec_context.extradata
    sound: list[float] = []
    for path in files:
        for _, _, body in packets(path, "audio"):
            for frame in decoder.decode(av.Packet(body)):
                sound += memoryview(bytes(frame.planes[0])).cast("f")[: frame.samples]
    second = sound[SAMPLE_RATE : 2 * SAMPLE_RATE]
    first = sound[:SAMPLE_RATE]
    assert max(abs(a - b) for a, b in zip(first[AAC_SAMPLES:], second[AAC_SAMPLES:], strict=True)) < 0.01
    assert max(abs(level) for level in second) > 0.1


def test_key_frames_stand_at_the_start_and_every_gop(tmp_path):
    for path in film(tmp_path, "--count", "2", "--seconds", "3", "--gop", "2"):
        assert [number for number, (_, key, _) in enumerate(packets(path, "video")) if key] == [0, 50]


def test_files_are_named_by_the_local_time_of_their_first_picture_and_dated_by_their_last(tmp_path):
    start = 1_600_000_000 + secrets.randbelow(300_000_000)
    files = film(
        tmp_path, "--count", "3", "--seconds", "2", "--start", str(start), "--name-pattern", "%Y-%m-%d/%H.%M.%S.mp4"
    )
    moments = [datetime.fromtimestamp(start + 2 * index).astimezone() for index in range(3)]
    assert files == [tmp_path / f"{moment:%Y-%m-%d/%H.%M.%S}.mp4" for moment in moments]
    assert [path.stat().st_mtime for path in files] == [start + 2, start + 4, start + 6]


def test_a_file_in_the_way_is_not_overwritten(tmp_path, capsys):
    [file] = film(tmp_path, "--count", "1", "--seconds", "1", "--name-pattern", "one.mp4")
    before = file.read_bytes()
    assert camera.main([str(tmp_path), "--fast", *SMALL, "--count", "1", "--name-pattern", "one.mp4"]) == 2
    assert file.read_bytes() == before
    assert str(file) in capsys.readouterr().err


def test_the_suffix_decides_the_container(tmp_path):
    film(tmp_path, "--count", "1", "--seconds", "1", "--name-pattern", "one.ts")
    with av.open(str(tmp_path / "one.ts")) as container:
        assert container.format.name == "mpegts"
        assert len(container.streams) == 2


def test_the_looping_file_ends_with_both_tracks_together(tmp_path):
    path = tmp_path / "loop.mp4"
    assert camera.main([str(path), "--single", *SMALL]) == 0
    assert len(packets(path, "video")) == 8 * 25
    assert len(packets(path, "audio")) * AAC_SAMPLES == 8 * SAMPLE_RATE


def test_grain_makes_the_picture_cost_its_bitrate(tmp_path):
    sizes = []
    for grain in (0, 30):
        shot = Shot(320, 180, bitrate=400_000, grain=grain)
        camera.record_single(tmp_path / f"{grain}.mp4", shot, seconds=4)
        sizes.append((tmp_path / f"{grain}.mp4").stat().st_size)
    assert sizes[0] < sizes[1]
    assert 0.7 * 400_000 < (sizes[1] * 8 / 4 - 64_000) < 1.3 * 400_000


@pytest.mark.parametrize("size", ["640", "640x", "x360", "641x360", "640x361", "64x36", "-2x360", "160x88", "158x90"])
def test_a_bad_size_is_refused(tmp_path, size, capsys):
    with pytest.raises(SystemExit) as ended:
        camera.main([str(tmp_path), "--size=" + size])
    assert ended.value.code == 2
    assert size in capsys.readouterr().err


# --- as a process -----------------------------------------------------------------------------------------------------


def start(directory: Path, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "ftp_stream.media.camera", str(directory), *SMALL, *options])


def grown(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def wait_for(condition, deadline: float = 20.0) -> None:
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_file_grows_in_place_in_real_time_and_sigterm_closes_it(tmp_path):
    path = tmp_path / "growing.mp4"
    camera_process = start(tmp_path, "--seconds", "60", "--name-pattern", path.name)
    wait_for(lambda: grown(path) > 1000)
    begun, sizes = time.monotonic(), set()
    while time.monotonic() < begun + 2:
        sizes.add(grown(path))
        time.sleep(0.02)
    assert b"moov" not in path.read_bytes()
    camera_process.send_signal(signal.SIGTERM)
    assert camera_process.wait(10) == 0
    ran = time.monotonic() - begun
    assert len(sizes) > 20
    assert list(tmp_path.iterdir()) == [path]
    assert 1.5 < len(packets(path, "video")) / 25 < ran + 1.5


def test_it_ends_with_its_parent(tmp_path):
    """A demo that is killed leaves no camera behind that fills the disk."""
    command = f"'{sys.executable}' -m ftp_stream.media.camera '{tmp_path}' {' '.join(SMALL)} & echo $!; read line"
    parent = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process = Path("/proc", parent.stdout.readline().decode().strip())
    wait_for(lambda: any(grown(path) > 1000 for path in tmp_path.iterdir()))
    parent.kill()
    parent.communicate()
    wait_for(lambda: not process.exists() or "\nState:\tZ" in (process / "status").read_text())
    assert packets(next(tmp_path.iterdir()), "video")


# --- the picture ------------------------------------------------------------------------------------------------------


def drawn(picture: Picture, number: int, **words: str) -> Canvas:
    return picture.draw(number, Caption(**{"title": "", "details": "", "small": "", "large": ""} | words))


@pytest.mark.parametrize("size", [SMALLEST, (160, 480), (854, 480), (640, 360), (1920, 200)])
def test_what_is_drawn_stays_inside_the_picture(size):
    width, height = size
    strides = (width + 32, width // 2 + 16, width // 2 + 16)
    picture = Picture(width, height, strides, 25, 8.0)
    words = dict.fromkeys(("title", "details", "small", "large"), "W" * 200)
    canvas = drawn(picture, secrets.randbelow(10**8), **words)
    assert [len(plane) for plane in canvas.planes] == [
        strides[0] * height,
        *(stride * height // 2 for stride in strides[1:]),
    ]
    for plane, stride, visible in zip(canvas.planes, strides, (width, width // 2, width // 2), strict=True):
        assert all(not any(plane[row + visible : row + stride]) for row in range(0, len(plane), stride))


def test_every_picture_differs_from_the_one_before():
    picture = Picture(640, 360, (640, 320, 320), 25, 8.0)
    number = secrets.randbelow(10**6)
    pictures = [bytes(drawn(picture, number + step).planes[0]) for step in range(30)]
    assert len(set(pictures)) == 30


def test_another_second_changes_the_clock_and_nothing_else():
    picture = Picture(640, 360, (640, 320, 320), 25, 8.0)
    one, other = (drawn(picture, 7, large=clock) for clock in ("10:31:07", "10:31:08"))
    rows = {index // 640 for index, (a, b) in enumerate(zip(one.planes[0], other.planes[0], strict=True)) if a != b}
    assert rows
    assert rows <= set(range(106 - 8, 106 + 56 + 8))  # a cell more each way, where round corners end
    assert one.planes[1:] == other.planes[1:]


def ink(canvas: Canvas, left: int, top: int, width: int, height: int) -> list[list[bool]]:
    """Where the letters are nearer to white than to their background, which stands before the first of them."""
    starts = [(top + row) * 640 + left for row in range(height)]
    luma = canvas.planes[0]
    return [[2 * level > luma[start - 1] + 235 for level in luma[start : start + width]] for start in starts]


def test_the_counter_reads_as_the_number_of_the_picture():
    """The counter looks like the same words in the title, whose letters are of the same size."""
    number = secrets.randbelow(10**8)
    words = f"FRAME {number:08d}"
    width = (len(words) * 6 - 1) * 3
    canvas = drawn(Picture(640, 360, (640, 320, 320), 25, 8.0), number, title=words)
    assert ink(canvas, 16, 8, width, 21) == ink(canvas, (640 - width) // 2, 178, width, 21)
    assert any(map(any, ink(canvas, 16, 8, width, 21)))


def test_a_letter_the_font_lacks_is_a_question_mark():
    picture = Picture(640, 360, (640, 320, 320), 25, 8.0)
    assert drawn(picture, 0, title="cam\u732bra").planes == drawn(picture, 0, title="cam?ra").planes


def test_the_coded_picture_shows_its_own_number(tmp_path):
    """Decoded, each picture is nearest to the drawing with its number among those around it."""
    path = tmp_path / "one.mp4"
    caption = Caption("T", "D", "S", "L")
    Recording(Shot(bitrate=2_000_000)).write(path, 12, lambda _: caption, lambda _: True)
    picture = Picture(640, 360, (640, 320, 320), 25, 8.0)
    drawings = [bytes(picture.draw(number, caption).planes[0]) for number in range(12)]
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            luma = bytes(frame.planes[0])
            apart = [sum(abs(a - b) for a, b in zip(luma[::7], drawing[::7], strict=True)) for drawing in drawings]
            assert apart.index(min(apart)) == number


def test_ending_is_asked_before_each_picture(tmp_path):
    asked = []
    camera.record(
        tmp_path,
        Shot(*SMALLEST),
        seconds=1,
        count=None,
        pattern="%H%M%S.mp4",
        started=0,
        realtime=False,
        ending=lambda: asked.append(None) or len(asked) > 30,
    )
    assert [len(packets(path, "video")) for path in sorted(tmp_path.iterdir())] == [25, 5]


def test_a_file_without_a_picture_is_not_left_behind(tmp_path):
    assert not Recording(Shot(*SMALLEST)).write(
        tmp_path / "one.mp4", 5, lambda _: Caption("", "", "", ""), lambda _: False
    )
    assert not list(tmp_path.iterdir())


def test_a_gone_parent_ends_it(monkeypatch):
    ending = camera._Ending()
    assert not ending()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert ending()
