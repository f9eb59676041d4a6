"""What can be done with the run that is looked at: name and note, its place in line, its way out.

Its recipe for TRL alone comes as a ZIP.
"""

import shutil
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.errors import RunError, StudioError
from studio.studio import Studio
from studio.tuning.run import UNDER_WAY, Run
from studio.ui import fetching, run_table
from studio.ui.border import told, wire
from studio.ui.links import go_to


@dataclass(frozen=True)
class Deeds:
    """The buttons and fields, so that what lies around them can listen."""

    measure: gr.Button
    talk: gr.Button
    pause: gr.Button
    resume: gr.Button
    retry: gr.Button
    """The same recipe as a new run; the form above is for a changed one."""
    cancel: gr.Button
    copy: gr.Button
    """The recipe into the form above; the form does that itself."""
    earlier: gr.Button
    later: gr.Button
    plain: gr.Button
    delete: gr.Button
    asked: gr.Row
    sure: gr.Button
    keep: gr.Button
    title: gr.Textbox
    note: gr.Textbox
    save: gr.Button


def lay_out() -> Deeds:
    """Buttons in a row, and what a person calls the run below them."""

    def button(text: str, name: str) -> gr.Button:
        return gr.Button(text, size="sm", elem_id=name, min_width=110)

    with gr.Row(elem_classes="st-deeds"):
        measure, talk = button("Measure", "measure-run"), button("Chat", "chat-run")
        pause, resume = button("Pause", "pause-run"), button("Resume", "resume-run")
        retry = button("Retry", "retry-run")
        copy = button("Copy the recipe into the form", "copy-run")
        earlier, later = button("Earlier in line", "earlier"), button("Later in line", "later")
        plain = button("For TRL alone, ZIP", "plain-run")
        cancel, delete = button("Cancel", "cancel-run"), button("Delete", "delete-run")
    with gr.Row(visible=False) as asked:
        sure = gr.Button("Delete this run and its adapter", variant="stop", size="sm",
                         elem_id="delete-sure")  # fmt: skip
        keep = gr.Button("Keep it", size="sm", elem_id="delete-keep")
    with gr.Accordion("Name and note", open=False, elem_id="run-label"):
        with gr.Row():
            title = gr.Textbox("", label="Name", max_length=80, min_width=180,
                               info="Empty takes the recipe's.", elem_id="run-title")  # fmt: skip
            note = gr.Textbox("", label="Note", max_length=2000, lines=2, min_width=240, scale=2,
                              elem_id="run-note")  # fmt: skip
        save = button("Save name and note", "save-label")
    return Deeds(measure, talk, pause, resume, retry, cancel, copy, earlier, later, plain, delete,
                 asked, sure, keep, title, note, save)  # fmt: skip


def bring_plain(studio: Studio, deeds: Deeds, chosen: gr.Dropdown) -> None:
    """Let the ZIP come when its button is pressed."""
    fetch = fetching.place("plain")
    fetching.bring(deeds.plain, fetch, export_plain, studio, inputs=chosen)


def ask_first(deeds: Deeds) -> None:
    """Let Delete ask before it does anything."""
    wire(deeds.delete.click, lambda: gr.Row(visible=True), outputs=deeds.asked)
    wire(deeds.keep.click, lambda: gr.Row(visible=False), outputs=deeds.asked)


@told
def measure_run(studio: Studio, id: str | None) -> list[Any]:
    """Start measuring the run against its base, and go to where the report will be."""
    measurement = studio.compare([_lane(studio.run(need(id)))])
    gr.Info("Measuring against the base; the report appears when it is done.")
    return [measurement.id, go_to("report")]


@told
def open_chat(studio: Studio, id: str | None) -> list[Any]:
    """Go to the chat with this run in a lane."""
    run = studio.run(need(id))
    lane = _lane(run)
    if lane == run.id and run.status() != "finished":
        raise StudioError(f"This run is {run.status()}; chat with it once it is finished.")
    return [[lane], go_to("chat")]


def _lane(run: Run) -> str:
    """The run, or the last step that it kept if it was broken off on the way."""
    kept = run.lanes()
    broken_off = kept and run.id not in kept and run.status() not in UNDER_WAY
    return kept[-1] if broken_off else run.id


@told
def pause_run(studio: Studio, id: str | None) -> gr.Timer:
    """Let the run save its state and stop; it can be resumed."""
    studio.pause(need(id))
    gr.Info("After the step under way its state is saved, and it stops.")
    return gr.Timer(active=True)


@told
def resume_run(studio: Studio, id: str | None) -> gr.Timer:
    """Go on with the run from the last state that was saved."""
    step = studio.resume(need(id)).goes_on_from()
    gr.Info(f"It goes on from step {step}." if step else "It begins anew: no state was saved.")
    return gr.Timer(active=True)


@told
def retry_run(studio: Studio, id: str | None) -> gr.Dropdown:
    """Start the run's recipe once more, and look at the new run."""
    return run_table.choose(studio, studio.retry(need(id)).id)


@told
def cancel_run(studio: Studio, id: str | None) -> gr.Timer:
    """Stop the run for good; its folder and log stay."""
    studio.run(need(id)).cancel()
    return gr.Timer(active=True)


@told
def delete_run(studio: Studio, id: str | None) -> list[Any]:
    """Remove an ended run with its adapter."""
    studio.delete_run(need(id))
    return [None, gr.Row(visible=False)]


@told
def show_label(studio: Studio, id: str | None) -> list[str]:
    """What a person calls the run and noted about it, to be changed."""
    try:
        run = studio.run(need(id))
    except RunError:
        return ["", ""]
    return [run.title, run.note]


@told
def save_label(studio: Studio, id: str | None, title: str, note: str) -> None:
    """Keep the name and the note; what it is looked at with is drawn anew."""
    run = studio.run(need(id))
    if title.strip() != run.title:
        studio.rename_run(run.id, title)
    studio.note_run(run.id, note)


@told
def move_run(studio: Studio, places: int, id: str | None) -> None:
    """Let a waiting run go before the one in front of it, or behind the one after it."""
    line = [run.id for run in studio.move_run(need(id), places)]
    gr.Info(f"It is number {line.index(need(id)) + 1} of {len(line)} in line.")


@told
def export_plain(studio: Studio, id: str | None) -> str:
    """The run's recipe for TRL alone with its data, as one file."""
    folder, missing = studio.export_plain(need(id), fetching.folder())
    if missing:
        gr.Warning(f"Without {', '.join(missing)}: TRL has no word for it.", title="Mind")
    return shutil.make_archive(str(folder), "zip", folder.parent, folder.name)


def read_run(studio: Studio, id: str | None) -> Run:
    """The run that is looked at."""
    return studio.run(need(id))


def need(id: str | None) -> str:
    """The id; RunError when no run is looked at."""
    if not id:
        raise RunError("Choose a run in the table first.")
    return id
