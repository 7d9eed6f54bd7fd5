"""Leaders that are killed or stand still while traffic is being moved: until the next one acts, and whether ever two do."""
import os
import signal
import threading
import time

import audit
from moving import Moving
from report import say
from testsite import LEASE_S
from sluice import wait_until


BUSY = 20


class Busy:
    """Rollouts that move on as fast as they can, beside what is measured."""

    def __init__(self, site, names):
        self.moving, self.over = Moving(site, names, 1), False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over:
            try:
                self.moving.go_on(1)
            except OSError:  # nobody leads
                time.sleep(0.2)

    def stop(self):
        self.over = True
        self.thread.join()
        self.moving.site.settle(self.moving.names)


def first_write_after(site, moment, user):
    return min((e.answered for e in audit.read(site.cluster.audit_log, moment) if e.landed and e.user == user), default=None)


def lose_leader(site, how):
    """Seconds from the leader's end to the first write of the next one that the server carried out."""
    second = site.rolloutd()
    first, since = site.leader, time.time()
    wait_until(lambda: sum(e.landed for e in audit.read(site.cluster.audit_log, since)) > 20, "it is at work", 60, 0.5)
    moment = time.time()
    if how == signal.SIGKILL:
        first.kill()
    else:
        first.process.send_signal(signal.SIGSTOP)
    site.leader = second
    wait_until(lambda: first_write_after(site, moment, site.user(second)), "the next one acts", 120, 0.5)
    gap = first_write_after(site, moment, site.user(second)) - moment
    if how != signal.SIGKILL:
        first.process.send_signal(signal.SIGCONT)
        first.wait(20)
    say(f"the next leader's first write landed {gap:.1f} s after the last one {'was killed' if how == signal.SIGKILL else 'stood still'}")
    return gap


def take_over(site):
    since, busy = time.time(), Busy(site, site.owned[:BUSY])
    gaps = {how.name: [lose_leader(site, how) for _ in range(n)]
            for how, n in ((signal.SIGKILL, site.options.takeovers), (signal.SIGSTOP, site.options.pauses)) if n}
    time.sleep(3)
    busy.stop()
    turns = audit.check_one_leader(audit.read(site.cluster.audit_log, since))
    say(f"who wrote, with which epoch, how often: {turns}")
    return {"lease_s": LEASE_S, "seconds": gaps, "most_s": max(max(g) for g in gaps.values()), "load": os.getloadavg()[0],
            "turns": turns, "writes": sum(n for _, _, n in turns)}
