/* pgbare: how fast a bare libpq program inserts and reads back 1 MiB rows like registryd's: the yardstick for its transfers. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "lib/auto.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/random.h"
#include "lib/settings.h"

enum { CHUNK = 1 << 20, OID_INT8 = 20, OID_INT4 = 23, OID_BYTEA = 17, BLOB_ID = 1 };

struct pgbare_settings {
#define SETTING(name, type, ...) SETTING_C_##type name;
#include "bench/pgbare.def"
#undef SETTING
};

static const struct setting rows[] = {
#define SETTING(name, type, fallback, reloadable, help)                                                                          \
        { #name, SETTING_##type, offsetof(struct pgbare_settings, name), fallback, reloadable, help },
#include "bench/pgbare.def"
#undef SETTING
};

static const struct settings_spec spec = {
        .program = "pgbare",
        .summary = "bare libpq transfer of 1 MiB rows",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .size = sizeof(struct pgbare_settings),
};

DEFINE_AUTO(pgconn, PGconn *, PQfinish);

/* Commits that do not wait for the disk, as registryd's chunks are committed; SYNC at the end waits for all of them. */
static const char SETUP[] =
        "SET client_min_messages = warning; SET synchronous_commit = off;"
        " DROP SCHEMA IF EXISTS sluice_bench CASCADE; CREATE SCHEMA sluice_bench;"
        " CREATE TABLE sluice_bench.chunk (blob_id bigint NOT NULL, n integer NOT NULL, data bytea NOT NULL, PRIMARY KEY "
        "(blob_id, n))"
        " PARTITION BY HASH (blob_id);"
        " ALTER TABLE sluice_bench.chunk ALTER COLUMN data SET STORAGE EXTERNAL;"
        " CREATE TABLE sluice_bench.chunk_0 PARTITION OF sluice_bench.chunk FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        " CREATE TABLE sluice_bench.chunk_1 PARTITION OF sluice_bench.chunk FOR VALUES WITH (MODULUS 2, REMAINDER 1)";
static const char INSERT[] = "INSERT INTO sluice_bench.chunk (blob_id, n, data) VALUES ($1, $2, $3)";
static const char SELECT[] = "SELECT data FROM sluice_bench.chunk WHERE blob_id = $1 AND n = $2";
static const char SYNC[] = "SET synchronous_commit = on; CREATE TABLE sluice_bench.done ()";
static const char TEARDOWN[] = "DROP SCHEMA IF EXISTS sluice_bench CASCADE";

static int failed(PGconn *db, struct err *e)
{
        return err_set(e, ERR_UNAVAILABLE, "%s", PQerrorMessage(db));
}

static int script(PGconn *db, const char *sql, struct err *e)
{
        PGresult *r = PQexec(db, sql);
        bool good = PQresultStatus(r) == PGRES_COMMAND_OK;

        PQclear(r);
        return good ? 0 : failed(db, e);
}

static int prepare(PGconn *db, const char *name, const char *sql, int n_args, struct err *e)
{
        static const Oid types[] = { OID_INT8, OID_INT4, OID_BYTEA };
        PGresult *r = PQprepare(db, name, sql, n_args, types);
        bool good = PQresultStatus(r) == PGRES_COMMAND_OK;

        PQclear(r);
        return good ? 0 : failed(db, e);
}

/* Send statement `name` for row n; `data` is NULL for a read. Each is a transaction of its own. */
static int send_one(PGconn *db, const char *name, uint32_t n, const char *data, struct err *e)
{
        uint64_t blob_id = htobe64(BLOB_ID);
        uint32_t number = htobe32(n);
        const char *values[] = { (const char *) &blob_id, (const char *) &number, data };
        static const int lengths[] = { sizeof blob_id, sizeof number, CHUNK }, formats[] = { 1, 1, 1 };

        if (!PQsendQueryPrepared(db, name, data ? 3 : 2, values, lengths, formats, 1) || !PQpipelineSync(db))
                return failed(db, e);
        return 0;
}

/* Take in one answer: a row of exactly one chunk that begins with its number, or an insert's success. */
static int receive_one(PGconn *db, uint32_t n, bool reads, struct err *e)
{
        PGresult *r = PQgetResult(db);
        bool good = reads ? PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1 && PQgetlength(r, 0, 0) == CHUNK &&
                                    memcmp(PQgetvalue(r, 0, 0), &n, sizeof n) == 0
                          : PQresultStatus(r) == PGRES_COMMAND_OK;

        PQclear(r);
        if (!good)
                return err_set(e, ERR_INTERNAL, "row %u: %s", n, PQerrorMessage(db));
        PQclear(PQgetResult(db)); /* NULL: the statement's end */
        r = PQgetResult(db);
        good = PQresultStatus(r) == PGRES_PIPELINE_SYNC;
        PQclear(r);
        return good ? 0 : failed(db, e);
}

static int transfer(PGconn *db, const char *name, uint32_t n_rows, uint32_t depth, char *chunk, struct err *e)
{
        uint32_t sent = 0;

        if (!PQenterPipelineMode(db))
                return failed(db, e);
        for (uint32_t received = 0; received < n_rows; received++) {
                for (; sent < n_rows && sent < received + depth; sent++) {
                        if (chunk)
                                memcpy(chunk, &sent, sizeof sent);
                        if (send_one(db, name, sent, chunk, e) < 0)
                                return -1;
                }
                if (receive_one(db, received, !chunk, e) < 0)
                        return -1;
        }
        return PQexitPipelineMode(db) ? 0 : failed(db, e);
}

static double mib_per_s(uint32_t n_rows, int64_t us)
{
        return (double) n_rows * 1e6 / (double) us;
}

static int measure(PGconn *db, uint32_t n_rows, uint32_t depth, struct err *e)
{
        AUTO(str) chunk = xmalloc(CHUNK);
        int64_t inserting, reading;

        random_bytes(chunk, CHUNK);
        if (script(db, SETUP, e) < 0 || prepare(db, "insert", INSERT, 3, e) < 0 || prepare(db, "select", SELECT, 2, e) < 0)
                return -1;
        inserting = clock_us();
        if (transfer(db, "insert", n_rows, depth, chunk, e) < 0 || script(db, SYNC, e) < 0)
                return -1;
        reading = clock_us();
        if (transfer(db, "select", n_rows, depth, NULL, e) < 0)
                return -1;
        AUTO(json)
        doc = json_pack("{s:i, s:i, s:f, s:f}", "mib", (int) n_rows, "depth", (int) depth, "insert_mib_s",
                        mib_per_s(n_rows, reading - inserting), "read_mib_s", mib_per_s(n_rows, clock_us() - reading));
        AUTO(str) text = json_text(doc);
        (void) puts(text);
        return 0;
}

static int run(const struct pgbare_settings *s, struct err *e)
{
        AUTO(pgconn) db = NULL;
        int rc;

        if (!s->db || s->size < CHUNK || s->size > (int64_t) CHUNK << 20 || s->depth < 1 || s->depth > 64)
                return err_set(e, ERR_INVALID, "--db is needed, --size is from 1MiB to 1024GiB, --depth from 1 to 64");
        db = PQconnectdb(s->db);
        if (PQstatus(db) != CONNECTION_OK)
                return failed(db, e);
        rc = measure(db, (uint32_t) (s->size / CHUNK), (uint32_t) s->depth, e);
        if (PQpipelineStatus(db) == PQ_PIPELINE_OFF && script(db, TEARDOWN, rc == 0 ? e : NULL) < 0)
                return -1;
        return rc;
}

int main(int argc, char **argv)
{
        struct pgbare_settings s = { 0 };
        struct err e = { 0 };
        int rc;

        mem_init();
        rc = settings_load(&spec, &s, argc, argv, &e);
        if (rc == SETTINGS_EXIT)
                return 0;
        if (rc == SETTINGS_RUN)
                rc = run(&s, &e);
        settings_done(&spec, &s);
        if (rc < 0)
                (void) fprintf(stderr, "pgbare: %s\n", e.msg);
        return rc < 0 ? err_exit_code(e.kind) : 0;
}
