/* The rollout's table as a Mermaid state diagram, for the docs. */
#pragma once

#include <stdio.h>

void fsm_print_diagram(FILE *out);
