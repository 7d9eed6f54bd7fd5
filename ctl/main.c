/* ctl: command line for CI and for people on call. */
#include "ctl/app.h"

int main(int argc, char **argv)
{
        return ctl_main(argc, argv);
}
