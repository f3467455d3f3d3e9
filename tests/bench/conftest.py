"""The benchmark is no part of the installed package: it is found in the root of the tree."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
