"""The figures of the benchmark follow from what its server saw, and only from that."""

import itertools
import socket
import threading
from array import array
from collections import Counter

import pytest
from bench.footage import Footage
from bench.sink import IS_VIDEO, KEY, Connection

from bench import feed, seen
from ftp_stream.rtmp import amf0

FRAMES = ((9000, 301, 302, 303, 304), (8000, 401, 402, 403, 404), (9000, 501, 502, 503, 504))
STARTS = Footage((), FRAMES).starts


def publish(rows, key="k"):
    """A publish from rows of arrival (s), timestamp (ms), size of the picture, and whether it is a key frame."""
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    codes = [(size + 5) * 4 + (IS_VIDEO | KEY if key_frame else IS_VIDEO) for _, _, size, key_frame in rows]
    return seen.Publish(key, 0.0, 99.0, array("d", columns[0]), array("d", columns[1]), array("d", codes))


def played(numbers, *, begun=0.0, pause=0.0, grown=0):
    """The rows of files played one after the other, 40 ms a picture, after a pause in seconds but for the first."""
    now = begun - 0.04
    for place, number in enumerate(numbers):
        now += pause if place else 0.0
        for position, size in enumerate(FRAMES[number]):
            now += 0.04
            yield now, round((now - begun) * 1000), size + (0 if position else grown), position == 0


def test_a_gapless_stream_has_its_usual_gap_at_every_seam():
    messages = seen.pictures([publish(list(played([0, 1, 2])))])
    seams = seen.seams(messages, STARTS)
    assert [seam.number for seam in seams] == [1, 2]
    assert [seam.wall_ms for seam in seams] == pytest.approx([40, 40])
    assert [seam.wire_ms for seam in seams] == [40, 40]
    assert seen.key_gaps(messages, STARTS) == []


def test_a_pause_before_a_file_is_the_gap_at_its_seam():
    seams = seen.seams(seen.pictures([publish(list(played([0, 1], pause=2.5)))]), STARTS)
    assert [seam.wall_ms for seam in seams] == pytest.approx([2540])


def test_a_new_publish_has_a_gap_on_the_wall_clock_alone():
    stream = [publish(list(played([0]))), publish(list(played([1], begun=7.0)))]
    [seam] = seen.seams(seen.pictures(stream), STARTS)
    assert seam.wire_ms is None
    assert seam.wall_ms == pytest.approx((7.0 - 4 * 0.04) * 1000)


def test_parameter_sets_put_before_a_key_frame_do_not_hide_it():
    messages = seen.pictures([publish(list(played([0, 1, 2], grown=36)))])
    assert [number for number, _ in seen.beginnings(messages, STARTS)] == [0, 1, 2]
    assert seen.in_order(messages, FRAMES, 36) == -1
    assert seen.in_order(messages, FRAMES, 35) == 0


def test_the_same_footage_again_is_a_later_file():
    frames = (*FRAMES, FRAMES[0])
    messages = seen.pictures([publish([*played([0, 1, 2, 0])])])
    assert seen.beginnings(messages, Footage((), frames).starts) == [(0, 0), (1, 5), (2, 10), (3, 15)]


@pytest.mark.parametrize("damage", ["missing", "twice", "swapped"])
def test_a_picture_missing_twice_or_out_of_order_is_noticed(damage):
    rows = list(played([0, 1, 2]))
    for place in range(1, len(rows) - 1):
        damaged = list(rows)
        if damage == "missing":
            del damaged[place]
        elif damage == "twice":
            damaged.insert(place, damaged[place])
        else:
            damaged[place], damaged[place + 1] = damaged[place + 1], damaged[place]
        assert place <= seen.in_order(seen.pictures([publish(damaged)]), FRAMES, 0) <= place + 1
    assert seen.in_order(seen.pictures([publish(rows)]), FRAMES, 0) == -1


def test_configuration_and_sound_are_no_pictures():
    stream = publish([(0.0, 0, 40, True), (0.1, 0, 9000, True)])
    sound = seen.Publish("k", 0, 9, array("d", [0.2]), array("d", [0]), array("d", [5000 * 4]))
    assert [message.size for message in seen.pictures([stream, sound])] == [9000]


def test_lateness_is_the_lag_behind_the_earliest_so_far():
    rows = [(10.0 + at, stamp, 300, False) for at, stamp in ((0, 1000), (6, 6000), (7, 7000), (8.25, 8000), (9, 9000))]
    assert seen.lateness(publish(rows), warm_up=5) == Counter({0: 3, 250: 1})


def test_a_start_burst_makes_nothing_look_late():
    burst = [(0.001 * number, 40 * number, 300, False) for number in range(25)]
    steady = [(0.04 * number - 0.96, 40 * number, 300, False) for number in range(25, 500)]
    assert max(seen.lateness(publish(burst + steady), warm_up=5)) == 0
    assert max(seen.lateness(publish(burst + [(now + 0.3, *rest) for now, *rest in steady[100:]]), warm_up=0)) > 250


def test_a_quantile_leaves_its_share_above():
    counts = Counter({0: 98, 7: 1, 300: 1})
    assert [seen.quantile(counts, share) for share in (0.5, 0.98, 0.99, 1.0)] == [0, 0, 7, 300]
    assert seen.quantile(Counter(), 0.5) == 0


def test_each_camera_gets_every_file_once_and_in_order():
    schedule = feed.Schedule(at_once=3, interval=10, spread=10)
    releases = feed.plan(schedule, cameras=4, files=6)
    for camera in range(4):
        mine = [release for release in releases if release.camera == camera]
        assert [release.number for release in mine] == list(range(6))
        assert [release.after - 2.5 * camera for release in mine] == [0, 0, 0, 10, 20, 30]
    assert all(one.after <= other.after for one, other in itertools.pairwise(releases))


# --- the server -------------------------------------------------------------------------------------------------------


def chunked(messages, size):
    """RTMP bytes of messages of (chunk stream, type, timestamp, body), long and short headers as FFmpeg writes them."""
    out, last = bytearray(), {}
    for number, kind, stamp, body in messages:
        before = last.get(number)
        last[number] = stamp
        field = stamp if before is None else stamp - before
        extended = field.to_bytes(4, "big") if field >= 0xFFFFFF else b""
        start = min(field, 0xFFFFFF).to_bytes(3, "big") + len(body).to_bytes(3, "big") + bytes([kind])
        out += bytes([number if before is None else 0x40 | number]) + start + (b"\1\0\0\0" if before is None else b"")
        for place in range(0, len(body), size):
            out += (bytes([0xC0 | number]) if place else b"") + extended + body[place : place + size]
    return bytes(out)


@pytest.mark.parametrize("piece", [1, 7, 128, 1 << 20])
def test_the_server_reads_messages_however_they_are_cut(piece):
    """Also with timestamps that need the extended field, which the continuation chunks repeat."""
    media = [
        (4, 8, 0xFFFFF0, bytes(300)),
        (6, 9, 0xFFFFFF, b"\x17" + bytes(999)),
        (4, 8, 0x1FFFFEF, bytes(70)),
        (6, 9, 0x1000010, b"\x27" + bytes(499)),
    ]
    commands = [
        (3, 20, 0, amf0.encode("connect", 1, {"app": "live"})),
        (3, 20, 0, amf0.encode("createStream", 2, None)),
        (3, 20, 0, amf0.encode("publish", 3, None, "some-key", "live")),
    ]
    data = b"\3" + bytes(1536) + bytes(1536) + chunked(commands + media, 128)
    publishes = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        drain = threading.Thread(target=lambda: [None for _ in iter(lambda: theirs.recv(65536), b"")])
        drain.start()
        connection = Connection(ours, 0.0, publishes)
        for place in range(0, len(data), piece):
            connection.feed(memoryview(data)[place : place + piece], 5.0)
        ours.shutdown(socket.SHUT_RDWR)
        drain.join()
    [found] = publishes
    assert found.key == "some-key"
    rows = list(zip(*[iter(found.log)] * 3, strict=True))
    assert rows == [
        (5.0, 0xFFFFF0, 300 * 4),
        (5.0, 0xFFFFFF, 1000 * 4 + (IS_VIDEO | KEY)),
        (5.0, 0x1FFFFEF, 70 * 4),
        (5.0, 0x1000010, 500 * 4 + IS_VIDEO),
    ]
