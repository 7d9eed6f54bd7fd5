"""The life of one pod under the test kubelet: a thread that starts its containers, probes them, restarts them and reports."""
import os
import select
import signal
import threading
import time
from datetime import datetime, timezone

from kubeapi import STRATEGIC, ApiError, log
from probes import Probe, check
from sandbox import Process, Sandbox
from volumes import NotYet, Sources, Volumes, environment, expand

MARK = "test.sluice.dev/"  # annotations that make a pod behave: start-delay-s, unready, crash (each new value: once), hurry
BACKOFF_S = (0.5, 1, 2, 4, 8)
REFRESH_S = 1.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def stamp(seconds=None):
    return datetime.fromtimestamp(time.time() if seconds is None else seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Container:
    """One container: its process, if any, and what is told of it."""

    def __init__(self, spec, init=False):
        self.spec, self.name, self.init = spec, spec["name"], init
        self.process, self.started, self.probes = None, None, {}
        self.waiting, self.last, self.ended = ("ContainerCreating", ""), None, None
        self.restarts, self.again = 0, 0.0

    def ready(self):
        if self.init:
            return self.ended is not None and self.ended["exitCode"] == 0
        return self.process is not None and all(self.probes[k].good for k in ("startup", "readiness") if k in self.probes)

    def status(self):
        if self.process:
            state = {"running": {"startedAt": self.started}}
        elif self.ended and not self.waiting:
            state = {"terminated": self.ended}
        else:
            reason, message = self.waiting or ("ContainerCreating", "")
            state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        return {"name": self.name, "image": self.spec["image"], "imageID": f"test://{self.spec['image']}", "ready": self.ready(),
                "started": self.process is not None and ("startup" not in self.probes or self.probes["startup"].good),
                "restartCount": self.restarts, "state": state, "lastState": {"terminated": self.last} if self.last else {},
                "containerID": f"process://{self.process.pid if self.process else 0}"}


class Pod(threading.Thread):
    def __init__(self, kubelet, o):
        meta = o["metadata"]
        super().__init__(name=meta["name"], daemon=True)
        self.kubelet, self.api, self.o = kubelet, kubelet.api, o
        self.path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        self.folder = kubelet.folder / "pods" / meta["uid"]
        self.wake_read, self.wake_write = os.pipe()
        self.sandbox = self.volumes = self.told = self.address = None
        self.began, self.refresh_at, self.crashed = time.monotonic(), 0.0, meta.get("annotations", {}).get(MARK + "crash")
        self.init = [Container(c, init=True) for c in o["spec"].get("initContainers", [])]
        self.containers = [Container(c) for c in o["spec"]["containers"]]
        self.over = False

    # What the outside says.

    def seen(self, o):
        self.o = o
        os.write(self.wake_write, b"x")

    def mark(self, name):
        return self.o["metadata"].get("annotations", {}).get(MARK + name)

    def deleted(self):
        return self.over or "deletionTimestamp" in self.o["metadata"]

    # The life.

    def run(self):
        try:
            self.live()
            if not self.kubelet.closing:
                self.stop()
        finally:
            for c in self.init + self.containers:
                if c.process:
                    c.process.close()
            if self.sandbox:
                self.sandbox.close()
            if self.address:
                self.kubelet.addresses.append(self.address)
            self.kubelet.forget(self)
            for end in (self.wake_read, self.wake_write):
                os.close(end)

    def live(self):
        while not self.deleted():
            try:
                if time.monotonic() - self.began >= float(self.mark("start-delay-s") or 0):
                    self.step()
            except NotYet as e:
                for c in self.init + self.containers:
                    if not c.process and not c.ended:
                        c.waiting = ("CreateContainerConfigError" if self.volumes else "ContainerCreating", str(e))
            except (ApiError, OSError) as e:
                log(f"{self.path}: {e!r}")
            self.report()
            self.sleep()

    def sleep(self):
        """Until something ends, is due, or is said about the pod."""
        now = time.monotonic()
        due = [p.due for c in self.containers if c.process for p in c.probes.values()] + [self.refresh_at]
        due += [c.again for c in self.init + self.containers if c.again > now]
        poll = select.poll()
        poll.register(self.wake_read, select.POLLIN)
        for c in self.init + self.containers:
            if c.process:
                poll.register(c.process.pidfd, select.POLLIN)
        fds = [fd for fd, _ in poll.poll(max(10, min(1000, (min(due) - now) * 1000)))]
        if self.wake_read in fds:
            os.read(self.wake_read, 4096)

    def step(self):
        now = time.monotonic()
        if not self.address:
            self.address = self.kubelet.addresses.popleft()
        if not self.sandbox:
            self.sandbox = Sandbox(f"p{self.address.split('.', 2)[2]}", self.address)
        if not self.volumes:
            namespace = self.o["metadata"]["namespace"]
            self.sources = Sources(self.api, namespace)
            self.volumes = Volumes(self.o, self.folder / "volumes", self.address, self.sources, self.api, self.kubelet.ca)
            self.refresh_at = now + REFRESH_S
        if now >= self.refresh_at:
            self.refresh_at = now + REFRESH_S
            try:
                self.volumes.pod = self.o
                self.volumes.refresh()
            except NotYet:
                pass  # what was there once stays
        self.crash_on_demand()
        for c in self.init + self.containers:
            self.reap(c, now)
        if self.begun():
            for c in self.containers:
                self.tend(c, now)

    def begun(self):
        """Run the next init container; true when all are done."""
        for c in self.init:
            if not c.ready():
                if not c.process and time.monotonic() >= c.again and c.ended is None:
                    self.launch(c)
                return False
        return True

    def crash_on_demand(self):
        if self.mark("crash") != self.crashed:
            self.crashed = self.mark("crash")
            for c in self.containers:
                if self.crashed and c.process:
                    c.process.signal(signal.SIGKILL)

    def reap(self, c, now):
        code = c.process.ended() if c.process else None
        if code is None:
            return
        message = c.process.message.read_text(errors="replace")
        if not message and code and c.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            message = self.log_path(c).read_text(errors="replace")[-2048:]
        ended = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "startedAt": c.started, "finishedAt": stamp(),
                 "containerID": f"process://{c.process.pid}", **({"message": message[-4096:]} if message else {})}
        c.process.close()
        c.process = None
        policy = self.o["spec"].get("restartPolicy", "Always")
        if c.init and code == 0 or not c.init and (policy == "Never" or policy == "OnFailure" and code == 0) or c.init and policy == "Never":
            c.ended, c.waiting = ended, None
            return
        c.last = ended
        wait = BACKOFF_S[min(c.restarts, len(BACKOFF_S) - 1)]
        c.restarts, c.again = c.restarts + 1, now + wait
        c.waiting = ("CrashLoopBackOff", f"back-off {wait}s restarting failed container={c.name} pod={self.name}")

    def tend(self, c, now):
        if c.process is None:
            if c.ended is None and now >= c.again:
                self.launch(c)
            return
        startup = c.probes.get("startup")
        for p in list(c.probes.values()):
            if now < p.due or startup and not startup.good and p is not startup:
                continue
            changed = p.ask(c.process, self.address)
            if changed and not p.good and p.kind in ("liveness", "startup"):
                log(f"{self.path}: {c.name} is killed: {p.kind} probe failed: {p.why}")
                self.end([c], float(p.spec.get("terminationGracePeriodSeconds") or self.grace()))
                return

    def log_path(self, c):
        meta = self.o["metadata"]
        return self.kubelet.folder / "logs" / f"{meta['namespace']}_{meta['name']}_{c.name}.log"

    def launch(self, c):
        image = self.kubelet.image(c.spec["image"])
        if image is None:
            c.waiting, c.again = ("ImagePullBackOff", f'Back-off pulling image "{c.spec["image"]}"'), time.monotonic() + 1
            return
        env = environment(self.o, c.spec, self.address, self.sources,
                          {"PATH": PATH, "HOSTNAME": self.name, "HOME": "/root", **image.get("env", {}), **self.kubelet.env})
        command = [expand(a, env) for a in c.spec.get("command") or image["command"]]
        args = c.spec.get("args", image.get("args", []) if not c.spec.get("command") else [])
        command += [expand(a, env) for a in args]
        binds = self.volumes.binds(c.spec) + [(path, source, True) for path, source in image.get("mounts", {}).items()]
        binds.append(("/etc/hosts", self.kubelet.services.hosts_file(self.o["metadata"]["namespace"]), True))
        binds.append(("/etc/resolv.conf", self.kubelet.resolv_conf, True))
        c.process = Process(self.sandbox, self.folder / c.name / str(c.restarts), command, env, binds, c.spec.get("workingDir"),
                            self.log_path(c))
        c.started, c.waiting, now = stamp(), None, time.monotonic()
        hurry = float(self.mark("hurry") or self.kubelet.hurry)
        c.probes = {} if c.init else {k: Probe(k, c.spec, hurry, now) for k in ("startup", "liveness", "readiness")
                                      if f"{k}Probe" in c.spec}
        hook = c.spec.get("lifecycle", {}).get("postStart")
        if hook:
            check(c.spec, c.process, self.address, hook, 30)

    # The end.

    def grace(self):
        meta, spec = self.o["metadata"], self.o["spec"]
        return float(meta.get("deletionGracePeriodSeconds", spec.get("terminationGracePeriodSeconds", 30)))

    def stop(self):
        self.end([c for c in self.init + self.containers if c.process], self.grace())
        try:
            self.api("DELETE", self.path, {"gracePeriodSeconds": 0, "preconditions": {"uid": self.o["metadata"]["uid"]}})
        except (ApiError, OSError) as e:
            if not isinstance(e, ApiError) or e.code not in (404, 409):
                log(f"{self.path}: {e!r}")

    def end(self, containers, grace):
        """preStop, SIGTERM, and SIGKILL when the time is over; all containers side by side."""
        deadline = time.monotonic() + grace
        helpers = [threading.Thread(target=self.end_one, args=(c, deadline), daemon=True) for c in containers]
        for t in helpers:
            t.start()
        for t in helpers:
            t.join()

    def end_one(self, c, deadline):
        hook = c.spec.get("lifecycle", {}).get("preStop")
        if hook:
            check(c.spec, c.process, self.address, hook, max(0.1, deadline - time.monotonic()))
        c.process.signal(signal.SIGTERM)
        poll = select.poll()
        poll.register(c.process.pidfd, select.POLLIN)
        if not poll.poll(max(0, (deadline - time.monotonic()) * 1000)):
            c.process.signal(signal.SIGKILL)
            poll.poll(5000)

    # What is told.

    def phase(self):
        if any(c.ended and c.ended["exitCode"] for c in self.init):
            return "Failed"
        ended = [c.ended for c in self.containers]
        if all(ended):
            return "Failed" if any(e["exitCode"] for e in ended) else "Succeeded"
        return "Running" if all(c.ready() for c in self.init) and any(c.process or c.last for c in self.containers) else "Pending"

    def status(self):
        initialized, running = all(c.ready() for c in self.init), all(c.ready() for c in self.containers)
        ready = running and self.mark("unready") != "true"
        not_ready = [c.name for c in self.containers if not c.ready()]
        conditions = [condition("Initialized", initialized), condition("ContainersReady", running, not_ready),
                      condition("Ready", ready, not_ready)]
        status = {"phase": self.phase(), "hostIP": "10.244.0.1", "conditions": conditions,
                  "containerStatuses": [c.status() for c in self.containers]}
        if self.init:
            status["initContainerStatuses"] = [c.status() for c in self.init]
        if self.address:
            status.update(podIP=self.address, podIPs=[{"ip": self.address}])
        return status

    def report(self):
        status = self.status()
        if status == self.told or "deletionTimestamp" in self.o["metadata"]:
            return
        before = {c["type"]: c["status"] for c in (self.told or {}).get("conditions", [])}
        body = {**status, "startTime": stamp(time.time() - (time.monotonic() - self.began)), "conditions": [
            {**c, **({"lastTransitionTime": stamp()} if before.get(c["type"]) != c["status"] else {})} for c in status["conditions"]]}
        try:
            self.api("PATCH", self.path + "/status", {"metadata": {"uid": self.o["metadata"]["uid"]}, "status": body}, STRATEGIC)
            self.told = status
        except (ApiError, OSError) as e:
            if isinstance(e, ApiError) and e.code in (404, 409):
                self.over = self.over or e.code == 404
            else:
                log(f"{self.path}: {e!r}")


def condition(kind, good, lacks=()):
    return {"type": kind, "status": "True"} if good else {
        "type": kind, "status": "False", "reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(lacks)}]"}
