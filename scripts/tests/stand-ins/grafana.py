r"""Stands in for Grafana: the few calls of its HTTP API that dashboard-checker.sh makes, answered as Grafana 12 answers them.

Usage: grafana.py FOLDER

Listens on a free port of loopback and prints it as `kubectl port-forward` does. In the folder there are

  state.json  data sources, folders and dashboards; a test may change it between calls
  requests    a line a request: method, path, who asked (the account, nobody, or wrong for one that is refused)
  faults      lines that a test writes: METHOD PATH STATUS [BODY]; the first that fits a request answers it. A PATH may end
              with *, the STATUS 302 leads to /login, and 0 ends the connection without an answer

Accounts: admin with the password pa"ss\w:ord, the token glsa_right, and viewer with the password viewer, who may not write.
"""

import base64
import json
import pathlib
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FOLDER = pathlib.Path(sys.argv[1])
ACCOUNTS = {'admin:pa"ss\\w:ord': "admin", "viewer:viewer": "viewer"}
EMPTY = {"datasources": [], "folders": [], "dashboards": []}
lock = threading.Lock()


def error(code, message, **more):
    return code, {"message": message, **more}


class State:
    """What Grafana keeps in its database."""

    def __init__(self):
        self.file = FOLDER / "state.json"
        self.data = json.loads(self.file.read_text()) if self.file.exists() else json.loads(json.dumps(EMPTY))

    def save(self):
        self.file.write_text(json.dumps(self.data))

    def find(self, kind, uid):
        return next((thing for thing in self.data[kind] if thing["uid"] == uid), None)

    def add(self, kind, thing):
        self.data[kind].append(thing)
        thing["id"] = sum(len(things) for things in self.data.values())
        return thing


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        with lock:
            who = self.who()
            with open(FOLDER / "requests", "a") as requests:
                print(self.command, self.path, who, file=requests)
            status, body = self.fault() or self.route(who, text)
        if status == 0:
            return
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json; charset=UTF-8")
        if status == 302:
            self.send_header("Location", "/login")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fault(self):
        file = FOLDER / "faults"
        for line in file.read_text().splitlines() if file.exists() else []:
            method, path, status, *body = line.split(" ", 3)
            if method == self.command and (path == self.path or path.endswith("*") and self.path.startswith(path[:-1])):
                return int(status), body[0] if body else ""
        return None

    def who(self):
        kind, _, value = (self.headers.get("Authorization") or "").partition(" ")
        if not kind:
            return "nobody"
        if kind == "Bearer":
            return "admin" if value == "glsa_right" else "wrong-token"
        return ACCOUNTS.get(base64.b64decode(value).decode(), "wrong")

    def route(self, who, text):
        if (self.command, self.path) == ("GET", "/api/health"):
            return 200, {"database": "ok", "version": "12.1.1", "commit": "df5de8219b41d1e639e003bf5f3a85913761d167"}
        if who == "nobody":
            return error(401, "Unauthorized", messageId="auth.unauthorized", statusCode=401, traceID="")
        if who == "wrong":
            return error(401, "Invalid username or password", messageId="password-auth.failed", statusCode=401, traceID="")
        if who == "wrong-token":
            return error(401, "Invalid API key", messageId="api-key.invalid", statusCode=401, traceID="")
        for method, pattern, action, right in ROUTES:
            match = re.fullmatch(pattern, self.path)
            if match and method == self.command:
                if right and who == "viewer":
                    return error(403, f"You'll need additional permissions to perform this action. Permissions needed: {right}",
                                 accessErrorId="ACE0123456789", title="Access denied")
                return self.act(action, match.groups(), text)
        return error(404, "Not found")

    def act(self, action, words, text):
        try:
            body = json.loads(text) if text else None
        except ValueError:
            return error(400, "bad request data")
        state = State()
        answer = action(state, *words, *([body] if self.command != "GET" else []))
        state.save()
        return answer

    def log_message(self, *_):
        pass


def organisation(_):
    return 200, {"id": 1, "name": "Main Org.", "address": {"address1": "", "city": "", "country": ""}}


# === data sources ===


def data_source(state, uid):
    found = state.find("datasources", uid)
    return (200, found) if found else error(404, "Data source not found")


def is_named_by_another(state, name, uid):
    return any(other["name"] == name and other["uid"] != uid for other in state.data["datasources"])


def add_data_source(state, body):
    if state.find("datasources", body["uid"]):
        return error(409, "data source with the same uid already exists")
    if is_named_by_another(state, body["name"], body["uid"]):
        return error(409, "data source with the same name already exists")
    defaults = {"orgId": 1, "access": "proxy", "isDefault": False, "jsonData": {}, "secureJsonFields": {}, "version": 1, "readOnly": False}
    made = state.add("datasources", {**defaults, **body})
    return 200, {"datasource": made, "id": made["id"], "message": "Datasource added", "name": made["name"]}


def update_data_source(state, uid, body):
    found = state.find("datasources", uid)
    if not found:
        return error(404, "Data source not found")
    if found["readOnly"]:
        return error(403, "Cannot update read-only data source")
    if is_named_by_another(state, body["name"], uid):
        return error(409, "Failed to update datasource: data source with the same name already exists")
    if body.get("version", 0) not in (0, found["version"]):
        return error(409, "Datasource has already been updated by someone else. Please reload and try again")
    found.update({key: body[key] for key in ("name", "type", "access", "url", "isDefault", "jsonData")}, version=found["version"] + 1)
    return 200, {"datasource": found, "id": found["id"], "message": "Datasource updated", "name": found["name"]}


# === folders and dashboards ===


def folder(state, uid):
    found = state.find("folders", uid)
    return (200, {**found, "version": 1}) if found else error(404, "folder not found", status="not-found")


def add_folder(state, body):
    if state.find("folders", body["uid"]):
        return error(409, "a folder/dashboard with the same uid already exists")
    if any(other["title"] == body["title"] for other in state.data["folders"]):
        return error(409, "a folder with the same name already exists in the current location")
    return 200, {**state.add("folders", {"uid": body["uid"], "title": body["title"]}), "version": 1}


def dashboard(state, uid):
    found = state.find("dashboards", uid)
    if not found:
        return error(404, "Dashboard not found")
    data = {**found["data"], "id": found["id"], "uid": uid, "version": found["version"]}
    where = state.find("folders", found["folderUid"]) or {"title": "General"}
    meta = {"type": "db", "canSave": True, "slug": "a-dashboard", "url": f"/d/{uid}/a-dashboard", "version": found["version"], "isFolder": False,
            "folderUid": found["folderUid"], "folderTitle": where["title"], "provisioned": found["provisioned"], "provisionedExternalId": ""}
    return 200, {"meta": meta, "dashboard": data}


def save_dashboard(state, body):
    data, uid, where = body["dashboard"], body["dashboard"].get("uid") or "generated", body.get("folderUid") or ""
    found = state.find("dashboards", uid)
    if not data.get("title"):
        return error(400, "Dashboard title cannot be empty", status="empty-name")
    if where and not state.find("folders", where):
        return error(400, "folder not found")
    if found and found["provisioned"]:
        return error(400, "Cannot save provisioned dashboard")
    if data.get("id") and not any(other["id"] == data["id"] for other in state.data["dashboards"]):
        return error(404, "Dashboard not found", status="not-found")
    if found and not body.get("overwrite") and data.get("version") != found["version"]:
        return error(412, "The dashboard has been changed by someone else", status="version-mismatch")
    if not found:
        found = state.add("dashboards", {"uid": uid, "provisioned": False, "version": 0})
    found.update(data={key: value for key, value in data.items() if key not in ("id", "version")}, folderUid=where, version=found["version"] + 1)
    return 200, {"status": "success", "slug": "a-dashboard", "version": found["version"], "id": found["id"], "uid": uid,
                 "url": f"/d/{uid}/a-dashboard", "folderUid": where}


ROUTES = [
    ("GET", "/api/org", organisation, ""),
    ("GET", "/api/datasources/uid/([^/]+)", data_source, ""),
    ("POST", "/api/datasources", add_data_source, "datasources:create"),
    ("PUT", "/api/datasources/uid/([^/]+)", update_data_source, "datasources:write"),
    ("GET", "/api/folders/([^/]+)", folder, ""),
    ("POST", "/api/folders", add_folder, "folders:create"),
    ("GET", "/api/dashboards/uid/([^/]+)", dashboard, ""),
    ("POST", "/api/dashboards/db", save_dashboard, "dashboards:create"),
]

server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
print(f"Forwarding from 127.0.0.1:{server.server_port} -> 3000", flush=True)
end = threading.Timer(120, server.shutdown)
end.daemon = True
end.start()
server.serve_forever()
