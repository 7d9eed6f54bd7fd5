"""Probes and lifecycle handlers of the test kubelet's containers."""
import http.client
import socket
import time


def port_of(container, port):
    if isinstance(port, int):
        return port
    return next(p["containerPort"] for p in container.get("ports", []) if p.get("name") == port)


def http_get(container, spec, address, timeout):
    connection = http.client.HTTPConnection(spec.get("host", address), port_of(container, spec["port"]), timeout=timeout)
    try:
        connection.request("GET", spec.get("path", "/"), headers={h["name"]: h["value"] for h in spec.get("httpHeaders", [])})
        status = connection.getresponse().status
        return 200 <= status < 400, f"HTTP probe failed with statuscode: {status}"
    except (OSError, http.client.HTTPException) as e:
        return False, f"{spec.get('path', '/')}: {e!r}"
    finally:
        connection.close()


def check(container, process, address, spec, timeout):
    """Run a probe or a lifecycle handler: (good, why not)."""
    if "httpGet" in spec:
        return http_get(container, spec["httpGet"], address, timeout)
    if "tcpSocket" in spec:
        try:
            socket.create_connection((address, port_of(container, spec["tcpSocket"]["port"])), timeout).close()
            return True, ""
        except OSError as e:
            return False, repr(e)
    if "exec" in spec:
        code, output = process.inside(spec["exec"]["command"], timeout)
        return code == 0, output[-500:]
    return True, ""


class Probe:
    """One probe of a running container: when it is due, and what its thresholds make of the results. hurry: how many times more
    often than it says it is asked, so that success is seen sooner; it takes as long as ever to fail."""

    def __init__(self, kind, container, hurry, now):
        self.kind, self.container, self.spec = kind, container, container[f"{kind}Probe"]
        self.patience = self.spec.get("failureThreshold", 3) * hurry
        self.every = self.spec.get("periodSeconds", 10) / hurry
        self.due = now + self.spec.get("initialDelaySeconds", 0) / hurry
        self.good, self.run, self.why = kind == "liveness", 0, "not asked yet"

    def ask(self, process, address):
        """True when the verdict has changed or, of a startup or liveness probe, when it has failed for good."""
        ok, why = check(self.container, process, address, self.spec, self.spec.get("timeoutSeconds", 1))
        self.due = time.monotonic() + self.every
        self.run = self.run + 1 if self.run > 0 and ok else self.run - 1 if self.run < 0 and not ok else 1 if ok else -1
        self.why = "" if ok else why
        if ok and not self.good and self.run >= self.spec.get("successThreshold", 1):
            self.good = True
            return True
        if not ok and -self.run >= self.patience:
            self.good, self.run = False, 0
            return True
        return False
