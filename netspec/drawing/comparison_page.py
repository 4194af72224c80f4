"""What differs between nets as one HTML file: a picture for light and dark screens, the numbers, the layers."""

from __future__ import annotations

import html
from collections.abc import Sequence
from string import Template
from typing import Final

from netspec.drawing.language import TAGS, Language, said
from netspec.drawing.text import printable

_PAGE: Final = Template("""\
<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: $scheme; --page: #ffffff; --ink: #16191d; --line: #aab4be; }
$dark
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
figure { margin: 1rem 0; }
figure, .wide { overflow-x: auto; }
svg { display: block; margin: auto; max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .75rem; text-align: right; }
tr > :first-child { padding-left: 0; text-align: left; font-weight: normal; }
thead th { border-bottom: 1px solid var(--line); font-weight: bold; }
pre { overflow-x: auto; font-size: .85rem; }
@media print { body { margin: 0; max-width: none; } pre { white-space: pre-wrap; } }
</style>
</head>
<body>
<main>
<h1>$title</h1>
$body
</main>
</body>
</html>
""")
_DARK: Final = """\
.dark { display: none; }
@media screen and (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --ink: #f5f7fa; --line: #59626b; }
  .light { display: none; }
  .dark { display: block; }
}"""


def comparison_page(
    title: str,
    table: Sequence[str],
    *,
    sentence: str = "",
    pictures: Sequence[tuple[str, bytes]] = (),
    differences: Sequence[str] = (),
    language: Language = "en",
) -> bytes:
    """An HTML file, which asks no network for anything.

    Args:
        title: what is compared.
        table: the lines of a table in HTML.
        sentence: what there is to say of it.
        pictures: one SVG, or those of the themes `light` and `dark`, of which a reader sees the one of the screen.
        differences: lines of text, shown in a fixed width.
        language: of the headings; the other texts come in it.
    """
    themes = {theme for theme, _ in pictures}
    body = [f"<p>{_text(sentence)}</p>"] if sentence else []
    body += (
        f'<figure class="{theme if len(pictures) > 1 else ""}" tabindex="0">\n{svg.decode()}</figure>'
        for theme, svg in pictures
    )
    body += [
        f"<h2>{said('Numbers', language)}</h2>" if pictures else "",
        '<div class="wide" tabindex="0">',
        *table,
        "</div>",
    ]
    if differences:
        lines = "\n".join(map(_text, differences))
        body += [f"<h2>{said('Layer by layer', language)}</h2>", f'<pre tabindex="0">{lines}</pre>']
    both = not pictures or themes == {"light", "dark"}
    scheme = "light dark" if both else "dark" if themes == {"dark"} else "light"
    alone = ":root { --page: #0d1117; --ink: #f5f7fa; --line: #59626b; }" if themes == {"dark"} else ""
    filled = {"language": TAGS[language], "title": _text(title), "scheme": scheme, "dark": _DARK if both else alone}
    return _PAGE.substitute(filled, body="\n".join(filter(None, body))).encode()


def _text(words: str) -> str:
    return html.escape(printable(words), quote=False)
