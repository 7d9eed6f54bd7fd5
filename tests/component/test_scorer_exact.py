"""The scorer answers over HTTP exactly what XGBoost answers, bit for bit, and JSON carries every bit."""

import json

import numpy
import pytest
import xgboost

from sluice import http

ROWS, BATCH = 6000, 1000

# name, parameters, rounds, features, share of missing values, extension, kind of label
CASES = [
    ("logistic", {"objective": "binary:logistic", "max_depth": 6}, 60, 30, 0.05, "ubj", "class"),
    ("logistic of depth 1, another base score", {"objective": "binary:logistic", "max_depth": 1, "base_score": 0.07}, 40, 7, 0.3, "json", "class"),
    ("logistic, leafwise", {"objective": "binary:logistic", "max_depth": 0, "grow_policy": "lossguide", "max_leaves": 50,
                            "tree_method": "hist"}, 33, 12, 0.2, "ubj", "class"),
    ("pruned", {"objective": "binary:logistic", "max_depth": 8, "gamma": 3.0}, 20, 9, 0.1, "json", "class"),
    ("regression of depth 10", {"objective": "reg:squarederror", "max_depth": 10, "base_score": -3.25}, 17, 12, 0.1, "json", "number"),
    ("forest", {"objective": "reg:squarederror", "max_depth": 4, "num_parallel_tree": 5, "subsample": 0.7}, 6, 8, 0.2, "ubj", "number"),
    ("classes", {"objective": "multi:softprob", "num_class": 4, "max_depth": 5}, 12, 10, 0.15, "json", "classes"),
    ("forests of classes", {"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 3, "subsample": 0.8}, 5, 10, 0.1, "ubj", "classes"),
    ("margins", {"objective": "binary:logitraw", "max_depth": 5, "base_score": 0.3}, 15, 6, 0.1, "ubj", "class"),
    ("no trees", {"objective": "binary:logistic", "base_score": 0.3}, 0, 4, 0.1, "ubj", "class"),
    ("several targets", {"objective": "reg:squarederror", "max_depth": 4}, 10, 8, 0.1, "ubj", "targets"),
    *[(objective, {"objective": objective, "max_depth": 4}, 10, 6, 0.1, "json", label) for objective, label in [
        ("binary:hinge", "class"), ("reg:logistic", "class"), ("reg:squaredlogerror", "positive"), ("reg:gamma", "positive"),
        ("reg:tweedie", "positive"), ("count:poisson", "positive"), ("reg:pseudohubererror", "number"), ("reg:absoluteerror", "number")]],
]


def make_data(rng, features, missing, kind):
    x = rng.normal(size=(ROWS, features)).astype(numpy.float32)
    x[:, 0] = numpy.round(x[:, 0])  # ties with thresholds
    x[:, 1] *= 1e6
    x[rng.random(x.shape) < missing] = numpy.nan
    z = numpy.nansum(x[:, [0] + list(range(2, features))], axis=1) + rng.normal(size=ROWS)
    label = {"class": z > 0, "number": z, "positive": numpy.exp(z / 4), "classes": numpy.clip(z + 1.5, 0, 2).astype(int),
             "targets": numpy.stack([z, -z, z * z], axis=1)}[kind]
    return x, label


def tensor(rows):
    """One matrix; missing values as null. Python writes floats so that they read back as the same double."""
    data = [None if v != v else v for v in rows.astype(numpy.float64).ravel().tolist()]
    return {"inputs": [{"name": "rows", "shape": list(rows.shape), "datatype": "FP32", "data": data}]}


def bits(values):
    return numpy.ascontiguousarray(values, dtype=numpy.float32).view(numpy.uint32)


@pytest.mark.parametrize("name,params,rounds,features,missing,extension,kind", CASES, ids=[c[0] for c in CASES])
def test_scores_equal_xgboost(daemons, tmp_path, name, params, rounds, features, missing, extension, kind):
    x, label = make_data(numpy.random.default_rng(len(name)), features, missing, kind)
    path = tmp_path / f"model.{extension}"
    xgboost.train({**params, "nthread": 1, "seed": 7}, xgboost.DMatrix(x[:2000], label=label[:2000]), rounds).save_model(path)
    want = xgboost.Booster({"nthread": 1}, model_file=path).predict(xgboost.DMatrix(x))

    scorer = daemons("scorer", "--model-file", path, ready="/v2/health/ready").start()
    for at in range(0, ROWS, BATCH):
        r = scorer.http("POST", "/v2/models/model/infer", json=tensor(x[at:at + BATCH]))
        assert r.status == 200, r.body
        output, = r.body["outputs"]
        expected = want[at:at + BATCH]
        assert output["shape"] == list(expected.shape) and output["datatype"] == "FP32"
        # As doubles rounded to floats, the way numpy and most clients read them.
        got = numpy.array(output["data"]).astype(numpy.float32).reshape(expected.shape)
        wrong = numpy.argwhere(bits(got) != bits(expected))
        assert len(wrong) == 0, f"{len(wrong)} values differ, the first at {wrong[0]}: {got[tuple(wrong[0])]!r} {expected[tuple(wrong[0])]!r}"


def test_named_columns_give_the_same_scores_as_the_matrix(daemons, tmp_path):
    names = ["age", "income", "größe", "home \"ownership\""]
    x, label = make_data(numpy.random.default_rng(3), len(names), 0.2, "class")
    path = tmp_path / "model.json"
    xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(x, label=label, feature_names=names), 10).save_model(path)
    scorer = daemons("scorer", "--model-file", path, ready="/v2/health/ready").start()

    meta = scorer.http("GET", "/v2/models/model").body
    assert [i["name"] for i in meta["inputs"]] == names
    matrix = scorer.http("POST", "/v2/models/model/infer", json=tensor(x[:500])).body["outputs"][0]["data"]
    columns = [{"name": n, "shape": [500, 1], "datatype": "FP64", "data": [None if v != v else v for v in x[:500, i].tolist()]}
               for i, n in reversed(list(enumerate(names)))]
    body = json.dumps({"inputs": columns}, ensure_ascii=False).encode()
    r = http("POST", scorer.url + "/v2/models/model/infer", body=body)
    assert r.status == 200, r.body
    assert r.body["outputs"][0]["data"] == matrix
