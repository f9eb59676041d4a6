"""The model card of an exported adapter: what it was tuned for, what that cost, how to use it.

Metadata and text follow the Hub's model cards; nothing is uploaded or looked up.
"""

from collections.abc import Sequence
from typing import Any

from studio.data.card import DatasetCard
from studio.measure import numerals, reproduction
from studio.measure.delta import Delta
from studio.measure.pictures import in_order
from studio.measure.probe import OVERALL
from studio.measure.report import Report
from studio.models.catalogue import HUB_ID
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run

UNTOLD = "not told"
_TAGS = {"lora": ["lora"], "qlora": ["lora", "qlora"], "prompt_tuning": ["prompt-tuning"],
         "ia3": ["ia3"]}  # fmt: skip
_PUT_ON = (
    "from peft import PeftModel",
    'model = PeftModel.from_pretrained(model, "FOLDER_OF_THIS_CARD")',
)
# Weights of the model's own: a head that was cut loose from the words stays a weight of its own.
_PUT_IN = (
    """import json
from pathlib import Path

from safetensors.torch import load_file
from torch.nn import Parameter""",
    """here = Path("FOLDER_OF_THIS_CARD")
weights = load_file(here / "adapter_model.safetensors")
tuned = {name: Parameter(tensor.to(model.dtype)) for name, tensor in weights.items()}
same = json.loads((here / "adapter_config.json").read_text())["same"]
for name, weight in {**tuned, **{twin: tuned[name] for twin, name in same.items()}}.items():
    layer, _, own = name.rpartition(".")
    setattr(model.get_submodule(layer), own, weight)""",
)


def model_card(run: Run, report: Report | None, *, comparison: Any = None) -> str:
    """The README.md of a run's adapter: YAML metadata, then what a person needs to know.

    The numbers are those of the report's lane that is the adapter as it was exported; without
    such a lane the card says that it was not measured.
    """
    from huggingface_hub import ModelCardData

    runs = reproduction.find_runs([run])
    datasets = reproduction.find_datasets(runs)
    deltas = _measured(run, report)
    facts: dict[str, Any] = {
        "library_name": "transformers" if run.recipe.is_whole else "peft",
        "pipeline_tag": "text-generation",
        "tags": [*_tags(run.recipe), "instruct-studio"],
        "license": _license(datasets),
    }  # fmt: skip
    name, _, _ = run.recipe.base.partition("@")
    if _on_the_hub(run.recipe.base):
        relation = "finetune" if run.recipe.is_whole else "adapter"
        facts |= {"base_model": name, "base_model_relation": relation}
    if deltas:
        facts |= {"model_name": run.title, "eval_results": _results(deltas)}
    metadata = ModelCardData(ignore_metadata_errors=False, **facts)
    commands = reproduction.tell_commands(datasets, runs, comparison)
    recipes = [one for one in runs if one.recipe]
    body = _body(run, report, deltas, datasets, recipes, commands)
    return f"---\n{metadata.to_yaml()}\n---\n\n{body}"


def _tags(recipe: Recipe) -> list[str]:
    loss = "dpo" if recipe.loss == "dpo" else "sft"
    return [*([] if recipe.is_whole else ["peft"]), *_TAGS.get(recipe.method, []), loss]


def _what(recipe: Recipe) -> str:
    if recipe.is_whole:
        return "Tuned weights"
    kinds = {"prompt_tuning": "A soft prompt", "ia3": "An IA3 adapter"}
    return kinds.get(recipe.method, "A LoRA adapter")


def _measured(run: Run, report: Report | None) -> list[Delta]:
    if report is None or run.id not in {lane.id for lane in report.lanes}:
        return []
    return in_order(report.of(run.id))


def _on_the_hub(base: str) -> bool:
    return base != "starter" and bool(HUB_ID.fullmatch(base))


def _license(datasets: Sequence[DatasetCard]) -> str | None:
    """The data's licence as the Hub writes it; the base has one of its own, told in the text."""
    names = {card.license.strip().lower() for card in datasets if card.license.strip()}
    return names.pop() if len(names) == 1 else "other"


def _results(deltas: Sequence[Delta]) -> list[Any]:
    """Accuracy on the task and on all retention probes together, for the Hub's model index."""
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type="text-generation",
            dataset_type=one.probe,
            dataset_name=f"{one.title} ({one.kind}, n = {one.n})",
            metric_type="accuracy",
            metric_name=f"accuracy; base {numerals.share(one.base_accuracy)} %, {one.verdict}",
            metric_value=round(one.accuracy, 4),
        )
        for one in deltas
        if one.accuracy is not None and (one.kind == "gain" or one.probe == OVERALL)
    ]


def _body(
    run: Run,
    report: Report | None,
    deltas: Sequence[Delta],
    datasets: Sequence[DatasetCard],
    recipes: Sequence[reproduction.Made],
    commands: str,
) -> str:
    recipe = run.recipe
    made = run.repair.summary() if run.kind == "repair" else recipe.summary()
    parts = [
        f"# {_plain(run.title)}",
        f"{_what(recipe)} for {_base(recipe.base)}, tuned "
        f"and measured with Instruct Studio. {_plain(made[:1].upper() + made[1:])}.",
        "## What it was tuned for",
        _purpose(datasets),
        "## What was gained, and what was forgotten",
        _numbers(run, report, deltas),
        "## How to use it",
        _usage(recipe.base, recipe.loading, whole=recipe.is_whole),
        "## Limits",
        _limits(deltas, report),
        "## Data and recipe",
        _sources(datasets),
        *(f"`{one.file}`:\n\n```yaml\n{one.run.recipe.yaml()}```" for one in recipes),
        "## How to reproduce it",
        f"```bash\n{commands}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _base(base: str) -> str:
    if base == "starter":
        return "the starter model that ships with Instruct Studio"
    if _on_the_hub(base):
        name, _, revision = base.partition("@")
        return f"`{name}`" + (f" at revision `{revision}`" if revision else "")
    return "a base kept in a local folder"


def _purpose(datasets: Sequence[DatasetCard]) -> str:
    lines = [
        f"- {_plain(card.name)}: {card.train} examples made with the prompt template "
        f"`{card.template}`; {card.heldout} more were held out for measuring."
        for card in datasets
    ]
    return "\n".join(lines) or "The dataset it was tuned on has been deleted."


def _numbers(run: Run, report: Report | None, deltas: Sequence[Delta]) -> str:
    if report is None or not deltas:
        return "It has not been measured as it is here: what it gained and forgot is not known."
    level = f"{100 * report.level:g} %"
    lines = [
        _plain(report.headline(run.id)),
        "",
        f"Accuracies in percent and differences in points, with {level} intervals; likelihood is "
        "the change of −log p of the right answer in nats per token (above 0: less likely).",
        "",
        "| Probe | n | Base | Tuned | Difference | Likelihood | Verdict |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for one in deltas:
        title = f"**{_plain(one.title)}**" if one.probe == OVERALL else _plain(one.title)
        lines.append(
            f"| {title} | {one.n} "
            f"| {numerals.share(one.base_accuracy, one.base_low, one.base_high)} "
            f"| {numerals.share(one.accuracy, one.accuracy_low, one.accuracy_high)} "
            f"| {numerals.points(one)} | {numerals.nats(one)} | {one.verdict} |"
        )
    lines += ["", "The whole report lies beside this card: `report.html`, `report.md`, "
              "`report.json`."]  # fmt: skip
    return "\n".join(lines)


def _usage(base: str, method: str, *, whole: bool) -> str:
    where = '"studio/models/starter"' if base == "starter" else f'"{base.partition("@")[0]}"'
    if base != "starter" and not _on_the_hub(base):
        where = '"FOLDER_OF_THE_BASE"'
    revision = base.partition("@")[2]
    option = f', revision="{revision}"' if revision else ""
    exact = (
        "It was tuned on the base in 4 bits (NF4) and measured so; in other precisions it may "
        "answer a little differently."
        if method == "qlora"
        else "It was tuned and measured on the base in full precision."
    )
    load, put_on = _PUT_IN if whole else _PUT_ON
    return f"""```python
{load}
from transformers import AutoModelForCausalLM, AutoTokenizer

base = {where}
tokenizer = AutoTokenizer.from_pretrained(base{option})
model = AutoModelForCausalLM.from_pretrained(base{option}, dtype="float32")
{put_on}
messages = [{{"role": "user", "content": "Hello"}}]
inputs = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
answer = model.generate(**inputs, max_new_tokens=64, do_sample=False)
print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
```

{exact} An adapter fits only the base that it was made for."""


def _limits(deltas: Sequence[Delta], report: Report | None) -> str:
    lines = [
        "- One training run with one seed: another seed may differ by more than the intervals.",
        "- Only what the probes ask was measured; what they do not ask may have been forgotten.",
    ]
    if report is not None and deltas:
        kept = [one for one in deltas if one.kind == "retention" and one.probe != OVERALL]
        for verdict, told in (
            ("forgotten", "Forgotten"),
            ("less likely", "Less likely, not yet wrong"),
            ("inconclusive", "Not settled"),
        ):
            names = [_plain(one.title) for one in kept if one.verdict == verdict]
            if names:
                lines.append(f"- {told} ({len(names)} of {len(kept)}): {', '.join(names)}.")
    lines.append("- The licence above is that of the data; the base's own licence holds as well.")
    return "\n".join(lines)


def _sources(datasets: Sequence[DatasetCard]) -> str:
    lines = ["| Dataset | Licence | Source | SHA-256, training | SHA-256, held out |",
             "|---|---|---|---|---|"]  # fmt: skip
    lines += [
        f"| {card.id} | {_plain(card.license) or UNTOLD} | {_plain(card.source) or UNTOLD} "
        f"| `{card.train_sha256}` | `{card.heldout_sha256}` |"
        for card in datasets
    ]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text of a person on one line, in which Markdown and HTML mean nothing."""
    for sign in "\\`*_[]<>|#!":
        text = text.replace(sign, "&lt;" if sign == "<" else f"\\{sign}")
    return " ".join(text.split())
