"""File servers that the conformance tests direct: HTTP with GET and PUT from the standard library, FTP from `pyftpdlib`.

Both serve one folder. Commands come as JSON lines on standard input, events leave as JSON lines on standard output.
`{"do": "fail", "status": 503, "times": 2}` makes the next HTTP requests fail. FILES_CERT and FILES_KEY make HTTP speak TLS.
"""

import argparse
import functools
import http.server
import json
import logging
import os
import ssl
import sys
import threading

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

LOCK = threading.Lock()
FAILURES = []
FTP_USER, FTP_PASSWORD = "station", "let-me in"


def emit(event, **fields):
    """Reports one event to the test."""
    with LOCK:
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()


class Http(http.server.SimpleHTTPRequestHandler):
    """GET and PUT of files in one folder."""

    def fails(self):
        """Fails this request if the test wants it to."""
        with LOCK:
            status = FAILURES.pop(0) if FAILURES else None
        if status is not None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_error(status)
        return status is not None

    def do_GET(self):
        if not self.fails():
            super().do_GET()

    def do_PUT(self):
        if self.fails():
            return
        path = self.translate_path(self.path)
        if not os.path.isdir(os.path.dirname(path)):
            self.send_error(404)
            return
        with open(path, "wb") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, code="-", size="-"):
        emit("http", method=self.command, path=self.path, status=int(code))

    def log_message(self, *_):
        pass


class Ftp(FTPHandler):
    """FTP that tells what came and went."""

    def on_file_received(self, file):
        emit("ftp", method="STOR", path=os.path.basename(file))

    def on_file_sent(self, file):
        emit("ftp", method="RETR", path=os.path.basename(file))

    def on_login_failed(self, username, password):
        emit("ftp-refused", user=username)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True)
    root = parser.parse_args().root
    logging.disable(logging.CRITICAL)
    web = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Http, directory=root)
    )
    if "FILES_CERT" in os.environ:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["FILES_CERT"], os.environ["FILES_KEY"])
        web.socket = context.wrap_socket(web.socket, server_side=True)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    Ftp.authorizer = DummyAuthorizer()
    Ftp.authorizer.add_user(FTP_USER, FTP_PASSWORD, root, perm="elradfmw")
    ftp = FTPServer(("127.0.0.1", 0), Ftp)
    threading.Thread(target=ftp.serve_forever, daemon=True).start()
    emit("listening", http=web.server_address[1], ftp=ftp.address[1])
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "fail":
            with LOCK:
                FAILURES.extend([command["status"]] * command["times"])
            emit("failing")


if __name__ == "__main__":
    main()
