"""Imports run one way, and nothing but a started process leads to torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "transformers", "trl", "peft", "bitsandbytes", "datasets", "accelerate"}


def imports(path: Path, *, everywhere: bool) -> set[str]:
    """Top-level names a file imports; with `everywhere` also inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def sources(*, outside: str) -> list[Path]:
    """Our files that do not lie in a folder."""
    files = [ROOT / "app.py", *sorted((ROOT / "studio").rglob("*.py"))]
    return [path for path in files if f"studio/{outside}/" not in path.as_posix()]


@pytest.mark.parametrize("path", sources(outside="engine"), ids=str)
def test_only_the_engine_imports_the_heavy_libraries(path: Path) -> None:
    a_script = "models/starter" in path.as_posix()  # nobody imports it; it loads torch when run
    names = imports(path, everywhere=not a_script)
    assert not {name.split(".")[0] for name in names} & HEAVY
    assert not any(name.startswith("studio.engine") for name in names)


@pytest.mark.parametrize("path", sources(outside="ui"), ids=str)
def test_only_the_page_imports_gradio(path: Path) -> None:
    names = {name.split(".")[0] for name in imports(path, everywhere=path.name != "app.py")}
    assert "gradio" not in names


@pytest.mark.parametrize("module", ["studio", "studio.cli", "studio.ui"])
def test_the_light_side_starts_without_torch(module: str) -> None:
    late = HEAVY | {"scipy"}  # half a second, and only checks of data need it
    code = f"import sys, {module}; print(sorted({late!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
