"""Stands in for a pod of the API behind `kubectl port-forward`: answers on two ports, counts and stores hits at /.

Usage: api.py FOLDER. A file `broken` in the folder makes /ready answer 503, a file `forgetful` stores no hit.
"""

import pathlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FOLDER = pathlib.Path(sys.argv[1])
hits = 0


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        is_admin = self.server is admin
        status, body = getattr(self, "admin" if is_admin else "public")()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def public(self):
        global hits
        hits += self.path == "/"
        return 401, b"{}"

    def admin(self):
        if self.path == "/metrics":
            stored = 0 if (FOLDER / "forgetful").exists() else hits
            lines = f'endpoint_stats_hits_total{{route="/"}} {hits}\nendpoint_stats_hits_stored_total{{}} {stored}\n'
            return 200, lines.encode()
        return (503 if self.path == "/ready" and (FOLDER / "broken").exists() else 200), b"{}"

    def log_message(self, *_):
        pass


public, admin = (ThreadingHTTPServer(("127.0.0.1", 0), Answer) for _ in range(2))
for server, port in (public, 9999), (admin, 9998):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"Forwarding from 127.0.0.1:{server.server_port} -> {port}", flush=True)
threading.Event().wait(60)
