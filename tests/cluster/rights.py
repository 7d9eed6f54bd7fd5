"""Accounts with the rights that the chart grants, so that every end-to-end test also tests the rights."""
import functools
import os
import pathlib
import subprocess

import yaml

from kubeapi import ApiError
from waiting import wait_until

ROOT = pathlib.Path(__file__).parents[2]
PLACE = "namespace-to-be"
LEAST = {"postgres.existingSecret": "registry-postgres", "adminToken.existingSecret": "registry-admin"}
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@functools.lru_cache(1)
def rendered(helm):
    """The chart's rights in a namespace that is named later."""
    sets = [f"--set={k}={v}" for k, v in LEAST.items()]
    r = subprocess.run([helm, "template", "sluice", ROOT / "charts/sluice", "--namespace", PLACE, *sets, "-s", "templates/rbac.yaml", "-s",
                        "templates/people.yaml"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    return r.stdout


def path_of(o):
    kind, namespace = o["kind"].lower() + "s", o["metadata"].get("namespace")
    if kind == "serviceaccounts":
        return f"/api/v1/namespaces/{namespace}/{kind}"
    return f"{RBAC}/namespaces/{namespace}/{kind}" if namespace else f"{RBAC}/{kind}"


def make(api, o):
    try:
        api("POST", path_of(o), o)
    except ApiError as e:
        if e.code != 409:
            raise


def token(api, namespace, account):
    """The user of a kubeconfig."""
    answer = api("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}})
    return {"token": answer["status"]["token"]}


def may(api, namespace, account, verb, group, resource):
    answer = api("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": f"system:serviceaccount:{namespace}:{account}", "groups": ["system:serviceaccounts"],
            "resourceAttributes": {"namespace": namespace, "verb": verb, "group": group, "resource": resource}}})
    return answer["status"]["allowed"]


def rolloutd(cluster, api, namespace):
    """rolloutd's, for a namespace that is one of many."""
    text = rendered(os.path.join(cluster.bin, "helm")).replace(PLACE, namespace)
    for o in yaml.safe_load_all(text):
        if o and "rolloutd" in o["metadata"]["name"]:
            make(api, o)
    account = "sluice-rolloutd"
    wait_until(lambda: may(api, namespace, account, "list", "sluice.dev", "modelrollouts")
               and may(api, namespace, account, "create", "coordination.k8s.io", "leases"), "the account has its rights")
    return token(api, namespace, account)


def oncall(cluster, api, namespace):
    """Of a person on call in this namespace."""
    for o in yaml.safe_load_all(rendered(os.path.join(cluster.bin, "helm"))):
        if o and o["kind"] == "ClusterRole" and o["metadata"]["name"] == "sluice-oncall":
            o["metadata"]["name"] = "test-oncall"  # helm would not take over one that is there
            make(api, o)
    make(api, {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "oncall", "namespace": namespace}})
    make(api, {"kind": "RoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "oncall", "namespace": namespace},
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "test-oncall"},
               "subjects": [{"kind": "ServiceAccount", "name": "oncall", "namespace": namespace}]})
    wait_until(lambda: may(api, namespace, "oncall", "patch", "sluice.dev", "modelrollouts"), "the account has its rights")
    return token(api, namespace, "oncall")
