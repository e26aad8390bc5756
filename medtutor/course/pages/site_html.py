"""What is done to the built pages, and what is asked of them: no broken link, no other host."""

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_HEAD = re.compile(r"<thead\b.*?</thead>", re.DOTALL)
_TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
_CELL = re.compile(r"<th(?![\w-])(?![^>]*\bscope=)")
_LOADING = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}
_NOT_LOADED = {"canonical", "search", "index", "next", "prev", "author", "copyright", "license"}
_STYLE_HOST = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)")


def finish_pages(site: Path) -> None:
    """Give header cells their scope, so that a screen reader says which column a number is in."""
    for page in site.rglob("*.html"):
        before = page.read_text(encoding="utf-8")
        after = _TABLE.sub(lambda match: _scoped(match[0]), before)
        if after != before:
            page.write_text(after, encoding="utf-8")


def _scoped(table: str) -> str:
    table = _HEAD.sub(lambda match: _CELL.sub('<th scope="col"', match[0]), table)
    return _CELL.sub('<th scope="row"', table)


class _Links(HTMLParser):
    """Collects what a page links to, what it loads, and the anchors it offers."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.pictures_without_alt = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.anchors.add(values["id"])
        if tag == "a" and "name" in values:
            self.anchors.add(values["name"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "img" and "alt" not in values:
            self.pictures_without_alt += 1
        address = values.get(_LOADING.get(tag, ""), "")
        if address and not set(values.get("rel", "").split()) & _NOT_LOADED:
            self.loads.append(address)


@cache
def _read(page: Path, changed: float) -> _Links:
    parser = _Links()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def read_links(page: Path) -> _Links:
    """Return what a page links to, loads and offers as anchors."""
    return _read(page, page.stat().st_mtime)


def broken_links(site: Path) -> list[str]:
    """Return a sentence for each link or file within the site that leads nowhere."""
    site = site.resolve()
    return [
        f"{page.relative_to(site)}: {address} leads nowhere"
        for page in sorted(site.rglob("*.html"))
        if "_static" not in page.relative_to(site).parts
        for address in dict.fromkeys([*read_links(page).links, *read_links(page).loads])
        if not _resolves(address, page)
    ]


def _resolves(address: str, page: Path) -> bool:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return True
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return False
    if not parts.fragment or target.suffix != ".html":
        return True
    return unquote(parts.fragment) in read_links(target).anchors


def outside_requests(site: Path) -> list[str]:
    """Return a sentence for each script, style, picture or font that asks another host."""
    return sorted(set(_outside(site.resolve())))


def _outside(site: Path) -> Iterator[str]:
    for page in site.rglob("*.html"):
        for address in read_links(page).loads:
            if urlsplit(address).netloc:
                yield f"{page.relative_to(site)} loads {address}"
    for sheet in site.rglob("*.css"):
        for match in _STYLE_HOST.finditer(sheet.read_text(encoding="utf-8", errors="replace")):
            yield f"{sheet.relative_to(site)} loads {match[1]}"
