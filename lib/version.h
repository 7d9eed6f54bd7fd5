/* The version of everything in this repository. */
#pragma once

#define SLUICE_VERSION "0.1.0"
