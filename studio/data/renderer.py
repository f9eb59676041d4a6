"""The child process that renders templates: it reads batches as JSON lines and answers each one.

It is started by `sandbox.py` as `python -I renderer.py` and imports nothing of the studio. A batch
is `{"sources": {name: template}, "common": {column: value}, "output_limit": n}` with its rows:
either `"columns": {column: [value of each row]}` or, where rows differ in their columns or hold
what only Python's JSON reads exactly, `"rows": [{column: value}]` in a line that begins with "=".
The reply is `{"done": {name: [text of each row]}, "seconds": CPU seconds used so far}` and, where a
row failed, `"failure": {"source": name, "reason": sentence, "undefined": column or null}`. The
failing row is the one after the last that is done. A reply may stop early when it has grown large.
"""

import json
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import jinja2
import orjson
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

MEMORY_BYTES = 512 * 2**20
CPU_SECONDS = 20
OPEN_FILES = 16
REPLY_CHARACTERS = 4_000_000
COMPILED_TEMPLATES = 64
CHAT = "chat"  # the argument that asks for the dialect of chat templates

# A template can raise nearly anything that Python code without imports can; what is not listed
# here ends this process, and the parent then names the row just the same.
TEMPLATE_FAULTS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
)


Render: TypeAlias = Callable[[dict[str, Any], int], str]
"""Writes one row, no longer than a limit."""
WHOLE_ROWS = b"="


class OutputTooLong(ValueError):
    """A template wrote more than one row may."""


def main() -> None:
    """Answer batches until the parent closes the pipe."""
    limit_resources()
    environment = make_chat_environment() if CHAT in sys.argv else make_environment()
    compiled: dict[str, Render] = {}
    for line in sys.stdin.buffer:
        if len(compiled) > COMPILED_TEMPLATES:
            compiled.clear()
        is_whole = line.startswith(WHOLE_ROWS)
        batch = json.loads(line[1:]) if is_whole else orjson.loads(line)
        sys.stdout.buffer.write(write(render_batch(environment, compiled, batch)) + b"\n")
        sys.stdout.buffer.flush()


def write(reply: dict[str, Any]) -> bytes:
    """JSON of a reply, also of half characters, which Python's own writes as escapes."""
    try:
        return orjson.dumps(reply)
    except TypeError:
        return json.dumps(reply).encode()


def limit_resources() -> None:
    """Take away memory, files and time for good: hard limits cannot be raised again."""
    for kind, amount in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (amount, amount))


def make_environment() -> ImmutableSandboxedEnvironment:
    """Jinja without loaders and extensions, where every template gives the same text every time."""
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    environment.globals = {"range": environment.globals["range"]}
    # Jinja's own tojson writes < and ' as \u003c and \u0027, which is right for HTML only.
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    del environment.filters["random"]
    return environment


def make_chat_environment() -> ImmutableSandboxedEnvironment:
    """The dialect of chat templates, as `transformers` 5 renders them, without its time bombs."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    kept = {"range": environment.globals["range"], "namespace": SafeNamespace}
    environment.globals = {
        **kept, "dict": lambda **pairs: dict(pairs), "raise_exception": refuse,
        "strftime_now": lambda form: datetime.now().strftime(form),
    }  # fmt: skip
    environment.filters["tojson"] = lambda value, ensure_ascii=False, **form: json.dumps(
        value, ensure_ascii=ensure_ascii, **form
    )
    return environment


class Generation(Extension):
    """The trainer's mark {% generation %}: what is inside is written as if it were not there."""

    tags = {"generation"}

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        """What stands between the marks."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class SafeNamespace(jinja2.utils.Namespace):
    """Variables that a loop may change; none with a name that leads into Python."""

    def __setitem__(self, name: str, value: Any) -> None:
        """Set one."""
        if str(name).startswith("_"):
            raise jinja2.exceptions.SecurityError(f"the name {name!r} is not allowed")
        jinja2.utils.Namespace.__setitem__(self, name, value)


def refuse(message: str) -> None:
    """How a chat template says that it cannot write a conversation."""
    raise jinja2.TemplateError(message)


def render_batch(
    environment: ImmutableSandboxedEnvironment,
    compiled: dict[str, Render],
    batch: Mapping[str, Any],
) -> dict[str, Any]:
    """Render every source for every row, up to the first failure or a large enough reply."""
    done: dict[str, list[str]] = {name: [] for name in batch["sources"]}
    limit, written = batch.get("output_limit", 0), 0
    for row in rows_of(batch, environment.globals):
        texts = []
        for name, source in batch["sources"].items():
            try:
                if source not in compiled:
                    compiled[source] = compile_source(environment, source)
                texts.append(compiled[source](row, limit))
            except TEMPLATE_FAULTS as fault:
                failure = {"source": name, **explain(fault)}
                return {"done": done, "failure": failure, "seconds": time.process_time()}
        for column, text in zip(done.values(), texts, strict=True):
            column.append(text)
            written += len(text)
        if written > REPLY_CHARACTERS:
            break
    return {"done": done, "failure": None, "seconds": time.process_time()}


def rows_of(batch: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a template may read of each row, with what is given to all."""
    common = batch["common"]
    if "columns" in batch:
        names, every = tuple(batch["columns"]), {**given, **common}
        for values in zip(*batch["columns"].values(), strict=True):
            row = every.copy()
            row.update(zip(names, values))  # noqa: B905 - as many values as names, and it is faster
            yield row
    for row in batch.get("rows", ()):
        whole = {**row, **common}
        yield {**given, "row": whole, **whole}


def compile_source(environment: ImmutableSandboxedEnvironment, source: str) -> Render:
    """A function that renders the source.

    One context serves all rows, emptied before each: making one anew, as `Template.render` does,
    takes five times as long as what a short template does with it.
    """
    template = environment.from_string(source)
    context, write_pieces = template.new_context(), template.root_render_func

    def render(row: dict[str, Any], output_limit: int) -> str:
        context.parent = row
        context.vars.clear()
        context.exported_vars.clear()
        pieces = []
        length = 0
        # Piece by piece, so that endless output stops at the limit.
        for piece in write_pieces(context):
            length += len(piece)
            if length > output_limit:
                raise OutputTooLong(f"it writes more than {output_limit:,} characters")
            pieces.append(piece)
        return "".join(pieces)

    return render


def explain(fault: BaseException) -> dict[str, str | None]:
    """Say what went wrong in a clause, and which column was missing if that is what it was."""
    if isinstance(fault, MemoryError):
        return {"reason": f"it needs more than {MEMORY_BYTES // 2**20} MB of memory"}
    if isinstance(fault, RecursionError):
        return {"reason": "it is nested too deeply"}
    if isinstance(fault, jinja2.TemplateSyntaxError):
        return {"reason": f"line {fault.lineno}: {str(fault.message).rstrip('.')}"}
    text = str(fault)[:300].rstrip(".")
    if isinstance(fault, jinja2.UndefinedError):
        missing = re.fullmatch(r"'(\w+)' is undefined", text)
        return {"reason": text, "undefined": missing[1] if missing else None}
    if isinstance(fault, jinja2.TemplateError | OutputTooLong):
        return {"reason": text}
    return {"reason": f"{type(fault).__name__}: {text}"}


if __name__ == "__main__":
    main()
