/* Fault points for crash tests. */
#include "lib/fault.h"

#ifdef SLUICE_FAULTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fault_point(const char *name)
{
        static int seen;
        const char *wanted = getenv("SLUICE_FAULT");
        size_t n = strlen(name);

        if (!wanted || strncmp(wanted, name, n) || (wanted[n] && wanted[n] != ':'))
                return;
        if (++seen >= (wanted[n] ? atoi(wanted + n + 1) : 1))
                (void) kill(getpid(), SIGKILL);
}
#endif
