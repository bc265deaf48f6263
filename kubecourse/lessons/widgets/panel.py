"""What all widgets share: a frame that suits both themes, says names aloud, and is drawn fast."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import anywidget
import ipywidgets
import traitlets

from kubecourse.lessons import messages, palette

if TYPE_CHECKING:
    import plotly.graph_objects as go


ICONS = ("play", "pause", "stop")


class _Manners(anywidget.AnyWidget):
    """Gives the panel's sliders and plots the names that ipywidgets and plotly do not give them,
    and its lists their arrow keys.

    A slider's handle has its label, a plot its title, a button that is only a picture its name.
    Keys pressed in the panel are the panel's: JupyterLab would take arrows to move from cell to
    cell. The key End leads to a slider's end also if that is another than when it was made. Grey
    text in plots takes the theme's colour: no grey is readable on both white and black. Korean, in
    the notebook's texts too, is broken between words, as it is printed.
    """

    icons = traitlets.Dict().tag(sync=True)

    _esm = """
    function say(element, name, value) {
        if (element.getAttribute(name) !== value) element.setAttribute(name, value);
    }
    function introduce(panel, icons) {
        for (const [icon, name] of Object.entries(icons))
            for (const picture of panel.querySelectorAll(`.jupyter-button > .fa-${icon}`))
                say(picture.parentElement, 'aria-label', name);
        for (const slider of panel.querySelectorAll('.widget-slider')) {
            const label = slider.querySelector('.widget-label')?.textContent ?? '';
            for (const handle of slider.querySelectorAll('.noUi-handle'))
                say(handle, 'aria-label', label);
        }
        for (const plot of panel.querySelectorAll('.js-plotly-plot')) {
            const title = plot.querySelector('.gtitle');
            const lines = title?.querySelectorAll('tspan.line') ?? [];
            const words = lines.length ? [...lines].map(line => line.textContent).join('; ')
                : title?.textContent ?? '';
            say(plot, 'role', 'img');
            say(plot, 'aria-label', words);
        }
    }
    function keepKeys(event) {
        if (!event.target.closest?.('.kubecourse-panel')) return;
        const command = event.shiftKey || event.ctrlKey || event.metaKey || event.altKey
            || event.key === 'Escape';
        event.target.toggleAttribute('data-lm-suppress-shortcuts', !command);
    }
    function toTheEnd(event) {
        const handle = event.target.closest?.('.noUi-handle');
        const last = Number(handle?.getAttribute('aria-valuemax'));
        if (event.key === 'End' && Number(handle?.getAttribute('aria-valuenow')) < last)
            handle.closest('.noUi-target').noUiSlider.set(last);
    }
    function render({ model, el }) {
        if (!window.kubecourseKeys) window.addEventListener('keydown', keepKeys, true);
        window.kubecourseKeys = true;
        el.style.display = 'none';
        let asked = false;
        const ask = () => {
            if (asked) return;
            asked = true;
            requestAnimationFrame(() => { asked = false; attach(); });
        };
        let panel = null;
        const observer = new MutationObserver(ask);
        const attach = () => {
            panel ??= el.closest('.kubecourse-panel');
            if (panel === null) return ask();
            introduce(panel, model.get('icons'));
            panel.addEventListener('keydown', toTheEnd);
            observer.observe(panel, { childList: true, subtree: true });
        };
        attach();
        return () => observer.disconnect();
    }
    export default { render };
    """
    _css = f"""
    .kubecourse-panel .js-plotly-plot text[style*="{palette.GREY_RGB}"] {{
        fill: var(--jp-ui-font-color1) !important;
    }}
    .kubecourse-panel .modebar-container {{ display: none; }}
    .jp-RenderedHTMLCommon {{ word-break: keep-all; overflow-wrap: anywhere; }}
    """

    def still(self) -> str:
        """Nothing to see."""
        return ""


class Frame(ipywidgets.VBox):
    """Widgets, one below the other, that can be used by everybody."""

    def __init__(self, *children: ipywidgets.Widget) -> None:
        icons = {icon: messages.text(f"widgets.{icon}") for icon in ICONS}
        super().__init__([*children, _Manners(icons=icons)])
        self.add_class("kubecourse-panel")


class Panel(Frame):
    """Controls in a row, a picture, and underneath the command or YAML of the same effect."""

    def __init__(self, controls: list[ipywidgets.Widget], *below: ipywidgets.Widget) -> None:
        row = ipywidgets.HBox(controls, layout={"flex_flow": "row wrap", "align_items": "center"})
        super().__init__(row, *below)


INK = "var(--jp-ui-font-color1, #222)"
STYLE = f"""<style>
.kubecourse-picture {{ margin: 8px 0; max-width: {palette.WIDTH}px; line-height: 1.4 }}
.kubecourse-picture {{ color: {INK}; word-break: keep-all }}
.kubecourse-picture figcaption {{ font-size: 15px; margin-bottom: 6px }}
.kubecourse-picture .note {{ font-size: 12px; margin-top: 4px }}
.kubecourse-picture table {{ border-collapse: separate; border-spacing: 3px; font-size: 13px }}
.kubecourse-picture th {{ font-weight: normal; text-align: left; padding: 2px 8px 2px 0 }}
.kubecourse-picture .grid td {{ text-align: center; padding: 3px 8px; min-width: 64px }}
.kubecourse-picture .grid th[scope=col] {{ text-align: center; padding: 2px 8px }}
.kubecourse-picture .bars {{ width: 100% }}
.kubecourse-picture .bars td {{ width: 82%; padding: 0 }}
.kubecourse-picture .bar {{ display: flex; height: 26px; line-height: 26px; text-align: center }}
.kubecourse-picture svg text {{ font-size: 12px; fill: {INK} }}
.kubecourse-picture svg .on {{ fill: black }}
.kubecourse-picture svg .ink {{ fill: {INK} }}
</style>"""


def picture(title: str, body: str, note: str = "") -> str:
    """A picture made of HTML: its finding, itself, and what its colours mean."""
    below = f'<div class="note">{note}</div>' if note else ""
    caption = f"<figcaption>{escape(title)}</figcaption>"
    return f'{STYLE}<figure class="kubecourse-picture">{caption}{body}{below}</figure>'


def reset_button() -> ipywidgets.Button:
    """A button that puts a widget back to where it began."""
    return ipywidgets.Button(description=messages.text("widgets.reset"), layout={"width": "auto"})


def redraw(picture: go.FigureWidget, chart: go.Figure) -> None:
    """Show a figure with the same traces, by sending what differs in one message.

    Assigning everything anew costs plotly half a second of checks; the differences are few.
    """
    shown, wanted = picture.to_dict(), chart.to_dict()
    with picture.batch_update():
        for trace, before, after in zip(picture.data, shown["data"], wanted["data"], strict=True):
            for key, value in after.items():
                if before.get(key) != value:
                    trace[key] = value
        for key, value in wanted["layout"].items():
            if shown["layout"].get(key) != value:
                picture.layout[key] = value
