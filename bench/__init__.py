"""Measures the service against one ffmpeg per file and against ffmpeg's concat, on the same footage and server."""
