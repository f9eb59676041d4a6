"""A hundred thousand rows from file to frozen dataset, beside `datasets.map` with that template.

    PYTHONPATH=. python tests/bench/data.py [--rows 100000] [--repeat 3] [--only map]

The templating step is what `datasets.map` does with a user's function: rows in, prompt and answer
out. Its best of one and two processes, row by row and in batches, is compared with ours, which
renders in locked processes under limits. Of several repetitions the fastest counts on both sides;
the time of the processors, all processes together, does not depend on what else they have to do.
Memory is that of the process that freezes with all its children. At last come the seconds after
which a person who looks through those rows sees others, and a template that was just changed.
"""

import argparse
import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}

import jinja2
import psutil

from studio import Studio
from studio.data.dataset import Dataset
from studio.data.freezing import freeze_apart
from studio.data.progress import Progress
from studio.data.readers import Row, read_rows
from studio.data.rendering import preview
from studio.data.sandbox import Sandbox
from studio.data.template import Template
from studio.data.workbook_view import Wish, arrange

TEMPLATES = {
    "plain": ("Which of these is it about: card, money?\n\n{{ text }}", "{{ label }}"),
    "with logic": (
        "{% if source == 's1' %}Sort this.{% else %}What is meant by this?{% endif %}\n"
        "{{ text | trim | replace('  ', ' ') }}\n"
        "{% for one in ['card', 'money', 'song'] %}- {{ one }}\n{% endfor %}",
        "{{ label | capitalize }}",
    ),
}
LABELS = ("card", "money", "song", "flight", "weather", "recipe", "timer", "hotel")
COMMON = ["how", "can", "I", "my", "the", "a", "of", "please", "what", "is", "to", "for", "you"]


def main() -> None:
    """Print two tables."""
    wish = argparse.ArgumentParser(description=__doc__)
    wish.add_argument("--rows", type=int, default=100_000)
    wish.add_argument("--repeat", type=int, default=3)
    wish.add_argument("--only", choices=["map", "whole", "look"])
    asked = wish.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in make_rows(asked.rows)))
        if asked.only in (None, "map"):
            compare(read_rows(path).rows, asked.repeat)
        if asked.only in (None, "whole"):
            follow(path, Path(folder) / "datasets")
        if asked.only in (None, "look"):
            look(path, Path(folder) / "home")


def make_rows(count: int) -> Iterator[Row]:
    """Requests of six to thirty words, the same ones every time."""
    chosen = random.Random(1)
    words = COMMON * 20 + [f"word{number}" for number in range(3000)]
    for number in range(count):
        text = " ".join(chosen.choice(words) for _ in range(chosen.randint(6, 30)))
        yield {
            "text": f"{text} {number}", "label": chosen.choice(LABELS), "source": f"s{number % 7}",
        }  # fmt: skip


def compare(rows: list[Row], repeat: int) -> None:
    """The templating step, theirs and ours."""
    print("| template | what | rows per second | microseconds of processor per row |")
    print("|---|---|---:|---:|")
    for name, (prompt, answer) in TEMPLATES.items():
        theirs = [
            (what, fastest(work, repeat)) for what, work in maps(rows, prompt, answer)
        ]  # fmt: skip
        ours = fastest(lambda prompt=prompt, answer=answer: render(rows, prompt, answer), repeat)
        for what, (seconds, spent) in [*theirs, ("sandbox", ours)]:
            speed, each = len(rows) / seconds, spent / len(rows) * 1e6
            print(f"| {name} | {what} | {speed:,.0f} | {each:.1f} |")
        best = [min(times[at] for _, times in theirs) / ours[at] for at in (0, 1)]
        print(
            f"| {name} | against the best | {best[0]:.1f} times | {best[1]:.1f} times |", flush=True
        )
        assert render(rows[:1000], prompt, answer) == [
            compiled(prompt).render(**row) for row in rows[:1000]
        ]


def render(rows: list[Row], prompt: str, answer: str) -> list[str]:
    """Our way, with the start of its processes."""
    with Sandbox() as sandbox:
        return sandbox.render_columns({"prompt": prompt, "answer": answer}, rows)["prompt"]


@cache
def compiled(source: str) -> jinja2.Template:
    """Plain Jinja, compiled once in each process."""
    return jinja2.Environment(keep_trailing_newline=True).from_string(source)


def map_one(row: Row, prompt: str, answer: str) -> Row:
    """What a user of `datasets` writes."""
    return {"prompt": compiled(prompt).render(**row), "answer": compiled(answer).render(**row)}


def map_many(batch: dict[str, list[Any]], prompt: str, answer: str) -> dict[str, list[str]]:
    """The same for a batch."""
    rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
    return {
        "prompt": [compiled(prompt).render(**row) for row in rows],
        "answer": [compiled(answer).render(**row) for row in rows],
    }


def maps(rows: list[Row], prompt: str, answer: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Four ways to do it with `datasets`."""
    import datasets

    datasets.disable_progress_bars()
    datasets.disable_caching()
    given = datasets.Dataset.from_list(rows)
    for processes in (1, 2):
        for function, called in ((map_one, "row by row"), (map_many, "batched")):
            yield (
                f"datasets.map, {processes} process{'es' if processes > 1 else ''}, {called}",
                partial(
                    given.map, function, batched=function is map_many,
                    num_proc=processes if processes > 1 else None,
                    fn_kwargs={"prompt": prompt, "answer": answer},
                    remove_columns=given.column_names, load_from_cache_file=False,
                ),
            )  # fmt: skip


def fastest(work: Callable[[], object], repeat: int) -> tuple[float, float]:
    """The least seconds of all repetitions, by the clock and of the processors."""
    clock, processors = [], []
    for _ in range(repeat):
        begun, spent = time.perf_counter(), sum(os.times()[:4])
        work()
        clock.append(time.perf_counter() - begun)
        processors.append(sum(os.times()[:4]) - spent)
    return min(clock), min(processors)


def follow(path: Path, folder: Path) -> None:
    """Every stage of the whole way, with its seconds and the memory."""
    prompt, answer = TEMPLATES["with logic"]
    template = Template(
        name="bench", title="Bench", description="D", task="t", license="l", source="s",
        answer=answer, phrasings=[prompt, "Say what this is about.\n{{ text }}"],
    )  # fmt: skip
    begun = at = time.perf_counter()
    watch = Memory()
    rows = read_rows(path).rows
    print(
        f"\n| stage | seconds |\n|---|---:|\n| Reading the file | {time.perf_counter() - at:.1f} |"
    )
    stage, at, dataset = "Starting the process", time.perf_counter(), None
    asked = {"probe": [f"What is word{number} of word{number + 1} for?" for number in range(2000)]}
    for told in freeze_apart(template, rows, datasets_folder=folder, asked=lambda: asked):
        if isinstance(told, Dataset):
            dataset = told
        if isinstance(told, Dataset) or (isinstance(told, Progress) and told.stage != stage):
            print(f"| {stage} | {time.perf_counter() - at:.1f} |", flush=True)
            stage, at = getattr(told, "stage", ""), time.perf_counter()
    assert dataset is not None
    print(f"| **Whole** | **{time.perf_counter() - begun:.1f}** |\n")
    print(f"{dataset.card.train:,} examples to learn from, {dataset.card.heldout:,} held out; "
          f"most memory of all processes together {watch.stop() / 1e6:,.0f} MB")  # fmt: skip


def look(path: Path, home: Path) -> None:
    """What a person waits for who looks through a workbook of all these rows."""
    prompt, answer = TEMPLATES["with logic"]
    template = Template(
        name="bench", title="Bench", description="D", task="t", license="l", source="s",
        answer=answer, phrasings=[prompt],
    )  # fmt: skip
    wishes = {
        "a first word": Wish(search="word17"),
        "two other words": Wish(search="please word2999"),
        "rows that are kept": Wish(only="kept"),
        "ordered by a column": Wish(order="column:label"),
        "the longest first": Wish(order="row", down=True),
    }
    with Studio(home) as studio:
        book = studio.begin_workbook(template, studio.gather([path]))
        preview(template, [book.entry(1).row], phrasings="one")  # starts the process that renders
        print("\n| looked for | rows | seconds |\n|---|---:|---:|")
        for what, wish in wishes.items():
            at = time.perf_counter()
            found = arrange(book, wish)
            print(f"| {what} | {len(found):,} | {time.perf_counter() - at:.2f} |", flush=True)
        changed = template.model_copy(update={"answer": "{{ label | upper }}"})
        at = time.perf_counter()
        shown = preview(changed, [book.entry(at_row).row for at_row in (1, book.card.rows)])
        seconds = time.perf_counter() - at
        print(f"| a changed template | {len(shown)} | {seconds:.2f} |", flush=True)


class Memory:
    """The most memory that this process and all its children had together."""

    def __init__(self) -> None:
        self._most = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        """Bytes."""
        self._end.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._end.wait(0.05):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self._most = max(self._most, total)


if __name__ == "__main__":
    main()
