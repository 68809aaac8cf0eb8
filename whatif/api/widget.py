"""The sliders of a published page, in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whatif.base.errors import Problem, UsageError

if TYPE_CHECKING:
    from whatif.report.view_sliders import Names

_START = (
    'export default{render({model,el}){const root=el.attachShadow({mode:"open"});'
    'root.innerHTML=model.get("html");window.whatif.start(root)}}'
)


def module() -> str:
    """Return the script of the page as the module that a notebook loads.

    It evaluates in the browser, so sliders move without a kernel.
    """
    from whatif.report.html import whatif_script

    return f"{whatif_script()};{_START}"


def widget(text: str, names: Names) -> Any:  # noqa: ANN401  (an anywidget.AnyWidget)
    """Return the what-if block of a scenario file as a notebook widget.

    Parameters
    ----------
    text : str
        A ``scenario.v1``.
    names : Names
        What a reader calls what is in it.

    Raises
    ------
    UsageError
        If anywidget is not installed, or the run was withheld.
    DataError
        If the text is no scenario file of this version.
    """
    from whatif.report.html import whatif_fragment
    from whatif.run.named import require_trusted
    from whatif.scenarios.sheet.text import decode

    why = "sliders would turn numbers that cannot be trusted into more of them."
    require_trusted(withheld=decode(text).withheld, why=why)
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise UsageError(
            Problem(
                what="Sliders in a notebook need anywidget, which is not installed.",
                why="nothing else here draws controls in a notebook.",
                fix="pip install 'whatif[jupyter]', or ask `scenario_file.at(...)` in Python.",
            )
        ) from None

    class Sliders(anywidget.AnyWidget):
        """The block; its HTML is made in Python, its numbers in the browser."""

        _esm = module()
        html = traitlets.Unicode().tag(sync=True)

    return Sliders(html=whatif_fragment(text, names))
