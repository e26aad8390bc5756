"""The site in a real browser: nothing asked of other hosts, no error, alive without a kernel."""

from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.browser
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def opened(browser, address, viewport=DESKTOP, **options):
    """A page that keeps what it asked for elsewhere and what went wrong."""
    context = browser.new_context(viewport=viewport, **options)
    page = context.new_page()
    page.outside, page.errors = [], []
    here = (f"{address}/", "data:", "blob:", "about:")
    context.on(
        "request",
        lambda asked: None if asked.url.startswith(here) else page.outside.append(asked.url),
    )
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    yield page
    context.close()


def pages(folder):
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    return [name for name in names if not name.startswith(("_static/", "_modules/", "index."))]


def chapters(folder):
    return [name for name in pages(folder) if name.startswith("chapters/")]


def wide_parts(page):
    """What makes the page wider than the window, if anything does."""
    return page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            const clips = e => getComputedStyle(e).overflowX !== 'visible';
            const boxed = ({parentElement: box}) => box && (clips(box) || boxed(box));
            return [...document.querySelectorAll('article *')]
                .filter(e => e.getBoundingClientRect().right > width + 1 && !boxed(e))
                .slice(0, 5).map(e => e.outerHTML.slice(0, 120));
        }"""
    )


def scrolls_sideways(page):
    return page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )


def test_no_page_asks_another_host_has_an_error_or_scrolls_sideways_on_a_phone(
    browser, served_site
):
    folder, address = served_site
    with opened(browser, address, PHONE) as page:
        wide = {}
        for name in pages(folder):
            page.goto(f"{address}/{name}", wait_until="load")
            if scrolls_sideways(page):
                wide[name] = wide_parts(page)
        assert page.outside == []
        assert page.errors == []
        assert wide == {}


def test_formula_is_drawn(browser, served_made_up_site):
    _, address = served_made_up_site
    with opened(browser, address) as page:
        page.goto(f"{address}/chapters/14_combo_loss.html", wait_until="networkidle")
        page.wait_for_selector("mjx-container mjx-math")
        assert page.locator("mjx-container").first.bounding_box()["width"] > 5
        assert page.outside == []


def test_slider_answers_the_keyboard_without_a_kernel(browser, served_made_up_site):
    _, address = served_made_up_site
    with opened(browser, address) as page:
        page.goto(f"{address}/chapters/14_combo_loss.html")
        frame = page.frame_locator("iframe[title=slider]")
        slider = frame.get_by_role("slider")
        assert frame.locator("output").inner_text() == "2"
        slider.press("ArrowRight")
        assert frame.locator("output").inner_text() == "3"


def test_sliders_of_the_chapters_answer_the_keyboard(browser, served_site):
    folder, address = served_site
    with opened(browser, address) as page:
        for name in chapters(folder):
            page.goto(f"{address}/{name}")
            for frame in page.frames[1:]:
                for slider in frame.get_by_role("slider").all():
                    before = slider.input_value()
                    slider.press("ArrowRight")
                    after = slider.input_value()
                    slider.press("ArrowLeft")
                    assert {before, after, slider.input_value()} != {before}, name
        assert page.errors == []


def test_search_finds_a_word(browser, served_made_up_site):
    _, address = served_made_up_site
    with opened(browser, address) as page:
        page.goto(f"{address}/search.html?q=marsupial")
        page.wait_for_selector("#search-results li a")
        assert "A made-up chapter" in page.locator("#search-results").inner_text()
        assert page.outside == [] and page.errors == []


def test_wide_table_scrolls_in_its_box(browser, served_made_up_site):
    _, address = served_made_up_site
    with opened(browser, address, PHONE) as page:
        page.goto(f"{address}/scoreboard.html")
        assert not scrolls_sideways(page)
        inner, outer = page.evaluate(
            """() => {
                const box = document.querySelector('.scoreboard table').parentElement;
                return [box.scrollWidth, box.clientWidth];
            }"""
        )
        assert inner > outer, "the scoreboard is wider than a phone and has to scroll in its box"
        page.goto(f"{address}/chapters/14_combo_loss.html")
        assert not scrolls_sideways(page), wide_parts(page)


def test_dark_theme(browser, served_made_up_site):
    """The page follows the reader's system, and the button changes it."""
    _, address = served_made_up_site
    with opened(browser, address, color_scheme="dark") as page:
        page.goto(f"{address}/scoreboard.html")
        theme = page.locator("html").get_attribute("data-theme")
        assert theme == "dark"
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        while page.locator("html").get_attribute("data-theme") == "dark":
            page.locator("button.theme-switch-button").first.click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark


def test_skip_link_and_language(browser, served_made_up_site):
    _, address = served_made_up_site
    with opened(browser, address) as page:
        page.goto(f"{address}/intro.html")
        assert page.locator("html").get_attribute("lang") == "en"
        page.keyboard.press("Tab")
        assert "main-content" in page.evaluate("document.activeElement.getAttribute('href') || ''")


@pytest.mark.parametrize(
    ("size", "viewport", "scheme"),
    [("desktop", DESKTOP, "light"), ("phone", PHONE, "light"), ("desktop-dark", DESKTOP, "dark")],
)
def test_pictures_for_looking_at(browser, served_site, repository, size, viewport, scheme):
    """Screenshots of each chapter and of the scoreboard, in build/screenshots."""
    folder, address = served_site
    out = repository / "build" / "screenshots"
    with opened(browser, address, viewport, color_scheme=scheme) as page:
        for name in [*chapters(folder), "scoreboard.html", "intro.html", "status.html"]:
            page.goto(f"{address}/{name}", wait_until="load")
            for frame in page.locator("iframe").all():      # loaded when seen
                frame.scroll_into_view_if_needed()
            page.wait_for_timeout(500)
            file = out / f"{name.rpartition('/')[2].removesuffix('.html')}-{size}.png"
            page.screenshot(path=file, full_page=True)
            assert file.stat().st_size > 10_000, f"{file} is blank"
