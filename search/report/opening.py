"""Show a report in the browser that its reader uses."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def open_page(path: Path) -> bool:
    """Open a page in the default browser.

    Parameters
    ----------
    path : Path
        The page.

    Returns
    -------
    bool
        False where nothing can show it: no browser, or a terminal without a display.
    """
    # Without a display the module would take over the terminal with a text browser.
    windowed = sys.platform in ("darwin", "win32") or any(map(os.environ.get, DISPLAYS))
    return windowed and webbrowser.open(path.resolve().as_uri())
