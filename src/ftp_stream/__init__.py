"""Turns the video files a camera uploads into one unbroken, near-live RTMP(S) publish."""

__all__ = ["__version__"]

__version__ = "0.1.0"
