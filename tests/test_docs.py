"""What the documents say about settings, commands, targets and files is so, in both languages."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer

from ftp_stream import __version__
from ftp_stream.cli import app
from ftp_stream.config import effective, load
from ftp_stream.config.variables import NAMES
from ftp_stream.core.codecs import CODEC_NAMES
from ftp_stream.core.destinations import PRESETS, Preset
from ftp_stream.model import VideoCodec

ROOT = Path(__file__).resolve().parent.parent
TOPS = (ROOT, ROOT / "src/ftp_stream")  # paths in documents begin at one of these
READMES = ("README.md", "README.es.md")
GUIDES = ("docs/cameras-and-destinations.md", "docs/camaras-y-destinos.md")
DOCUMENTS = (*READMES, *GUIDES, "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md")
MADE = {
    ".env",
    "ftp-stream.toml",
    "demo.svg",
    "out.flv",
    "/etc/ftp-stream/ftp-stream.env",
}  # by whoever follows the documents
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def fenced(document: str) -> list[str]:
    """The lines of its code blocks, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text_of(document), re.MULTILINE | re.DOTALL)
    return [line.partition(" #")[0].rstrip() for block in blocks for line in block.splitlines()]


def prose(document: str) -> str:
    return re.sub(r"^```.*?^```", "", text_of(document), flags=re.MULTILINE | re.DOTALL)


def spans(document: str) -> list[str]:
    """All that stands in backticks, and the lines of code blocks."""
    return CODE.findall(prose(document)) + fenced(document)


def rows(document: str, cells: int = 3) -> list[list[str]]:
    """Return the rows of its tables that have so many cells."""
    found = [re.split(r" ?\| ?", line) for line in re.findall(r"^\|(.+)\|$", text_of(document), re.MULTILINE)]
    return [[cell.strip() for cell in row] for row in found if len(row) == cells]


def commands():
    return typer.main.get_command(app).commands


def targets() -> set[str]:
    return set(" ".join(re.findall(r"^\.PHONY: (.+)$", text_of("Makefile"), re.MULTILINE)).split())


def first_column(document: str, begin: str) -> list[str]:
    """The second word of first cells such as `make run`."""
    cells = [CODE.findall(row[0]) for row in rows(document, 2)]
    return [found[0].split()[1] for found in cells if found and found[0].startswith(begin)]


def default_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is in force where nothing is set, as a person would write it."""
    for name in ("XDG_STATE_HOME", *map(str.upper, NAMES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    found = {each.name: each.value for each in effective(load({"HOME": str(home)}, home))}
    return {name: value.replace(str(home), "~") for name, value in found.items()}


# --- settings -------------------------------------------------------------------------------------------------------

# Shown in words by `ftp-stream check`, so that an empty cell says the same
UNSET = {"RTMP_URL", "RTMP_BACKUP_URL", "RTMP_CA_FILE", "SLATE_IMAGE", "ARCHIVE_DIR", "CAMERA_TZ"}


@pytest.mark.parametrize("document", READMES)
def test_the_table_names_every_setting_with_its_default(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither more nor less than the program knows; an empty cell means that nothing is set."""
    told = {
        CODE.findall(name)[0]: default.strip("`") for name, default, _ in rows(document) if re.match("`[A-Z_]+`$", name)
    }
    real = default_settings(tmp_path, monkeypatch)
    assert told == {name: "" if name in UNSET else value for name, value in real.items()}
    assert sorted(told) == sorted(name.upper() for name in NAMES)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_setting_in_capitals_is_one(document: str) -> None:
    """`MAX_LAG`, `IDLE=off` and the like; FTP_STREAM_REQUIRE_REAL is of the tests."""
    known = {*(name.upper() for name in NAMES), "FTP_STREAM_REQUIRE_REAL", "FTP_STREAM_SETTINGS"}
    named = {found[1] for span in spans(document) if (found := re.match(r"([A-Z]+_[A-Z_]+|IDLE|NEWEST)\b", span))}
    assert named <= known


# --- commands -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", READMES)
def test_the_table_names_every_command(document: str) -> None:
    assert sorted(first_column(document, "ftp-stream ")) == sorted(commands())


@pytest.mark.parametrize("document", READMES)
def test_the_table_names_every_make_target(document: str) -> None:
    assert sorted(first_column(document, "make ")) == sorted(targets())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_line_would_be_understood(document: str) -> None:
    """Each `ftp-stream COMMAND --option value` parses, and each `make target` exists."""
    for line in (part.strip() for span in spans(document) for part in span.split("&&")):
        program, *words = line.removeprefix("uv run ").removeprefix(".venv/bin/").split() or [""]
        if program == "make":
            assert {word for word in shlex.split(line)[1:] if not word.startswith("ARGS=")} <= targets(), line
        if program == "ftp-stream" and words:
            command = commands()[words[0]]
            if words[1:]:  # a command that is only mentioned may lack what it needs
                command.make_context(words[0], words[1:])


@pytest.mark.parametrize("document", READMES)
def test_the_table_shows_every_option_in_the_row_of_its_command(document: str) -> None:
    """None that does not exist, and none is left out."""
    for cell, words in rows(document, 2):
        name = CODE.findall(cell)[0].split()[1] if cell.startswith("`ftp-stream ") else None
        if name:
            known = {option for each in commands()[name].params for option in each.opts if option.startswith("--")}
            assert set(re.findall(r"`(--[a-z-]+)", words)) == known - {"--help"}, name


# --- files and links ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    """Those within the tree; the text is read without a network."""
    for link in LINK.findall(text_of(document)):
        if not link.startswith("https://"):
            assert ((ROOT / document).parent / link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_are_named_exist(document: str) -> None:
    """Names with one of our endings, or of a Python file; what a reader makes himself is left out."""
    name = re.compile(r"[\w./-]*\.(?:md|py|toml|example|svg|flv|env)|\.ci/run|\.env")
    named = {word for span in spans(document) for word in span.split() if name.fullmatch(word)}
    assert not {each for each in named - MADE if not any((top / each).exists() for top in TOPS)}


def test_the_picture_is_one_of_this_program() -> None:
    """Drawn by the demo with a good verdict, and fetching nothing from anywhere."""
    svg = text_of("docs/demo.svg")
    shown = re.sub(r"<[^>]+>", " ", svg).replace("&#160;", " ")
    assert __version__ in shown
    assert "All of it holds." in shown
    assert "@font-face" not in svg
    assert "href" not in svg
    assert not re.search(r"url\((?!#)", svg)


# --- both languages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", [READMES, GUIDES])
def test_both_languages_have_the_same_parts(pair: tuple[str, str]) -> None:
    """The same headings by level, the same commands to type, tables and lists of the same length."""
    english, spanish = pair
    assert shapes(english) == shapes(spanish)
    typed = [[re.sub(r"<.*?>", "<>", line) for line in fenced(document)] for document in pair]
    assert typed[0] == typed[1]


def shapes(document: str) -> list[str]:
    """What kind each line is of, where it begins something."""
    kinds = (r"#+ ", r"\| ", r"- ", r"\d\. ", r"!\[")
    lines = text_of(document).splitlines()
    return [found[0] for line in lines for kind in kinds if (found := re.match(kind, line))]


@pytest.mark.parametrize("pair", [READMES, GUIDES])
def test_both_languages_name_the_same_things(pair: tuple[str, str]) -> None:
    """All that stands in backticks: settings, commands, values, messages."""
    english, spanish = (set(CODE.findall(prose(document))) for document in pair)
    assert english == spanish


# --- destinations -----------------------------------------------------------------------------------------------------

# What the two guides say for: needed, up to, yes, no, only, and the point in a number
WORDS = dict(
    zip(
        GUIDES,
        (("needed", "up to", "yes", "no", "{} only", "."), ("necesario", "hasta", "sí", "no", "solo {}", ",")),
        strict=True,
    )
)


def facts(preset: Preset, words: tuple[str, ...]) -> list[str]:
    """A preset as a row of a guide's table shows it."""
    needed, up_to, yes, no, only, point = words
    named = ", ".join(CODEC_NAMES[codec] for codec in VideoCodec if codec in preset.codecs)
    borne = f", {up_to} {preset.longest_key_interval:g}" if preset.longest_key_interval > preset.key_interval else ""
    rates = sorted({limit.avc // 1_000_000 for limit in preset.bitrates})
    changing = " ".join(CODEC_NAMES[codec] for codec in VideoCodec if codec in preset.new_headers)
    whole = preset.new_headers == preset.codecs
    hours = preset.session_limit / 3600
    return [
        f"`{preset.name}`",
        named,
        needed if preset.needs_audio else "-",
        f"{preset.key_interval:g} s{borne}",
        yes if preset.b_frames else no,
        "-".join(str(rate) for rate in dict.fromkeys((rates[0], rates[-1]))) if rates else "-",
        f"{preset.longest_silence:g} s" if preset.longest_silence else "-",
        no if not changing else yes if whole else only.format(changing),
        (f"{hours:g} h" if hours < 72 else f"{hours / 24:g} d").replace(".", point),
    ]


@pytest.mark.parametrize("guide", GUIDES)
def test_the_table_of_destinations_is_what_the_program_knows(guide: str) -> None:
    told = [row for row in rows(guide, 9) if row[0].startswith("`")]
    assert told == [facts(preset, WORDS[guide]) for preset in PRESETS.values()]


@pytest.mark.parametrize("guide", GUIDES)
def test_the_table_of_bitrates_is_what_the_program_knows(guide: str) -> None:
    """Each row's height, frame rate and limits."""
    told = [re.findall(r"\d+", " ".join(row)) for row in rows(guide, 3) if re.search(r"\d+p, \d+ ", row[0])]
    limits = PRESETS["youtube"].bitrates
    wanted = [(limit.height, limit.frame_rate, limit.avc / 1e6, limit.other / 1e6) for limit in limits]
    assert told == [[f"{value:g}" for value in row] for row in wanted]


@pytest.mark.parametrize(("readme", "guide"), list(zip(READMES, GUIDES, strict=True)))
def test_each_readme_leads_to_its_guide(readme: str, guide: str) -> None:
    assert f"]({guide})" in text_of(readme)


# --- the rest -------------------------------------------------------------------------------------------------------

SYSTEM = {
    "No space left on device",
    "Read-only file system",
    "No such file or directory",
}  # the words of Linux for an errno


@pytest.mark.parametrize("document", READMES)
def test_the_oldest_python_is_the_one_that_is_asked_for(document: str) -> None:
    wanted = tomllib.loads(text_of("pyproject.toml"))["project"]["requires-python"].removeprefix(">=")
    assert f"Python {wanted}" in text_of(document)


@pytest.mark.parametrize("document", READMES)
def test_messages_in_the_table_are_the_programs_own(document: str) -> None:
    """What a technician reads on his screen can be found in the table of symptoms."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    for symptom, _, _ in rows(document):
        for message in CODE.findall(symptom):
            pieces = re.split(r" ?\.\.\. ?|^(?:resolve|tcp|tls|connect|publish): ", message)
            for piece in filter(lambda piece: len(piece.split()) > 2, pieces):
                assert piece in sources or piece in SYSTEM, message


def test_the_changelog_knows_this_version() -> None:
    """Under a heading of its own, or under what is not released yet."""
    text = text_of("CHANGELOG.md")
    assert "## [Unreleased]" in text
    assert __version__ in text


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a clone")
def test_git_ignores_the_files_with_keys() -> None:
    """As the README promises."""
    for name in (".env", "ftp-stream.toml"):
        assert subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False).returncode == 0, name
