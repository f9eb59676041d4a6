"""What Jinja source reads, found out without running any of it."""

from functools import lru_cache

import jinja2
from jinja2 import nodes

from studio.errors import TemplateError

# Names that the renderer or Jinja itself gives to every template.
_GIVEN_NAMES = frozenset({"row", "answer_choices", "range", "loop", "self", "caller"})


@lru_cache(maxsize=512)
def parse(source: str) -> nodes.Template:
    """Parse Jinja source, not to be changed; TemplateError with the line if it is wrong."""
    try:
        return jinja2.Environment().parse(source)
    except jinja2.TemplateSyntaxError as error:
        message = str(error.message).rstrip(".")
        raise TemplateError(f"line {error.lineno}: {message}") from error
    except (RecursionError, ValueError) as error:
        raise TemplateError("it cannot be parsed; make it simpler") from error


def reads(source: str, name: str) -> bool:
    """Whether the source uses that name anywhere."""
    return any(found.name == name for found in _names(parse(source)))


def line_of(source: str, name: str) -> int:
    """The line on which the source first uses that name; 1 if it does not."""
    return min((use.lineno for use in _names(parse(source)) if use.name == name), default=1)


@lru_cache(maxsize=1024)
def columns_read(source: str) -> frozenset[str] | None:
    """Every name that the source uses; None if it may read the whole row.

    So may a source that is no plain Jinja, such as a chat template with marks of its own.
    """
    try:
        names = frozenset(name.name for name in _names(parse(source)))
    except TemplateError:
        return None
    return None if "row" in names else names


def names_in(source: str, *, optional: bool = True) -> set[str]:
    """Names that the source expects from outside; without `optional`, only those it must have.

    Not `jinja2.meta.find_undeclared_variables`: that folds constants, so it would run
    `{{ 'a' * 900000000 }}` here instead of in the sandbox.
    """
    tree = parse(source)
    names = _names(tree)
    read = {name.name for name in names if name.ctx == "load"}
    made = {name.name for name in names if name.ctx != "load"}
    return read - made - _GIVEN_NAMES - (set() if optional else _guarded(tree))


def _names(tree: nodes.Template) -> list[nodes.Name]:
    try:
        return list(tree.find_all(nodes.Name))
    except RecursionError as error:
        raise TemplateError("it is nested too deeply; make it simpler") from error


def _guarded(tree: nodes.Template) -> set[str]:
    """Names that the source asks about (`is defined`) or gives a default, so they may be absent."""
    tests = [test for test in tree.find_all(nodes.Test) if test.name in ("defined", "undefined")]
    defaults = [call for call in tree.find_all(nodes.Filter) if call.name in ("default", "d")]
    return {use.node.name for use in (*tests, *defaults) if isinstance(use.node, nodes.Name)}
