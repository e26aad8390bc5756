"""A server on loopback that serves bytes, and misbehaves when asked to."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """One file and how it is served."""

    content: bytes
    etag: str = '"one"'
    ranges: bool = True
    cut: list = field(default_factory=list)             # for each request: bytes until the cut
    errors: list = field(default_factory=list)          # for each request: status instead
    silent: list = field(default_factory=list)          # for each request: seconds of silence
    asked: list = field(default_factory=list)           # the headers of each request


class Server:
    """``with Server() as server: server.files["a.zip"] = Served(b"...")``."""

    def __init__(self):
        self.files = {}
        files, self.stop = self.files, threading.Event()
        stop = self.stop

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                served = files.get(self.path.lstrip("/"))
                if served is None:
                    return self.send_error(404)
                served.asked.append(dict(self.headers))
                if served.errors and (status := served.errors.pop(0)):
                    return self.send_error(status)
                if served.silent:
                    stop.wait(served.silent.pop(0))
                start = 0
                if served.ranges and (wanted := self.headers.get("Range")):
                    if self.headers.get("If-Range", served.etag) == served.etag:
                        start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start and start >= len(served.content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(served.content)}")
                    self.send_header("Content-Length", "0")
                    return self.end_headers()
                body = served.content[start:]
                self.send_response(206 if start else 200)
                if start:
                    last = len(served.content) - 1
                    self.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
                if served.etag:
                    self.send_header("ETag", served.etag)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                cut = served.cut.pop(0) if served.cut else None
                with suppress(ConnectionError):         # the client gave up
                    self.wfile.write(body[:cut])

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.http.server_port}/"

    def __enter__(self):
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,))
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()
