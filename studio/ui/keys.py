"""The keys of the chat: Esc stops or leaves an edit, Up in an empty box edits the last message."""

from studio.ui.links import Links

# Gradio's own box already sends with Enter and makes a new line with Shift+Enter.
LISTEN = """() => {
  const shown = (id) => {
    const found = document.getElementById(id);
    return found && found.offsetParent ? found : null;
  };
  document.addEventListener('keydown', (event) => {
    if (!shown('prompt') || event.isComposing || event.ctrlKey || event.altKey || event.metaKey)
      return;
    const box = document.querySelector('#prompt textarea');
    if (event.key === 'Escape' && !document.querySelector('[role=listbox]')) {
      (shown('leave') || shown('stop'))?.click();
      box.focus();
    } else if (event.key === 'ArrowUp' && event.target === box && !box.value) {
      event.preventDefault();
      shown('edit')?.click();
    }
  });
  // Gradio tells of a moved slider when the pointer is lifted; here also when the keys rest.
  let rest;
  document.addEventListener('keyup', (event) => {
    if (event.target.type !== 'range') return;
    clearTimeout(rest);
    rest = setTimeout(
      () => event.target.dispatchEvent(new PointerEvent('pointerup', {bubbles: true})), 400);
  });
}"""

# What leaves the message box may come back into it: Gradio writes an input's earlier value again
# when its words to the browser cross. Once the answers are there, the box is looked at once more.
SENT = """(...all) => { window.stSent = all[0]; return all; }"""
EMPTIED = """(now) => now && now === window.stSent ? '' : now"""


def build(links: Links) -> None:
    """Listen from the moment the page is there."""
    links.page.load(None, js=LISTEN, api_visibility="private")
