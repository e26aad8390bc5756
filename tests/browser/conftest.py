"""A browser, and the sites served to it from a port of this machine."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "site"))

FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",     # no other host is reached
]


@pytest.fixture(scope="session")
def browser(chromium):
    api = pytest.importorskip("playwright.sync_api", reason="not run: playwright is not installed")
    with api.sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield program
        program.close()


@pytest.fixture(scope="session")
def served_site():
    """The real site: its folder and its address."""
    from site_under_test import real_site

    yield from served(real_site())


@pytest.fixture(scope="session")
def served_made_up_site(tmp_path_factory):
    """The made-up site: its folder and its address."""
    from site_under_test import build_made_up_site

    yield from served(build_made_up_site(tmp_path_factory.mktemp("course")))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def served(folder: Path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
