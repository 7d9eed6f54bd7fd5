/* How long a leader may write. */
#include "tests/unit/lib/unit.h"

#include "lib/kube_lease.h"
#include "rolloutd/kube_private.h"

enum { SLOW_MS = 1000 }; /* a renewal on a busy machine */

/* A leader whose renewals take a second each always has time for a write, or it would hardly ever begin one. */
static void a_leader_has_time_for_a_write_however_short_its_lease(void **state)
{
        static const int64_t leases_ms[] = { 0, 10000, 11000, 15000, 30000, 3600000 };

        (void) state;
        for (size_t i = 0; i < sizeof leases_ms / sizeof *leases_ms; i++) {
                struct lease_times times = kube_lease_times(leases_ms[i]);
                struct lease l;

                lease_init(&l, "me", &times);
                lease_was_written(&l, &(struct lease_record){ .holder = "me" }, 0, SLOW_MS);
                int64_t next_ms = SLOW_MS + lease_wait_ms(&l, SLOW_MS) + SLOW_MS;
                if (!lease_may_act(&l, next_ms, kube_write_ms(leases_ms[i])))
                        fail_msg("with a lease of %lld ms", (long long) leases_ms[i]);
        }
}

/* Nothing of ours may arrive after another one leads. */
static void a_write_ends_before_the_next_leader_begins(void **state)
{
        (void) state;
        for (int64_t lease_ms = 10000; lease_ms <= 60000; lease_ms += 1000) {
                struct lease_times times = kube_lease_times(lease_ms);

                assert_true(times.retry_ms < times.renew_ms && times.renew_ms < times.lease_ms);
                assert_true(kube_write_ms(lease_ms) >= 2000);
                assert_true(kube_write_ms(lease_ms) <= times.renew_ms / 2);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_leader_has_time_for_a_write_however_short_its_lease),
                cmocka_unit_test(a_write_ends_before_the_next_leader_begins),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
