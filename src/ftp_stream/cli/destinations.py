"""`ftp-stream destinations`: what each kind of server takes and asks for."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from ftp_stream.cli.common import load_settings, out, show
from ftp_stream.core.codecs import CODEC_NAMES
from ftp_stream.core.destinations import PRESETS, BitrateLimit, Preset
from ftp_stream.errors import ConfigError
from ftp_stream.model import AudioConfig, VideoCodec

__all__ = ["destinations"]

_UNBOUNDED = 1000  # characters, no table is as wide
_HEADINGS = (
    "takes", "audio", "AAC", "key frames", "B-frames", "Mbit/s", "silence", "changes", "session", "retries",
)  # fmt: skip
_CHANNELS = {1: "mono", 2: "stereo"}
_IN_USE = "*"

_Users = Mapping[str, list[str]]  # names of presets -> streams of the settings in force


def destinations(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Only this one, as RTMP_PRESET has it.")] = "",
) -> None:
    """Show what each kind of server takes and asks for."""
    presets = _chosen(name)
    users = _users(presets)
    table = _table(presets, users)
    fits = out.measure(table, options=out.options.update(width=_UNBOUNDED)).maximum <= out.width
    wide = fits and len(presets) > 1
    for part in [table, _legend(users), _notes(presets)] if wide else [*_blocks(presets, users), _legend(users)]:
        show(part, "")
    for preset in presets:
        if len(preset.bitrates) > 1:
            show(_bitrates(preset))


def _chosen(name: str) -> list[Preset]:
    """Return the preset of a name, all without one.

    Raises:
        ConfigError: There is none of that name.
    """
    if not name:
        return list(PRESETS.values())
    try:
        return [PRESETS[name.lower()]]
    except KeyError:
        raise ConfigError(f"there is no preset {name!r}: name one of {', '.join(PRESETS)}") from None


def _users(presets: Iterable[Preset]) -> _Users:
    """Return which streams use which of these presets; none where the settings cannot be used, which `check` tells."""
    try:
        settings = load_settings()
    except ConfigError:
        return {}
    users: dict[str, list[str]] = {}
    for camera in settings.cameras:
        for each in camera.destinations:
            if each.url and each.preset in presets:
                users.setdefault(each.preset.name, []).append(f"{camera.name}/{each.name}")
    return users


def _name(preset: Preset, users: _Users) -> Text:
    return Text(f"{preset.name} {_IN_USE}" if preset.name in users else preset.name, "bold")


def _table(presets: Iterable[Preset], users: _Users) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("RTMP_PRESET", *_HEADINGS):
        table.add_column(heading, no_wrap=True)
    for preset in presets:
        table.add_row(_name(preset, users), *_facts(preset))
    return table


def _notes(presets: Iterable[Preset]) -> Table:
    grid = _grid()
    for preset in presets:
        grid.add_row(Text(preset.name, "bold"), _title(preset) + f". {preset.note}")
    return grid


def _blocks(presets: Iterable[Preset], users: _Users) -> Iterator[Table]:
    """Yield each preset for a terminal in which the table has no room."""
    for preset in presets:
        grid = _grid()
        grid.add_row(_name(preset, users), _title(preset))
        for heading, fact in zip(_HEADINGS, _facts(preset), strict=True):
            grid.add_row(Text(heading, "dim"), fact)
        grid.add_row(Text("note", "dim"), Text(preset.note))
        yield grid


def _grid() -> Table:
    """Return a grid of a name and what is said of it; a long word is folded, not cut."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _title(preset: Preset) -> Text:
    hosts = f" (auto: {', '.join(preset.hosts)})" if preset.hosts else ""
    return Text.assemble(preset.title, (hosts, "dim"))


def _facts(preset: Preset) -> list[Text]:
    most = f", up to {preset.longest_key_interval:g}" if preset.longest_key_interval > preset.key_interval else ""
    silence = preset.longest_silence
    return [
        Text(_codecs(preset.codecs), "green"),
        Text("needed" if preset.needs_audio else "-"),
        Text(_audio(preset.audio)),
        Text(f"{preset.key_interval:g} s{most}"),
        Text("yes") if preset.b_frames else Text("no", "yellow"),
        Text(_bitrate(preset)),
        Text("-" if silence is None else f"{silence:g} s"),
        _changes(preset),
        Text(_span(preset.session_limit)),
        Text(f"{preset.first_retry:g}-{preset.longest_retry:g} s"),
    ]


def _audio(audio: AudioConfig) -> str:
    return f"{audio.sample_rate / 1000:g} kHz {_CHANNELS.get(audio.channels, f'{audio.channels} channels')}"


def _changes(preset: Preset) -> Text:
    if not preset.new_headers:
        return Text("no", "yellow")
    return Text("yes" if preset.new_headers == preset.codecs else f"{_codecs(preset.new_headers)} only")


def _span(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds < 72 * 3600 else f"{seconds / 86_400:g} d"


def _codecs(codecs: frozenset[VideoCodec]) -> str:
    return " ".join(CODEC_NAMES[codec] for codec in VideoCodec if codec in codecs)


def _bitrate(preset: Preset) -> str:
    if not preset.bitrates:
        return "-"
    rates = {limit.avc // 1_000_000 for limit in preset.bitrates}
    return f"{min(rates)}" if len(rates) == 1 else f"{min(rates)}-{max(rates)}"


def _legend(users: _Users) -> Table:
    words = {
        "takes": "video that goes there as the camera made it; under VIDEO=auto all other is made into H.264",
        "audio": "whether it is needed; where the camera has none, silence is sent",
        "AAC": "what silence, and audio of another kind, are made into",
        "key frames": "the interval to set in the camera, and the longest that is borne",
        "Mbit/s": "the most that pictures may take, by their size and frame rate; -: no limit is known",
        "silence": "how long nothing may come; -: no limit is known",
        "changes": "whether size or profile may change in a session; where not, a new one begins at the change",
        "session": "how long one lasts at most; then the next begins, between two pictures",
        "retries": "the wait before the first new try, and the longest",
    }
    if users:
        words[_IN_USE] = (
            f"used by the settings in force: {', '.join(stream for each in users.values() for stream in each)}"
        )
    grid = _grid()
    for name, text in words.items():
        grid.add_row(Text(name, "dim"), Text(text, "dim"))
    return grid


def _bitrates(preset: Preset) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, title_justify="left", title_style="bold")
    table.title = f"Bitrates of {preset.title}, Mbit/s at most"
    for heading in ("pictures", "H.264", "H.265, AV1"):
        table.add_column(heading, justify="left" if heading == "pictures" else "right")
    for limit in preset.bitrates:
        table.add_row(_size(limit), f"{limit.avc / 1e6:g}", f"{limit.other / 1e6:g}")
    return table


def _size(limit: BitrateLimit) -> str:
    return f"up to {limit.height}p, {limit.frame_rate:g} a second"
