"""`scrub`: all positions in one sandboxed page, alive in a browser, small, safe with any text."""

import html
import io
import re
from base64 import b64decode

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from medtutor.course.slider import SIZE_AIM, scrub, scrub_bundle

ALT = "a ramp that gets brighter"
RAMP = np.linspace(0, 1, 20 * 30).reshape(20, 30)
FRAMES = [RAMP * gain for gain in (0.2, 0.5, 1.0)]
TEXTS = ["gain 0.2: dark", "gain 0.5: dim", "gain 1: bright"]


def inner(bundle):
    return html.unescape(re.search(r'srcdoc="([^"]*)"', bundle["text/html"])[1])


def test_bundle_holds_page_still_and_text():
    bundle = scrub_bundle(FRAMES, TEXTS, ALT, "gain")
    assert Image.open(io.BytesIO(b64decode(bundle["image/png"]))).size == (30, 20)
    assert all(text in bundle["text/plain"] for text in [ALT, *TEXTS])
    assert 'sandbox="allow-scripts"' in bundle["text/html"]
    page = inner(bundle)
    assert '<input id="position" type="range" min="0" max="2" step="1" value="1"' in page
    assert f'alt="{ALT}"' in page and ">gain 0.5: dim</output>" in page
    assert "prefers-color-scheme:dark" in page and "<noscript>" in page


def test_page_asks_nobody_for_anything():
    page = inner(scrub_bundle(FRAMES, TEXTS, ALT))
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|//[a-z]|url\(|@import|fetch\(", page.split("<script>")[0])


def test_nothing_moves_by_itself():
    page = inner(scrub_bundle(FRAMES, TEXTS, ALT))
    assert not re.search(r"animation|transition|setInterval|setTimeout|requestAnimation", page)


def test_start_chooses_the_still():
    bundles = [scrub_bundle(FRAMES, TEXTS, ALT, start=start) for start in (0, 2)]
    assert bundles[0]["image/png"] != bundles[1]["image/png"]
    assert 'value="2"' in inner(bundles[1])


def test_text_cannot_leave_its_place():
    nasty = ['</script><img src=x onerror="alert(1)">', "a 'quoted' & <b>bold</b>"]
    page = inner(scrub_bundle(FRAMES[:2], nasty, 'alt "with" <tags> inside', "<i>name</i>"))
    assert page.count("</script>") == 1 and "<b>" not in page and "<i>" not in page
    assert "<img src=x" not in page and 'alt="alt &quot;with&quot; &lt;tags&gt; inside"' in page


def test_figures_are_drawn_and_closed():
    figures = []
    for gain in (1, 2):
        fig, axes = plt.subplots(figsize=(3, 2))
        axes.plot([0, 1], [0, gain])
        axes.set_ylim(0, 2)
        figures.append(fig)
    bundle = scrub_bundle(figures, ["slope 1", "slope 2"], "a line that gets steeper")
    assert len(bundle["text/html"]) < 100_000
    assert not plt.get_fignums()


def test_large_pictures_lose_shades_before_they_lose_readers():
    noise = np.random.default_rng(0).random((6, 200, 200))
    few = scrub_bundle(noise[:1], TEXTS[:1], ALT)
    many = scrub_bundle(noise, [f"picture {n}" for n in range(6)], ALT)
    def shades(bundle):
        return len(Image.open(io.BytesIO(b64decode(bundle["image/png"]))).getcolors())

    assert shades(few) > shades(many) >= 32
    assert len(few["text/html"]) < SIZE_AIM


def test_photographs_keep_their_shades_and_need_fewer_bytes():
    rng = np.random.default_rng(0)
    grain = 0.05 * rng.standard_normal((6, 200, 200, 1))
    photographs = (np.linspace(0.2, 0.8, 600).reshape(200, 1, 3) + grain).clip(0, 1)
    said = [f"picture {n}" for n in range(6)]
    exact, lossy = (scrub_bundle(photographs, said, ALT, lossy=loss) for loss in (False, True))
    assert "data:image/webp;base64," in lossy["text/html"]
    assert "data:image/png" not in lossy["text/html"]
    assert len(lossy["text/html"]) < 0.7 * len(exact["text/html"])
    (first,) = re.findall(r'src="data:image/webp;base64,([^"]+)" alt', lossy["text/html"])
    seen = np.asarray(Image.open(io.BytesIO(b64decode(first))).convert("RGB")) / 255
    assert np.abs(seen.mean(2) - photographs[3].mean(2)).mean() < 0.02
    still = Image.open(io.BytesIO(b64decode(lossy["image/png"])))
    assert still.format == "PNG" and len(still.getcolors(2**24)) > 256


def test_errors():
    with pytest.raises(ValueError, match="given 3 pictures, 2 labels"):
        scrub_bundle(FRAMES, TEXTS[:2], ALT)
    with pytest.raises(ValueError, match="given 0 pictures, 0 labels"):
        scrub_bundle([], [], ALT)
    with pytest.raises(ValueError, match="start wanted a position from 0 to 2, given 3"):
        scrub_bundle(FRAMES, TEXTS, ALT, start=3)
    with pytest.raises(ValueError, match=r"of one size, given \[\(20, 30\), \(30, 20\)\]"):
        scrub_bundle([RAMP, RAMP.T], TEXTS[:2], ALT)
    with pytest.raises(ValueError, match="in \\[0, 1\\], given float64 from 0 to 3: rescale"):
        scrub_bundle([RAMP * 3], TEXTS[:1], ALT)
    with pytest.raises(ValueError, match="in \\[0, 1\\], given float64 from nan"):
        scrub_bundle([RAMP * np.nan], TEXTS[:1], ALT)
    with pytest.raises(ValueError, match=r"\(H, W\) or \(H, W, 3\), given \(2, 2, 4\)"):
        scrub_bundle([np.zeros((2, 2, 4))], TEXTS[:1], ALT)
    with pytest.raises(ValueError, match="alt wanted a sentence"):
        scrub_bundle(FRAMES, TEXTS, "ramp.png")


def test_too_large_is_refused_with_both_numbers(monkeypatch):
    monkeypatch.setattr("medtutor.course.slider.SIZE_LIMIT", 1000)
    noise = np.random.default_rng(0).random((3, 60, 60))
    with pytest.raises(ValueError, match="MB together, given .* MB: show fewer positions"):
        scrub_bundle(noise, TEXTS, ALT)


def test_scrub_displays_once(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append((bundle, raw)))
    assert scrub(FRAMES, TEXTS, ALT) is None
    assert len(shown) == 1 and shown[0][1]


@pytest.mark.browser
def test_arrow_keys_change_picture_and_text(chromium, tmp_path):
    from playwright.sync_api import sync_playwright

    page_file = tmp_path / "page.html"
    bundle = scrub_bundle(FRAMES, [*TEXTS[:2], "gain 1: <bright> & clear"], ALT, "gain")
    page_file.write_text(f"<!doctype html><meta charset=utf-8>{bundle['text/html']}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800})
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        frame = page.frames[1]
        before = frame.locator("#picture").get_attribute("src")
        frame.get_by_label("gain").press("ArrowRight")
        assert frame.locator("#text").inner_text() == "gain 1: <bright> & clear"
        assert frame.locator("#position").get_attribute("aria-valuetext").startswith("gain 1")
        assert frame.locator("#picture").get_attribute("src") != before
        assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight")
        assert not page.locator("figure").is_visible()
        page.emulate_media(media="print")
        assert page.locator("figure img").is_visible() and not page.locator("iframe").is_visible()
        assert page.locator("figcaption").inner_text() == "gain: gain 0.5: dim"
        browser.close()
    outside = [url for url in asked if not url.startswith(("file:", "data:", "about:"))]
    assert not outside
