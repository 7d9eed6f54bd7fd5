/* From a request's tally to metrics. */
#include "scorer/serve_counts.h"

#include <stdio.h>

#include "scorer/serve.h"

/* 0 to n - 1, and "other" for the last where there are more. */
static struct metric_cell *numbered(struct metrics *m, int row, const struct v2 *v2, uint32_t i, uint32_t most)
{
        char text[12];

        (void) snprintf(text, sizeof text, "%u", i);
        return metrics_cell(m, row, v2->name, v2->version, i < most ? text : "other");
}

void serve_counts_init(struct serve_counts *c, struct metrics *m, const struct v2 *v2)
{
        const struct model *model = &v2->model;
        const struct tally_edges edges = tally_edges(model);

        *c = (struct serve_counts){ .model = model };
        metrics_set_buckets(m, METRIC_predictions, edges.bounds, edges.n);
        c->features = metrics_cell(m, METRIC_features, v2->name, v2->version);
        c->null_features = metrics_cell(m, METRIC_null_features, v2->name, v2->version);
        for (uint32_t i = 0; i < tally_outputs(model); i++)
                c->predictions[i] = numbered(m, METRIC_predictions, v2, i, TALLY_OUTPUTS);
        for (uint32_t i = 0; model->n_outputs > 1 && i < model->n_outputs && i <= TALLY_CLASSES; i++)
                c->classes[i] = numbered(m, METRIC_classes, v2, i, TALLY_CLASSES);
}

void serve_counts_add(const struct serve_counts *c, const struct tally *t)
{
        const struct model *m = c->model;
        size_t buckets = tally_edges(m).n + 1;

        metric_add(c->features, t->features);
        if (t->nulls)
                metric_add(c->null_features, t->nulls);
        for (uint32_t i = 0; i < tally_outputs(m); i++)
                metric_observe_all(c->predictions[i], t->hits[i], buckets, t->sum[i]);
        for (uint32_t i = 0; i <= TALLY_CLASSES && c->classes[i]; i++)
                if (t->classes[i])
                        metric_add(c->classes[i], t->classes[i]);
}
