import secrets

import pytest
from tests.support.inbox import fact

from ftp_stream.core.litter import ignored_because, is_segment_name, recording_marks


@pytest.mark.parametrize(
    "path",
    [
        "10:30.mp4",
        "gate.MOV",
        "a/b/c/gate.mkv",
        "gate.avi",
        "gate.h265",
        "gate.264",
        "gate.dav",
        "clip.3gp",
        "gate.m2ts",
        "failed/gate.ts",
        "archive2/gate.mp4",
        "\udcff\udcfe.mp4",
        "part.of.day.mp4",
        "2019-05-09/001/dav/21/21.04.49-21.05.14[M][0@0][0].mp4",
    ],
)
def test_a_video_may_be_a_segment(path: str) -> None:
    assert is_segment_name(path, "archive")
    assert ignored_because(path, "archive") == ""


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("gate.mp4_", "temporary"),
        ("gate.backup_", "temporary"),
        ("gate.mp4.part", "temporary"),
        ("gate.part.mp4", "temporary"),
        ("gate.tmp", "temporary"),
        ("gate_tmp.mp4", "temporary"),
        ("gate.mp4.filepart", "temporary"),
        ("gate.mp4~", "temporary"),
        (".in.gate.mp4.", "hidden"),
        (".gate.mp4", "hidden"),
        (".recycle/gate.mp4", "hidden"),
        ("@eaDir/gate.mp4", "hidden"),
        ("_failed/gate.mp4", "_failed"),
        ("2026/_failed/gate.mp4", "_failed"),
        ("_before/2026/gate.mp4", "_before"),
        ("archive/gate.mp4", "archive"),
        ("archive/2026/gate.mp4", "archive"),
        ("gate.jpg", "not a video"),
        ("gate.idx", "not a video"),
        ("gate.avi_idx", "not a video"),
        ("GH010073.THM", "not a video"),
        ("GL010073.LRV", "not a video"),
        ("LRV_20240115_143025_11_001.mp4", "small copy"),
        ("testftp.txt", "not a video"),
        ("Thumbs.db", "not a video"),
        ("mp4", "not a video"),
        ("gate.", "not a video"),
        ("", "not a video"),
    ],
)
def test_litter_is_ignored_with_a_reason(path: str, why: str) -> None:
    assert not is_segment_name(path, "archive")
    assert why in ignored_because(path, "archive")


def test_without_an_archive_no_folder_is_one() -> None:
    folder = secrets.token_hex(4)
    assert is_segment_name(f"{folder}/gate.mp4", "")
    assert not is_segment_name(f"{folder}/gate.mp4", folder)
    assert not is_segment_name(f"{folder}/gate.mp4", f"{folder}/")


def test_an_index_beside_a_clip_marks_it_as_being_recorded() -> None:
    mark, other = fact("a/gate.avi_idx", "10:30"), fact("a/gate.idx", "10:30")
    assert recording_marks([mark, other]) == {"a/gate.avi": mark}
    assert recording_marks([]) == {}
