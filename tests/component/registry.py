"""A registryd for tests: the daemon, its tokens and the few calls that every test makes."""

import hashlib
import pathlib

from sluice import Daemon, free_port

ROLES = ("reader", "writer", "deployer", "admin")


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    """registryd on `db` (a URI), or with a PostgreSQL of its own when db is None."""

    def __init__(self, folder, db, *args, host="127.0.0.1"):
        self.folder, self.db = pathlib.Path(folder), db
        self.folder.mkdir(exist_ok=True)
        # A port of its own for life, so that a restarted registryd is found again.
        self.daemon = Daemon("registryd", "--data-dir", self.folder / "data", *(["--db", db] if db else []), *args,
                             log=self.folder / "registryd.log", port=free_port(), host=host)
        self.tokens = {}

    def start(self, timeout=30.0):
        self.daemon.start(timeout)
        self.tokens["admin"] = (self.folder / "data" / "admin-token").read_text().strip()
        return self

    def token(self, role):
        """A token of that role, made on first use; None for nobody."""
        if role is None:
            return None
        if role not in self.tokens:
            r = self("POST", "/v1/tokens", json={"name": f"a-{role}", "role": role})
            assert r.status == 201, r
            self.tokens[role] = r.body["token"]
        return self.tokens[role]

    def __call__(self, method, path, role="admin", **kwargs):
        return self.daemon.http(method, path, token=self.token(role), **kwargs)

    def get(self, path):
        r = self("GET", path)
        assert r.status == 200, r
        return r.body

    def model(self, name):
        r = self("POST", "/v1/models", json={"name": name})
        assert r.status == 201, r
        return r.body

    def push(self, data):
        digest = digest_of(data)
        r = self("PUT", f"/v1/blobs/{digest}", body=data, timeout=60)
        assert r.status in (200, 201) and r.body == {"digest": digest, "size": len(data)}, r
        return digest

    def files(self, **contents):
        """Push each and return the list for a manifest; model_ubj=b"..." becomes the path model.ubj."""
        return [{"path": name.replace("_", "."), "digest": self.push(data), "size": len(data)} for name, data in contents.items()]

    def version(self, model, files, **rest):
        r = self("POST", f"/v1/models/{model}/versions", json={"files": files, **rest})
        assert r.status == 201, r
        return r.body
