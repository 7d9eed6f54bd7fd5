"""Namespaces for the containers of the test kubelet: a network per pod, a file tree per container.

Programs are those of this machine, and so is the file tree, seen through overlays: what a container writes stays its own. Everything
dies with the thread that started it.
"""
import os
import pathlib
import shlex
import signal
import subprocess

BRIDGE = "10.244.0.1"
SHARED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "proc", "sys")  # read only by custom, or not ours to copy
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DIE = ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"]

# Where to mount something: `place FOLDER` makes it. Who is not root may not write beside root's files, even in an overlay: then the folder
# is covered by one of ours with the same things in it.
PLACE = """
cover() {
    c=$(mktemp -d "$upper/cover.XXXXXX"); mount -t tmpfs tmpfs "$c"
    for e in "$1"/*; do
        n="$c/${e##*/}"
        if [ -L "$e" ]; then cp -P "$e" "$n"
        elif [ -d "$e" ]; then mkdir "$n"; mount --rbind "$e" "$n"
        elif [ -e "$e" ]; then touch "$n"; mount --bind "$e" "$n"; fi
    done
    mount -n --move "$c" "$1" || [ -e "$1" ] # a user has no mount table to note it in
}
place() {
    if ! [ -d "$1" ]; then
        place "${1%/*}"
        mkdir "$1" 2>/dev/null || { cover "${1%/*}"; mkdir "$1"; }
    fi
}
"""


class Sandbox:
    """A pod's network: its address on the bridge, a loopback of its own, and a way to the Services."""

    def __init__(self, name, address):
        self.link, self.address = f"v{name}"[:15], address
        self.holder = subprocess.Popen([*DIE, "/usr/bin/unshare", "--net", "sh", "-c", "echo; exec sleep infinity"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        self.holder.stdout.readline()
        pid = self.holder.pid
        batch(f"link add {self.link} type veth peer name eth0 netns {pid}", f"link set {self.link} master pods up")
        batch("link set lo up", f"addr add {address}/16 dev eth0", "link set eth0 up", f"route add default via {BRIDGE}",
              into=["/usr/bin/nsenter", "-t", str(pid), "-n"])

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        # The kernel takes the link away with the namespace, but in its own time; the next pod may come sooner.
        subprocess.run(["ip", "link", "del", self.link], capture_output=True)


def batch(*lines, into=()):
    subprocess.run([*into, "ip", "-batch", "-"], input="\n".join(lines), text=True, check=True, capture_output=True)


class Process:
    """A container's process. binds: (path in the container, path outside, read only)."""

    def __init__(self, sandbox, folder, command, env, binds, workdir, log):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.message = self.folder / "termination-log"
        self.message.write_text("")
        self.log = open(log, "ab")
        script = root_script(self.folder, binds, workdir, command, self.message)
        self.process = subprocess.Popen(
            [*DIE, "/usr/bin/nsenter", "-t", str(sandbox.holder.pid), "-n", "/usr/bin/unshare", "--mount", "--propagation", "private",
             "/bin/sh", "-ec", script],
            env=env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True, cwd="/")
        self.pid = self.process.pid
        self.pidfd = os.pidfd_open(self.pid)

    def signal(self, number):
        """To the first process only, as container runtimes do."""
        if self.process.poll() is None:
            os.kill(self.pid, number)

    def ended(self):
        """Exit code (128 + N for signal N), or None."""
        code = self.process.poll()
        return code if code is None or code >= 0 else 128 - code

    def inside(self, command, timeout):
        """Run a command in the container; (exit code or None, output)."""
        run = [*DIE, "/usr/bin/nsenter", "-t", str(self.pid), "-m", "-n", "-r", "-w", *command]
        try:
            r = subprocess.run(run, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
            return r.returncode, r.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired:
            return None, f"not within {timeout} s"

    def close(self):
        """Whatever is left of it."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.pidfd)
        self.log.close()


def root_script(folder, binds, workdir, command, message):
    """Shell text that makes the container's file tree, enters it and becomes the command."""
    root, upper = folder / "root", folder / "upper"
    for d in (root, upper):
        d.mkdir(parents=True, exist_ok=True)
    # The container's own PATH must not decide which mount this runs.
    lines = ["own=$PATH; export PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"mount -t tmpfs tmpfs {root}", f"mount -t tmpfs tmpfs {upper}",
             f"upper={upper}", PLACE]
    for entry in sorted(os.scandir("/"), key=lambda e: e.name):
        lines += top_entry(entry, f"{root}/{entry.name}", f"{upper}/{entry.name}")
    lines += device_lines(f"{root}/dev")
    lines += [f"touch {root}/dev/termination-log", f"mount --bind {message} {root}/dev/termination-log"]
    for path, source, read_only in sorted(binds):
        path = os.path.realpath(path)  # /var/run is a link, which from outside would lead outside
        at, source = shlex.quote(f"{root}{path}"), shlex.quote(str(source))
        lines += [f"if [ -d {source} ]; then place {at}; else place $(dirname {at}); [ -e {at} ] || touch {at}; fi",
                  f"mount --bind {source} {at}"]
        if read_only:
            lines.append(f"mount -o remount,bind,ro {at} 2>/dev/null || true")
    inside = f"cd {shlex.quote(workdir or '/')} && exec {' '.join(map(shlex.quote, command))}"
    lines.append(f"PATH=$own; exec /usr/sbin/chroot {root} /bin/sh -c {shlex.quote(inside)}")
    return "\n".join(lines)


def top_entry(entry, at, upper):
    if entry.name in ("dev", "run", "lost+found"):
        return [f"mkdir {at}"] if entry.name != "lost+found" else []
    if entry.is_symlink():
        return [f"ln -s {shlex.quote(os.readlink(entry.path))} {at}"]
    if not entry.is_dir():
        return []
    bind = f"mount --rbind /{entry.name} {at}"
    if entry.name in SHARED:
        return [f"mkdir {at}", bind]
    return [f"mkdir -p {at} {upper}/u {upper}/w",
            f"mount -t overlay overlay -o lowerdir=/{entry.name},upperdir={upper}/u,workdir={upper}/w {at} 2>/dev/null || {bind}"]


def device_lines(at):
    lines = [f"mkdir {at}/shm", f"ln -s /proc/self/fd {at}/fd", f"ln -s fd/0 {at}/stdin", f"ln -s fd/1 {at}/stdout",
             f"ln -s fd/2 {at}/stderr"]
    for name in DEVICES:
        lines.append(f"touch {at}/{name}; mount --bind /dev/{name} {at}/{name}")
    return lines
