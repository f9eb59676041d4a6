"""Commands that measure: comparisons, reports, probes, repairs, and what is given away."""

from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from studio.cli.console import as_json, follow, show_json, show_report, show_run, show_table
from studio.measure import keepsake
from studio.measure.comparison import LaneSpec
from studio.measure.delta import Bounds
from studio.measure.probe import find
from studio.studio import Studio
from studio.tuning.remedy import REMEDIES


def split_names(_: click.Context, __: click.Parameter, given: Sequence[str]) -> tuple[str, ...]:
    """Names given one by one or with commas between them."""
    return tuple(name.strip() for text in given for name in text.split(",") if name.strip())


def split_numbers(_: click.Context, __: click.Parameter, given: str | None) -> tuple[float, ...]:
    """Numbers with commas between them."""
    try:
        return tuple(float(number) for number in (given or "").split(",") if number.strip())
    except ValueError:
        raise click.BadParameter("give numbers with commas between them, such as 0.5,1") from None


def bounds_flags(command: Any) -> Any:
    """What counts as a material change; without a flag as it was judged before."""
    for name, field in reversed(Bounds.model_fields.items()):
        option = "--" + name.replace("_", "-")
        help = " ".join(str(field.description).split())
        command = click.option(option, name, type=float, help=help)(command)
    return command


@click.command()
@click.argument("lanes", nargs=-1, metavar="RUN[:STEP][@STRENGTH]...")
@click.option(
    "--probes", "--probe", multiple=True, callback=split_names,
    help="Probes or packs, with commas between or repeated; default: those made for the base.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(0), default=0, help="At most this many cases each.")
@click.option("--max-new-tokens", type=click.IntRange(1), default=48, show_default=True)
@click.option(
    "--shots", type=click.IntRange(0, 16), default=0,
    help="Ask retention probes once more behind so many solved cases: lost, or only hidden?",
)  # fmt: skip
@click.option(
    "--strengths", callback=split_numbers, metavar="0.25,0.5,…",
    help="Measure every RUN at each of these strengths.",
)  # fmt: skip
@click.option("--more", metavar="ID", help="Measure ID again with more cases; none is asked twice.")
@click.option("--detach", is_flag=True, help="Return at once; the measurement goes on.")
@as_json
@click.pass_obj
def compare(
    studio: Studio,
    /,
    lanes: tuple[str, ...],
    probes: tuple[str, ...],
    strengths: tuple[float, ...],
    more: str | None,
    detach: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure what the runs gained and forgot against their base."""
    if bool(lanes) == bool(more):
        raise click.UsageError("Name runs to compare, or a measurement with --more.")
    if more:
        if probes or strengths or options["shots"]:
            raise click.UsageError("--more asks what was asked; it goes with --limit only.")
        run = studio.measure_more(more, limit=options["limit"])
    else:
        run = studio.compare(at_strengths(lanes, strengths), probes=probes or None, **options)
    if detach:
        show_run(studio, run, as_json)
        return
    follow(studio, run)
    show_report(studio.report(run.id), as_json)


def at_strengths(lanes: Sequence[str], strengths: Sequence[float]) -> list[LaneSpec]:
    """Every lane at every strength; as it is without any."""
    specs = [LaneSpec.parse(lane) for lane in lanes]
    if not strengths:
        return specs
    texts = [lane.model_copy(update={"strength": 1.0}).id for lane in specs]
    return [
        LaneSpec.parse(f"{text}@{strength:g}")
        for text in dict.fromkeys(texts)
        for strength in dict.fromkeys(strengths)
    ]


@click.command()
@click.argument("run")
@click.option(
    "--format", "form", type=click.Choice(list(keepsake.FORMS)), default="markdown",
    show_default=True, help="csv has the numbers, answers every answer as CSV.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write it to this file; it must not exist."
)
@bounds_flags
@as_json
@click.pass_obj
def report(
    studio: Studio, /, run: str, form: str, output: Path | None, as_json: bool, **bounds: Any
) -> None:
    """Show the report of a measurement, or the newest one about a tuned RUN."""
    given = {name: value for name, value in bounds.items() if value is not None}
    found = studio.report(run, **given)
    form = "json" if as_json else form
    if output is not None:
        click.echo(keepsake.write(found, studio.measurement(run), output, form))
    elif form in ("markdown", "json"):
        show_report(found, form == "json")
    else:
        click.echo(keepsake.tell(found, studio.measurement(run), form), nl=False)


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def probes(context: click.Context, as_json: bool) -> None:
    """List the probes: named questions with known answers. Also show one, or import a file."""
    if context.invoked_subcommand:
        return
    found = context.obj.probes()
    if as_json:
        show_json([_summarise(probe) for probe in found])
        return
    table = Table("name", "pack", "kind", "cases", "scorer", "title", box=None)
    for one in found:
        table.add_row(one.name, one.pack, one.kind, str(len(one.cases)), one.scorer, one.title)
    show_table(table)


def _summarise(probe: Any) -> dict[str, Any]:
    """A probe without its cases."""
    told: dict[str, Any] = probe.model_dump(mode="json", exclude={"cases"})
    return told | {"cases": len(probe.cases), "fingerprint": probe.fingerprint}


@probes.command("show")
@click.argument("name")
@as_json
@click.pass_obj
def show_probe(studio: Studio, name: str, as_json: bool) -> None:
    """Show the probe NAME, or every probe of the pack NAME, with the cases."""
    found = find([name], studio.settings.probes)
    if as_json:
        show_json([_summarise(one) | one.model_dump(mode="json") for one in found])
        return
    for probe in found:
        for key, value in _summarise(probe).items():
            click.echo(f"{key}: {value}")
        for case in probe.cases:
            asked = " / ".join(message.content for message in case.messages)
            click.echo(f"\n{click.style(case.id, bold=True)} {asked}\n  → {case.answer}")


@probes.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", default="", help="What outcomes call it; default: the file's name.")
@click.option("--title", default="", help="What a person reads; default: the file's name.")
@click.option("--kind", type=click.Choice(["retention", "gain"]), default="retention",
              show_default=True)  # fmt: skip
@as_json
@click.pass_obj
def import_probe(studio: Studio, /, file: Path, as_json: bool, **options: Any) -> None:
    """Keep a probe made of FILE: lm-eval YAML, CSV or JSONL of cases, or plain text."""
    probe = studio.import_probe(file, **options)
    if as_json:
        show_json(_summarise(probe))
    else:
        click.echo(f"{probe.name}: {len(probe.cases)} cases, marked by {probe.scorer}")


@click.command()
@click.argument("report", required=False)
@click.option("--lane", required=True, metavar="RUN[:STEP][@STRENGTH]", help="What to mend.")
@click.option("--how", type=click.Choice(list(REMEDIES)), required=True, help="How to mend it.")
@click.option("--name", help="What to call the new run.")
@click.option("--strength", type=float, help="strength: the new strength; default: the best.")
@click.option("--budget", type=float, help="strength: how many points may be forgotten.")
@click.option("--checkpoint", type=int, help="checkpoint: the step to go back to.")
@click.option("--kl-anchor", type=float, help="kl_anchor: its weight.")
@click.option("--probes", multiple=True, callback=split_names, help="replay: what is replayed.")
@click.option("--probe-share", type=float, help="replay: share of the training examples.")
@click.option("--lanes", multiple=True, callback=split_names, help="average: the other lanes.")
@click.option("--rank", type=int, help="average: rank of the result; 0 keeps it exact.")
@click.option("--top", type=int, help="intruder: how many directions are looked through.")
@click.option("--likeness", type=float, help="intruder: cosine below which one is foreign.")
@click.option("--kept", type=float, help="intruder: how much of an intruder is kept.")
@click.option("--measure/--no-measure", default=True, show_default=True,
              help="Measure the lane before and after.")  # fmt: skip
@as_json
@click.pass_obj
def repair(
    studio: Studio,
    /,
    report: str | None,
    lane: str,
    how: Any,
    measure: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Mend a lane that forgot, as a REPORT about it advises, and measure it again."""
    given = {name: value for name, value in options.items() if value not in (None, ())}
    if wrong := [name for name in given if name not in ("name", *_options_of(how))]:
        raise click.UsageError(f"--{wrong[0].replace('_', '-')} is no option of --how {how}.")
    if not measure:
        run = studio.repair(report, lane, how, **given)
        follow(studio, run)
        show_run(studio, run, as_json)
        return
    run, measured = studio.repair_and_measure(report, lane, how, **given)
    follow(studio, run)
    follow(studio, measured)
    if not as_json:
        click.echo(f"{run.id}: {run.title}\n")
    show_report(studio.report(measured.id), as_json)


def _options_of(how: Any) -> list[str]:
    """Names of the options that a remedy takes."""
    taken = signature(REMEDIES[how]).parameters.values()
    named = [one.name for one in taken if one.kind == one.KEYWORD_ONLY]
    free = any(one.kind == one.VAR_KEYWORD for one in taken)
    return [*named, "top", "likeness", "kept"] if free else named


@click.command()
@click.argument("run")
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_obj
def export(studio: Studio, run: str, folder: Path) -> None:
    """Copy a finished RUN's adapter into a new FOLDER, with its card, recipe and report."""
    click.echo(studio.export(run, folder))


COMMANDS = (compare, report, probes, repair, export)
