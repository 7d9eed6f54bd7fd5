"""ctl push and ctl pull when the network, the disk, the registry or the files are not as they should be."""

import json
import os
import subprocess

import pytest

from ctl import Ctl, Fake, digest_of, json_reply, problem

DATA = bytes(range(256)) * 4096  # 1 MiB
DIGEST = digest_of(DATA)
BLOB = f"/v1/blobs/{DIGEST}"
PART = f"model.ubj.{DIGEST[7:19]}.part"


def version(*files, number=3, status=200, **more):
    return json_reply(status, {"model": "credit", "number": number, "digest": digest_of(b"manifest"), "files": list(files),
                               "metadata": {}, "size": sum(f["size"] for f in files), **more})


FILE = {"path": "model.ubj", "digest": DIGEST, "size": len(DATA)}


@pytest.fixture
def fake():
    f = Fake()
    f.on("GET", "/v1/models/credit", json_reply(200, {"name": "credit"}))
    f.on("GET", "/v1/models/credit/versions/3", version(FILE))
    f.on("POST", "/v1/models/credit/versions", version(FILE, status=201))
    yield f
    f.stop()


@pytest.fixture
def ctl(tmp_path, fake):
    c = Ctl(tmp_path, registry=fake.url, token="slc_test")
    (c.cwd / "model.ubj").write_bytes(DATA)
    return c


def ranged(handler, data=DATA, cut=None):
    """Answer a GET with Range as the registry does, at most `cut` bytes of it before the connection breaks."""
    start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Length", str(len(data) - start))
    handler.end_headers()
    handler.wfile.write(data[start:] if cut is None else data[start:start + cut])


def cut_after(n):
    return lambda handler: ranged(handler, cut=n)


# --- pull ---

def test_a_broken_transfer_goes_on_where_it_stopped(ctl, fake):
    fake.on("GET", BLOB, cut_after(100_000), cut_after(300_000), ranged)
    ctl.run("pull", "credit", "3")
    assert (ctl.cwd / "credit-3/model.ubj").read_bytes() == DATA
    ranges = [head.get("Range") for method, path, head, _ in fake.seen if path == BLOB]
    assert ranges == [None, "bytes=100000-", "bytes=400000-"]
    assert os.listdir(ctl.cwd / "credit-3") == ["model.ubj"]


def test_a_pull_that_gave_up_is_resumed_by_the_next_one(ctl, fake):
    fake.on("GET", BLOB, cut_after(100_000), problem(503, "UNAVAILABLE", "restarting"))
    ctl.fails(6, "restarting", "pull", "credit", "3", "--timeout", "1s")
    assert (ctl.cwd / "credit-3" / PART).stat().st_size == 100_000
    assert not (ctl.cwd / "credit-3/model.ubj").exists()
    fake.on("GET", BLOB, ranged)
    done = ctl.run("pull", "credit", "3")
    assert (ctl.cwd / "credit-3/model.ubj").read_bytes() == DATA
    assert "926.3 KiB of it fetched now" in done.stdout


def test_what_is_there_already_is_not_fetched(ctl, fake):
    fake.on("GET", BLOB, ranged)
    ctl.run("pull", "credit", "3", "here")
    done = ctl.run("pull", "credit", "3", "here")
    assert "it is there already" in done.stderr and "replacing" not in done.stderr and fake.count("GET", BLOB) == 1
    (ctl.cwd / "here/model.ubj").write_bytes(DATA[:-1] + b"x")  # same size, other bytes
    done = ctl.run("pull", "credit", "3", "here")
    assert "model.ubj: replacing the file that was there" in done.stderr
    assert (ctl.cwd / "here/model.ubj").read_bytes() == DATA


def test_a_spoilt_beginning_is_thrown_away(ctl, fake):
    fake.on("GET", BLOB, ranged)
    (ctl.cwd / "credit-3").mkdir()
    (ctl.cwd / "credit-3" / PART).write_bytes(b"x" * 5000)
    done = ctl.run("pull", "credit", "3")
    assert "fetching it anew" in done.stderr and (ctl.cwd / "credit-3/model.ubj").read_bytes() == DATA
    (ctl.cwd / "credit-3/model.ubj").unlink()
    (ctl.cwd / "credit-3" / PART).write_bytes(b"x" * (len(DATA) + 1))
    ctl.run("pull", "credit", "3")


def test_a_registry_that_cannot_resume_is_asked_from_the_beginning(ctl, fake):
    fake.on("GET", BLOB, (200, {}, DATA))
    (ctl.cwd / "credit-3").mkdir()
    (ctl.cwd / "credit-3" / PART).write_bytes(DATA[:5000])
    ctl.run("pull", "credit", "3")
    assert (ctl.cwd / "credit-3/model.ubj").read_bytes() == DATA


@pytest.mark.parametrize("data, sentence", [
    (DATA[:-1] + b"x", "the bytes have digest"), (DATA + b"x", "sent more than 1048576 bytes")],
    ids=["other", "more"])
def test_other_bytes_than_promised_get_no_name(ctl, fake, data, sentence):
    fake.on("GET", BLOB, (200, {}, data))
    ctl.fails(1, sentence, "pull", "credit", "3")
    assert os.listdir(ctl.cwd / "credit-3") == []


def test_fewer_bytes_than_promised_get_no_name(ctl, fake):
    fake.on("GET", BLOB, (200, {}, DATA[:5000]), (206, {}, b""))
    ctl.fails(6, "ended early", "pull", "credit", "3", "--timeout", "1s")
    assert os.listdir(ctl.cwd / "credit-3") == [PART]


@pytest.mark.parametrize("path", ["../evil", "/etc/passwd", "a/../../b", "", "a//b", "a\\b", "a\nb"])
def test_a_manifest_cannot_point_outside_the_folder(ctl, fake, path):
    fake.on("GET", "/v1/models/credit/versions/3", version({**FILE, "path": path}))
    ctl.fails(1, "the registry's answer: path", "pull", "credit", "3")
    assert fake.count("GET", BLOB) == 0


@pytest.mark.parametrize("change", [{"digest": "md5:1"}, {"digest": None}, {"size": -1}, {"size": "big"}, {"path": 1}])
def test_a_manifest_that_makes_no_sense_is_refused(ctl, fake, change):
    fake.on("GET", "/v1/models/credit/versions/3", json_reply(200, {"number": 3, "files": [{**FILE, **change}]}))
    ctl.fails(1, "the registry's answer", "pull", "credit", "3")


def test_empty_files_and_folders_in_paths(ctl, fake):
    nothing = digest_of(b"")
    fake.on("GET", "/v1/models/credit/versions/3", version({"path": "a/b/empty", "digest": nothing, "size": 0}))
    ctl.run("pull", "credit", "3")
    assert (ctl.cwd / "credit-3/a/b/empty").read_bytes() == b""


def test_a_full_disk_is_told_and_keeps_what_is_there(ctl, fake):
    fake.on("GET", BLOB, ranged)
    script = f"ulimit -f 512; trap '' XFSZ; exec {' '.join(ctl.command('pull', 'credit', '3'))}"  # blocks of 1 KiB
    done = subprocess.run(["bash", "-c", script], env=ctl.env, cwd=ctl.cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "File too large" in done.stderr
    assert 0 < (ctl.cwd / "credit-3" / PART).stat().st_size <= 512 << 10
    ctl.run("pull", "credit", "3")
    assert (ctl.cwd / "credit-3/model.ubj").read_bytes() == DATA


def test_a_target_that_is_no_folder_is_told(ctl):
    ctl.fails(2, "model.ubj is a file", "pull", "credit", "3", "model.ubj")
    ctl.fails(2, "a part of that path is a file", "pull", "credit", "3", "model.ubj/deeper")


# --- push ---

def test_only_what_the_registry_lacks_is_sent(ctl, fake):
    other = digest_of(b"hello")
    (ctl.cwd / "README.md").write_bytes(b"hello")
    fake.on("HEAD", BLOB, (200, {}, b"")).on("HEAD", f"/v1/blobs/{other}", problem(404, "NOT_FOUND", "no"))
    fake.on("PUT", f"/v1/blobs/{other}", json_reply(201, {"digest": other, "size": 5}))
    done = ctl.run("push", "credit", "model.ubj", "README.md=docs/README.md", "--meta", "n:=1", "--description", "good")
    assert "model.ubj: the registry has it already" in done.stderr
    assert fake.count("PUT", BLOB) == 0 and fake.seen[-2][3] == b"hello"
    assert fake.bodies("POST", "/v1/models/credit/versions") == [{
        "files": [FILE, {"path": "docs/README.md", "digest": other, "size": 5}], "metadata": {"n": 1}, "description": "good"}]


def test_an_upload_that_failed_begins_again(ctl, fake):
    fake.on("PUT", BLOB, problem(503, "UNAVAILABLE", "the database restarts"), json_reply(201, {}))
    ctl.run("push", "credit", "model.ubj")
    sent = [body for method, path, _, body in fake.seen if method == "PUT"]
    assert sent == [DATA, DATA]


def test_an_upload_that_is_refused_is_not_tried_again(ctl, fake):
    fake.on("PUT", BLOB, problem(413, "TOO_LARGE", "artifacts may have 1 KiB"))
    ctl.fails(2, "model.ubj: artifacts may have 1 KiB", "push", "credit", "model.ubj")
    assert fake.count("PUT", BLOB) == 1 and fake.count("POST", "/v1/models/credit/versions") == 0


def test_registering_is_tried_again_because_it_changes_nothing_twice(ctl, fake):
    fake.on("PUT", BLOB, json_reply(201, {}))
    fake.on("POST", "/v1/models/credit/versions", problem(503, "UNAVAILABLE", "later"), version(FILE, status=201))
    assert ctl.run("push", "credit", "model.ubj", "-o", "name", "-q").stdout == "3\n"


def test_the_same_push_again_says_so(ctl, fake):
    fake.on("PUT", BLOB, json_reply(201, {}))
    fake.on("POST", "/v1/models/credit/versions", version(FILE, number=2))
    assert "credit version 2 is exactly this already" in ctl.run("push", "credit", "model.ubj").stdout


def test_a_model_is_made_unless_that_is_not_wanted(ctl, fake):
    missing = problem(404, "NOT_FOUND", "there is no model \"credit\"")
    fake.on("GET", "/v1/models/credit", missing).on("PUT", BLOB, json_reply(201, {}))
    ctl.fails(4, "there is no model", "push", "credit", "model.ubj", "--no-create")
    assert fake.count("POST", "/v1/models") == 0
    fake.on("POST", "/v1/models", problem(409, "CONFLICT", "it exists"))  # somebody else was faster
    ctl.run("push", "credit", "model.ubj")
    fake.on("POST", "/v1/models", problem(403, "FORBIDDEN", "readers may not"))
    ctl.fails(3, "readers may not", "push", "credit", "model.ubj")


def test_an_alias_that_fails_does_not_hide_that_the_version_is_there(ctl, fake):
    fake.on("PUT", BLOB, json_reply(201, {}))
    fake.on("PUT", "/v1/models/credit/aliases/champion", problem(403, "FORBIDDEN", "this needs the role deployer"))
    done = ctl.fails(3, "version 3 is registered, but not as champion", "push", "credit", "model.ubj", "--alias", "champion")
    assert "credit version 3 is registered" in done.stdout


def test_files_that_cannot_be_pushed_are_told_before_anything_is_sent(ctl, fake):
    (ctl.cwd / "folder").mkdir()
    (ctl.cwd / "other").mkdir()
    (ctl.cwd / "other/model.ubj").write_bytes(b"x")
    for code, sentence, files in (
            (4, "none.ubj: No such file", ["none.ubj"]), (2, "folder is a folder; name its files", ["folder"]),
            (2, "would both be called model.ubj", ["model.ubj", "other/model.ubj"]), (2, "no regular file", ["/dev/null"]),
            (2, "must not hold \"..\"", ["model.ubj=../x"]), (2, "path must have 1 to", ["model.ubj="])):
        ctl.fails(code, sentence, "push", "credit", *files)
    assert fake.seen == []


def test_a_name_with_an_equals_sign_is_taken_whole_if_it_is_there(ctl, fake):
    (ctl.cwd / "a=b").write_bytes(DATA)
    fake.on("PUT", BLOB, json_reply(201, {}))
    ctl.run("push", "credit", "a=b")
    assert fake.bodies("POST", "/v1/models/credit/versions")[0]["files"][0]["path"] == "a=b"


# --- lineage ---

@pytest.fixture
def checkout(ctl):
    def git(*args):
        env = {"PATH": os.environ["PATH"], "HOME": str(ctl.home), "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *args], cwd=ctl.cwd, env=env, check=True,
                              capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    (ctl.cwd / "train.py").write_text("print()\n")
    git("add", "train.py")
    git("commit", "-qm", "train")
    return git


def pushed_metadata(ctl, fake, *args):
    fake.on("PUT", BLOB, json_reply(201, {}))
    ctl.run("push", "credit", "model.ubj", *args)
    return fake.bodies("POST", "/v1/models/credit/versions")[-1]["metadata"]


def test_the_commit_is_recorded_without_credentials(ctl, fake, checkout):
    commit = checkout("rev-parse", "HEAD")
    assert pushed_metadata(ctl, fake) == {"git": {"commit": commit, "branch": "main", "dirty": False}}
    checkout("remote", "add", "origin", "https://ann:secret@git.example.org/team/credit.git")
    (ctl.cwd / "train.py").write_text("print(1)\n")
    assert pushed_metadata(ctl, fake, "--meta", "n=1") == {
        "n": "1", "git": {"commit": commit, "branch": "main", "dirty": True, "remote": "https://git.example.org/team/credit.git"}}
    checkout("checkout", "-q", "--detach")
    assert "branch" not in pushed_metadata(ctl, fake)["git"]


def test_lineage_is_left_out_on_request_and_where_there_is_none(ctl, fake, checkout):
    assert pushed_metadata(ctl, fake, "--no-git") == {}
    assert pushed_metadata(ctl, fake, "--no-git", "--meta", "git=mine") == {"git": "mine"}
    ctl.fails(2, "add --no-git to set it yourself", "push", "credit", "model.ubj", "--meta", "git=mine")
    subprocess.run(["rm", "-rf", ".git"], cwd=ctl.cwd, check=True)
    assert pushed_metadata(ctl, fake) == {}


def test_a_checkout_that_cannot_be_read_is_a_remark_not_a_failure(ctl, fake, checkout):
    (ctl.cwd / ".git/HEAD").write_text("nonsense\n")
    assert json.dumps(pushed_metadata(ctl, fake)) == "{}"
