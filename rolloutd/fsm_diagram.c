/* Drawing the table. */
#include "rolloutd/fsm_diagram.h"

#include <string.h>

#include "rolloutd/fsm.h"

static const char *short_name(const struct move *m)
{
        return strchr(m->row, '.') + 1;
}

static bool same_arrow(const struct move *a, const struct move *b)
{
        return a->from == b->from && a->to == b->to;
}

/* One arrow per pair of phases, labelled with the rows that take it. */
static void print_arrow(FILE *out, size_t first)
{
        const struct move *m = &fsm_moves[first];

        for (size_t i = 0; i < first; i++)
                if (same_arrow(&fsm_moves[i], m))
                        return;
        fprintf(out, "    %s --> %s: %s", phase_name(m->from), phase_name(m->to), short_name(m));
        for (size_t i = first + 1; i < fsm_move_count; i++)
                if (same_arrow(&fsm_moves[i], m))
                        fprintf(out, ", %s", short_name(&fsm_moves[i]));
        fprintf(out, "\n");
}

void fsm_print_doc(FILE *out)
{
        fprintf(out,
                "# The rollout's state machine\n\n"
                "Printed by `rolloutd --fsm` from the table in `rolloutd/fsm.c`. In each pass the first row of the phase whose "
                "guard holds\n"
                "is taken; none means stay. Row ids are stored with every event.\n\n"
                "```mermaid\nstateDiagram-v2\n    [*] --> %s\n",
                phase_name(PHASE_IDLE));
        for (size_t i = 0; i < fsm_move_count; i++)
                print_arrow(out, i);
        fprintf(out, "```\n\n| row | from | to | why |\n|---|---|---|---|\n");
        for (size_t i = 0; i < fsm_move_count; i++)
                fprintf(out, "| %s | %s | %s | %s |\n", fsm_moves[i].row, phase_name(fsm_moves[i].from),
                        phase_name(fsm_moves[i].to), fsm_moves[i].why);
}
