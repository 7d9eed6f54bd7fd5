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
                free(gates[i].pair);
                free(gates[i].drift);
                free(gates[i].mean);
        }
        free(gates);
}
