"""`scrub`: a slider over pictures made beforehand, alive in JupyterLab and on a static page.

The pictures are drawn while the notebook runs and packed into one sandboxed frame: a native range
input (so the keyboard works), a line of text that says what is seen, and nothing from the network.
Nothing moves by itself, so readers who ask for reduced motion get exactly what others get.
"""

from __future__ import annotations

import html
import io
import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np

from medtutor.course.figures import figure_png, text_alternative

SIZE_AIM = 300_000  # bytes: up to here the pictures keep as many shades as they can
SIZE_LIMIT = 4_000_000  # bytes: beyond this a page is no longer pleasant to open
_CONTROLS = 132  # CSS pixels below the picture: slider, its name, up to three lines of text

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'"><title>{title}</title><style>
:root{{color-scheme:light dark}}
body{{margin:0;padding:8px;font:15px/1.4 system-ui,sans-serif;color:#1c1c1c;background:#fafafa}}
img{{display:block;width:100%;max-width:{width}px;height:auto;background:#fff;border-radius:4px;\
image-rendering:{rendering}}}
label{{display:block;margin:10px 0 2px;font-weight:600}}
input{{width:100%;max-width:{width}px;margin:0;accent-color:#0072B2}}
output{{display:block;margin-top:4px;font-variant-numeric:tabular-nums}}
@media (prefers-color-scheme:dark){{body{{color:#ececec;background:#1e1e1e}}\
input{{accent-color:#56B4E9}}}}
</style></head><body>
<img id="picture" src="data:image/{kind};base64,{first}" alt="{alt}">
<label for="position">{name}</label>
<input id="position" type="range" min="0" max="{last}" step="1" value="{start}" \
aria-valuetext="{text}">
<output id="text" for="position" aria-live="polite">{text}</output>
<noscript><p>The slider needs scripts; the picture above is one of {count}.</p></noscript>
<script>
const frames = {frames}, texts = {texts};
const [picture, position, text] = ["picture", "position", "text"]
  .map((id) => document.getElementById(id));
position.addEventListener("input", () => {{
  picture.src = "data:image/{kind};base64," + frames[position.value];
  text.textContent = texts[position.value];
  position.setAttribute("aria-valuetext", texts[position.value]);
}});
</script></body></html>"""

# Browsers leave frames out of print where they please; paper gets the still instead.
_ON_PAPER = (
    ".medtutor-scrub figure{display:none}@media print{.medtutor-scrub figure{display:block}"
    ".medtutor-scrub iframe{display:none!important}}"
)


def scrub(
    frames: Sequence[Any],
    labels: Sequence[str],
    alt: str,
    name: str = "position",
    *,
    start: int | None = None,
    width: int = 480,
    lossy: bool = False,
) -> None:
    """Display a slider over pictures, each with a text that says what is seen at that position.

    Args:
        frames: matplotlib figures (closed afterwards), or arrays (H, W) or (H, W, 3), uint8 or
            floats in [0, 1]; all of one kind and size.
        labels: one text a picture: "threshold 0.45: Dice 0.81".
        alt: what the pictures show, as you would say it on the telephone.
        name: what the slider moves, its visible label.
        start: the picture shown first, and in print; the middle one by default.
        width: of pictures given as arrays, in CSS pixels; figures have their own.
        lossy: store photographs as WebP with a little loss: a quarter of the bytes, all shades.
            Pictures with lines and flat colours are better off without.
    """
    from IPython.display import display

    made = scrub_bundle(frames, labels, alt, name, start=start, width=width, lossy=lossy)
    display(made, raw=True)


def scrub_bundle(
    frames: Sequence[Any],
    labels: Sequence[str],
    alt: str,
    name: str = "position",
    *,
    start: int | None = None,
    width: int = 480,
    lossy: bool = False,
) -> dict[str, str]:
    """The rich output of `scrub` as a dictionary from MIME type to content."""
    alt = text_alternative(alt)
    texts = [str(label) for label in labels]
    if not len(frames) or len(frames) != len(texts):
        raise ValueError(
            "scrub wanted at least one picture and a label for each; "
            f"given {len(frames)} pictures, {len(texts)} labels"
        )
    start = len(texts) // 2 if start is None else start
    if not 0 <= start < len(texts):
        raise ValueError(f"start wanted a position from 0 to {len(texts) - 1}, given {start}")
    images, width = _images(frames, width)
    pictures = [_webp(image) for image in images] if lossy else _packed(images)
    encoded = [b64encode(picture).decode() for picture in pictures]
    if (total := sum(map(len, encoded))) > SIZE_LIMIT:
        raise ValueError(
            f"scrub wanted pictures of at most {SIZE_LIMIT / 1e6:.0f} MB together, given "
            f"{total / 1e6:.1f} MB: show fewer positions, or draw smaller pictures"
        )
    kind = "webp" if lossy else "png"
    size = images[0].size
    page = _PAGE.format(
        title=html.escape(name),
        kind=kind,
        width=width,
        rendering="auto" if hasattr(frames[0], "savefig") else "pixelated",
        first=encoded[start],
        alt=html.escape(alt),
        name=html.escape(name),
        last=len(texts) - 1,
        start=start,
        text=html.escape(texts[start]),
        count=len(texts),
        frames=_in_script(encoded),
        texts=_in_script(texts),
    )
    height = round(width * size[1] / size[0])
    shape = f"height:calc({100 * size[1] / size[0]:.2f}cqw + {_CONTROLS}px)"
    outside = (
        f'<div class="medtutor-scrub" style="container-type:inline-size;max-width:{width + 16}px">'
        f"<style>{_ON_PAPER}</style><figure><img "
        f'src="data:image/{kind};base64,{encoded[start]}" alt="{html.escape(alt)}" '
        f'style="width:{width}px;max-width:100%"><figcaption>{html.escape(name)}: '
        f"{html.escape(texts[start])}</figcaption></figure>"
        f'<iframe sandbox="allow-scripts" title="{html.escape(f"{name}: {alt}")}" '
        f'style="display:block;width:100%;height:{height + _CONTROLS}px;{shape};border:0;'
        f'border-radius:6px" srcdoc="{html.escape(page)}"></iframe></div>'
    )
    said = "\n".join(f"  {text}" for text in texts)
    return {
        "text/html": outside,
        "image/png": b64encode(_png(images[start])).decode() if lossy else encoded[start],
        "text/plain": f"[slider over {len(texts)} pictures] {alt}\n{name}:\n{said}",
    }


def _images(frames: Sequence[Any], width: int) -> tuple[list[Any], int]:
    """Pictures as colour images of one size, and their width in CSS pixels."""
    from PIL import Image

    images = []
    for frame in frames:
        if hasattr(frame, "savefig"):
            png, width = figure_png(frame)
            images.append(Image.open(io.BytesIO(png)).convert("RGB"))
        else:
            images.append(Image.fromarray(_pixels(frame)).convert("RGB"))
    sizes = {image.size for image in images}
    if len(sizes) > 1:
        raise ValueError(f"scrub wanted pictures of one size, given {sorted(sizes)} (W, H)")
    return images, width


def _packed(images: Sequence[Any]) -> list[bytes]:
    """Pictures as PNG with as many shades as `SIZE_AIM` allows."""
    for shades in (256, 128, 64, 32):
        pictures = [_png(image.quantize(shades)) for image in images]
        total = sum(len(picture) for picture in pictures) * 4 // 3
        if total <= SIZE_AIM:
            break
    return pictures


def _pixels(frame: Any) -> Any:
    array = np.asarray(frame)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or not array.size:
        raise ValueError(f"a picture wanted shape (H, W) or (H, W, 3), given {array.shape}")
    if array.dtype == np.uint8:
        return array
    values = array.astype(float)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise ValueError(
            "a picture wanted uint8 or numbers in [0, 1], given "
            f"{array.dtype} from {values.min():g} to {values.max():g}: rescale it first"
        )
    return np.round(values * 255).astype(np.uint8)


def _webp(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="webp", quality=92)
    return buffer.getvalue()


def _png(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _in_script(values: list[str]) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(values).replace("<", "\\u003c")
