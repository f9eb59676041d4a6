"""Makes the starter model from nothing: ``python -m studio.models.starter.make train``."""

import argparse
from pathlib import Path

from studio.models.starter import card, measure, probes, sentiment_rows
from studio.models.starter.training import Plan, spent, train


def evaluate(plan: Plan) -> None:
    """Measure the shipped weights on all probes and write the model card."""
    model, tokenizer = measure.load(plan.folder)
    scores = measure.scores(model, tokenizer)
    card.write(plan.folder, model, scores, spent(plan))
    for name, score in scores.items():
        print(f"{name:16} {score:.1%}")


def main() -> None:
    """Run one part of the making."""
    plan = Plan()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=plan.folder, help="where the model goes")
    parser.add_argument("--work", type=Path, default=plan.work, help="where a run is kept")
    parts = parser.add_subparsers(dest="part", required=True)
    training = parts.add_parser("train", help="train, taking up an unfinished run")
    training.add_argument("--steps", type=int, default=plan.steps)
    training.add_argument("--workers", type=int, default=plan.workers)
    parts.add_parser("evaluate", help="measure the weights and write the model card")
    parts.add_parser("probes", help="write the probe files")
    parts.add_parser("rows", help="write the rows of the sentiment template")
    arguments = vars(parser.parse_args())
    part = arguments.pop("part")
    plan = Plan(**arguments)
    if part == "train":
        train(plan)
    elif part == "evaluate":
        evaluate(plan)
    elif part == "probes":
        probes.write()
    else:
        sentiment_rows.write()


if __name__ == "__main__":
    main()
