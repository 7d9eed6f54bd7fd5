/* Randomness with a seed, for tests by simulation. */
#pragma once

#include <math.h>
#include <stdint.h>

static uint64_t dice;

static inline double uniform(void) /* splitmix64 */
{
        uint64_t z = (dice += 0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return (double) ((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static inline double normal(void) /* Box and Muller */
{
        return sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform());
}
