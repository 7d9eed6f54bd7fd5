"""HTTPRoutes, Services and EndpointSlices as HAProxy configuration. Pure."""

API = "gateway.networking.k8s.io"

HEAD = """# Written by the test gateway; changes are overwritten.
global
    hard-stop-after 5s
    fd-hard-limit 4096
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout http-keep-alive 30s
    retries 0
    option idle-close-on-response
    http-reuse never
    balance roundrobin
frontend generation
    bind unix@{socket} mode 600
    http-request return status 200 content-type text/plain string "{generation}"
frontend traffic
    bind {address}:{port}
"""
TAIL = """    default_backend no-route
backend no-route
    http-request return status 404 content-type text/plain string "no route matches"
backend invalid
    http-request return status 500 content-type text/plain string "invalid backend"
"""


class Ref:
    """A backendRef: its weight and the addresses behind it, or why it is invalid."""

    def __init__(self, doc, route_namespace, service_of, endpoints_of):
        self.weight, self.reason, self.servers = doc.get("weight", 1), None, []
        self.name, self.port = doc["name"], doc.get("port")
        namespace = doc.get("namespace", route_namespace)
        if doc.get("group", "") or doc.get("kind", "Service") != "Service":
            self.reason, self.why = "InvalidKind", f"{doc.get('kind')} is no Service"
        elif namespace != route_namespace:
            self.reason, self.why = "RefNotPermitted", f"{namespace}/{self.name} is in another namespace"
        else:
            self.resolve(namespace, service_of(namespace, self.name), endpoints_of)
        self.backend = "invalid" if self.reason else f"{namespace}.{self.name}.{self.port}"

    def resolve(self, namespace, service, endpoints_of):
        ports = [p for p in service["spec"].get("ports", []) if p["port"] == self.port] if service else []
        if not ports:
            self.reason = "BackendNotFound"
            self.why = f'Service "{self.name}" ' + (f"has no port {self.port}" if service else "not found")
        else:
            self.servers = endpoints_of(namespace, self.name, ports[0].get("name"))


class Rule:
    """One match of one rule of one route; the more specific ones are asked first (spec of HTTPRouteRule.matches)."""

    def __init__(self, route, hostname, match, refs, filters):
        self.route, self.hostname, self.match, self.refs, self.filters = route, hostname, match, refs, filters
        path = match.get("path", {})
        self.kind, self.path = path.get("type", "PathPrefix"), path.get("value", "/")

    def rank(self):
        order = {"Exact": 0, "PathPrefix": 1, "RegularExpression": 2}[self.kind]
        meta = self.route["metadata"]
        return (-len(self.hostname.lstrip("*")) if self.hostname else 0, order, -len(self.path), "method" not in self.match,
                -len(self.match.get("headers", [])), meta["creationTimestamp"], meta["namespace"], meta["name"])

    def conditions(self):
        out = []
        if self.hostname.startswith("*."):
            out.append(f"{{ hdr(host),field(1,:) -m end -i {self.hostname[1:]} }}")
        elif self.hostname:
            out.append(f"{{ hdr(host),field(1,:) -m str -i {self.hostname} }}")
        if self.kind == "Exact":
            out.append(f"{{ path -m str {self.path} }}")
        elif self.kind == "RegularExpression":
            out.append(f"{{ path -m reg ^{self.path}$ }}")
        elif self.path.rstrip("/"):
            out.append(f"{{ path,concat(/) -m beg {self.path.rstrip('/')}/ }}")
        if "method" in self.match:
            out.append(f"{{ method {self.match['method']} }}")
        for h in self.match.get("headers", []):
            out.append(f"{{ req.hdr({h['name']}) -m {'reg' if h.get('type') == 'RegularExpression' else 'str'} {h['value']} }}")
        return " ".join(out)


def header_lines(filters, mine):
    """Header modifiers; other filters are refused before."""
    for f in filters:
        side, body = (("request", f.get("requestHeaderModifier")) if f["type"] == "RequestHeaderModifier"
                      else ("response", f.get("responseHeaderModifier")))
        for verb in ("set", "add"):
            for h in (body or {}).get(verb, []):
                yield f"    http-{side} {verb}-header {h['name']} \"{h['value']}\" if {mine}"
        for name in (body or {}).get("remove", []):
            yield f"    http-{side} del-header {name} if {mine}"


def render(rules, address, port, socket, generation):
    lines = [HEAD.format(address=address, port=port, socket=socket, generation=generation).rstrip()]
    backends = {}
    rules = sorted(rules, key=Rule.rank)
    for i, r in enumerate(rules):
        conditions = f"!{{ var(txn.rule) -m found }} {r.conditions()}".strip()
        lines.append(f"    http-request set-var(txn.rule) int({i}) if {conditions}")
    for i, r in enumerate(rules):
        total, mine = sum(ref.weight for ref in r.refs), f"{{ var(txn.rule) -m int {i} }}"
        lines += header_lines(r.filters, mine)
        if total:
            lines.append(f"    http-request set-var(txn.dice) rand({total}) if {mine}")
        below = 0
        for ref in r.refs:
            below += ref.weight
            backends[ref.backend] = ref
            if ref.weight:
                lines.append(f"    use_backend {ref.backend} if {mine} {{ var(txn.dice) -m int lt {below} }}")
        lines.append(f"    use_backend invalid if {mine}")
    lines.append(TAIL.rstrip())
    for name, ref in sorted(backends.items()):
        if name != "invalid":
            lines.append(f"backend {name}")
            lines += [f"    server {a.replace(':', '-')} {a}" for a in sorted(ref.servers)]
    return "\n".join(lines) + "\n"
