"""A Sphinx extension: docstrings as they are written here, made safe for reStructuredText.

Docstrings in this package are plain text for people who read the source: ``|x|`` is an absolute
value, ``*args`` are arguments and an indented line is a formula. To reStructuredText each of these
is markup. This extension, which runs before napoleon reads the sections, marks them as text.
"""

import re
from typing import Any

_SECTION = re.compile(
    r"(Args|Arguments|Attributes|Example|Examples|Keyword Args|Note|Notes|Raises|References|"
    r"Returns|See Also|Todo|Warns|Warning|Warnings|Yields):"
)
_MARKUP = re.compile(                   # code, a role, emphasis
    r"(``.+?``|`[^`]+`|:(?:py:)?(?:attr|class|data|exc|func|meth|mod|obj):`[^`]+`"
    r"|(?<![^\s(])\*[^\s*`\\](?:[^*`\\]*[^\s*`\\])?\*(?![^\s.,:;)])"
    r"|(?<![^\s(])\*\*[^\s*`\\](?:[^*`\\]*[^\s*`\\])?\*\*(?![^\s.,:;)]))"
)
_ROW, _RULE = re.compile(r"\|.*\|"), re.compile(r"\|(\s*:?-+:?\s*\|)+")   # of a Markdown table
_BORDER = re.compile(r"=+( +=+)+")
_BULLET = re.compile(r"([-*•]|\d+[.)]) ")


def plain_docstring(lines: list[str]) -> list[str]:
    """Return a docstring's lines with everything but Google sections and lists taken literally."""
    done: list[str] = []
    literal: int | None = None          # indentation of the formula or code we are in
    section: int | None = None          # indentation of the section header we are under
    paragraph = 0                       # indentation of the last line of text
    for line in _markdown_tables(_tables_as_typed(lines)):
        if "\n" in line:
            done += ["", *line.split("\n"), ""]
            literal, paragraph = None, 0
            continue
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if literal is not None:
            if not text or indent >= literal:
                done.append(line)
                continue
            literal = None
        if not text:
            done.append("")
            continue
        if section is not None and indent <= section:
            section = None
        begins = bool(done) and not done[-1].strip() and indent > paragraph
        if begins and (section is None or _last(done).endswith("::")):
            literal = indent
            _announce(done, paragraph)
            done.append(line)
            continue
        if section is None and _SECTION.fullmatch(text):
            section = indent
            done.append(line)
        else:
            if _needs_gap(done, text, indent, paragraph):
                done.append("")
            done.append(" " * indent + _escaped(text))
        bullet = _BULLET.match(text)
        paragraph = indent + (len(bullet[0]) if bullet else 0)
    return done


def _tables_as_typed(lines: list[str]) -> list[str]:
    """Indent each table, a paragraph between borders of ``===``, so that it is taken literally."""
    done: list[str] = []
    inside = False
    for line in lines:
        border = bool(_BORDER.fullmatch(line.strip()))
        inside = border or (inside and bool(line.strip()))
        if not border:
            done.append("    " + line if inside else line)
    return done


def _markdown_tables(lines: list[str]) -> list[str]:
    """Make each Markdown table one entry, of several lines: a table in reStructuredText."""
    done: list[str] = []
    at = 0
    while at < len(lines):
        head, rule = lines[at].strip(), lines[at + 1].strip() if at + 1 < len(lines) else ""
        if not (_ROW.fullmatch(head) and _RULE.fullmatch(rule)):
            done.append(lines[at])
            at += 1
            continue
        rows = [head]
        at += 2
        while at < len(lines) and _ROW.fullmatch(lines[at].strip()):
            rows.append(lines[at].strip())
            at += 1
        cells = [[_escaped(cell.strip()) for cell in row[1:-1].split("|")] for row in rows]
        width = max(map(len, cells))
        table = [".. list-table::", "   :header-rows: 1", ""]
        for row in cells:
            row += [""] * (width - len(row))
            table += [f"   * - {row[0]}", *(f"     - {cell}" for cell in row[1:])]
        done.append("\n".join(table))
    return done


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx: docstrings pass here first, then through napoleon (priority 500)."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-signature", _short_signature)
    app.connect("autodoc-skip-member", _without_fields_of_tuples)
    app.connect("missing-reference", _by_its_short_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _process(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = plain_docstring(lines)


def _by_its_short_name(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Lead ``medtutor.datasets.folder`` to the module below or beside that defines it."""
    place, _, name = str(node.get("reftarget", "")).rpartition(".")
    if node.get("refdomain") != "py":
        return None
    domain = env.get_domain("py")
    known = [target for target in domain.objects if target.endswith(f".{name}")]
    while place.startswith("medtutor"):
        homes = [target for target in known if target.startswith(f"{place}.")]
        if len(homes) == 1:
            where = node.get("refdoc", "")
            return domain.resolve_xref(env, where, app.builder, "obj", homes[0], node, contnode)
        place = place.rpartition(".")[0]
    return None


def _short_signature(
    app: Any, what: str, name: str, thing: Any, options: Any, signature: str, returns: str
) -> tuple[str, str]:
    """Leave out a pydantic model's signature, its schema again; say ArrayLike in one word."""
    signature = (signature or "").replace("<factory>", "...")
    from numpy.typing import ArrayLike
    from sphinx.util.typing import stringify_annotation

    if hasattr(thing, "model_fields"):
        return "", ""
    spelled = stringify_annotation(ArrayLike, "smart")
    return signature.replace(spelled, "ArrayLike"), returns


def _without_fields_of_tuples(
    app: Any, what: str, name: str, thing: Any, skip: bool, options: Any
) -> bool | None:
    """A named tuple's fields stand in its signature; "alias for field number 0" says no more."""
    return True if str(getattr(thing, "__doc__", "")).startswith("Alias for field") else None


def _last(done: list[str]) -> str:
    return next((line for line in reversed(done) if line.strip()), "")


def _announce(done: list[str], indent: int) -> None:
    """End the last paragraph with the two colons that make the next block literal."""
    position = max(i for i, line in enumerate(done) if line.strip())
    last = done[position]
    if last.endswith("::"):
        return
    if last.endswith(":") and not _SECTION.fullmatch(last.strip()):
        done[position] = last + ":"
    else:
        done[position + 1 :] = ["", " " * indent + "::", ""]


def _needs_gap(done: list[str], text: str, indent: int, paragraph: int) -> bool:
    """A list directly under a sentence, or a sentence directly under a list, wants a blank line."""
    if not done or not done[-1].strip():
        return False
    before = done[-1].strip()
    if _SECTION.fullmatch(before):
        return False
    if _BULLET.match(text):
        return not _BULLET.match(before) and indent <= paragraph
    return bool(_BULLET.match(before)) and indent < paragraph


def _escaped(text: str) -> str:
    bullet = _BULLET.match(text)
    head = bullet[0] if bullet else ""
    done = ""
    pieces = [piece for piece in _MARKUP.split(text[len(head) :]) if piece]
    for place, piece in enumerate(pieces):
        if not _MARKUP.fullmatch(piece):
            done += _plain(piece)
            continue
        after = pieces[place + 1][0] if place + 1 < len(pieces) else " "
        # Markup must stand apart, and not first in quotes or brackets, because reStructuredText
        # takes <``>`` for quoted text; an escaped space sets it apart and is not seen.
        done += "" if not done or done[-1] == " " else "\\ "
        done += _literal(piece)
        done += "" if after in " )]}>'\"-/:.,;!?" else "\\ "
    return head + done


def _literal(piece: str) -> str:
    if piece.startswith(("*", ":")):
        return piece
    inside = piece.strip("`").strip()
    return f"``{inside}``" if inside else _plain(piece)


def _plain(text: str) -> str:
    text = re.sub(r"([\\*|`])", r"\\\1", text)
    return re.sub(r"_(?!\w)", r"\\_", text)
