"""What mkdocs does to the pages of docs/ beside rendering them (`hooks` of mkdocs.yml).

- pages that follow from the code are made here and stand in no file: every verb, the Python reference, notebooks, and
  methods that nobody has written a page for;
- comments such as ``<!-- settings eap -->``, of a name in `site_parts.PARTS`, become what code or stored results say;
- formulas between dollar signs become MathML, which browsers draw by themselves, with no script and no network.
"""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import site_parts  # noqa: E402

from edgewise.methods import method_names  # noqa: E402

METHODS, NOTEBOOKS = "methods/", "notebooks/"
# Pages that may not be there yet: the navigation leaves them out until they are.
AWAITED = ("circuits.md", "page.md")
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
# A prime is raised by its glyph already, and as a superscript once more.
_PRIME = "<mi>&#x02032;</mi>"
_PART = re.compile(rf"^<!-- ({'|'.join(site_parts.PARTS)}) (\S+) -->$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of a folder where the navigation names the folder."""
    config.nav = list(_entries(config.nav or [], Path(config.docs_dir)))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and take out what is shown as one of them."""
    made = {"verbs.md": site_parts.verbs(), "python.md": site_parts.python_names()}
    made |= {f"{METHODS}{name}.md": site_parts.method(name) for name in method_names()}
    for file in [one for one in files if one.src_uri.endswith(".ipynb")]:
        made[file.src_uri.replace(".ipynb", ".md")] = site_parts.notebook(Path(str(file.abs_src_path)))
        files.remove(file)
    for name, text in made.items():
        if files.get_file_from_path(name) is None:
            files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put what the code or stored results say in the place of comments; links to notebooks lead to their pages."""
    return _PART.sub(lambda found: site_parts.PARTS[found[1]](found[2]), markdown).replace(".ipynb)", ".md)")


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put MathML in the place of formulas."""
    return _FORMULA.sub(_drawn, content)


def _entries(nav: list[Any], docs: Path) -> Iterator[Any]:
    for entry in nav:
        title, below = next(iter(entry.items())) if isinstance(entry, dict) else (None, entry)
        if isinstance(below, list):
            yield {title: list(_entries(below, docs))}
        elif below == METHODS:
            yield {title: [f"{METHODS}index.md", *({name: f"{METHODS}{name}.md"} for name in method_names())]}
        elif below == NOTEBOOKS:
            names = sorted(path.stem for path in (docs / NOTEBOOKS).glob("*.ipynb"))
            yield from ({title: [f"{NOTEBOOKS}{name}.md" for name in names]} for _ in names[:1])
        elif below not in AWAITED or (docs / below).is_file():
            yield entry


def _drawn(found: re.Match[str]) -> str:
    drawn = convert(html.unescape(found[2]).strip(), display="inline" if found[1] == "span" else "block")
    return drawn.replace(_PRIME, f'<mpadded voffset="-0.4em"><mo mathsize="1.3em">{_PRIME[4:-5]}</mo></mpadded>')
