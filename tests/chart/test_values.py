"""values.schema.json: what it refuses, and that it knows the programs' settings."""

import json

import pytest

from chart import LEAST, SET_BY_CHART, schema, settings_schema, template


@pytest.mark.parametrize("program", SET_BY_CHART)
def test_golden_settings(program):
    """One table for the program and the chart."""
    want = settings_schema(program)
    assert schema()["$defs"][f"{program}Settings"]["properties"] == want, "settings have changed; run make golden"
    assert {"log_level", "drain"} <= want.keys()


NONSENSE = [
    ({"registryd": {"replicas": 0}}, "/registryd/replicas"),
    ({"registryd": {"replicas": "two"}}, "/registryd/replicas"),
    ({"registryd": {"replica": 2}}, "replica"),
    ({"registyrd": {}}, "registyrd"),
    ({"registryd": {"service": {"port": 70000}}}, "/registryd/service/port"),
    ({"registryd": {"service": {"type": "Cluster"}}}, "/registryd/service/type"),
    ({"registryd": {"settings": {"db_pol": 4}}}, "db_pol"),
    ({"registryd": {"settings": {"db_pool": "many"}}}, "/registryd/settings/db_pool"),
    ({"registryd": {"settings": {"db": "postgresql://secret"}}}, "/registryd/settings"),
    ({"registryd": {"settings": {"max_blob_size": "16GB"}}}, "/registryd/settings/max_blob_size"),
    ({"rolloutd": {"settings": {"tick": "5 seconds"}}}, "/rolloutd/settings/tick"),
    ({"rolloutd": {"settings": {"haproxy_bin": "/x"}}}, "haproxy_bin"),
    ({"rolloutd": {"watchNamespace": "Not A Name"}}, "/rolloutd/watchNamespace"),
    ({"rolloutd": {"policies": {"canary": "steps"}}}, "/rolloutd/policies/canary"),
    ({"rolloutd": {"policies": {"Ca/nary": {}}}}, "/rolloutd/policies"),
    ({"rolloutd": {"persistence": {"enabled": "yes"}}}, "/rolloutd/persistence/enabled"),
    ({"rolloutd": {"persistence": {"size": "1 GB"}}}, "/rolloutd/persistence/size"),
    ({"rolloutd": {"podDisruptionBudget": {"maxUnavailable": 0}}}, "/rolloutd/podDisruptionBudget/maxUnavailable"),
    ({"rolloutd": {"registryUrl": "registryd:8470"}}, "/rolloutd/registryUrl"),
    ({"prometheus": {"url": "prometheus:9090"}}, "/prometheus/url"),
    ({"prometheus": {"url": ""}}, "/prometheus/url"),
    ({"prometheus": {"scrapeInterval": 15}}, "/prometheus/scrapeInterval"),
    ({"postgres": {"dsn": "host=db user=me"}}, "/postgres/dsn"),
    ({"image": {"digest": "sha256:abc"}}, "/image/digest"),
    ({"image": {"repository": ""}}, "/image/repository"),
    ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    ({"fullnameOverride": "UPPER"}, "/fullnameOverride"),
    ({"monitors": {"labels": {"release": 1}}}, "/monitors/labels/release"),
    ({"networkPolicy": {"enabled": 1}}, "/networkPolicy/enabled"),
    ({"flowSchema": {"matchingPrecedence": 0}}, "/flowSchema/matchingPrecedence"),
    ({"modelRollouts": {"much-too-long-a-name-for-any-model-rollout": {}}}, "/modelRollouts"),
    ({"modelRollouts": ["fraud"]}, "/modelRollouts"),
]


@pytest.mark.parametrize("values, says", NONSENSE, ids=[json.dumps(v) for v, _ in NONSENSE])
def test_nonsense_is_refused_by_its_place(values, says):
    r = template({**LEAST, **values})
    assert r.returncode != 0 and says in r.stderr, r.stdout[:200] + r.stderr
    assert "schema" in r.stderr, r.stderr


@pytest.mark.parametrize("values", [
    {"registryd": {"settings": {"db_pool": 8, "max_blob_size": "64GiB", "idle_timeout": "2m", "log_level": "debug"}}},
    {"rolloutd": {"settings": {"tick": "1s", "default_policy": "fast"}}},
    {"global": {"anything": {"of": "a parent chart"}}},
])
def test_sense_is_taken(values):
    r = template({**LEAST, **values})
    assert r.returncode == 0, r.stderr
    for program in ("registryd", "rolloutd"):
        for name, value in values.get(program, {}).get("settings", {}).items():
            assert f'- "--{name.replace("_", "-")}={value}"' in r.stdout
