import itertools
from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.aac import silent_frame
from ftp_stream.core.timeline import HOLD_US, Placed, Timeline, hold_table, milliseconds
from ftp_stream.model import AudioConfig, FrameTable, Row, Source

AUDIO = AudioConfig(record=b"\x12\x10", sample_rate=44_100, channels=2)
AAC_US = AUDIO.frame_us
SILENT = int(Row.AUDIO) | int(Source.SILENCE)


def segment(
    frames: int = 50,
    step_us: int = 40_000,
    audio_frames: int = 0,
    *,
    reorder: int = 0,
    gop: int = 25,
    audio_start_us: int = 0,
) -> FrameTable:
    """Make a table of one video track and one audio track; ``reorder`` frames of delay as with B-frames."""
    lead = reorder * step_us
    rows = [(n * step_us - lead, 0, Row.KEY if n % gop == 0 else Row(0), lead, n) for n in range(frames)]
    rows += [(audio_start_us + round(n * AAC_US), 1, Row.AUDIO, 0, 0) for n in range(audio_frames)]
    rows.sort(key=lambda row: (row[0], row[1]))
    starts = [i for i, row in enumerate(rows) if row[2] & Row.KEY]
    audio_end = audio_start_us + round(audio_frames * AAC_US) if audio_frames else 0
    return FrameTable(
        flags=bytes(int(row[2]) for row in rows),
        dts_us=array("q", [row[0] for row in rows]),
        cts_us=array("q", [row[3] for row in rows]),
        position=array("q", range(0, 100 * len(rows), 100)),
        size=array("q", [100] * len(rows)),
        gops=(0, *starts[1:]),
        duration_us=max(frames * step_us, audio_end),
        audio_end_us=audio_end,
    )


def wire(placed: Placed, *, audio: bool) -> list[int]:
    """Return the output times of one track of what was placed."""
    table = placed.table
    return [
        placed.offset_us + table.dts_us[row]
        for row in range(placed.first_row, len(table))
        if bool(table.flags[row] & Row.AUDIO) is audio
    ]


def test_milliseconds_are_rounded_from_the_total() -> None:
    assert [milliseconds(us) for us in (0, 499, 500, 1499, 1500)] == [0, 0, 1, 1, 2]


def test_a_session_begins_at_zero_wherever_its_segment_begins() -> None:
    table = segment(reorder=2, audio_frames=86)
    for gop in (0, 1):
        _, placed = Timeline(AUDIO).lay(table, gop)
        assert placed.offset_us + placed.table.dts_us[placed.first_row] == 0


def test_the_next_segment_starts_where_the_longest_track_ended() -> None:
    timeline, _ = Timeline(AUDIO).lay(segment(frames=50, audio_frames=90))
    _, second = timeline.lay(segment(frames=50, audio_frames=90))
    assert second.offset_us == round(90 * AAC_US)


def test_a_seam_is_one_frame_long_with_and_without_reordering() -> None:
    for reorder in (0, 2):
        table = segment(frames=50, audio_frames=86, reorder=reorder)
        timeline, first = Timeline(AUDIO).lay(table)
        _, second = timeline.lay(table)
        assert wire(second, audio=False)[0] - wire(first, audio=False)[-1] == 40_000


def test_decoding_times_rise_when_reordering_begins_at_a_seam() -> None:
    timeline, first = Timeline(AUDIO).lay(segment(frames=50))
    _, second = timeline.lay(segment(frames=50, reorder=3))
    assert milliseconds(wire(second, audio=False)[0]) > milliseconds(wire(first, audio=False)[-1])


def test_a_segment_without_audio_is_silent_for_its_whole_length() -> None:
    timeline, placed = Timeline(AUDIO).lay(segment(frames=50))
    silent = [row for row in range(len(placed.table)) if placed.table.flags[row] == SILENT]
    assert len(silent) == int(2_000_000 / AAC_US)
    assert {placed.table.size[row] for row in silent} == {len(silent_frame(2))}
    _, second = timeline.lay(segment(frames=50))
    times = wire(placed, audio=True) + wire(second, audio=True)
    steps = {round(b - a) for a, b in itertools.pairwise(times)}
    assert steps <= {23_219, 23_220, 23_221}, "the grid of silent frames runs on across the seam"


def test_audio_that_ends_early_is_continued_by_silence_to_the_end() -> None:
    _, placed = Timeline(AUDIO).lay(segment(frames=50, audio_frames=43))
    times = wire(placed, audio=True)
    assert 2_000_000 - AAC_US - 1 <= times[-1] + AAC_US <= 2_000_000 + 1000
    assert placed.table.flags.count(SILENT) == int((2_000_000 - 43 * AAC_US) / AAC_US)


def test_audio_that_begins_late_is_preceded_by_silence() -> None:
    _, placed = Timeline(AUDIO).lay(segment(frames=50, audio_frames=43, audio_start_us=1_000_000))
    assert wire(placed, audio=True)[0] == 0


def test_whole_audio_is_left_as_it_is() -> None:
    table = segment(frames=50, audio_frames=86)
    _, placed = Timeline(AUDIO).lay(table)
    assert placed.table is table


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_hole_of_n_frames_takes_n_silent_frames(missing: int) -> None:
    whole = segment(frames=50, audio_frames=86)
    audio_rows = [row for row in range(len(whole)) if whole.flags[row] & Row.AUDIO]
    gone = set(audio_rows[40 : 40 + missing])
    rows = [row for row in range(len(whole)) if row not in gone]
    holed = replace(
        whole,
        flags=bytes(whole.flags[row] for row in rows),
        **{
            name: array("q", [getattr(whole, name)[row] for row in rows])
            for name in ("dts_us", "cts_us", "position", "size")
        },
        gops=tuple(rows.index(row) for row in whole.gops),
    )
    _, placed = Timeline(AUDIO).lay(holed)
    assert placed.table.flags.count(SILENT) == missing
    assert len(wire(placed, audio=True)) == 86


def test_gops_keep_their_number_and_their_key_frames_when_silence_is_put_in() -> None:
    table = segment(frames=100, gop=10)
    _, placed = Timeline(AUDIO).lay(table)
    assert len(placed.table.gops) == len(table.gops)
    for before, after in zip(table.gops[1:], placed.table.gops[1:], strict=True):
        assert placed.table.flags[after] & Row.KEY
        assert placed.table.position[after] == table.position[before]


def test_a_resumed_segment_starts_with_the_key_frame_of_its_gop() -> None:
    _, placed = Timeline(AUDIO).lay(segment(frames=100, gop=10), gop=4)
    assert placed.table.flags[placed.first_row] & Row.KEY
    assert len(wire(placed, audio=False)) == 60


def test_a_hold_is_the_last_key_frame_named_again() -> None:
    table = segment(frames=60, gop=25, audio_frames=100)
    held = hold_table(table)
    key = table.gops[-1]
    assert len(held) == 1
    assert (held.position[0], held.size[0], held.flags[0]) == (table.position[key], table.size[key], int(Row.KEY))
    timeline, first = Timeline(AUDIO).lay(table)
    timeline, second = timeline.lay(held)
    _, third = timeline.lay(held)
    assert wire(third, audio=False)[0] - wire(second, audio=False)[0] == HOLD_US
    times = [time for placed in (first, second, third) for time in wire(placed, audio=True)]
    assert all(b - a < 2 * AAC_US for a, b in itertools.pairwise(times)), "sound never pauses"


shapes = st.builds(
    segment,
    frames=st.integers(1, 80),
    step_us=st.sampled_from([20_000, 33_333, 40_000, 100_000]),
    audio_frames=st.integers(0, 120),
    reorder=st.integers(0, 3),
    gop=st.integers(1, 30),
    audio_start_us=st.integers(0, 500_000),
)


@given(st.lists(st.tuples(shapes, st.booleans()), min_size=1, max_size=8))
def test_wire_times_rise_strictly_per_track_and_no_frame_is_lost(laid: list[tuple[FrameTable, bool]]) -> None:
    timeline = Timeline(AUDIO)
    video: list[int] = []
    audio: list[int] = []
    frames = 0
    for table, hold in laid:
        shown = hold_table(table) if hold else table
        timeline, placed = timeline.lay(shown)
        real = [row for row in range(len(placed.table)) if placed.table.flags[row] != SILENT]
        assert [placed.table.position[row] for row in real] == list(shown.position)
        frames += len(real)
        video += [milliseconds(time) for time in wire(placed, audio=False)]
        audio += [milliseconds(time) for time in wire(placed, audio=True)]
    assert frames == sum(1 if hold else len(table) for table, hold in laid)
    for times in (video, audio):
        assert all(a < b for a, b in itertools.pairwise(times))


@given(st.lists(shapes, min_size=2, max_size=12))
def test_sound_and_picture_never_drift_apart(tables: list[FrameTable]) -> None:
    """Both tracks of a segment are shifted by one and the same offset."""
    timeline = Timeline(AUDIO)
    for table in tables:
        timeline, placed = timeline.lay(table)
        for row in range(len(placed.table)):
            if placed.table.flags[row] != SILENT:
                original = table.dts_us[table.position.index(placed.table.position[row])]
                assert placed.table.dts_us[row] == original


# --- broken off -------------------------------------------------------------------------------------------------------


def test_a_segment_that_is_broken_off_before_its_first_row_was_never_laid() -> None:
    timeline, _ = Timeline(AUDIO).lay(segment(audio_frames=86))
    _, placed = timeline.lay(segment(audio_frames=86), gop=1)
    assert timeline.until(placed, placed.first_row) == timeline


@pytest.mark.parametrize(("audio_frames", "most_us"), [(0, 0), (172, round(AAC_US))])
@pytest.mark.parametrize("reorder", [0, 2])
def test_what_is_left_out_leaves_no_gap(reorder: int, audio_frames: int, most_us: int) -> None:
    """The next picture that is sent follows one picture after the last one, or when the last sound has ended."""
    table = segment(frames=100, gop=10, audio_frames=audio_frames, reorder=reorder)
    _, first = Timeline(AUDIO).lay(table)
    cut = first.table.gops[3]
    _, rest = Timeline(AUDIO).until(first, cut).lay(table, gop=6)
    sent = [first.offset_us + first.table.dts_us[row] for row in range(cut) if not first.table.flags[row] & Row.AUDIO]
    assert 0 <= wire(rest, audio=False)[0] - sent[-1] - 40_000 <= most_us


def test_after_pictures_in_another_order_the_next_segment_begins_where_the_cut_would_have_been_shown() -> None:
    table = segment(frames=100, gop=10, reorder=3)
    _, first = Timeline(AUDIO).lay(table)
    cut = first.table.gops[3]
    _, following = Timeline(AUDIO).until(first, cut).lay(segment(frames=50))
    shown = [
        first.offset_us + first.table.dts_us[row] + first.table.cts_us[row]
        for row in range(cut)
        if not first.table.flags[row] & Row.AUDIO
    ]
    assert wire(following, audio=False)[0] - max(shown) == 40_000


@given(shapes, st.data())
def test_a_segment_that_is_broken_off_is_followed_as_if_it_ended_there(table: FrameTable, data: st.DataObject) -> None:
    """By another of its groups of pictures, or by another segment: times rise, and no sound lies on another."""
    earlier, _ = Timeline(AUDIO).lay(data.draw(shapes))
    start = data.draw(st.integers(0, len(table.gops) - 1), "start")
    _, first = earlier.lay(table, start)
    cut = data.draw(st.integers(start, len(table.gops) - 1), "cut")
    row = first.table.gops[cut]
    timeline = earlier.until(first, row)
    inside = data.draw(st.booleans(), "inside")
    other = table if inside else data.draw(shapes)
    gop = data.draw(st.integers(cut, len(table.gops) - 1)) if inside else 0
    _, rest = timeline.lay(other, gop)
    sent = slice(first.first_row, row)
    times = [first.offset_us + at for at in first.table.dts_us[sent]]
    sound = [at for at, flag in zip(times, first.table.flags[sent], strict=True) if flag & Row.AUDIO]
    pictures = [at for at, flag in zip(times, first.table.flags[sent], strict=True) if not flag & Row.AUDIO]
    for before, after in ((pictures, wire(rest, audio=False)), (sound, wire(rest, audio=True))):
        joined = [milliseconds(at) for at in (*before, *after)]
        assert all(a < b for a, b in itertools.pairwise(joined))
    resumed = wire(rest, audio=True)
    if sound and resumed:
        assert resumed[0] - sound[-1] >= AAC_US - 1001, "sound lies on sound"
    if cut > start:
        late = shown_first(rest) - (first.offset_us + first.table.dts_us[row] + first.table.cts_us[row])
        assert 0 <= late <= AAC_US + 3 * 100_000 + 1, "it does not begin at the cut"


def shown_first(placed: Placed) -> int:
    """Return when a placed segment begins: where its key frame is shown, or its first sound is heard."""
    first = placed.first_row
    return placed.offset_us + (placed.table.dts_us[first] + placed.table.cts_us[first] if first else 0)
