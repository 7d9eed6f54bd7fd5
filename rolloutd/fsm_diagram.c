/* Drawing the table. */
#include "rolloutd/fsm_diagram.h"

#include "rolloutd/fsm.h"

void fsm_print_diagram(FILE *out)
{
        fprintf(out, "stateDiagram-v2\n    [*] --> %s\n", phase_name(PHASE_IDLE));
        for (size_t i = 0; i < fsm_move_count; i++) {
                const struct move *m = &fsm_moves[i];

                fprintf(out, "    %s --> %s: %s\n", phase_name(m->from), phase_name(m->to), m->why);
        }
}
