"""The README tells the truth: its tree, its recipe table and its commands are the code's."""

import re
from pathlib import Path

from studio.cli import commands
from studio.tuning.recipe import Recipe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def recipe_table() -> str:
    """The README's table of the recipe, made from the class."""
    lines = ["| field | default | what it does |", "|---|---|---|"]
    for name, field in Recipe.model_fields.items():
        default = "required" if field.is_required() else f"`{field.default!r}`"
        meaning = " ".join((field.description or "").split())
        lines.append(f"| `{name}` | {default} | {meaning} |")
    return "\n".join(lines)


def test_the_recipe_table_is_the_recipe() -> None:
    assert recipe_table() in README


def test_every_command_is_told() -> None:
    told = set(re.findall(r"^\| `python -m studio (\w+)", README, re.MULTILINE))
    assert told == set(commands.commands)


def test_the_tree_is_the_tree() -> None:
    tree = README.split("```\napp.py")[1].split("```")[0]
    told = set(re.findall(r"^  ([\w.]+/?)", tree, re.MULTILINE))
    there = {
        path.name + ("/" if path.is_dir() else "")
        for path in (ROOT / "studio").iterdir()
        if not path.name.startswith("_")
    }
    assert told == there


def test_pictures_and_files_the_readme_names_are_there() -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:studio|tests|prompts)/[\w/.-]+\.py)`", README):
        assert (ROOT / path).exists(), path


def test_nothing_is_left_to_be_filled_in() -> None:
    assert "<!--" not in README
