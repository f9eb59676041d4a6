"""The sandbox: whatever a template does, the caller gets one clear error and goes on."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from studio.data import renderer
from studio.data.readers import Row
from studio.data.sandbox import BATCH_ROWS, OUTPUT_CHARACTERS, SOURCE_BYTES, Sandbox
from studio.errors import RenderingError, TemplateError


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def refusal(sandbox: Sandbox, source: str, row: Row) -> str:
    """What the sandbox says about a source that must fail as row 7 of template 'x'."""
    with pytest.raises(TemplateError) as error:
        sandbox.render({"prompt": source}, row, number=7, what="template 'x', phrasing 2")
    return str(error.value)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ 'a' * 900000000 }}", "memory"),
        ("{{ 'a' | center(900000000) }}", "memory"),
        ("{{ '%0900000000d' | format(1) }}", "memory"),
        ("{{ [0] * 900000000 }}", "memory"),
        ("{% for a in range(99999) %}{{ 'aaaaaaaaaa' * 1000 }}{% endfor %}", "200,000 characters"),
        ("{{ 'a' * 300000 }}", "200,000 characters"),
        ("{{ range(100001) | list | length }}", "100000"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ '{0.__class__.__init__.__globals__}'.format(text) }}", "unsafe"),
        ("{{ text | attr('__class__') }}", "unsafe"),
        ("{{ self.__init__.__globals__ }}", "unsafe"),
        ("{{ words.append('c') }}", "unsafe"),
        ("{% include '/etc/passwd' %}", "loader"),
        ("{% import 'os' as os %}", "loader"),
        ("{% extends 'base' %}", "loader"),
        ("{{ words | random }}", "random"),
        ("{{ row.__init__ }}", "unsafe"),
        ("{{ range.__class__ }}", "unsafe"),
        ("{{ text.join.__self__ }}", "unsafe"),
        ("{{ words.__getitem__(0) }}", "unsafe"),
        ("{{ words.sort() }}", "unsafe"),
        ("{{ row.update({'a': 1}) }}", "unsafe"),
        ("{% set text = words.pop() %}{{ text }}", "unsafe"),
        ("{{ '%s'.__mod__ }}", "unsafe"),
        ("{{ '{a.__class__}'.format_map({'a': text}) }}", "unsafe"),
        ("{{ (text, ) * 900000000 }}", "memory"),
        ("{{ text | replace('h', 'a' * 400000) }}", "200,000 characters"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nested too deeply"),
        ("{{ dict(a=1) }}", "dict"),
        ("{{ namespace(a=1) }}", "namespace"),
        ("{{ joiner() }}", "joiner"),
        ("{{ text | map('upper') | sum }}", "TypeError"),
        ("{{ lipsum() }}", "lipsum"),
        ("{{ cycler('a') }}", "cycler"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ text + 1 }}", "TypeError"),
        ("{{ words[9] }}", "no element 9"),
        ("line\n{{ text", "line 2"),
    ],
)
def test_a_bomb_or_an_escape_is_one_error_and_the_next_row_renders(
    shared_sandbox: Sandbox, source: str, reason: str
) -> None:
    row: Row = {"text": "hi", "words": ["a", "b"]}
    message = refusal(shared_sandbox, source, row)
    assert "template 'x', phrasing 2" in message
    assert "row 7" in message
    assert reason in message
    assert shared_sandbox.render({"prompt": "{{ text }}"}, row) == {"prompt": "hi"}


def test_an_unknown_column_is_named_with_the_columns_there_are() -> None:
    with Sandbox() as sandbox:
        message = refusal(sandbox, "{{ titel }}", {"text": "hi", "label": "x"})
    assert message == (
        "template 'x', phrasing 2: 'titel' is not a column of row 7; columns are text, label."
    )


def test_a_row_that_takes_too_long_is_found_inside_its_batch() -> None:
    slow = "{% for a in range(n) %}{% for b in range(n) %}{% endfor %}{% endfor %}ok"
    rows: list[Row] = [{"n": 100_000 if number == 5 else 1} for number in range(1, 9)]
    with Sandbox(row_seconds=1.0) as sandbox:
        with pytest.raises(TemplateError, match="row 5: it takes longer than 1 seconds"):
            sandbox.render_many({"prompt": slow}, rows)
        assert sandbox.render_many({"prompt": slow}, rows[:3]) == [{"prompt": "ok"}] * 3


def test_time_spent_waiting_for_a_busy_processor_is_not_the_rows() -> None:
    with Sandbox(row_seconds=0.3) as sandbox:
        sandbox.render({"prompt": "a"}, {})
        child = sandbox.child_id
        assert child is not None
        os.kill(child, signal.SIGSTOP)
        goes_on = threading.Timer(1.5, os.kill, (child, signal.SIGCONT))
        goes_on.start()
        try:
            assert sandbox.render({"prompt": "{{ n }}"}, {"n": 1}) == {"prompt": "1"}
        finally:
            goes_on.join()
        assert sandbox.child_id == child


def test_a_child_that_does_not_start_is_nobodys_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "renderer.py"
    broken.write_text("raise KeyError('common')\n")
    monkeypatch.setattr("studio.data.room._RENDERER", broken)
    with Sandbox() as sandbox, pytest.raises(RenderingError) as error:
        sandbox.render({"prompt": "a"}, {}, what="template 'x'")
    assert str(error.value) == (
        "template 'x': the rendering process does not start: the rendering process ended by "
        "itself (KeyError: 'common'); try again."
    )


@pytest.mark.parametrize("count", [1, 3])
def test_a_killed_child_is_replaced_and_no_row_is_blamed(count: int) -> None:
    rows: list[Row] = [{"n": number} for number in range(count)]
    with Sandbox() as sandbox:
        sandbox.render({"prompt": "a"}, {})
        first = sandbox.child_id
        assert first is not None
        os.kill(first, signal.SIGKILL)
        texts = sandbox.render_many({"prompt": "{{ n }}"}, rows)
        assert texts == [{"prompt": str(number)} for number in range(count)]
        assert sandbox.child_id != first


def test_a_dead_child_that_no_longer_reads_is_replaced() -> None:
    with Sandbox() as sandbox:
        sandbox.render({"prompt": "a"}, {})
        child = sandbox.child_id
        assert child is not None
        os.kill(child, signal.SIGKILL)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        row: Row = {"text": "x" * 90_000}
        assert sandbox.render({"prompt": "{{ text | length }}"}, row) == {"prompt": "90000"}


def test_one_child_serves_many_calls() -> None:
    with Sandbox() as sandbox:
        sandbox.render({"prompt": "a"}, {})
        first = sandbox.child_id
        sandbox.render({"prompt": "b"}, {})
        assert sandbox.child_id == first


def test_closing_ends_the_child() -> None:
    with Sandbox() as sandbox:
        sandbox.render({"prompt": "a"}, {})
        child = sandbox.child_id
    assert child is not None
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_the_child_cannot_write_files_and_knows_no_secrets() -> None:
    with Sandbox() as sandbox:
        sandbox.render({"prompt": "a"}, {})
        child = Path(f"/proc/{sandbox.child_id}")
        assert (child / "environ").read_bytes() == b""
        limits = (child / "limits").read_text()
    assert "Max file size             0                    0" in limits
    assert f"Max address space         {renderer.MEMORY_BYTES}" in limits


def test_rows_and_outputs_come_in_order_across_batches() -> None:
    rows: list[Row] = [{"n": number, "pad": "x" * 3000} for number in range(2000)]
    with Sandbox() as sandbox:
        texts = sandbox.render_many({"a": "{{ n }}", "b": "{{ pad }}{{ n }}"}, rows)
    assert [text["a"] for text in texts] == [str(number) for number in range(2000)]
    assert texts[-1]["b"] == "x" * 3000 + "1999"


def test_text_comes_out_as_it_went_in() -> None:
    text = "tiếng Việt, 中文, \u2028 <b>'\"&\n"
    with Sandbox() as sandbox:
        out = sandbox.render({"a": "{{ t }}\n", "b": "{{ t | tojson }}"}, {"t": text})
    assert out["a"] == text + "\n"
    assert "<b>'" in out["b"]


def test_sources_and_outputs_have_a_size_limit() -> None:
    with Sandbox() as sandbox:
        assert "16,000 bytes" in refusal(sandbox, "a" * (SOURCE_BYTES + 1), {})
        longest = sandbox.render({"prompt": f"{{{{ 'a' * {OUTPUT_CHARACTERS} }}}}"}, {})
        assert len(longest["prompt"]) == OUTPUT_CHARACTERS


def test_a_value_that_json_cannot_hold_is_refused() -> None:
    with Sandbox() as sandbox:
        assert "not plain text" in refusal(sandbox, "{{ n }}", {"n": float("nan")})


def test_two_children_share_many_rows_and_every_text_comes_in_order() -> None:
    rows: list[Row] = [{"n": number} for number in range(3 * BATCH_ROWS + 7)]
    with Sandbox() as sandbox:
        before = len(psutil.Process().children())
        texts = sandbox.render_columns({"a": "{{ n }}", "b": "{{ n + 1 }}"}, rows)
        assert len(psutil.Process().children()) == before + 2
    assert texts["a"] == [str(number) for number in range(len(rows))]
    assert texts["b"] == [str(number + 1) for number in range(len(rows))]


def test_a_failing_row_is_named_in_any_batch_and_the_rows_after_it_can_be_rendered() -> None:
    rows: list[Row] = [{"n": 1} for _ in range(4 * BATCH_ROWS)]
    rows[BATCH_ROWS + 3] = {"n": 0}
    rows[2 * BATCH_ROWS] = {}
    with Sandbox() as sandbox:
        with pytest.raises(TemplateError, match=f"row {BATCH_ROWS + 4}, prompt: ZeroDivision"):
            sandbox.render_columns({"prompt": "{{ 1 / n }}"}, rows)
        with pytest.raises(TemplateError, match=f"not a column of row {2 * BATCH_ROWS + 1};"):
            sandbox.render_columns({"prompt": "{{ n }}"}, rows)
        assert sandbox.render_columns({"a": "{{ n }}"}, rows[:BATCH_ROWS]) == {
            "a": ["1"] * BATCH_ROWS
        }


@pytest.mark.parametrize(
    "value",
    ["x", "\ud800", "\u2028", 7, 2**70, -0.5, 1e300, True, None, ["a", 1], [[2**70]],
     {"k": ["\udfff"]}],
)  # fmt: skip
def test_every_plain_value_reaches_the_template_exactly(value: Any) -> None:
    with Sandbox() as sandbox:
        texts = sandbox.render_many(
            {"a": "{{ v }}", "b": "{{ row.v }}", "c": "{{ w }}"}, [{"v": value, "w": "y"}] * 2
        )
        alone = sandbox.render({"a": "{{ v }}"}, {"v": value, "unread": float(1)})
    assert texts == [{"a": str(value), "b": str(value), "c": "y"}] * 2
    assert alone == {"a": str(value)}


def test_no_row_sees_what_another_one_set() -> None:
    source = "{% if n == 1 %}{% set seen = n %}{% endif %}{{ seen is defined }}"
    with Sandbox() as sandbox:
        texts = sandbox.render_columns({"a": source}, [{"n": 1}, {"n": 2}, {"n": 1}])
    assert texts["a"] == ["True", "False", "True"]


def test_what_all_rows_have_in_common_is_read_like_a_column() -> None:
    with Sandbox() as sandbox:
        texts = sandbox.render_columns(
            {"a": "{{ choices[n] }}", "b": "{{ row.choices | length }}{{ row.n }}"},
            [{"n": 1}, {"n": 0}], common={"choices": ["no", "yes"]},
        )  # fmt: skip
    assert texts == {"a": ["yes", "no"], "b": ["21", "20"]}


def test_the_renderer_imports_nothing_heavy() -> None:
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1], run_name='child');"
        "print({'torch', 'pydantic', 'numpy', 'studio'} & set(sys.modules))"
    )
    command = [sys.executable, "-I", "-c", code, renderer.__file__]
    assert subprocess.run(command, capture_output=True, text=True).stdout.strip() == "set()"
