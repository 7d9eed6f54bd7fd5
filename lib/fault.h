/* Places where tests kill a daemon: compiled in by -DSLUICE_FAULTS (MODE=faults, MODE=asan) only. */
#pragma once

#ifdef SLUICE_FAULTS
/* With SLUICE_FAULT=NAME or NAME:N in the environment, the process kills itself with SIGKILL the first or Nth time here. */
void fault_point(const char *name);
#else
static inline void fault_point(const char *name)
{
        (void) name;
}
#endif
