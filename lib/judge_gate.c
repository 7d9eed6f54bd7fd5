/* Memory of gates that compare. */
#include "lib/judge_gate.h"

#include <stdlib.h>

#include "lib/mem.h"

struct judge_gate *judge_gates_new(void)
{
        return xcalloc(POLICY_QUERIES_MAX, sizeof(struct judge_gate));
}

void judge_gates_free(struct judge_gate *gates)
{
        for (int i = 0; gates && i < POLICY_QUERIES_MAX; i++) {
                free(gates[i].share);
                if (gates[i].pair)
                        judge_compare_done(&gates[i].pair->test);
                free(gates[i].pair);
                free(gates[i].drift);
                free(gates[i].mean);
        }
        free(gates);
}

size_t judge_gates_bytes(const struct judge_gate *gates)
{
        size_t sum = gates ? POLICY_QUERIES_MAX * sizeof *gates : 0;

        for (int i = 0; gates && i < POLICY_QUERIES_MAX; i++)
                sum += (gates[i].share ? sizeof *gates[i].share : 0) +
                       (gates[i].pair ? sizeof *gates[i].pair + judge_compare_more(&gates[i].pair->test) : 0) +
                       (gates[i].drift ? sizeof *gates[i].drift : 0) + (gates[i].mean ? sizeof *gates[i].mean : 0);
        return sum;
}
