"""Say which FFmpeg the program uses, the one inside PyAV, and which the system has."""

import shutil
import subprocess

import av


def system_ffmpeg() -> str:
    """The first line of what the system's ffmpeg says of itself."""
    program = shutil.which("ffmpeg")
    if program is None:
        return "none (only the tests and the benchmark would use it)"
    said = subprocess.run([program, "-hide_banner", "-version"], capture_output=True, text=True, check=False).stdout
    return f"{said.splitlines()[0] if said else 'does not run'} ({program}; not used by the service)"


def main() -> None:
    """Print both."""
    print(f"FFmpeg inside PyAV {av.__version__}, the one that is used: {av.ffmpeg_version_info}")
    for name, version in sorted(av.library_versions.items()):
        print(f"  {name:<12} {'.'.join(map(str, version))}")
    codecs = [name for name in ("h264", "hevc", "aac") if name in av.codecs_available]
    print(f"  reads        {', '.join(codecs)}")
    print(f"FFmpeg of the system: {system_ffmpeg()}")


if __name__ == "__main__":
    main()
