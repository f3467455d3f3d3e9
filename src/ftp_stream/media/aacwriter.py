"""Samples become AAC frames that lie on an even grid of slots, each as long as a frame.

The grid begins where the pictures do. A slot without a sample stays empty: it is a hole, which the timeline fills with
silence; one that has some is filled up with zeros. FFmpeg's encoder makes LC frames of 1024 samples, each of which a
decoder completes with the one before it (ISO/IEC 14496-3, 4.6.11): so a frame of zeros goes in at both ends of a hole,
and the first frame of all, which would only prepare the second one, is left out for want of a slot.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

from ftp_stream.core.aac import parse_config
from ftp_stream.core.frames import Columns
from ftp_stream.model import Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from av.packet import Packet

    from ftp_stream.media.places import Places
    from ftp_stream.model import AudioConfig

__all__ = ["FORMAT", "LAYOUTS", "AacWriter"]

FORMAT: Final = "fltp"  # of samples: 32-bit floats, each channel by itself
LAYOUTS: Final = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}  # by table 1.19
_FRAME: Final = 1024  # samples
_SAMPLE_BYTES: Final = 4
_SILENT: Final = bytes(_FRAME * _SAMPLE_BYTES)
# Bits per second of one channel. At 2 bits a sample speech and surroundings are clear, beyond 64 kbit/s nobody hears
# more; below 24 the encoder leaves out what makes speech understood.
_BITS_PER_SAMPLE, _MOST_BITS, _FEWEST_BITS = 2, 64_000, 24_000


class AacWriter:
    """Takes samples in the order of time and writes their frames to the sidecar."""

    def __init__(self, config: AudioConfig, places: Places, start_us: int, end_us: int) -> None:
        """Begin.

        Args:
            config: What the frames are to be like; one that takes LC frames of 1024 samples.
            places: Take the frames.
            start_us: Where the grid begins.
            end_us: Where the pictures end. The last frame does not pass it by more than half of itself, or each seam
                would put the stream further behind.

        Raises:
            av.error.FFmpegError, ValueError: The encoder cannot make such frames.
        """
        self._config = config
        self._places = places
        self._start_us = start_us
        self._last = math.floor((end_us - start_us) / config.frame_us - 0.5)  # slot
        self.end = (self._last + 2) * _FRAME  # samples from here on are not needed: a frame overlaps the next slot
        self._encoder = _encoder(config)
        self._channels = [bytearray() for _ in range(config.channels)]  # of the slot that is being filled
        self._slot = 0
        self._due: deque[int] = deque()  # the slots of frames that the encoder owes
        self._fed: int | None = None  # the last slot that it was given
        self._slots = array("q")
        self._position = array("q")
        self._size = array("q")

    def write(self, position: int, planes: Sequence[bytes | memoryview]) -> None:
        """Take samples.

        Args:
            position: Of their first one, in samples from the start of the grid; those that lie before the end of what
                came last, or before the grid, are left out.
            planes: The floats of each channel.
        """
        filled = len(self._channels[0]) // _SAMPLE_BYTES
        count = len(planes[0]) // _SAMPLE_BYTES
        begin = max(0, self._slot * _FRAME + filled - position)
        end = min(count, self.end - position)
        if begin >= end:
            return
        self._advance(position + begin)
        for channel, plane in zip(self._channels, planes, strict=True):
            channel.extend(plane[begin * _SAMPLE_BYTES : end * _SAMPLE_BYTES])
        while len(self._channels[0]) >= len(_SILENT):
            self._close_slot()

    def finish(self) -> Columns | None:
        """Return the columns of all frames; ``None`` where there is none."""
        if self._channels[0]:
            self._pad(_FRAME)
            self._close_slot()
        if self._fed is not None:
            self._due.append(self._fed)
            self._keep(self._encoder.encode(None))
        if not self._slots:
            return None
        frame_us = self._config.frame_us
        return Columns(
            flags=bytes([Source.SIDECAR]) * len(self._slots),
            dts_us=array("q", (self._start_us + round(slot * frame_us) for slot in self._slots)),
            cts_us=array("q"),
            position=self._position,
            size=self._size,
        )

    def _advance(self, position: int) -> None:
        """Go on at a later sample: with zeros up to it where its slot has begun, else in an empty slot."""
        slot, within = divmod(position, _FRAME)
        if slot > self._slot:
            if self._channels[0]:
                self._pad(_FRAME)
                self._close_slot()
            self._slot = slot
        self._pad(within)

    def _pad(self, samples: int) -> None:
        for channel in self._channels:
            channel.extend(bytes(samples * _SAMPLE_BYTES - len(channel)))

    def _close_slot(self) -> None:
        """Encode the first frame of what is at hand."""
        if self._fed is not None and self._slot > self._fed + 1:
            self._feed(self._fed + 1, [_SILENT] * len(self._channels))
        self._feed(self._slot, [bytes(channel[: len(_SILENT)]) for channel in self._channels])
        for channel in self._channels:
            del channel[: len(_SILENT)]
        self._slot += 1

    def _feed(self, slot: int, planes: Sequence[bytes]) -> None:
        frame = AudioFrame(FORMAT, LAYOUTS[self._config.channels], _FRAME)
        frame.sample_rate = self._config.sample_rate
        for plane, samples in zip(frame.planes, planes, strict=False):  # PyAV 18 counts one too many of eight
            plane.update(samples.ljust(plane.buffer_size, b"\0"))
        self._fed = slot
        self._due.append(slot - 1)  # what it gives for this frame completes the one before
        self._keep(self._encoder.encode(frame))

    def _keep(self, packets: Sequence[Packet[Any]]) -> None:
        for packet in packets:
            slot = self._due.popleft()
            if 0 <= slot <= self._last:
                _, position, size = self._places.store(bytes(packet))
                self._slots.append(slot)
                self._position.append(position)
                self._size.append(size)


def _encoder(config: AudioConfig) -> AudioCodecContext:
    bits = min(_MOST_BITS, max(_FEWEST_BITS, _BITS_PER_SAMPLE * config.sample_rate))
    encoder = AudioCodecContext.create("aac", "w")
    encoder.sample_rate = config.sample_rate
    encoder.layout = LAYOUTS[config.channels]
    encoder.format = FORMAT
    encoder.time_base = Fraction(1, config.sample_rate)
    encoder.bit_rate = bits * config.channels
    # FFmpeg's own advice: the fast search is as good as the thorough one from 64 kbit/s on, at half the cost
    encoder.options = {"aac_coder": "fast" if bits == _MOST_BITS else "twoloop"}
    encoder.thread_count = 1
    encoder.open()
    made = parse_config(encoder.extradata or b"")
    if (made.sample_rate, made.channels, made.frame_samples) != (config.sample_rate, config.channels, _FRAME):
        raise ValueError(f"the encoder makes {made.channels} channels at {made.sample_rate} Hz")
    return encoder
