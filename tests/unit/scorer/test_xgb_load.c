/* The loader accepts what it understands and refuses every field that says otherwise, by name. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mem.h"
#include "scorer/xgb_load.h"

enum { MEMORY = 1 << 20 };

#define TREE(id)                                                                                                                 \
        "{\"base_weights\":[0E0,0E0,0E0],\"categories\":[],\"categories_nodes\":[],\"categories_segments\":[],"                  \
        "\"categories_sizes\":[],\"default_left\":[1,0,0],\"id\":" id ",\"left_children\":[1,-1,-1],"                            \
        "\"loss_changes\":[1E0,0E0,0E0],\"parents\":[2147483647,0,0],\"right_children\":[2,-1,-1],"                              \
        "\"split_conditions\":[5E-1,-2.5E-1,7.5E-1],\"split_indices\":[1,0,0],\"split_type\":[0,0,0],"                           \
        "\"sum_hessian\":[1E0,1E0,1E0],\"tree_param\":{\"num_deleted\":\"0\",\"num_feature\":\"2\",\"num_nodes\":\"3\","         \
        "\"size_leaf_vector\":\"0\"}}"

static const char good[] =
        "{\"learner\":{\"attributes\":{\"best_iteration\":\"1\",\"mine\":\"x\"},\"feature_names\":[\"age\",\"income\"],"
        "\"feature_types\":[\"float\",\"int\"],\"gradient_booster\":{\"model\":{\"gbtree_model_param\":{"
        "\"num_parallel_tree\":\"1\",\"num_trees\":\"2\",\"size_leaf_vector\":\"0\"},\"tree_info\":[0,0],\"trees\":[" TREE(
                "0") "," TREE("1") "]},\"name\":\"gbtree\"},\"learner_model_param\":{\"base_score\":\"5E-1\","
                                   "\"boost_from_average\":\"1\",\"num_class\":\"0\",\"num_feature\":\"2\",\"num_target\":\"1\"},"
                                   "\"objective\":{\"name\":\"binary:logistic\",\"reg_loss_param\":{\"scale_pos_weight\":\"1\"}}}"
                                   ","
                                   "\"version\":[1,7,4]}";

/* `good` with the first occurrence of `from` replaced. Caller frees. */
static char *edit(const char *from, const char *to)
{
        const char *at = strstr(good, from);

        assert_non_null(at);
        return xasprintf("%.*s%s%s", (int) (at - good), good, to, at + strlen(from));
}

static float score(const struct model *m, float age, float income)
{
        float row[2] = { age, income }, out;

        model_score(m, row, 1, &out);
        return out;
}

static void a_good_model_loads_and_scores(void **state)
{
        struct err e = { 0 };
        struct model m;

        (void) state;
        assert_int_equal(xgb_load(good, strlen(good), MEMORY, &m, &e), 0);
        assert_int_equal(m.n_features, 2);
        assert_int_equal(m.n_outputs, 1);
        assert_int_equal(m.xgboost_version, 107);
        assert_string_equal(m.feature_names[1], "income");
        assert_true(score(&m, 0, 0.25f) == 1.0f / (expf(0.5f) + 1.0f));
        assert_true(score(&m, 0, 0.5f) == 1.0f / (expf(-1.5f) + 1.0f));
        assert_true(score(&m, 0, NAN) == 1.0f / (expf(0.5f) + 1.0f));
        assert_int_equal(model_warm(&m, &e), 0);
        model_done(&m);
}

static void variants_of_other_versions_load(void **state)
{
        static const struct {
                const char *name, *from, *to;
        } cases[] = {
                { "base score as a list (3.1)", "\"5E-1\"", "\"[5E-1]\"" },
                { "base score in parentheses", "\"5E-1\"", "\"(5E-1)\"" },
                { "empty category encoder (3.1)", "\"tree_info\"",
                  "\"cats\":{\"enc\":[],\"feature_segments\":[],\"sorted_idx\":[]},\"tree_info\"" },
                { "rounds of trees (2.0)", "\"tree_info\"", "\"iteration_indptr\":[0,1,2],\"tree_info\"" },
                { "scalar leaves counted (2.0)", "\"3\",\"size_leaf_vector\":\"0\"", "\"3\",\"size_leaf_vector\":\"1\"" },
                { "no num_target (1.4)", ",\"num_target\":\"1\"", "" },
                { "directions as booleans (1.4)", "\"default_left\":[1,0,0]", "\"default_left\":[true,false,false]" },
                { "version 3.4", "[1,7,4]", "[3,4,1]" },
                { "no feature names", "\"feature_names\":[\"age\",\"income\"],", "" },
                { "best iteration of a booster without rounds", "\"best_iteration\":\"1\"", "\"best_iteration\":\"-1\"" },
                { "white space", "{\"learner\":", "{\n  \"learner\" : " },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err e = { 0 };
                struct model m;
                char *text = edit(cases[i].from, cases[i].to);
                print_message("  %s\n", cases[i].name);
                if (xgb_load(text, strlen(text), MEMORY, &m, &e))
                        fail_msg("%s", e.msg);
                assert_true(score(&m, 0, 0.25f) == 1.0f / (expf(0.5f) + 1.0f));
                model_done(&m);
                free(text);
        }
}

static void each_field_not_understood_is_refused_by_name(void **state)
{
        static const struct {
                const char *from, *to, *why;
        } cases[] = {
                { "{\"learner\"", "[{\"learner\"", "this is neither an XGBoost model in JSON nor in UBJSON" },
                { "{\"learner\"", "binf{\"learner\"", "this is XGBoost's old binary format; save the model as .json or .ubj" },
                { "{\"learner\"", "{\"Config\":{},\"Model\"",
                  "this is a memory snapshot of a booster; write the model with save_model()" },
                { "[1,7,4]}", "[1,7,4]", "JSON: byte 1422: a comma or } has to follow" },
                { "[1,7,4]", "[1,3,4]", "version: the model was written by XGBoost 1.3; 1.4 to 3.x are understood" },
                { "[1,7,4]", "[4,0,0]", "version: the model was written by XGBoost 4.0; 1.4 to 3.x are understood" },
                { "[1,7,4]", "[1,7]", "version: has 2 elements, it has to have three" },
                { "[1,7,4]", "[1,7,-1]", "version: is no version of XGBoost" },
                { "[1,7,4]", "\"1.7.4\"", "version: is a string, it has to be a list of integers" },
                { ",\"version\":[1,7,4]", "", "version: is missing" },
                { "\"version\":", "\"extra\":1,\"version\":", "extra: is not a field that this scorer understands" },
                { "\"version\":", "\"version\":[1,7,4],\"version\":", "version: appears twice" },
                { "{\"attributes\"", "{\"novel\":[],\"attributes\"",
                  "learner.novel: is not a field that this scorer understands" },
                { "\"mine\":\"x\"", "\"mine\":7", "learner.attributes.mine: is an integer, it has to be a string" },
                { "[\"age\",\"income\"]", "[\"age\"]", "learner.feature_names: has 1 elements, the model has 2 features" },
                { "[\"age\",\"income\"]", "[\"age\",\"\"]",
                  "learner.feature_names: element 1 has to be a string that is not empty" },
                { "[\"float\",\"int\"]", "[\"float\",\"c\"]",
                  "learner.feature_types: element 1 is \"c\"; float, int, i and q are supported" },
                { "[\"float\",\"int\"]", "[\"float\"]", "learner.feature_types: has 1 elements, the model has 2 features" },
                { "\"gbtree\"", "\"gblinear\"", "learner.gradient_booster.name: \"gblinear\" is not supported; gbtree is" },
                { "\"gbtree\"", "\"dart\"", "learner.gradient_booster.name: \"dart\" is not supported; gbtree is" },
                { "\"tree_info\"", "\"weight_drop\":[1,5E-1],\"tree_info\"",
                  "learner.gradient_booster.model.weight_drop: dropped trees (dart) are not supported" },
                { "\"tree_info\"", "\"cats\":{\"enc\":[{}],\"feature_segments\":[],\"sorted_idx\":[]},\"tree_info\"",
                  "learner.gradient_booster.model.cats.enc: category encoders are not supported" },
                { "\"tree_info\"", "\"iteration_indptr\":[0,1],\"tree_info\"",
                  "learner.gradient_booster.model.iteration_indptr: ends at 1, the model has 2 trees" },
                { "\"tree_info\"", "\"iteration_indptr\":[0,2,1],\"tree_info\"",
                  "learner.gradient_booster.model.iteration_indptr: element 2 is out of order" },
                { "\"tree_info\":[0,0]", "\"tree_info\":[0]",
                  "learner.gradient_booster.model.tree_info: has 1 elements, num_trees is 2" },
                { "\"tree_info\":[0,0]", "\"tree_info\":[0,1]",
                  "learner.gradient_booster.model.tree_info[1]: is 1, the model has 1 outputs" },
                { "\"num_trees\":\"2\"", "\"num_trees\":\"3\"",
                  "learner.gradient_booster.model.trees: has 2 elements, num_trees is 3" },
                { "\"num_trees\":\"2\"", "\"num_trees\":\"two\"",
                  "learner.gradient_booster.model.gbtree_model_param.num_trees: is \"two\", it has to be an integer" },
                { "\"num_trees\":\"2\"", "\"num_trees\":2",
                  "learner.gradient_booster.model.gbtree_model_param.num_trees: is an integer, it has to be a string" },
                { "\"num_trees\":\"2\",\"size_leaf_vector\":\"0\"", "\"num_trees\":\"2\",\"size_leaf_vector\":\"3\"",
                  "leaves with several values are not supported: "
                  "learner.gradient_booster.model.gbtree_model_param.size_leaf_vector: is 3, it has to be from 0 to 1" },
                { "\"id\":0", "\"id\":7", "learner.gradient_booster.model.trees[0].id: is 7, it has to be 0" },
                { "\"split_type\":[0,0,0]", "\"split_type\":[1,0,0]",
                  "learner.gradient_booster.model.trees[0].split_type[0]: is 1; only numeric splits (0) are supported" },
                { "\"categories_nodes\":[]", "\"categories_nodes\":[0]",
                  "learner.gradient_booster.model.trees[0].categories_nodes: categorical splits are not supported" },
                { "\"3\",\"size_leaf_vector\":\"0\"", "\"3\",\"size_leaf_vector\":\"2\"",
                  "learner.gradient_booster.model.trees[0].tree_param.size_leaf_vector: leaves with 2 values are not supported" },
                { "\"num_nodes\":\"3\"", "\"num_nodes\":\"4\"",
                  "learner.gradient_booster.model.trees[0].left_children: has 3 elements, the tree has 4 nodes" },
                { "\"num_nodes\":\"3\"", "\"num_nodes\":\"0\"",
                  "learner.gradient_booster.model.trees[0].tree_param.num_nodes: is 0, it has to be from 1 to 1073741824" },
                { "\"left_children\":[1,-1,-1]", "\"left_children\":[3,-1,-1]",
                  "learner.gradient_booster.model.trees[0].left_children[0] is 3, the tree has 3 nodes" },
                { "\"left_children\":[1,-1,-1]", "\"left_children\":[1,0,-1]",
                  "learner.gradient_booster.model.trees[0].left_children[1] is 0, which is reached already" },
                { "\"left_children\":[1,-1,-1]", "\"left_children\":[1.5,-1,-1]",
                  "learner.gradient_booster.model.trees[0].left_children: is a list of numbers, it has to be a list of "
                  "integers" },
                { "\"split_indices\":[1,0,0]", "\"split_indices\":[2,0,0]",
                  "learner.gradient_booster.model.trees[0].split_indices[0] is 2, the model has 2 features" },
                { "[5E-1,-2.5E-1", "[NaN,-2.5E-1",
                  "learner.gradient_booster.model.trees[0].split_conditions[0] is NaN, a threshold must not be" },
                { "[5E-1,-2.5E-1", "[5E-1,NaN",
                  "learner.gradient_booster.model.trees[0].split_conditions[1] is NaN, a leaf must not be" },
                { "\"parents\":", "\"ancestors\":",
                  "learner.gradient_booster.model.trees[0].ancestors: is not a field that this scorer understands" },
                { "\"num_class\":\"0\"", "\"num_class\":\"2\"",
                  "learner.learner_model_param.num_class: is 2, which does not go with binary:logistic" },
                { "\"num_class\":\"0\",\"num_feature\":\"2\",\"num_target\":\"1\"},\"objective\":{\"name\":\"binary:logistic\","
                  "\"reg_loss_param\":{\"scale_pos_weight\":\"1\"}}",
                  "\"num_class\":\"1\",\"num_feature\":\"2\",\"num_target\":\"3\"},\"objective\":{\"name\":\"multi:softprob\"}",
                  "learner.learner_model_param.num_target: is 3, which does not go with multi:softprob" },
                { "\"num_target\":\"1\"", "\"num_target\":\"99999\"",
                  "learner.learner_model_param.num_target: is 99999, it has to be from 1 to 4096" },
                { "\"num_feature\":\"2\",\"num_target\"", "\"num_feature\":\"0\",\"num_target\"",
                  "learner.learner_model_param.num_feature: is 0, it has to be from 1 to 1048576" },
                { "\"5E-1\"", "\"0E0\"", "learner.learner_model_param.base_score: is 0, it has to be between 0 and 1" },
                { "\"5E-1\"", "\"half\"",
                  "learner.learner_model_param.base_score: is \"half\", it has to be one finite number, or 1" },
                { "\"5E-1\"", "\"[5E-1,5E-1]\"",
                  "learner.learner_model_param.base_score: is \"[5E-1,5E-1]\", it has to be one finite number, or 1" },
                { "\"5E-1\"", "\"[5E-1\"",
                  "learner.learner_model_param.base_score: is \"[5E-1\", it has to be one finite number, or 1" },
                { "\"5E-1\"", "\"0x1p-1\"",
                  "learner.learner_model_param.base_score: is \"0x1p-1\", it has to be one finite number, or 1" },
                { "\"5E-1\"", "\"[\\t5E-1]\"",
                  "learner.learner_model_param.base_score: is \"[\t5E-1]\", it has to be one finite number, or 1" },
                { "\"5E-1\"", "\"inf\"",
                  "learner.learner_model_param.base_score: is \"inf\", it has to be one finite number, or 1" },
                { "\"scale_pos_weight\"", "\"temperature\"",
                  "learner.objective.reg_loss_param.temperature: is not a field that this scorer understands" },
                { "\"reg_loss_param\"", "\"other_param\"",
                  "learner.objective.other_param: is not a field that this scorer understands" },
                { "\"name\":\"binary:logistic\",", "", "learner.objective.name: is missing" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err e = { 0 };
                struct model m;
                char *text = edit(cases[i].from, cases[i].to);
                print_message("  %s\n", cases[i].why);
                assert_int_equal(xgb_load(text, strlen(text), MEMORY, &m, &e), -1);
                assert_string_equal(e.msg, cases[i].why);
                assert_int_equal(e.kind, ERR_INVALID);
                assert_null(m.forest);
                free(text);
        }
}

static void an_unknown_objective_is_refused_with_the_known_ones(void **state)
{
        struct err e = { 0 };
        struct model m;
        char *text = edit("binary:logistic", "rank:ndcg");

        (void) state;
        assert_int_equal(xgb_load(text, strlen(text), MEMORY, &m, &e), -1);
        assert_non_null(strstr(e.msg, "learner.objective.name: \"rank:ndcg\" is not supported; binary:logistic,"));
        free(text);
}

static void parsing_stays_within_its_memory(void **state)
{
        struct err e = { 0 };
        struct model m;

        (void) state;
        assert_int_equal(xgb_load(good, strlen(good), 2000, &m, &e), -1);
        assert_int_equal(e.kind, ERR_TOO_LARGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_good_model_loads_and_scores),
                cmocka_unit_test(variants_of_other_versions_load),
                cmocka_unit_test(each_field_not_understood_is_refused_by_name),
                cmocka_unit_test(an_unknown_objective_is_refused_with_the_known_ones),
                cmocka_unit_test(parsing_stays_within_its_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
