"""Other tools in environments of their own, beside libraries of the versions that we use."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path


def make_environment(folder: Path, command: str, peer: str, same: Sequence[str]) -> Path:
    """The Python of a virtual environment with that peer from PyPI; made if its command lacks.

    `same` names the libraries that are to have our versions.
    """
    python = folder / "bin" / "python"
    if not (folder / "bin" / command).exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        wanted = [f"{name}=={version(name).partition('+')[0]}" for name in same]
        subprocess.run([python, "-m", "pip", "install", "-q", peer, *wanted], check=True)
    return python
