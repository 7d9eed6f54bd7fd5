"""Who we are to the server, and whom we take for it."""
import json
import stat
import textwrap

import pytest

from cluster import Certificates, b64, kubeconfig

CM = "/v1/configmaps"
NAME = "extension-apiserver-authentication"  # a ConfigMap that every cluster has in kube-system


@pytest.fixture
def get(via_proxy, cluster, proxy, tmp_path):
    """Get a ConfigMap through the proxy as this user of a kubeconfig."""
    def run(user, env=None, server=proxy.url, ca=cluster.certs.ca, **cluster_fields):
        path = tmp_path / "kubeconfig"
        path.write_text(kubeconfig(server, ca, user, **cluster_fields))
        via_proxy.config = path
        return via_proxy.one("get", CM, "kube-system", NAME, env=env)
    return run


def plugin(tmp_path, body, name="plugin"):
    path = tmp_path / name
    path.write_text("#!/bin/sh\n" + textwrap.dedent(body))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def exec_user(command, version="v1beta1", **more):
    return {"exec": {"apiVersion": f"client.authentication.k8s.io/{version}", "command": command, **more}}


def credential(version="v1beta1", **status):
    return json.dumps({"apiVersion": f"client.authentication.k8s.io/{version}", "kind": "ExecCredential", "status": status})


def test_a_token_is_sent(get, proxy):
    proxy.tokens = {"secret"}
    assert "object" in get({"token": "secret"})
    assert get({"token": "other"})["failure"] == "Unauthorized"


def test_a_token_file_beside_the_kubeconfig_is_read(get, proxy, tmp_path):
    (tmp_path / "token").write_text("new\n")
    proxy.tokens = {"new"}
    assert "object" in get({"tokenFile": "token"})


def test_a_rotated_token_is_picked_up_by_a_running_client(via_proxy, cluster, proxy, tmp_path, namespace):
    token = tmp_path / "token"
    token.write_text("first")
    proxy.tokens = {"first"}
    (tmp_path / "proxy.kubeconfig").write_text(kubeconfig(proxy.url, cluster.certs.ca, {"tokenFile": str(token)}))
    watch = via_proxy.start("watch", CM, namespace, "labelSelector=none", least_ms=1000)
    watch.until(lambda lines: {"synced": 0} in lines)
    proxy.tokens = {"second"}
    token.write_text("second\n")
    watch.until(lambda _: any(t == "second" and "watch=1" in p for _, p, t in list(proxy.log)))
    assert not any(line.get("failure") == "Unauthorized" for line in watch.lines())


def test_a_service_account_works_from_inside_a_pod(cluster, tool, kubectl, namespace, tmp_path):
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/rollouts/token"
    kubectl("create", "serviceaccount", "-n", namespace, "rollouts")
    kubectl("create", "rolebinding", "-n", namespace, "rollouts", "--clusterrole=view", f"--serviceaccount={namespace}:rollouts")
    token = json.loads(kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(request)))["status"]["token"]
    kubectl("create", "configmap", "-n", namespace, "a")
    for name, text in (("token", token), ("ca.crt", open(cluster.ca).read()), ("namespace", namespace)):
        (tmp_path / name).write_text(text)
    host, port = cluster.url.removeprefix("https://").split(":")
    env = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "SLUICE_SERVICE_ACCOUNT": str(tmp_path), "KUBECONFIG": ""}
    tool.config = None
    assert "object" in tool.one("get", CM, namespace, "a", env=env)
    assert tool.one("get", CM, "kube-system", NAME, env=env)["failure"] == "Forbidden"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_plugin_gives_the_token_and_is_told_what_for(get, cluster, proxy, tmp_path, version):
    proxy.tokens = {"from-plugin"}
    command = plugin(tmp_path, f"""\
        printf '%s' "$KUBERNETES_EXEC_INFO" > {tmp_path}/info
        printf '%s %s %s' "$1" "$2" "$FLAVOUR" > {tmp_path}/args
        echo '{credential(version, token="from-plugin")}'
        """)
    user = exec_user(command, version, args=["a b", "$(touch x); `id`"], env=[{"name": "FLAVOUR", "value": "a'b\"c"}],
                     provideClusterInfo=True)
    assert "object" in get(user)
    assert (tmp_path / "args").read_text() == "a b $(touch x); `id` a'b\"c"
    info = json.loads((tmp_path / "info").read_text())
    assert info["apiVersion"] == f"client.authentication.k8s.io/{version}" and info["kind"] == "ExecCredential"
    assert info["spec"] == {"interactive": False, "cluster": {"server": proxy.url, "insecure-skip-tls-verify": False,
                                                              "certificate-authority-data": b64(cluster.certs.ca)}}


def test_a_plugin_beside_its_kubeconfig_is_found(get, proxy, tmp_path):
    plugin(tmp_path, f"echo '{credential(token='near')}'")
    proxy.tokens = {"near"}
    assert "object" in get(exec_user("./plugin"))


def test_a_plugin_is_asked_once_for_many_calls_and_again_after_401(via_proxy, cluster, proxy, tmp_path, namespace):
    command = plugin(tmp_path, f"""\
        echo >> {tmp_path}/runs
        printf '%s' '{credential(token="TOKEN")}' | sed "s/TOKEN/t$(wc -l < {tmp_path}/runs)/"
        """)
    (tmp_path / "proxy.kubeconfig").write_text(kubeconfig(proxy.url, cluster.certs.ca, exec_user(command)))
    watch = via_proxy.start("watch", CM, namespace, "labelSelector=none", least_ms=1000)
    watch.until(lambda _: proxy.count(path="watch=1") >= 4)  # for longer than a credential is beyond doubt
    assert (tmp_path / "runs").read_text() == "\n"
    proxy.tokens = {"t2"}
    watch.until(lambda _: any(t == "t2" for _, _, t in list(proxy.log)))
    assert (tmp_path / "runs").read_text() == "\n\n"


def test_a_plugins_credential_is_replaced_before_it_ends(via_proxy, cluster, proxy, tmp_path, namespace):
    command = plugin(tmp_path, f"""\
        echo >> {tmp_path}/runs
        until=$(date -u -d '+62 seconds' +%Y-%m-%dT%H:%M:%SZ)
        echo '{credential(token="short", expirationTimestamp="UNTIL")}' | sed "s/UNTIL/$until/"
        """)
    (tmp_path / "proxy.kubeconfig").write_text(kubeconfig(proxy.url, cluster.certs.ca, exec_user(command)))
    watch = via_proxy.start("watch", CM, namespace, "labelSelector=none", least_ms=1000)
    watch.until(lambda _: len((tmp_path / "runs").read_text()) >= 2 if (tmp_path / "runs").exists() else False)
    assert not any("failure" in line for line in watch.lines())


@pytest.mark.parametrize("body, text", [
    ("exit 7", "exit status 7"),
    ("echo nonsense", "credential plugin"),
    ("echo '{}'", "credential plugin"),
    (f"echo '{credential('v1', token='x')}'", "not an ExecCredential of client.authentication.k8s.io/v1beta1"),
    (f"echo '{credential()}'", "neither a token nor"),
    (f"echo '{credential(clientCertificateData='x')}'", "go together"),
    (f"echo '{credential(token='x', expirationTimestamp='tomorrow')}'", "RFC 3339"),
    ("head -c 2000000 /dev/zero", "over 1048576 bytes"),
])
def test_a_plugin_that_fails_fails_the_call(get, tmp_path, body, text):
    failed = get(exec_user(plugin(tmp_path, body)))
    assert text in failed["message"]


def test_a_plugin_that_is_not_there_says_how_to_get_it(get):
    failed = get(exec_user("no-such-plugin", installHint="apt install no-such-plugin"))
    assert "apt install no-such-plugin" in failed["message"]


def test_a_plugin_may_give_a_client_certificate(cluster, tool, tmp_path):
    if not hasattr(cluster, "admin_cert"):
        pytest.skip("needs the cluster's own authority")
    status = {"clientCertificateData": open(cluster.admin_cert[0]).read(), "clientKeyData": open(cluster.admin_cert[1]).read()}
    (tmp_path / "out").write_text(credential(**status))
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig(cluster.url, cluster.ca, exec_user(plugin(tmp_path, f"cat {tmp_path}/out"))))
    tool.config = path
    assert "object" in tool.one("get", CM, "kube-system", NAME)


def test_a_server_of_another_authority_is_refused(get, tmp_path):
    failed = get({"token": "x"}, ca=Certificates(tmp_path / "other").ca)
    assert failed["failure"] == "NoAnswer" and "certificate" in failed["message"]


def test_a_server_of_another_name_is_refused_unless_told(get):
    failed = get({"token": "x"}, **{"tls-server-name": "elsewhere.test"})
    assert failed["failure"] == "NoAnswer" and "elsewhere.test" in failed["message"]
    assert "object" in get({"token": "x"}, **{"tls-server-name": "proxy.test"})


def test_skipping_verification_has_to_be_allowed(get, via_proxy):
    failed = get({"token": "x"}, **{"insecure-skip-tls-verify": "true"})
    assert (failed["failure"], failed["kind"]) == ("Config", "INVALID")


def test_a_proxy_url_is_used(get, cluster):
    failed = get({"token": "x"}, **{"proxy-url": "http://127.0.0.1:1"})
    assert failed["failure"] == "NoAnswer" and "port 1 " in failed["message"]


def test_kubeconfig_can_be_a_list_of_files(tool, cluster, tmp_path):
    whole = json.loads(open(cluster.kubeconfig).read())
    parts = []
    for key in ("clusters", "users", "contexts"):
        path = tmp_path / f"{key}.yaml"
        path.write_text(json.dumps({key: whole[key], **({"current-context": whole["current-context"]} if key == "users" else {})}))
        parts.append(str(path))
    tool.config = None
    env = {"KUBECONFIG": ":".join(["/does/not/exist", *parts])}
    assert "object" in tool.one("get", CM, "kube-system", NAME, env=env)
