/* The rollout's table for people: docs/fsm.md, a Mermaid state diagram and every row in order. */
#pragma once

#include <stdio.h>

void fsm_print_doc(FILE *out);
