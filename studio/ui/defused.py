"""Text of a model made safe to be shown: no tag of its own, no picture from elsewhere.

The browser's sanitiser and the page's policy stand behind this; here it is decided what a person
sees: a tag that a model wrote stays visible as text, and a picture stays the text that names it.
Gradio's chatbot renders tags even where it does not set Markdown, so plain text needs it as well.
"""

import re

FENCE = re.compile(r"(?P<indent>\s*)(?P<ticks>`{3,}|~{3,})(?P<language>[^`]*)")
SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
LANGUAGE = re.compile(r"[\w+#.-]{0,30}")
DRAWN = ("mermaid",)
"""Languages that the page would draw a picture from instead of showing the code."""


COPY = """() => {
  let ours = false;
  document.addEventListener('click', (event) => {
    ours = Boolean(event.target.closest('#lanes .message-buttons, #lanes .message-buttons *'));
  }, true);
  if (!navigator.clipboard) return;
  const write = navigator.clipboard.writeText.bind(navigator.clipboard);
  const restore = (text) =>
    text.replace(/&#00(33|38|60|91);/g, (_, code) => String.fromCharCode(code));
  navigator.clipboard.writeText = (text) => write(ours ? restore(text) : text);
}"""
"""For the browser: what is copied from a bubble is what the model wrote."""


def defuse(text: str) -> str:
    """For Markdown: the text with tags and pictures outside of code turned into plain text."""
    lines, open_fence = [], ""
    for line in text.split("\n"):
        fence = FENCE.fullmatch(line)
        if open_fence:
            if fence and fence["ticks"].startswith(open_fence) and not fence["language"].strip():
                open_fence = ""
        elif fence:
            open_fence = fence["ticks"]
            line = fence["indent"] + open_fence + _language(fence["language"])
        else:
            line = _defuse_line(line)
        lines.append(line)
    return "\n".join(lines)


def show_plain(text: str) -> str:
    """For a chatbot that sets no Markdown: every letter as it was written."""
    return _mark(text, "&<")


def _defuse_line(line: str) -> str:
    pieces, end = [], 0
    for span in SPAN.finditer(line):
        pieces += [_plain(line[end : span.start()]), span[0]]
        end = span.end()
    return "".join([*pieces, _plain(line[end:])])


def _plain(text: str) -> str:
    return _mark(text, "&<").replace("![", _mark("![", "!["))


def _mark(text: str, letters: str) -> str:
    """These letters as entities, written so that copying can tell them from a model's own."""
    return "".join(f"&#00{ord(one)};" if one in letters else one for one in text)


def _language(named: str) -> str:
    found = LANGUAGE.match(named.strip())
    language = found[0] if found else ""
    return "" if language.casefold() in DRAWN else language
