"""What sessions play, and what is told of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.support.clips import Clips, Noted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def clips(tmp_path: Path) -> Iterator[Clips]:
    with ThreadPoolExecutor(2) as pool:
        yield Clips(tmp_path, pool)


@pytest.fixture
def noted() -> Iterator[Noted]:
    made = Noted()
    yield made
    made.close()
