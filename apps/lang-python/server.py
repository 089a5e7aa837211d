# SPDX-License-Identifier: GPL-2.0
"""An HTTP service with a thread for each connection.

/ greets, /check lets threads, a child process and modules in C at work,
/quit ends the program.
"""
import ctypes
import hashlib
import http.server
import os
import sqlite3
import subprocess
import sys
import threading


def check():
    total = []
    threads = [threading.Thread(target=lambda n=n: total.append(sum(range(n))))
               for n in range(100)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    child = subprocess.run([sys.executable, "-c", "print(6 * 7)"],
                           capture_output=True, check=True, text=True)
    rows = sqlite3.connect(":memory:").execute("select 40 + 2").fetchone()
    return (f"threads {len(total)} {sum(total)}\n"
            f"child {child.stdout.strip()}\n"
            f"sha256 {hashlib.sha256(b'unilinux').hexdigest()[:8]}\n"
            f"sqlite {rows[0]}\n"
            f"ctypes {ctypes.CDLL(None).abs(-5)}\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        if self.path == "/quit":
            os._exit(0)
        text = check() if self.path == "/check" else "hello from CPython\n"
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("", 8080), Handler)
print(f"CPython {sys.version.split()[0]} listens on port 8080", flush=True)
server.serve_forever()
