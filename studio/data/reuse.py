"""Rows made of a dataset that is there already, so that it can be grown or put into other words."""

from pydantic import JsonValue

from studio.data.dataset import Dataset
from studio.data.readers import Row, Rows


def rows_of_dataset(dataset: Dataset) -> Rows:
    """The finished examples of a dataset's own task, each on the side it was on."""
    rows: list[Row] = []
    for side, examples in (("train", dataset.train()), ("heldout", dataset.heldout())):
        for one in examples:
            if one.part:
                continue
            turns = list(one.messages)
            system = turns.pop(0).content if turns[0].role == "system" else ""
            history: list[JsonValue] = [turn.model_dump() for turn in turns[:-1]]
            row: Row = {"system": system, "history": history, "prompt": turns[-1].content}
            options: Row = {"options": list(one.choices)} if one.choices else {}
            rows.append(row | {"answer": one.completion, "split": side} | options)
    return Rows(rows, [], kind="a dataset")
