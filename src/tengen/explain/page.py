"""An explanation as one HTML file that opens without a network."""

import itertools
from html import escape
from string import Template

from tengen.explain.drawing import PANEL, map_picture, sheet_picture
from tengen.explain.maps import SIGNED, Explanation

PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>$title</title>
<style>
body { margin: 0 auto; padding: 24px 16px 64px; max-width: 760px; background: #fff; color: #1d1f21;
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { margin: 0 0 8px; font-size: 24px; } h2 { margin: 32px 0 8px; font-size: 18px; }
p { margin: 2px 0; color: #5f6568; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 16px 3px 0; text-align: left; border-bottom: 1px solid #dcdedb; vertical-align: top; }
th { color: #5f6568; font-weight: 500; }
.maps { display: flex; flex-wrap: wrap; gap: 24px; margin: 12px 0 0; }
svg { display: block; max-width: 100%; height: auto; }
</style>
</head>
<body>
<h1>$title</h1>
$facts
<h2>Value and policy</h2>
<div class="wide">$table</div>
<h2>Maps</h2>
<p>$legend</p>
$maps
$sheets
</body>
</html>
"""
)


def page(shown: Explanation) -> str:
    """The whole page as text."""
    legend = "Red speaks for the value or the move, blue against it"
    if any(map_.method not in SIGNED for map_ in shown.maps):
        legend += "; maps of steepness tell no signs"
    sheets = "".join(
        f'<h2>{escape(sheet.title.partition(":")[0])}</h2><div class="wide">'
        f"{sheet_picture(sheet, 2 * PANEL).svg()}</div>"
        for sheet in shown.sheets
    )
    return PAGE.substitute(
        title=escape(shown.title),
        facts="".join(f"<p>{escape(fact)}</p>" for fact in shown.facts),
        table=_table(shown),
        legend=f"{legend}. The chosen move has a green ring, the last one a dot."
        if shown.names
        else f"{legend}.",
        maps="".join(
            f'<div class="maps">{"".join(map_picture(shown, map_).svg() for map_ in pair)}</div>'
            for _, pair in itertools.groupby(shown.maps, lambda map_: map_.method)
        ),
        sheets=sheets,
    )


def _table(shown: Explanation) -> str:
    def line(cells: list[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(line(row, "td") for row in shown.rows)
    return f"<table><thead>{line(shown.head, 'th')}</thead><tbody>{body}</tbody></table>"
