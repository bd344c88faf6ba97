"""The page's style sheet: one column of text, pictures as wide as they need, light or dark as the reader's screen."""

from __future__ import annotations

from collections.abc import Mapping

from edgewise.report.picture.palette import DARK, LIGHT
from edgewise.report.picture.svg import dark_rules


def style() -> str:
    """Return the style sheet; dark only on screens, so that paper stays white."""
    dark = "".join(dark_rules(".picture ").values())
    return (
        f":root{{color-scheme:light dark;{_variables(LIGHT)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}{dark}}}\n{_SHEET}"
    )


def _variables(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


_SHEET = """
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);line-height:1.55;
font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:16px}
main{display:grid;grid-template-columns:minmax(1.25rem,1fr) minmax(0,46rem) minmax(1.25rem,1fr);padding:3.5rem 0 5rem}
main>*{grid-column:2}
h1{font-size:2rem;line-height:1.2;margin:0 0 .4rem;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:3rem 0 .8rem;padding-top:1.2rem;border-top:1px solid var(--rule)}
p{margin:.5rem 0}
.lead{color:var(--quiet);font-size:1.05rem;margin:0 0 1.8rem}
.numbers{display:flex;flex-wrap:wrap;gap:1rem 2.6rem;margin:0}
.numbers div{min-width:7rem}
.numbers dt{color:var(--quiet);font-size:.85rem}
.numbers dd{margin:0;font-size:1.45rem;font-variant-numeric:tabular-nums}
.numbers small{color:var(--quiet);font-size:.85rem}
.warnings{border-left:3px solid var(--harms);padding:.2rem 0 .2rem 1rem;margin:1.8rem 0 0;list-style:none}
figure{grid-column:1/-1;margin:2.6rem 0 0;padding:0 1.25rem;justify-self:center;max-width:100%}
.picture{overflow-x:auto}
.picture svg{display:block;max-width:100%;height:auto;margin:0 auto}
.picture .edge:hover{stroke:var(--ink);opacity:1}
figcaption{color:var(--quiet);font-size:.9rem;max-width:46rem;margin:.6rem auto 0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th{text-align:left;font-weight:600;color:var(--quiet);font-size:.85rem}
th,td{padding:.32rem .9rem .32rem 0;border-bottom:1px solid var(--rule);vertical-align:baseline}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.bar{width:26%;padding-right:0}
td.bar i{display:block;height:.55rem;border-radius:2px;min-width:1px}
.helps{background:var(--helps)}.harms{background:var(--harms)}.plain{background:var(--plain)}
tr.out td{color:var(--quiet)}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.9em}
pre{background:var(--band);border:1px solid var(--rule);border-radius:6px;padding:.9rem 1rem;
overflow-x:auto;margin:.8rem 0}
dl.facts{display:grid;grid-template-columns:9rem minmax(0,1fr);gap:.3rem 1rem;margin:0;font-size:.95rem}
dl.facts dt{color:var(--quiet)}
dl.facts dd{margin:0;overflow-wrap:anywhere}
.plain-list{list-style:none;margin:0;padding:0}
.prompt{margin:1rem 0 0}
.prompt>p{margin:0 0 .3rem;overflow-wrap:anywhere}
.tokens{display:flex;flex-wrap:wrap;gap:.35rem .2rem;border-left:3px solid var(--rule);padding-left:.7rem}
.token{display:inline-grid;line-height:1.35;max-width:100%}
.token code{padding:0 .2rem;white-space:pre-wrap;overflow-wrap:anywhere}
.token code+code{color:var(--quiet)}
.token.differs{background:var(--band);border-radius:4px}
.token.differs code{font-weight:600}
.token.differs code+code{color:var(--harms)}
.token.read{box-shadow:inset 0 -2px 0 var(--helps)}
summary{cursor:pointer;color:var(--quiet)}
b.helps,b.harms{background:none}b.helps{color:var(--helps)}b.harms{color:var(--harms)}
@media (max-width:34rem){dl.facts{grid-template-columns:1fr}dl.facts dd{margin-bottom:.5rem}}
@media print{body{font-size:10pt}main{display:block;padding:0}figure{padding:0;margin-top:1.5rem}
h2,figure,tr,pre,.prompt{break-inside:avoid}h2{break-after:avoid;margin-top:1.8rem}
th,td{padding-top:.15rem;padding-bottom:.15rem}
.picture svg{max-height:22cm;width:auto}.picture,.scroll{overflow:visible}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
