"""What mkdocs does to the pages of docs/ beside rendering them (`hooks` of mkdocs.yml).

- pages that follow from the code are made here and stand in no file: every verb, the Python reference, notebooks;
- ``<!-- measured NAME -->`` and ``<!-- settings NAME -->`` on a page become tables: of stored results, of settings;
- formulas between dollar signs become MathML, which browsers draw by themselves, with no script and no network.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import site_parts  # noqa: E402

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
_PART = re.compile(r"^<!-- (measured|settings) (\S+) -->$", re.MULTILINE)
_PARTS = {"measured": site_parts.measured, "settings": site_parts.settings}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and take out what is shown as one of them."""
    for name, text in {"verbs.md": site_parts.verbs(), "python.md": site_parts.python_names()}.items():
        files.append(File.generated(config, name, content=text))
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        text = site_parts.notebook(Path(str(notebook.abs_src_path)))
        files.append(File.generated(config, notebook.src_uri.replace(".ipynb", ".md"), content=text))
        files.remove(notebook)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put tables in the place of their marks."""
    return _PART.sub(lambda found: _PARTS[found[1]](found[2]), markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put MathML in the place of formulas."""
    return _FORMULA.sub(_drawn, content)


def _drawn(found: re.Match[str]) -> str:
    return convert(html.unescape(found[2]).strip(), display="inline" if found[1] == "span" else "block")
