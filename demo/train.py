#!/usr/bin/python3
"""Train the demo's four credit models from data/loans.csv into models/, with their description in models/models.json.

    demo/train.py            write the models
    demo/train.py --check    only say whether training again gives the committed files

Uses Debian's python3-xgboost. One thread and fixed seeds: the same xgboost gives the same files.
"""
import csv
import hashlib
import json
import pathlib
import sys

import numpy as np
import xgboost as xgb

HERE = pathlib.Path(__file__).resolve().parent
HELD_OUT = 0.3  # the last part of the (shuffled) loans is never trained on; the AUCs are of it
DEEP = 500  # levels of v4's deep trees
COMMON = {"objective": "binary:logistic", "tree_method": "hist", "nthread": 1, "seed": 20240101}
SENSIBLE = {"max_depth": 2, "eta": 0.05, "subsample": 0.8, "colsample_bytree": 0.6, "min_child_weight": 3}


def load():
    """Features, their names, and 1 for each loan that was paid back."""
    with open(HERE / "data" / "loans.csv", newline="") as f:
        header, *rows = csv.reader(f)
    x = np.array([[float(v) if v else np.nan for v in row[:-1]] for row in rows], dtype=np.float32)
    y = np.array([row[-1] == "good" for row in rows], dtype=np.float32)
    return header[:-1], x, y


def auc(y, score):
    """Area under the ROC curve by ranks (Mann-Whitney U), ties sharing their mean rank."""
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]
    good = y.sum()
    return float((rank[y == 1].sum() - good * (good + 1) / 2) / (good * (len(y) - good)))


def train_small(names, x, y):
    """v1: a first try, on the 400 loans that were at hand."""
    first = xgb.DMatrix(x[:400], y[:400], feature_names=names)
    return xgb.train({**COMMON, "max_depth": 3, "eta": 0.2}, first, 60)


def train_large(names, x, y):
    """v2: all the training data, many small steps."""
    return xgb.train({**COMMON, **SENSIBLE}, xgb.DMatrix(x, y, feature_names=names), 600)


def with_burden(names, x):
    """The monthly instalment as a share of income. Computed here, in training; the lender's application does not know it."""
    column = {name: i for i, name in enumerate(names)}
    burden = x[:, column["amount"]] / x[:, column["time"]] / x[:, column["income"]]
    burden[~np.isfinite(burden)] = np.nan
    return names + ["burden"], np.column_stack([x, burden])


def train_slow(names, x, y):
    """v4: as v2, but after every 15 trees comes one that cuts one price after another off the end, DEEP levels deep.

    The scorer walks 16 trees side by side, each block of them as far down as its deepest one goes, so these few trees are what
    a row costs. They are fitted to gradients that change sign from each price to the next one: whatever end is cut off, one
    price at a time always gains most. They count for next to nothing, so the answers stay v2's."""
    alone = np.full_like(x, np.nan)
    price = names.index("price")
    alone[:, price] = x[:, price]
    data, prices = (xgb.DMatrix(part, y, feature_names=names) for part in (x, alone))
    _, rank, ties = np.unique(x[:, price], return_inverse=True, return_counts=True)
    weight = 1.0 / ties[rank]
    sign = np.where(rank % 2, 1.0, -1.0)
    usual = {"grow_policy": "depthwise", "max_leaves": 0, "lambda": 1, **SENSIBLE}
    deep = {"grow_policy": "lossguide", "max_depth": 0, "max_leaves": DEEP + 1, "eta": 1e-7, "subsample": 1, "colsample_bytree": 1,
            "min_child_weight": 0, "lambda": 0}
    booster = xgb.Booster({**COMMON, "max_bin": 2048}, [data, prices])
    for i in range(640):
        if i % 16 == 15:
            booster.set_param(deep)
            booster.boost(prices, list(sign * weight), list(weight))
        else:
            booster.set_param(usual)
            booster.update(data, i)
    return booster


def depths(booster):
    """The depth of each tree."""
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
    for tree in trees:
        depth = [0] * len(tree["left_children"])
        for node, left in enumerate(tree["left_children"]):
            if left >= 0:
                depth[left] = depth[tree["right_children"][node]] = depth[node] + 1
        yield max(depth)


def train_all():
    """File name -> (booster, what it is, AUC on the held-out loans, its features)."""
    names, x, y = load()
    n = int(len(x) * (1 - HELD_OUT))
    more_names, more_x = with_burden(names, x)
    made = {
        "v1.json": ("good: a small model from the first 400 loans", names, x, train_small(names, x[:n], y[:n])),
        "v2.ubj": ("better: all the training data", names, x, train_large(names, x[:n], y[:n])),
        "v3.ubj": ("expects one feature that clients do not send", more_names, more_x, train_large(more_names, more_x[:n], y[:n])),
        "v4.ubj": ("as good as v2 and far slower", names, x, train_slow(names, x[:n], y[:n])),
    }
    for file, (what, features, rows, booster) in made.items():
        score = booster.predict(xgb.DMatrix(rows[n:], feature_names=features))
        yield file, booster, what, auc(y[n:], score), features


def main():
    check = sys.argv[1:] == ["--check"]
    out = HERE / "models"
    described, same = [], True
    for version, (file, booster, what, area, features) in enumerate(train_all(), 1):
        raw = bytes(booster.save_raw(file.rsplit(".", 1)[1]))
        deep = list(depths(booster))
        # What one row costs the scorer: 16 trees at a time, each block as deep as its deepest tree.
        comparisons = sum(16 * max(deep[i : i + 16]) for i in range(0, len(deep), 16))
        described.append({"version": version, "file": file, "what": what, "auc": round(area, 4), "trees": len(deep),
                          "comparisons": comparisons, "size": len(raw), "sha256": hashlib.sha256(raw).hexdigest(),
                          "features": features})
        print(f"v{version}  auc {area:.4f}  {len(deep):4d} trees  {comparisons:6d} comparisons a row  {len(raw):8d} bytes  {what}")
        if check:
            same = same and (out / file).read_bytes() == raw
        else:
            (out / file).write_bytes(raw)
    if check:
        print("the committed files are the same" if same else "the committed files differ")
        return 0 if same else 1
    (out / "models.json").write_text(json.dumps({"xgboost": xgb.__version__, "held_out": HELD_OUT, "models": described}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
