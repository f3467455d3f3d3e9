"""AAC configurations are read by the standard's tables, and silence is silence at every rate."""

from __future__ import annotations

import math
from array import array
from functools import cache

import av
import pytest
from av.audio.frame import AudioFrame
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.aac import (
    DEFAULT_AUDIO,
    SILENT_FRAMES,
    decoder_delay,
    parse_config,
    same_frames,
    silent_frame,
    takes_plain_frames,
)
from ftp_stream.errors import SegmentRefused

RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350]
CONFIGURATION = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 8: 7}  # channels -> channelConfiguration
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}


def bits(*fields: tuple[int, int]) -> bytes:
    """(value, bits) one after the other, filled up with zeros to whole bytes."""
    text = "".join(format(value, f"0{count}b") for value, count in fields)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def config(rate_index: int, channel_configuration: int, *, short: int = 0, kind: int = 2) -> bytes:
    return bits((kind, 5), (rate_index, 4), (channel_configuration, 4), (short, 1), (0, 2))


# --- an independent writer of silent blocks, by the syntax tables of ISO/IEC 14496-3, 4.4.2 ---------------------------

Field = tuple[int, int]
ICS_INFO: list[Field] = [(0, 1), (0, 2), (0, 1), (1, 6), (0, 1)]  # reserved, only-long, sine, max_sfb, no prediction
SECTION: list[Field] = [(0, 4), (1, 5)]  # zero codebook over the one band
TOOLS: list[Field] = [(0, 1), (0, 1), (0, 1)]  # no pulses, no TNS, no gain control
GAIN: list[Field] = [(100, 8)]


def single(tag: int, identifier: int = 0) -> list[Field]:
    return [(identifier, 3), (tag, 4), *GAIN, *ICS_INFO, *SECTION, *TOOLS]


def pair(tag: int) -> list[Field]:
    channel = [*GAIN, *SECTION, *TOOLS]
    return [(1, 3), (tag, 4), (1, 1), *ICS_INFO, (1, 2), (0, 1), *channel, *channel]  # M/S told per band, not used


LFE = single(0, identifier=3)
ELEMENTS = {
    1: [single(0)],
    2: [pair(0)],
    3: [single(0), pair(0)],
    4: [single(0), pair(0), single(1)],
    5: [single(0), pair(0), pair(1)],
    6: [single(0), pair(0), pair(1), LFE],
    8: [single(0), pair(0), pair(1), pair(2), LFE],
}


@pytest.mark.parametrize("channels", ELEMENTS)
def test_silent_frames_are_what_the_syntax_tables_give(channels: int) -> None:
    fields = [field for element in ELEMENTS[channels] for field in element]
    assert silent_frame(channels) == bits(*fields, (7, 3))


def test_there_is_a_silent_frame_for_every_channel_configuration() -> None:
    accepted = {parse_config(config(4, number)).channels for number in range(1, 8)}
    assert set(SILENT_FRAMES) == accepted == set(LAYOUTS)


# --- decoded by FFmpeg ------------------------------------------------------------------------------------------------


def decoder(record: bytes) -> av.AudioCodecContext:
    context = av.AudioCodecContext.create("aac", "r")
    context.extradata = record
    context.options = {"err_detect": "explode"}
    return context


def decode(context: av.AudioCodecContext, payload: bytes) -> list[list[float]]:
    """The samples of each channel that one frame gives; FFmpeg's errors are raised."""
    frames = context.decode(av.Packet(payload))
    assert len(frames) == 1
    frame = frames[0]
    assert frame.format.name == "fltp"
    planes = frame.planes[: frame.layout.nb_channels]  # PyAV 18 counts one too many where there are eight
    return [array("f", bytes(plane)).tolist()[: frame.samples] for plane in planes]


def loudest(channels: list[list[float]]) -> float:
    return max(abs(sample) for samples in channels for sample in samples)


@cache
def tone(rate: int, channels: int) -> tuple[bytes, tuple[bytes, ...]]:
    """The configuration and the frames of a loud tone."""
    encoder = av.AudioCodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, LAYOUTS[channels], "fltp"
    encoder.bit_rate = 3 * rate * channels
    encoder.open()
    frames: list[bytes] = []
    for index in range(6):
        frame = AudioFrame("fltp", LAYOUTS[channels], 1024)
        frame.sample_rate, frame.pts = rate, index * 1024
        wave = array("f", (0.5 * math.sin((index * 1024 + at) * 0.3) for at in range(1024))).tobytes()
        for plane in frame.planes:
            plane.update(wave)
        frames += [bytes(packet) for packet in encoder.encode(frame)]
    frames += [bytes(packet) for packet in encoder.encode(None)]
    record = encoder.extradata
    assert record
    return record, tuple(frames)


@pytest.mark.parametrize("channels", SILENT_FRAMES)
@pytest.mark.parametrize("rate_index", range(len(RATES)))
def test_silent_frames_decode_to_silence_at_every_rate(rate_index: int, channels: int) -> None:
    """As many samples as the configuration says, all of them zero, no complaint of the decoder."""
    record = config(rate_index, CONFIGURATION[channels])
    context = decoder(record)
    for _ in range(3):
        samples = decode(context, silent_frame(channels))
        assert [len(each) for each in samples] == [parse_config(record).frame_samples] * channels
        assert loudest(samples) == 0
    assert context.sample_rate == RATES[rate_index]


@pytest.mark.parametrize("channels", SILENT_FRAMES)
def test_silent_frames_of_960_samples_decode_to_silence(channels: int) -> None:
    record = config(3, CONFIGURATION[channels], short=1)
    samples = decode(decoder(record), silent_frame(channels))
    assert parse_config(record).frame_samples == 960
    assert [len(each) for each in samples] == [960] * channels
    assert loudest(samples) == 0


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [48000, 44100, 16000, 8000])
def test_silence_may_stand_between_real_frames(rate: int, channels: int) -> None:
    """The frame after real sound fades it out, the next is silent, and real sound comes back."""
    record, frames = tone(rate, channels)
    assert parse_config(record).sample_rate == rate
    context = decoder(record)
    for payload in frames[:3]:
        heard = decode(context, payload)
    assert loudest(heard) > 0.1
    decode(context, silent_frame(channels))
    for _ in range(2):
        assert loudest(decode(context, silent_frame(channels))) == 0
    for payload in frames[1:4]:
        heard = decode(context, payload)
    assert loudest(heard) > 0.1


# --- configurations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("index", "rate"), list(enumerate(RATES)))
def test_a_plain_configuration_tells_rate_channels_and_frame_length(index: int, rate: int) -> None:
    for number, channels in enumerate((1, 2, 3, 4, 5, 6, 8), start=1):
        record = config(index, number)
        parsed = parse_config(record)
        assert (parsed.record, parsed.sample_rate, parsed.channels) == (record, rate, channels)
        assert parsed.frame_samples == 1024
        assert parsed.frame_us == pytest.approx(1024e6 / rate)


def test_the_default_is_what_its_record_says() -> None:
    assert parse_config(DEFAULT_AUDIO.record) == DEFAULT_AUDIO
    assert (DEFAULT_AUDIO.sample_rate, DEFAULT_AUDIO.channels) == (44100, 2)


@pytest.mark.parametrize("kind", [5, 29])
def test_explicit_sbr_counts_by_its_core(kind: int) -> None:
    """HE-AAC at 48 kHz has frames of 1024 samples of a 24 kHz core."""
    record = bits((kind, 5), (6, 4), (1, 4), (3, 4), (2, 5), (0, 3))
    parsed = parse_config(record)
    assert (parsed.sample_rate, parsed.channels, parsed.frame_samples) == (24000, 1, 1024)


def test_sbr_whose_rate_is_written_out() -> None:
    record = bits((5, 5), (15, 4), (22050, 24), (2, 4), (15, 4), (44100, 24), (2, 5), (1, 1), (0, 2))
    parsed = parse_config(record)
    assert (parsed.sample_rate, parsed.channels, parsed.frame_samples) == (22050, 2, 960)


SBR = bits((5, 5), (7, 4), (2, 4), (4, 4), (2, 5), (0, 3))  # 22.05 kHz stereo, doubled
PS = bits((29, 5), (7, 4), (2, 4), (4, 4), (2, 5), (0, 3))
PLAIN = bits((2, 5), (7, 4), (2, 4), (0, 3))
TOLD_BEHIND = PLAIN + bits((0x2B7, 11), (5, 5), (1, 1), (4, 4))
DENIED_BEHIND = PLAIN + bits((0x2B7, 11), (5, 5), (0, 1))  # as FFmpeg's encoder writes it


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (PLAIN, PLAIN, True),
        (PLAIN, DENIED_BEHIND, True),
        (PLAIN, bits((2, 5), (15, 4), (22_050, 24), (2, 4), (0, 3)), True),
        (PLAIN, TOLD_BEHIND, False),
        (SBR, TOLD_BEHIND, True),
        (SBR, PS, False),
        (SBR, PLAIN, False),
        (PLAIN, config(7, 1), False),
        (PLAIN, config(8, 2), False),
        (PLAIN, config(7, 2, kind=1), False),
        (PLAIN, config(7, 2, short=1), False),
    ],
)
def test_frames_may_go_under_another_record_that_means_the_same(one: bytes, other: bytes, same: bool) -> None:  # noqa: FBT001 - expected
    assert same_frames(one, other) is same
    assert same_frames(other, one) is same


@pytest.mark.parametrize(
    ("record", "takes"),
    [
        (PLAIN, True),
        (SBR, True),
        (PS, True),
        (TOLD_BEHIND, True),
        (config(4, 2, kind=1), True),
        (config(4, 2, kind=4), True),
        (config(4, 2, kind=3), False),
        (config(4, 2, short=1), False),
    ],
)
def test_what_takes_plain_frames(record: bytes, takes: bool) -> None:  # noqa: FBT001 - expected
    assert takes_plain_frames(record) is takes


@pytest.mark.parametrize(
    ("record", "delay"), [(PLAIN, 0), (DENIED_BEHIND, 0), (SBR, 481), (PS, 481), (TOLD_BEHIND, 481)]
)
def test_decoders_are_late_where_sbr_is_told(record: bytes, delay: int) -> None:
    """FFmpeg's as well: a click in a frame of the core comes out that much later."""
    assert decoder_delay(record) == delay
    assert click(record) - click(PLAIN) == pytest.approx(delay, abs=2)


def click(record: bytes) -> float:
    """When the middle of a click's energy is heard, in samples of the core."""
    encoder = av.AudioCodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = 22_050, "stereo", "fltp", 128_000
    context = decoder(record)
    samples: list[float] = []
    for index in range(6):
        frame = AudioFrame("fltp", "stereo", 1024)
        frame.sample_rate, frame.pts = 22_050, index * 1024
        wave = array("f", (0.8 * math.sin(at - 500) if index == 2 and 500 < at < 530 else 0.0 for at in range(1024)))
        for plane in frame.planes:
            plane.update(wave.tobytes())
        for packet in encoder.encode(frame):
            samples += decode(context, bytes(packet))[0]
    energy = [sample * sample for sample in samples]
    middle = sum(at * each for at, each in enumerate(energy)) / sum(energy)
    return middle * 22_050 / (context.sample_rate or 1)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"", "too short"),
        (b"\x12", "too short"),
        (config(13, 2), "0 Hz"),
        (bits((2, 5), (15, 4), (96001, 24), (2, 4), (0, 3)), "96001 Hz"),
        (config(4, 0), "channel configuration 0"),
        (config(4, 8), "channel configuration 8"),
        (config(4, 2, kind=23), "object type 23"),
        (bits((31, 5), (10, 6), (4, 4), (2, 4), (0, 3)), "object type 42"),
        (bytes(257), "257 bytes"),
    ],
)
def test_what_no_server_takes_is_refused_with_the_reason(record: bytes, reason: str) -> None:
    with pytest.raises(SegmentRefused, match=reason):
        parse_config(record)


@given(st.binary(max_size=12))
def test_any_bytes_are_read_or_refused(record: bytes) -> None:
    try:
        parsed = parse_config(record)
    except SegmentRefused:
        return
    assert 7350 <= parsed.sample_rate <= 96000
    assert silent_frame(parsed.channels)
    assert same_frames(record, record)
    assert takes_plain_frames(record) in {True, False}
    assert decoder_delay(record) in {0, 481}
