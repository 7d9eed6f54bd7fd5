/* The document of an XGBoost model, from the top down to its trees. */
#include "scorer/xgb_load.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "scorer/doc.h"
#include "scorer/xgb_fields.h"
#include "scorer/xgb_tree.h"

enum { MAX_DEPTH = 32, MAX_VALUES = 8 << 20, MAX_TREES = 1 << 20, VERSION_LEAST = 104, VERSION_BEYOND = 400 };

static const char LEARNER[] = "learner";
static const char PARAMS[] = "learner.learner_model_param";
static const char OBJECTIVE[] = "learner.objective";
static const char BOOSTER[] = "learner.gradient_booster";
static const char TREES[] = "learner.gradient_booster.model";
static const char TREES_PARAM[] = "learner.gradient_booster.model.gbtree_model_param";

struct shape {
        int64_t features, classes, targets;
        uint32_t groups;
        const struct doc_value *base_score;
};

static int check_version(const struct doc_value *v, struct model *m, struct err *e)
{
        if (v->count != 3)
                return field_refuse(e, "", "version", "has %u elements, it has to have three", v->count);
        for (int i = 0; i < 3; i++)
                if (v->ints[i] < 0 || v->ints[i] > 99)
                        return field_refuse(e, "", "version", "is no version of XGBoost");
        m->xgboost_version = (int) (v->ints[0] * 100 + v->ints[1]);
        if (m->xgboost_version < VERSION_LEAST || m->xgboost_version >= VERSION_BEYOND)
                return field_refuse(e, "", "version", "the model was written by XGBoost %d.%d; 1.4 to 3.x are understood",
                                    (int) v->ints[0], (int) v->ints[1]);
        return 0;
}

static int read_shape(const struct doc_value *v, struct shape *s, struct err *e)
{
        enum { BASE_SCORE, CLASSES, FEATURES, TARGETS, FROM_AVERAGE, N };
        static const struct field rows[N] = {
                [BASE_SCORE] = { "base_score", FIELD_TEXT, false },          [CLASSES] = { "num_class", FIELD_TEXT, false },
                [FEATURES] = { "num_feature", FIELD_TEXT, false },           [TARGETS] = { "num_target", FIELD_TEXT, true },
                [FROM_AVERAGE] = { "boost_from_average", FIELD_TEXT, true },
        };
        const struct doc_value *got[N];
        int64_t ignored;

        s->targets = 1;
        if (fields_take(v, PARAMS, rows, N, got, e) || field_int(got[CLASSES], PARAMS, 0, FOREST_MAX_GROUPS, &s->classes, e) ||
            field_int(got[FEATURES], PARAMS, 1, FOREST_MAX_FEATURES, &s->features, e) ||
            (got[TARGETS] && field_int(got[TARGETS], PARAMS, 1, FOREST_MAX_GROUPS, &s->targets, e)) ||
            (got[FROM_AVERAGE] && field_int(got[FROM_AVERAGE], PARAMS, 0, 1, &ignored, e)))
                return -1;
        if (s->classes > 1 && s->targets > 1)
                return field_refuse(e, PARAMS, "num_target", "classes and several targets exclude each other");
        s->groups = (uint32_t) (s->classes > s->targets ? s->classes : s->targets);
        s->base_score = got[BASE_SCORE];
        return 0;
}

static int check_objective_block(const struct doc_value *v, const struct objective *o, const struct shape *s, struct err *e)
{
        char path[128];
        int64_t classes;

        (void) snprintf(path, sizeof path, "%s.%s", OBJECTIVE, o->block);
        if (v->kind != DOC_OBJECT)
                return field_refuse(e, path, NULL, "is %s, it has to be an object", doc_kind_text(v->kind));
        for (const struct doc_value *p = v->first; p; p = p->next) {
                const char *const *known = o->members;
                while (*known && strcmp(*known, p->key) != 0)
                        known++;
                if (!*known)
                        return field_refuse(e, path, p->key, "is not a field that this scorer understands");
                if (p->kind != DOC_STRING)
                        return field_refuse(e, path, p->key, "is %s, it has to be a string", doc_kind_text(p->kind));
                if (o->classes && field_int(p, path, s->classes, s->classes, &classes, e))
                        return -1;
        }
        return 0;
}

static int read_objective(const struct doc_value *v, const struct shape *s, struct model *m, struct err *e)
{
        const struct doc_value *name = NULL;
        char known[320];

        for (const struct doc_value *p = v->first; p; p = p->next)
                if (!strcmp(p->key, "name"))
                        name = p;
        if (!name || name->kind != DOC_STRING)
                return field_refuse(e, OBJECTIVE, "name", name ? "has to be a string" : "is missing");
        m->objective = objective_find(name->text);
        objective_list(known, sizeof known);
        if (!m->objective)
                return field_refuse(e, OBJECTIVE, "name", "\"%.64s\" is not supported; %s are", name->text, known);
        for (const struct doc_value *p = v->first; p; p = p->next) {
                if (p == name)
                        continue;
                if (!m->objective->block || strcmp(p->key, m->objective->block) != 0)
                        return field_refuse(e, OBJECTIVE, p->key, "is not a field that this scorer understands");
                if (check_objective_block(p, m->objective, s, e))
                        return -1;
        }
        if (m->objective->classes ? s->classes < 1 : s->classes > 1)
                return field_refuse(e, PARAMS, "num_class", "is %" PRId64 ", which does not go with %s", s->classes, name->text);
        if (m->objective->classes && s->targets > 1)
                return field_refuse(e, PARAMS, "num_target", "is %" PRId64 ", which does not go with %s", s->targets, name->text);
        return 0;
}

/* "5E-1", "[5E-1]" or "(5E-1,2E-1)": one number, or one per group. */
static int read_base(const struct shape *s, const struct model *m, float *base, struct err *e)
{
        const char *at = s->base_score->text, *close = *at == '[' ? "]" : *at == '(' ? ")" : "";
        uint32_t n = 0;

        for (at += *close != '\0';; at++) {
                char *end;
                float v = strtof(at, &end);
                /* strtof() takes white space in front and hexadecimals, too. */
                bool plain = end > at && strspn(at, "+-.0123456789Ee") >= (size_t) (end - at);
                if (!plain || !isfinite(v) || n == s->groups)
                        return field_refuse(e, PARAMS, "base_score", "is \"%.64s\", it has to be one finite number, or %u",
                                            s->base_score->text, s->groups);
                struct err why;
                base[n++] = v;
                if (objective_margin(m->objective, &base[n - 1], m->xgboost_version, &why))
                        return field_refuse(e, PARAMS, "base_score", "%s", why.msg);
                at = end;
                if (*at != ',' || !*close)
                        break;
        }
        if (strcmp(at, close) != 0 || (n != 1 && n != s->groups))
                return field_refuse(e, PARAMS, "base_score", "is \"%.64s\", it has to be one finite number, or %u",
                                    s->base_score->text, s->groups);
        for (; n < s->groups; n++)
                base[n] = base[0];
        return 0;
}

static int read_feature_names(const struct doc_value *v, struct model *m, struct err *e)
{
        uint32_t i = 0;

        if (!v || v->count == 0)
                return 0;
        if (v->count != m->n_features)
                return field_refuse(e, LEARNER, "feature_names", "has %u elements, the model has %u features", v->count,
                                    m->n_features);
        m->feature_names = xcalloc(m->n_features, sizeof *m->feature_names);
        for (const struct doc_value *name = v->first; name; name = name->next, i++) {
                if (name->kind != DOC_STRING || name->count == 0)
                        return field_refuse(e, LEARNER, "feature_names", "element %u has to be a string that is not empty", i);
                m->feature_names[i] = xstrdup(name->text);
        }
        return 0;
}

/* "c" is a category, which a numeric scorer would read wrongly. */
static int check_feature_types(const struct doc_value *v, const struct model *m, struct err *e)
{
        static const char *const numeric[] = { "float", "int", "i", "q" };
        uint32_t i = 0;

        if (!v || v->count == 0)
                return 0;
        if (v->count != m->n_features)
                return field_refuse(e, LEARNER, "feature_types", "has %u elements, the model has %u features", v->count,
                                    m->n_features);
        for (const struct doc_value *type = v->first; type; type = type->next, i++) {
                bool known = false;
                for (size_t k = 0; type->kind == DOC_STRING && k < sizeof numeric / sizeof *numeric; k++)
                        known = known || !strcmp(type->text, numeric[k]);
                if (!known)
                        return field_refuse(e, LEARNER, "feature_types",
                                            "element %u is \"%.16s\"; float, int, i and q are supported", i,
                                            type->kind == DOC_STRING ? type->text : doc_kind_text(type->kind));
        }
        return 0;
}

/* Notes of whoever trained the model; none changes a score, best_iteration neither. */
static int check_attributes(const struct doc_value *v, struct err *e)
{
        for (const struct doc_value *p = v->first; p; p = p->next)
                if (p->kind != DOC_STRING)
                        return field_refuse(e, "learner.attributes", p->key, "is %s, it has to be a string",
                                            doc_kind_text(p->kind));
        return 0;
}

/* The encoder that 3.1 and later write even when there is nothing to encode. */
static int check_cats(const struct doc_value *v, struct err *e)
{
        static const char path[] = "learner.gradient_booster.model.cats";
        static const struct field rows[] = {
                { "enc", FIELD_LIST, true },
                { "feature_segments", FIELD_INTS, true },
                { "sorted_idx", FIELD_INTS, true },
        };
        const struct doc_value *got[3];

        if (fields_take(v, path, rows, 3, got, e))
                return -1;
        for (int i = 0; i < 3; i++)
                if (got[i] && got[i]->count > 0)
                        return field_refuse(e, path, rows[i].name, "category encoders are not supported");
        return 0;
}

static int check_iterations(const struct doc_value *v, int64_t n_trees, struct err *e)
{
        int64_t before = 0;

        for (uint32_t i = 0; i < v->count; i++) {
                if (v->ints[i] < before || (i == 0 && v->ints[i] != 0))
                        return field_refuse(e, TREES, "iteration_indptr", "element %u is out of order", i);
                before = v->ints[i];
        }
        if (before != n_trees)
                return field_refuse(e, TREES, "iteration_indptr", "ends at %" PRId64 ", the model has %" PRId64 " trees", before,
                                    n_trees);
        return 0;
}

static int read_tree_count(const struct doc_value *v, int64_t *n_trees, struct err *e)
{
        static const struct field rows[] = {
                { "num_trees", FIELD_TEXT, false },
                { "num_parallel_tree", FIELD_TEXT, true },
                { "size_leaf_vector", FIELD_TEXT, true },
        };
        const struct doc_value *got[3];
        int64_t ignored;

        if (fields_take(v, TREES_PARAM, rows, 3, got, e) || field_int(got[0], TREES_PARAM, 0, MAX_TREES, n_trees, e) ||
            (got[1] && field_int(got[1], TREES_PARAM, 1, MAX_TREES, &ignored, e)))
                return -1;
        if (got[2] && field_int(got[2], TREES_PARAM, 0, 1, &ignored, e))
                return err_wrap(e, "leaves with several values are not supported");
        return 0;
}

static int add_trees(const struct doc_value *trees, const struct doc_value *info, struct model *m, struct err *e)
{
        uint32_t i = 0;
        char path[96];

        for (const struct doc_value *t = trees->first; t; t = t->next, i++) {
                int64_t group = info->ints[i];
                if (group < 0 || group >= m->n_outputs) {
                        (void) snprintf(path, sizeof path, "tree_info[%u]", i);
                        return field_refuse(e, TREES, path, "is %" PRId64 ", the model has %u outputs", group, m->n_outputs);
                }
                (void) snprintf(path, sizeof path, "%s.trees[%u]", TREES, i);
                if (xgb_tree_add(m->forest, t, path, i, (uint32_t) group, e))
                        return -1;
        }
        forest_finish(m->forest);
        return 0;
}

static int read_trees(const struct doc_value *v, struct model *m, struct err *e)
{
        enum { PARAM, LIST, INFO, INDPTR, DROP, CATS, N };
        static const struct field rows[N] = {
                [PARAM] = { "gbtree_model_param", FIELD_OBJECT, false },
                [LIST] = { "trees", FIELD_LIST, false },
                [INFO] = { "tree_info", FIELD_INTS, false },
                [INDPTR] = { "iteration_indptr", FIELD_INTS, true },
                [DROP] = { "weight_drop", FIELD_NUMBERS, true },
                [CATS] = { "cats", FIELD_OBJECT, true },
        };
        const struct doc_value *got[N];
        int64_t n_trees;

        if (fields_take(v, TREES, rows, N, got, e) || read_tree_count(got[PARAM], &n_trees, e))
                return -1;
        if (got[DROP] && got[DROP]->count > 0)
                return field_refuse(e, TREES, "weight_drop", "dropped trees (dart) are not supported");
        for (int i = LIST; i <= INFO; i++)
                if (got[i]->count != n_trees)
                        return field_refuse(e, TREES, rows[i].name, "has %u elements, num_trees is %" PRId64, got[i]->count,
                                            n_trees);
        if ((got[CATS] && check_cats(got[CATS], e)) || (got[INDPTR] && check_iterations(got[INDPTR], n_trees, e)))
                return -1;
        return add_trees(got[LIST], got[INFO], m, e);
}

static int read_booster(const struct doc_value *v, struct model *m, struct err *e)
{
        static const struct field rows[] = { { "name", FIELD_TEXT, false }, { "model", FIELD_OBJECT, false } };
        const struct doc_value *got[2];

        for (const struct doc_value *p = v->first; p; p = p->next)
                if (!strcmp(p->key, "name") && p->kind == DOC_STRING && strcmp(p->text, "gbtree") != 0)
                        return field_refuse(e, BOOSTER, "name", "\"%.32s\" is not supported; gbtree is", p->text);
        return fields_take(v, BOOSTER, rows, 2, got, e) ? -1 : read_trees(got[1], m, e);
}

static int read_learner(const struct doc_value *v, struct model *m, struct err *e)
{
        enum { ATTRIBUTES, NAMES, TYPES, GBM, PARAM, OBJ, N };
        static const struct field rows[N] = {
                [ATTRIBUTES] = { "attributes", FIELD_OBJECT, false },     [NAMES] = { "feature_names", FIELD_LIST, true },
                [TYPES] = { "feature_types", FIELD_LIST, true },          [GBM] = { "gradient_booster", FIELD_OBJECT, false },
                [PARAM] = { "learner_model_param", FIELD_OBJECT, false }, [OBJ] = { "objective", FIELD_OBJECT, false },
        };
        const struct doc_value *got[N];
        struct shape shape;

        if (fields_take(v, LEARNER, rows, N, got, e) || read_shape(got[PARAM], &shape, e) ||
            read_objective(got[OBJ], &shape, m, e) || check_attributes(got[ATTRIBUTES], e))
                return -1;
        m->n_features = (uint32_t) shape.features;
        m->n_outputs = shape.groups;
        if (read_feature_names(got[NAMES], m, e) || check_feature_types(got[TYPES], m, e))
                return -1;
        float *base = xmalloc(shape.groups * sizeof *base);
        int r = read_base(&shape, m, base, e);
        if (r == 0)
                m->forest = forest_new(m->n_features, m->n_outputs, base);
        free(base);
        return r ? r : read_booster(got[GBM], m, e);
}

static int read_document(const struct doc_value *root, struct model *m, struct err *e)
{
        static const struct field rows[] = { { "learner", FIELD_OBJECT, false }, { "version", FIELD_INTS, false } };
        const struct doc_value *got[2];

        if (root->kind == DOC_OBJECT && root->first && !strcmp(root->first->key, "Config"))
                return err_set(e, ERR_INVALID, "this is a memory snapshot of a booster; write the model with save_model()");
        if (fields_take(root, "", rows, 2, got, e) || check_version(got[1], m, e))
                return -1;
        return read_learner(got[0], m, e);
}

static int parse(const unsigned char *data, size_t len, const struct doc_limits *limits, struct doc *d, struct err *e)
{
        if (len >= 4 && (!memcmp(data, "binf", 4) || !memcmp(data, "bs64", 4)))
                return err_set(e, ERR_INVALID, "this is XGBoost's old binary format; save the model as .json or .ubj");
        if (len < 2 || data[0] != '{')
                return err_set(e, ERR_INVALID, "this is neither an XGBoost model in JSON nor in UBJSON");
        /* In UBJSON a length follows, in JSON white space, a quote or a brace. */
        if (strchr("iUIlL$#", data[1]) && data[1])
                return doc_ubjson_parse(data, len, limits, d, e) ? err_wrap(e, "UBJSON") : 0;
        return doc_json_parse((const char *) data, len, limits, d, e) ? err_wrap(e, "JSON") : 0;
}

int xgb_load(const void *data, size_t len, size_t max_memory, struct model *m, struct err *e)
{
        struct doc_limits limits = { .max_bytes = max_memory, .max_values = MAX_VALUES, .max_depth = MAX_DEPTH };
        struct doc doc;

        *m = (struct model){ 0 };
        if (parse(data, len, &limits, &doc, e))
                return -1;
        int r = read_document(doc.root, m, e);
        doc_done(&doc);
        if (r)
                model_done(m);
        return r;
}
