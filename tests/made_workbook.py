"""A workbook of thirty sums from two files, one record of which was refused."""

from studio import Studio
from studio.data.gather import Gathered, Place
from studio.data.readers import Row
from studio.data.template import Template
from studio.data.workbook import Workbook

PLAIN = Template.parse(
    """
name: plain
title: Plain
description: Answers as the column says.
task: test
license: CC0
source: written for these tests
phrasings: ["{{ question }}"]
answer: "{{ answer }}"
"""
)
ROWS: list[Row] = [
    {"question": f"What is {n} plus {n}?", "answer": str(2 * n), "n": n} for n in range(1, 31)
]


def begin_sums(studio: Studio) -> Workbook:
    """The workbook as it came in."""
    places = [Place("one.csv" if n < 20 else "two.csv", n) for n in range(1, 31)]
    refused = [(Place("two.csv", 40), "no answer")]
    return studio.workbooks.begin("Sums", Gathered(ROWS, places, refused), PLAIN)
