"""YAML files written by people, read without surprises: no repeated keys, no aliases."""

from collections.abc import Hashable
from typing import Any

import yaml


def read(text: str) -> dict[str, Any]:
    """The mapping that the text holds; ValueError with the line and the reason otherwise."""
    try:
        # An alias repeats a part; a few lines of them can unfold to gigabytes.
        if "*" in text and any(map(_is_alias, yaml.parse(text, yaml.CSafeLoader))):
            raise ValueError("aliases (*name) are not allowed; write the part out")
        fields = yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{line}{error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(fields, dict):
        raise ValueError("must be a mapping, lines of 'key: value'")
    return fields


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
