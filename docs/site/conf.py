"""The settings of Sphinx; `docs/site/__main__.py` runs it on the sources that it has made."""

from netspec import __version__

project = "netspec"
author = "The netspec developers"
copyright = author  # Sphinx's name
version = release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 4
exclude_patterns = ["tutorial.ipynb"]
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "pydata_sphinx_theme"
html_title = f"netspec {version}"
html_favicon = "static/icon.svg"
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_extra_path: list[str] = []
html_copy_source = html_show_sourcelink = False
html_show_sphinx = False
templates_path = ["templates"]
html_sidebars = {"index": []}
html_theme_options = {
    "logo": {"text": "netspec"},
    "navbar_align": "left",
    "navbar_end": ["versions", "theme-switcher"],
    "navbar_persistent": ["find"],
    "navigation_depth": 2,
    "collapse_navigation": True,
    "show_toc_level": 2,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
