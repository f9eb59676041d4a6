"""The whole page: a head, five tabs in the order of the loop, and what they tell each other."""

import gradio as gr

from studio.studio import Studio
from studio.ui import chat, data, report, start, tune, visitor
from studio.ui.links import NOBODY, Links

HEAD = (
    '<div class="st-head"><h1>Instruct Studio</h1>'
    "<span>Build, tune, chat, and see what was gained and what was forgotten</span></div>"
)
TABS = {"Start": start, "Data": data, "Tune": tune, "Chat": chat, "Report": report}


def build(studio: Studio) -> gr.Blocks:
    """The page over one studio; everything a visitor does stays in that visitor's states."""
    with gr.Blocks(
        title="Instruct Studio", analytics_enabled=False, delete_cache=(600, 3600), fill_width=True
    ) as page:
        gr.HTML(HEAD)
        kept = visitor.lay_out(studio)  # outside of the tabs: a tab that is not open is not there
        dataset, recipe, run, measurement, workbook = (gr.State(None) for _ in range(5))
        owner, scope = gr.State(""), gr.State(NOBODY)
        with gr.Tabs(selected="start", elem_id="tabs") as tabs:
            links = Links(
                page=page, tabs=tabs, kept=kept, dataset=dataset, recipe=recipe, run=run,
                measurement=measurement, workbook=workbook, owner=owner, scope=scope,
            )  # fmt: skip
            for title, module in TABS.items():
                with gr.Tab(title, id=title.lower(), elem_id=f"tab-{title.lower()}") as tab:
                    module.build(studio, links, tab)
    return page
