"""Runs one container of a rendered overlay the way a kubelet would, on this machine's programs.

Usage: pod.py start|probe STATE RENDERED KIND/NAME CONTAINER [PROBE]

STATE has the folders `secrets` (manifests that secrets.sh made), `claims` and `pods`. `start` becomes the container's process:
its command, arguments, variables, volumes, user and groups, on a root file system that is read-only where the manifest says
so. `probe` asks the probe of a running container, once. Has to run as root in mount and network namespaces of its own.
"""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

# What the images bring: the program that takes the arguments.
ENTRYPOINTS = {
    "endpoint-stats-server": ["/usr/local/bin/endpoint-stats-server"],
    "postgres": [],
    "prom/alertmanager": ["/bin/alertmanager"],
    "quay.io/prometheuscommunity/postgres-exporter": ["/bin/postgres_exporter"],
    "redis": [],
}
# Where the images have programs that Debian has elsewhere.
PROGRAMS = {
    "bin/alertmanager": "/usr/bin/prometheus-alertmanager",
    "bin/postgres_exporter": "/usr/bin/prometheus-postgres-exporter",
    "redis_exporter": "/usr/bin/prometheus-redis-exporter",
}


class Pod:
    def __init__(self, state, rendered, workload, container):
        self.state, self.objects = Path(state), list(yaml.safe_load_all(Path(rendered).read_text()))
        kind, self.name = workload.split("/")
        manifest = self.object(kind, self.name)
        spec = manifest["spec"]
        if kind == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        self.spec, self.claims = spec["template"]["spec"], spec.get("volumeClaimTemplates", [])
        containers = self.spec.get("initContainers", []) + self.spec["containers"]
        self.container = next(one for one in containers if one["name"] == container)
        self.root = self.state / "pods" / f"{self.name}-{container}"
        security = self.spec["securityContext"]
        self.user, self.group = security["runAsUser"], security["runAsGroup"]
        self.volume_group = security["fsGroup"]

    def object(self, kind, name):
        return next(one for one in self.objects if one["kind"] == kind and one["metadata"]["name"] == name)

    def start(self):
        self.make_root()
        for mount in self.container.get("volumeMounts", []):
            self.mount(mount)
        if self.container["securityContext"]["readOnlyRootFilesystem"]:
            run("mount", "-o", "remount,ro", self.root)
        self.enter(self.command())

    def probe(self, which):
        probe = self.container[which]
        if "httpGet" in probe:
            ports = {port["name"]: port["containerPort"] for port in self.container["ports"]}
            url = f"http://127.0.0.1:{ports[probe['httpGet']['port']]}{probe['httpGet']['path']}"
            os.execvp("curl", ["curl", "--silent", "--fail", "--max-time", str(probe["timeoutSeconds"]), "-o", "/dev/null", url])
        self.enter(["timeout", str(probe["timeoutSeconds"]), *probe["exec"]["command"]])

    def make_root(self):
        """This machine's files, changed in memory alone."""
        changes = self.root.with_name(self.root.name + "-changes")
        for folder in (self.root, changes):
            folder.mkdir(parents=True)
        run("mount", "-t", "tmpfs", "tmpfs", changes)
        (changes / "upper").mkdir()
        (changes / "work").mkdir()
        options = f"lowerdir=/,upperdir={changes}/upper,workdir={changes}/work"
        run("mount", "-t", "overlay", "overlay", "-o", options, self.root)
        for folder in ("proc", "dev"):
            run("mount", "--rbind", f"/{folder}", self.root / folder)
        self.write("etc/hosts", "127.0.0.1 localhost db cache database\n", 0o644)
        # The images' users have these numbers.
        users = [line for line in Path("/etc/passwd").read_text().splitlines() if not re.match(r"postgres:|[^:]*:x:999:", line)]
        self.write("etc/passwd", "\n".join([*users, "postgres:x:999:999::/var/lib/postgresql:/bin/bash", ""]), 0o644)
        programs = self.root / "usr/local/bin"
        for program in (Path(os.environ["SERVER_PROGRAM"]), Path(__file__).parent.parent / "stand-ins/docker-entrypoint.sh"):
            self.write(programs.relative_to(self.root) / program.name, program.read_bytes(), 0o755)
        for path, program in PROGRAMS.items():
            (self.root / path).unlink(missing_ok=True)
            (self.root / path).symlink_to(program)

    def mount(self, mount):
        name, target = mount["name"], mount["mountPath"].lstrip("/")
        folder = self.root / target.replace("var/run", "run")
        folder.mkdir(parents=True, exist_ok=True)
        if any(claim["metadata"]["name"] == name for claim in self.claims):
            return self.bind(self.state / "claims" / f"{name}-{self.name}", folder, mount)
        volume = next(one for one in self.spec["volumes"] if one["name"] == name)
        if "persistentVolumeClaim" in volume:
            return self.bind(self.state / "claims" / volume["persistentVolumeClaim"]["claimName"], folder, mount)
        if "emptyDir" in volume:
            return self.bind(self.root.with_name(f"{self.root.name}-{name}"), folder, mount)
        run("mount", "-t", "tmpfs", "tmpfs", folder)
        for path, content, mode in self.files(volume):
            self.write(folder.relative_to(self.root) / path, content, mode, self.volume_group)

    def bind(self, source, folder, mount):
        source.mkdir(parents=True, exist_ok=True)
        os.chown(source, 0, self.volume_group)
        source.chmod(0o2775)
        run("mount", "--bind", source, folder)
        if mount.get("readOnly"):
            run("mount", "-o", "remount,ro,bind", folder)

    def files(self, volume):
        projected = volume.get("projected")
        for source in projected["sources"] if projected else [volume]:
            what = source.get("configMap") or source["secret"]
            data = self.object("ConfigMap", what["name"])["data"] if "configMap" in source else self.secret(what)
            for item in what.get("items") or [{"key": key, "path": key} for key in data]:
                yield item["path"], data[item["key"]], (projected or what)["defaultMode"]

    def secret(self, source):
        # A volume and a projected volume call the name differently.
        manifest = self.state / "secrets" / (source.get("secretName") or source["name"])
        return {key: base64.b64decode(value) for key, value in yaml.safe_load(manifest.read_text())["data"].items()}

    def write(self, path, content, mode, group=0):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        os.chown(target, 0, group)
        target.chmod(mode)

    def variables(self):
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        values = {"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin", "HOME": "/", "LANG": "C.UTF-8"}
        # What the image postgres sets.
        values |= {"PGPORT": "5432", "INIT_SCRIPTS": "/docker-entrypoint-initdb.d"} if self.container["image"].startswith("postgres:") else {}
        for variable in self.container.get("env", []):
            values[variable["name"]] = expanded(variable["value"], values)
        return values

    def command(self):
        entrypoint = self.container.get("command") or ENTRYPOINTS[self.container["image"].split(":")[0]]
        return [expanded(word, self.variables()) for word in [*entrypoint, *self.container.get("args", [])]]

    def enter(self, command):
        chroot = ["chroot", f"--userspec={self.user}:{self.group}", f"--groups={self.volume_group}", str(self.root)]
        os.execve("/usr/sbin/chroot", [*chroot, *command], self.variables())


def expanded(text, values):
    return re.sub(r"\$\((\w+)\)", lambda found: values.get(found[1], found[0]), text)


def run(*command):
    subprocess.run([str(word) for word in command], check=True)


def main():
    what, state, rendered, workload, container, *probe = sys.argv[1:]
    pod = Pod(state, rendered, workload, container)
    pod.start() if what == "start" else pod.probe(*probe)


main()
