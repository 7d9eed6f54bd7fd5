// with: lib/settings.c lib/settings_file.c lib/settings_value.c lib/settings_help.c lib/fs.c lib/strbuf.c lib/mem.c lib/err.c
/* Settings files from anywhere: a value of the right type or an error, and nothing leaks. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/settings.h"

struct fuzz_settings {
        char *text, *token;
        int64_t number, wait, room;
        bool flag;
};
#define ROW(name, type, fallback)                                                                                                \
        {                                                                                                                        \
#name, SETTING_##type, offsetof(struct fuzz_settings, name), fallback, true, ""                                  \
        }
static const struct setting rows[] = { ROW(text, STRING, "x"),    ROW(token, SECRET, ""),  ROW(number, INT, "1"),
                                       ROW(wait, DURATION, "1s"), ROW(room, SIZE, "1MiB"), ROW(flag, BOOL, "false") };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct settings_spec spec = { .program = "fuzz",
                                                   .summary = "",
                                                   .rows = rows,
                                                   .n_rows = sizeof rows / sizeof *rows,
                                                   .size = sizeof(struct fuzz_settings) };
        struct fuzz_settings s = { 0 };
        char program[] = "fuzz", flag[] = "--config", path[32];
        int fd = memfd_create("settings", MFD_CLOEXEC);
        struct err e;

        if (fd < 0 || write(fd, data, size) != (ssize_t) size)
                return 0;
        (void) snprintf(path, sizeof path, "/dev/fd/%d", fd);
        (void) settings_load(&spec, &s, 3, (char *[]){ program, flag, path, NULL }, &e);
        settings_done(&spec, &s);
        (void) close(fd);
        return 0;
}
