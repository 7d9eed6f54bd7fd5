/* registryd: settings, PostgreSQL, threads, requests; and back down in the opposite order. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/daemon.h"
#include "lib/fs.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "registryd/auth.h"
#include "registryd/embedded_pg.h"
#include "registryd/keeper.h"
#include "registryd/registry.h"

enum { UPLOAD_PIECE = 256 * 1024 };

struct service {
        struct settings settings;
        struct registry reg;
        struct embedded_pg *postgres;
        struct http_server *http;
};

static struct pg *make_pool(struct service *s, const char *uri, int64_t size, bool async_commit)
{
        struct pg_config config = { .uri = uri,
                                    .program = "registryd",
                                    .max_connections = (int) size,
                                    .statement_timeout_ms = s->settings.db_timeout,
                                    .lock_timeout_ms = s->settings.db_timeout / 2,
                                    .async_commit = async_commit,
                                    .failed = registry_count_db_error,
                                    .arg = s->reg.metrics };

        return pg_new(&config, "the database is being prepared");
}

static int start_auth(struct service *s, struct err *e)
{
        AUTO(str)
        file = s->settings.admin_token_file ? xstrdup(s->settings.admin_token_file)
                                            : xasprintf("%s/admin-token", s->settings.data_dir);

        if (!s->settings.admin_token_file && fs_mkdirs(s->settings.data_dir, 0755, e))
                return -1;
        return auth_new(s->reg.db, file, &s->reg.auth, e);
}

static int authenticate(void *app, const char *token, enum role *role, char actor[static NAME_MAX_LEN + 1], struct err *e)
{
        struct registry *reg = app;

        return auth_check(reg->auth, clock_ms() + reg->settings->db_timeout, token, role, actor, e);
}

static int start_http(struct service *s, struct err *e)
{
        struct http_server_config config = { .listen = s->settings.listen,
                                             .routes = registry_routes,
                                             .n_routes = registry_route_count,
                                             .app = &s->reg,
                                             .mode = HTTP_THREAD_PER_CONNECTION,
                                             .max_connections = (unsigned) s->settings.max_connections,
                                             .read_buffer = UPLOAD_PIECE,
                                             .idle_timeout_ms = s->settings.idle_timeout,
                                             .request_timeout_ms = s->settings.db_timeout,
                                             .authenticate = authenticate,
                                             .observe = registry_observe };

        return http_server_start(&config, &s->http, e);
}

static int start(struct service *s, struct err *e)
{
        struct registry *reg = &s->reg;

        reg->settings = &s->settings;
        reg->metrics = registry_metrics_new();
        reg->bytes_in = metrics_cell(reg->metrics, METRIC_bytes_in);
        reg->bytes_out = metrics_cell(reg->metrics, METRIC_bytes_out);
        struct metric_cell *starts = metrics_cell(reg->metrics, METRIC_postgres_starts);
        if (http_listen_check(s->settings.listen, e)) /* what can fail at once fails before PostgreSQL starts */
                return -1;
        if (s->settings.db && pg_check_uri(s->settings.db, e))
                return err_wrap(e, "db");
        if (!s->settings.db && embedded_pg_start(&s->settings, starts, &s->postgres, e))
                return -1;
        const char *uri = s->postgres ? embedded_pg_uri(s->postgres) : s->settings.db;
        reg->db = make_pool(s, uri, s->settings.db_pool, false);
        reg->transfers = make_pool(s, uri, s->settings.transfers, true);
        if (start_auth(s, e))
                return -1;
        reg->keeper = keeper_start(reg, uri);
        return start_http(s, e);
}

static void stop(struct service *s)
{
        atomic_store(&s->reg.draining, true); /* also ends the keeper's work */
        http_server_stop(s->http);
        keeper_stop(s->reg.keeper);
        auth_free(s->reg.auth);
        pg_free(s->reg.db);
        pg_free(s->reg.transfers);
        embedded_pg_stop(s->postgres);
        metrics_free(s->reg.metrics);
        settings_done(&registryd_settings, &s->settings);
}

static void reload(struct service *s, int argc, char **argv)
{
        struct err e = { 0 };

        if (settings_reload(&registryd_settings, &s->settings, argc, argv, &e))
                LOG_WARN("settings stay as they were", "error", e.msg);
        log_set_level(s->settings.log_level);
}

/* Until somebody asks to stop; then until the requests under way are answered. */
static void serve(struct service *s, struct daemon *d, int argc, char **argv)
{
        enum daemon_event event;

        while ((event = daemon_wait(d, -1)) != DAEMON_DRAIN && event != DAEMON_LEAVE)
                if (event == DAEMON_RELOAD)
                        reload(s, argc, argv);
        atomic_store(&s->reg.draining, true);
        http_server_drain(s->http);
        LOG_INFO("stopping", LOG_INT("requests_under_way", http_server_inflight(s->http)));
        int64_t by = clock_ms() + s->settings.drain;
        while (event != DAEMON_LEAVE && http_server_inflight(s->http) > 0 && clock_ms() < by)
                event = daemon_wait(d, 20);
}

static int run(struct service *s, struct daemon *d, int argc, char **argv)
{
        struct err e = { 0 };

        if (settings_check(&s->settings, &e) || start(s, &e)) {
                LOG_ERROR("cannot start", "error", e.msg);
                return err_exit_code(e.kind);
        }
        LOG_INFO("listening", "address", s->settings.listen, LOG_INT("port", http_server_port(s->http)));
        serve(s, d, argc, argv);
        if (keeper_has_failed(s->reg.keeper, &e)) {
                LOG_ERROR("cannot use this database", "error", e.msg);
                return err_exit_code(e.kind);
        }
        return 0;
}

int main(int argc, char **argv)
{
        struct service s = { 0 };
        struct daemon d;
        struct err e = { 0 };

        daemon_init(&d, "registryd");
        int r = settings_load(&registryd_settings, &s.settings, argc, argv, &e);
        if (r == SETTINGS_EXIT)
                return 0;
        if (r < 0) {
                (void) fprintf(stderr, "registryd: %s\n", e.msg);
                return err_exit_code(e.kind);
        }
        log_set_level(s.settings.log_level);
        int status = run(&s, &d, argc, argv);
        stop(&s);
        LOG_INFO("stopped", LOG_INT("status", status));
        daemon_done(&d);
        return status;
}
