"""YAML files written by people, read without surprises: no repeated keys, no aliases."""

from collections.abc import Callable, Collection, Hashable
from pathlib import Path
from typing import Any

import yaml

INCLUDES = 4  # how deep includes may be nested


def read(text: str, *, tags: Collection[str] = ()) -> dict[str, Any]:
    """The mapping that the text holds; ValueError with the line and the reason otherwise.

    Values with one of these tags are read as if they had none, except that a text becomes Tagged.
    """
    try:
        # An alias repeats a part; a few lines of them can unfold to gigabytes.
        if "*" in text and any(map(_is_alias, yaml.parse(text, yaml.CSafeLoader))):
            raise ValueError("aliases (*name) are not allowed; write the part out")
        fields = yaml.load(text, Loader=_loader(tags))
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{line}{error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(fields, dict):
        raise ValueError("must be a mapping, lines of 'key: value'")
    return fields


def read_with_includes(
    path: Path, read_text: Callable[[Path], str], *, tags: Collection[str] = (), depth: int = 0
) -> dict[str, Any]:
    """A file's mapping over the one that its `include:` names, and so on.

    Only files beside it can be included, for a file may come from anywhere. ValueError begins with
    the name of the file that is wrong.
    """
    try:
        fields = read(read_text(path), tags=tags)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    named = fields.pop("include", None)
    if named is None:
        return fields
    if depth == INCLUDES or not isinstance(named, str):
        raise ValueError(f"{path.name}: `include:` has to name one file, not in a circle")
    included = read_with_includes(beside(path, named), read_text, tags=tags, depth=depth + 1)
    return included | fields


def beside(path: Path, named: str) -> Path:
    """The file that a file names; ValueError if it lies outside of its folder."""
    folder = path.resolve().parent
    found = (folder / named).resolve()
    if not found.is_relative_to(folder):
        raise ValueError(f"{path.name}: {named} lies outside its folder; copy it beside")
    return found


class Tagged(str):
    """A text that stood behind a tag, such as the name of a function that is never called."""


def _loader(tags: Collection[str]) -> type["_StrictLoader"]:
    if not tags:
        return _StrictLoader

    class Loader(_StrictLoader):
        """Knows these tags, and these alone."""

    for tag in tags:
        Loader.add_constructor(tag, _untag)
    return Loader


def _untag(loader: "_StrictLoader", node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return Tagged(node.value)


def _is_alias(event: yaml.Event) -> bool:
    return isinstance(event, yaml.AliasEvent)


class _StrictLoader(yaml.CSafeLoader):
    """YAML in which a key that comes twice is an error, not a silent replacement."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.MarkedYAMLError(
                problem=f"the key '{twice}' comes twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep=deep)
