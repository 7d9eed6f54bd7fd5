"""Cluster addresses and names of Services for the test kubelet's pods: TCP passed on to ready endpoints, and /etc/hosts."""
import asyncio
import pathlib
import random
import threading

from kubeapi import Watch


class Services:
    """A user-space proxy: one loop in one thread listens on the clusterIP of every Service that has one."""

    def __init__(self, api, folder):
        self.folder, self.lock = pathlib.Path(folder), threading.Lock()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.loop, self.listeners, self.files = asyncio.new_event_loop(), {}, {}
        self.services = Watch(api, "/api/v1/services", self.service_changed)
        slices = "/apis/discovery.k8s.io/v1beta1/endpointslices"
        self.slices = Watch(api, slices, self.slice_changed)

    def start(self):
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        for w in (self.services, self.slices):
            w.start()
        for w in (self.services, self.slices):
            w.synced.wait(30)

    def service_changed(self, kind, o):
        asyncio.run_coroutine_threadsafe(self.listen(o, kind == "DELETED"), self.loop)
        self.write_hosts()

    def slice_changed(self, kind, o):
        name = o["metadata"].get("labels", {}).get("kubernetes.io/service-name")
        service = self.services.objects.get((o["metadata"]["namespace"], name))
        if service and service["spec"].get("clusterIP") == "None":
            self.write_hosts()

    async def listen(self, o, gone):
        meta, spec = o["metadata"], o["spec"]
        key, address = (meta["namespace"], meta["name"]), spec.get("clusterIP")
        wanted = {} if gone or address in (None, "", "None") else {
            (address, p["port"]): p.get("name") for p in spec.get("ports", []) if p.get("protocol", "TCP") == "TCP"}
        kept = self.listeners.setdefault(key, {})
        for at in set(kept) - set(wanted):
            kept.pop(at).close()
        for at, port in wanted.items():
            if at not in kept:
                kept[at] = await asyncio.start_server(lambda r, w, k=key, p=port: self.connected(k, p, r, w), *at)
        if gone:
            self.listeners.pop(key, None)

    def endpoints(self, key, port_name):
        out = []
        for s in list(self.slices.objects.values()):
            if (s["metadata"]["namespace"], s["metadata"].get("labels", {}).get("kubernetes.io/service-name")) != key:
                continue
            port = next((p["port"] for p in s.get("ports") or [] if (p.get("name") or None) == (port_name or None)), None)
            out += [(a, port) for e in s.get("endpoints") or [] if (e.get("conditions") or {}).get("ready") and port
                    for a in e["addresses"]]
        return out

    async def connected(self, key, port, reader, writer):
        try:
            ways = self.endpoints(key, port)
            there_reader, there_writer = await asyncio.open_connection(*random.choice(ways))
        except (IndexError, OSError):
            writer.transport.abort()
            return
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

    # Names.

    def hosts_file(self, namespace):
        with self.lock:
            if namespace not in self.files:
                self.files[namespace] = self.folder / f"hosts.{namespace}"
                self.files[namespace].write_text(self.hosts(namespace))
            return self.files[namespace]

    def write_hosts(self):
        """In place: the files are mounted."""
        with self.lock:
            for namespace, path in self.files.items():
                text = self.hosts(namespace)
                if path.read_text() != text:
                    path.write_text(text)

    def hosts(self, own):
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        for (namespace, name), o in sorted(self.services.objects.items()):
            address = o["spec"].get("clusterIP")
            ways = sorted({a for a, _ in self.endpoints((namespace, name), None)}) if address == "None" else [address]
            names = [f"{name}.{namespace}.svc.cluster.local", f"{name}.{namespace}.svc", f"{name}.{namespace}"]
            lines += [" ".join([way, *names, *([name] if namespace == own else [])]) for way in ways if way]
        return "\n".join(lines) + "\n"


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, ConnectionError):
        writer.transport.abort()
