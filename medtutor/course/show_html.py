"""The page form of `show`: highlighted source, folded docstrings, links, no script.

Links differ by place: JupyterLab opens the file itself (relative to the chapter's folder), the
built page its own copy of the source and the API reference. A style rule decides which is seen.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from medtutor.course.show import docstrings

if TYPE_CHECKING:
    from medtutor.course.show import Source

# Token classes of pygments -> (on light, on dark). A test keeps every contrast above 4.5 to 1.
BACKGROUND = ("#f7f7f8", "#1b1f24")
INK = ("#1f2328", "#e6e6e6")
TOKENS = {
    "k kn kd kr kt kc ow": ("#8a1a6b", "#ff9ecb"),  # keywords
    "nf nc fm nd": ("#0a4fa3", "#8cc4ff"),  # names being defined, decorators
    "s s1 s2 sa sd si se sx sr": ("#1a6030", "#9be2a7"),  # strings
    "mi mf mh mo mb il": ("#8a4000", "#ffc078"),  # numbers
    "c c1 cm ch": ("#5a6069", "#a9b1bb"),  # comments
    "nb bp": ("#5b3fa8", "#c9b3ff"),  # builtins
}
_DARK = ('html[data-theme="dark"] .mt-show', 'body[data-jp-theme-light="false"] .mt-show')
_IN_LAB = "body[data-jp-theme-light] .mt-show"


def page(source: Source) -> str:
    """Return the source as HTML, complete with its style."""
    region = f", region <code>{html.escape(source.region)}</code>" if source.region else ""
    title = html.escape(source.name)
    where = f"{html.escape(source.path)}, line {source.line}"
    head = (
        f'<div class="mt-head"><strong><code>{title}</code></strong>{region} · '
        f'<a class="mt-lab" href="../../{html.escape(source.path)}">{where}</a>'
        f'<span class="mt-site">{_site_links(source, where)}</span></div>'
    )
    inside = f"<style>{_style()}</style>{head}{_code(source)}{_pins(source)}"
    return f'<div class="mt-show">{inside}</div>'


def _site_links(source: Source, where: str) -> str:
    """Where on the built site the lines stand, and what the reference says of them."""
    if any(part.startswith("_") for part in f"{source.module}.{source.name}".split(".")):
        return where    # the site has pages of public names only
    lines = f"../_modules/{source.module.replace('.', '/')}.html"
    page = f"../api/{source.module}.html"
    if source.whole_module:
        return f'{where} · <a href="{page}#module-{source.module}">reference</a>'
    name = html.escape(source.name)
    return (
        f'<a href="{lines}#{name}">{where}</a> · '
        f'<a href="{page}#{source.module}.{name}">reference</a>'
    )


def _code(source: Source) -> str:
    lines = source.text.splitlines(keepends=True)
    pieces, at = [], 0
    for first, last in docstrings(source.text):
        pieces += [_block(lines[at : first - 1]), _folded(lines[first - 1 : last])]
        at = last
    pieces.append(_block(lines[at:]))
    name = html.escape(source.name)
    return f'<div class="mt-code" tabindex="0" role="region" aria-label="source of {name}">' + (
        "".join(pieces) + "</div>"
    )


def _block(lines: list[str]) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    if not "".join(lines).strip():
        return ""
    lexer = PythonLexer(stripnl=False, ensurenl=False)
    text: str = highlight("".join(lines), lexer, HtmlFormatter(nowrap=True))
    return f"<pre>{text.rstrip()}</pre>"


def _folded(lines: list[str]) -> str:
    first, rest = html.escape(lines[0].rstrip()), html.escape("".join(lines[1:]).rstrip())
    return (
        f'<details><summary><span class="sd">{first}</span></summary>'
        f'<pre><span class="sd">{rest}</span></pre></details>'
    )


def _pins(source: Source) -> str:
    if source.test is None:
        return '<div class="mt-foot">No test names it yet.</div>'
    names = ", ".join(f"<code>{html.escape(name)}</code>" for name in source.pinned_by)
    test = html.escape(source.test)
    return (
        f'<details class="mt-foot"><summary>Pinned by {len(source.pinned_by)} '
        f"test{'s' if len(source.pinned_by) > 1 else ''} in "
        f'<a class="mt-lab" href="../../{test}">{test}</a><span class="mt-site">{test}</span>'
        f"</summary>{names}</details>"
    )


def _style() -> str:
    rules = [
        f".mt-show{{--mt-back:{BACKGROUND[0]};--mt-ink:{INK[0]};background:var(--mt-back);"
        "color:var(--mt-ink);border:1px solid #8886;border-radius:6px;margin:.5rem 0;"
        "font-size:.9rem;line-height:1.45;overflow:hidden}",
        ".mt-show .mt-head,.mt-show .mt-foot{padding:.4rem .75rem}",
        ".mt-show .mt-head{border-bottom:1px solid #8884}",
        ".mt-show .mt-foot{border-top:1px solid #8884}",
        ".mt-show .mt-code{overflow-x:auto;padding:.5rem .75rem .5rem 1.4rem}",
        ".mt-show.mt-show pre,.mt-show.mt-show code,.mt-show summary span{background:none;"
        "border:0;margin:0;padding:0;color:inherit;"
        "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
        "font-size:.82rem;line-height:1.5;overflow:visible;white-space:pre}",
        ".mt-show.mt-show .mt-foot code{white-space:normal}",
        ".mt-show summary{cursor:pointer}",
        ".mt-show .mt-code summary{white-space:nowrap}",
        ".mt-show .mt-code summary{list-style-position:outside}",
        ".mt-show .mt-code details:not([open]) summary::after{content:' …';opacity:.8}",
        f".mt-show a{{color:{TOKENS['nf nc fm nd'][0]};text-decoration:underline}}",
        f".mt-show .mt-lab,{_IN_LAB} .mt-site{{display:none}}",
        f"{_IN_LAB} .mt-lab{{display:inline}}",
        _under(_DARK, "", f"--mt-back:{BACKGROUND[1]};--mt-ink:{INK[1]}"),
        _under(_DARK, "a", f"color:{TOKENS['nf nc fm nd'][1]}"),
    ]
    for classes, (light, dark) in TOKENS.items():
        names = [f".{name}" for name in classes.split()]
        rules.append(_under((".mt-show",), names, f"color:{light}"))
        rules.append(_under(_DARK, names, f"color:{dark}"))
    return "".join(rules)


def _under(scopes: tuple[str, ...], inner: str | list[str], rule: str) -> str:
    names = [inner] if isinstance(inner, str) else inner
    return f"{','.join(f'{scope} {name}'.rstrip() for scope in scopes for name in names)}{{{rule}}}"
