# Sluice: every task. `make help` lists them.
MODE     ?= release
V        ?= 0
CC       ?= cc
PYTHON   := /usr/bin/python3
B        := build/$(MODE)
BIN      := $(B)/bin
PROGRAMS := registryd rolloutd scorer ctl
Q        := $(if $(filter 1,$(V)),,@)
say       = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' $(1) $(2))

PACKAGES := libmicrohttpd libcurl jansson libpq libcrypto yaml-0.1 libcyaml libgit2
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla -Wformat=2 -Wswitch-enum -Wundef \
            $(if $(CI),-Werror)
HARDEN   := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
HARDEN   += $(if $(filter x86_64,$(shell uname -m)),-fcf-protection)
# -ffp-contract=off: predictions have to equal libxgboost's bit for bit, so no fused multiply-add.
CFLAGS   := -std=gnu17 -D_GNU_SOURCE -g -ffp-contract=off $(WARNINGS)
LDFLAGS  := -Wl,--as-needed
ifeq ($(MODE),asan)
CFLAGS   += -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DSLUICE_FAULTS
LDFLAGS  += -fsanitize=address,undefined
else ifeq ($(MODE),tsan)
CFLAGS   += -O1 -fno-omit-frame-pointer -fsanitize=thread
LDFLAGS  += -fsanitize=thread
else ifeq ($(MODE),faults)
CFLAGS   += -O1 -DSLUICE_FAULTS
else
CFLAGS   += -O2 $(HARDEN) -fPIE
LDFLAGS  += -pie -Wl,-z,relro,-z,now
endif
CPPFLAGS := -I. -I$(B)/gen
# Library flags are read when something is compiled, not before `make deps` has run.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $(shell pkg-config --libs $(PACKAGES)) -lm -pthread)$(PKG_LIBS)

objects   = $(patsubst %.c,$(B)/%.o,$(1))
LIB_OBJ  := $(call objects,$(wildcard lib/*.c))
part_obj  = $(call objects,$(filter-out $(1)/main.c,$(wildcard $(1)/*.c)))
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))
BENCH_SRC := $(wildcard bench/*.c)
BENCH_OBJ := $(call objects,$(wildcard bench/*/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SRC))
C_FILES  := $(wildcard lib/*.[ch] $(PROGRAMS:%=%/*.[ch]) bench/*.[ch] bench/*/*.[ch] tests/unit/*/*.[ch] tests/fuzz/*.[ch] tests/cluster/*.[ch])
SCRIPTS  := $(wildcard tools/*.sh demo/*.sh bench/*.sh tests/*.sh tests/cluster/*.sh .ci/run)

.PHONY: all programs
all: programs ## build everything (MODE=asan, tsan or faults for those builds, V=1 shows commands)
programs: $(PROGRAMS:%=$(BIN)/%) $(BENCH_SRC:bench/%.c=$(BIN)/%)

# Rebuild when flags change.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS)' > $@
FORCE:

$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/lib.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

define part
$(B)/$(1).a: $(call part_obj,$(1)) $(if $(filter registryd,$(1)),$(B)/gen/migrations.o)
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$^
$(BIN)/$(1): $(B)/$(1)/main.o $(B)/$(1).a $(B)/lib.a
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(PKG_LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call part,$(p))))

# Migrations travel inside registryd.
$(B)/gen/migrations.c: $(wildcard registryd/migrations/*.sql) tools/embed-sql.sh
	@mkdir -p $(@D)
	$(Q)sh tools/embed-sql.sh $(sort $(wildcard registryd/migrations/*.sql)) > $@
$(B)/gen/migrations.o: $(B)/gen/migrations.c $(B)/flags
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -c -o $@ $<

# bench/NAME.c is a program, bench/*/ what they share.
$(B)/bench.a: $(BENCH_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^
$(BIN)/%: $(B)/bench/%.o $(B)/bench.a $(B)/lib.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# What the cluster suite drives the Kubernetes client and the Kubernetes platform with.
$(BIN)/platformtool: $(B)/tests/cluster/platformtool.o $(B)/rolloutd.a $(B)/lib.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)
$(BIN)/kubetool: $(B)/tests/cluster/kubetool.o $(B)/lib.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# A unit test in tests/unit/PART/ links PART, lib, and what tests/unit/PART/sim_*.c simulate.
.SECONDARY:
.SECONDEXPANSION:
$(B)/unit/%: $(B)/tests/unit/%.o $$(addprefix $(B)/,$$(addsuffix .o,$$(basename $$(wildcard tests/unit/$$(firstword $$(subst /, ,$$*))/sim_*.c)))) $$(if $$(filter-out lib/%,$$*),$(B)/$$(firstword $$(subst /, ,$$*)).a) $(B)/lib.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(PKG_LIBS)

.PHONY: help deps sim test test-unit test-component golden asan tsan demo lint check-layers bench fuzz man clean format
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install the Debian packages of tools/packages.txt (says which; starts no service)
	@sh tools/deps.sh tools/packages.txt $(SECTIONS)

test: deps ## all fast tests: layers, unit, component against real PostgreSQL, Prometheus and HAProxy
	@$(MAKE) --no-print-directory -j$$(nproc) test-build
	@$(MAKE) --no-print-directory -j2 --output-sync=target check-layers test-unit test-component

.PHONY: test-build faulty
test-build: programs unit-build faulty
faulty:
	@$(if $(filter asan tsan,$(MODE)),,$(MAKE) -s MODE=faults build/faults/bin/rolloutd)
.PHONY: unit-build
unit-build: $(UNIT_BIN)

test-unit: unit-build ## unit tests by themselves
	@printf '%s\n' $(UNIT_BIN) | xargs -P 2 -I '{}' sh -c '{} > {}.log 2>&1 || { cat {}.log; echo "FAILED: {}"; exit 255; }'
	@echo "unit: $(words $(UNIT_BIN)) test programs, $$(cat $(UNIT_BIN:%=%.log) | sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' | awk '{s += $$1} END {print s}') tests passed"

# Two at a time: the suites mostly wait. A file stays together, for its fixtures. The folder's name is short because sockets
# live in it.
IN_TEMP := t=$$(mktemp -d /tmp/sl.XXXXXX)/t; trap 'rm -rf "$${t%/t}"' EXIT;
PYTEST := $(PYTHON) -m pytest -q -p no:cacheprovider -n 2 --dist loadfile --basetemp="$$t"
test-component: programs faulty ## daemons against real PostgreSQL, Prometheus and HAProxy (T=expression selects)
	@$(IN_TEMP) SLUICE_BIN=$(abspath $(BIN)) $(PYTEST) tests/component $(if $(T),-k '$(T)')

.PHONY: deps-cluster test-cluster
deps-cluster: deps ## install what the cluster suite needs on top (tools/packages-cluster.txt, npm if there is none)
	@{ cat tools/packages-cluster.txt; command -v npm >/dev/null || echo npm; } | sh tools/deps.sh /dev/stdin

test-cluster: $(if $(KUBECONFIG),deps,deps-cluster) ## against a real Kubernetes API server: KUBECONFIG's, or one built once from Debian's source
	@$(MAKE) --no-print-directory -j$$(nproc) programs faulty $(BIN)/kubetool $(BIN)/platformtool
	@$(IN_TEMP) export SLUICE_AUDIT_LOG=$${t%/t}/audit.log KUBE_BIN=$$(tools/kube-build.sh) SLUICE_BIN=$(abspath $(BIN)); set -e; \
	  run() { $(if $(KUBECONFIG),,tests/cluster/netns.sh) $(PYTEST) "$$@" tests/cluster; }; \
	  $(if $(T)$(KUBECONFIG),run -n 0 $(if $(T),-k '$(T)'); ,run -n 4 --dist load -m 'not alone'; run -n 0 -m alone; )\
	  $(if $(T)$(KUBECONFIG),,PATH=$$KUBE_BIN:$$PATH $(PYTEST) -n 0 tests/rights)

.PHONY: deps-chart test-chart chart
deps-chart: deps
	@{ cat tools/packages-cluster.txt; command -v npm >/dev/null || echo npm; } | sh tools/deps.sh /dev/stdin tools

CHART = PATH=$$(tools/kube-build.sh tools):$$PATH
test-chart: deps-chart ## the Helm chart by itself: lint, rendered manifests, values that are refused (fetches helm once)
	@$(MAKE) -s --no-print-directory -j$$(nproc) programs
	@$(IN_TEMP) $(CHART) SLUICE_BIN=$(abspath $(BIN)) $(PYTEST) -n 0 tests/chart $(if $(T),-k '$(T)')

chart: deps-chart ## build/sluice-VERSION.tgz, to install or to upload
	@$(CHART); helm package charts/sluice -d build

golden: programs deps-chart ## rewrite tests/golden from what the programs and the chart print now; look at the diff before you commit it
	@$(IN_TEMP) SLUICE_GOLDEN=update SLUICE_BIN=$(abspath $(BIN)) $(PYTEST) tests/component -k golden
	@$(IN_TEMP) $(CHART) SLUICE_GOLDEN=update $(PYTEST) -n 0 tests/chart -k golden

asan: ## unit and component tests under AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory MODE=asan -j$$(nproc) programs unit-build
	@$(MAKE) --no-print-directory MODE=asan test-unit test-component

tsan: ## unit tests and registryd's component tests under ThreadSanitizer
	@$(MAKE) --no-print-directory MODE=tsan -j$$(nproc) programs unit-build
	@rm -f build/tsan/race.*
	@TSAN_OPTIONS="log_path=$(CURDIR)/build/tsan/race suppressions=$(CURDIR)/tests/tsan.supp" $(MAKE) --no-print-directory MODE=tsan test-unit test-component T=test_registryd
	@set -- build/tsan/race.*; if [ -e "$$1" ]; then cat "$$@"; exit 1; fi

demo: ## see it: a model rolled out, a worse one rolled back by itself, an older one brought back (10 minutes)
	@$(MAKE) --no-print-directory deps SECTIONS='build run'
	@$(MAKE) --no-print-directory -j$$(nproc) programs
	@SLUICE_BIN=$(abspath $(BIN)) $(PYTHON) demo/demo.py

bench: programs ## the numbers: registry transfer against bare libpq, scoring, rollback time (on Kubernetes: bench-kube)
	@SLUICE_BIN=$(abspath $(BIN)) $(PYTHON) bench/bench.py

.PHONY: bench-judge
bench-judge: $(BIN)/ctl ## the judge by simulation beside others' rules, into docs/judge.md and docs/judge-*.svg (3 minutes)
	@SLUICE_BIN=$(abspath $(BIN)) $(PYTHON) bench/judge/report.py

# In portions, one per core at a time; a failing seed prints how to replay it.
SIM_SCHEDULES ?= 100000
SIM_PORTION   := 2500
sim: $(B)/unit/rolloutd/test_sim_schedules ## random schedules of faults against the controller: SIM_SCHEDULES (100000) of them
	@seq 1 $(SIM_PORTION) $(SIM_SCHEDULES) | SIM_RUNS=$(SIM_PORTION) xargs -P $$(nproc) -I '{}' \
	  sh -c 'SIM_SEED={} $< > $<.{}.log 2>&1 || { cat $<.{}.log; exit 255; }'
	@cat $<.*.log | awk '/schedules from seed/ {n += $$1; c += $$6; x += $$8; w += $$12} END {print "sim: " n " schedules, " c " crashes, " x " conflicts, " w " routes"}'
	@rm -f $<.*.log

.PHONY: bench-kube
bench-kube: deps-cluster programs ## rolloutd on Kubernetes in numbers, on a real API server (BENCH=options; see bench/kube/kube.py)
	@KUBE_BIN=$$(tools/kube-build.sh) SLUICE_BIN=$(abspath $(BIN)) $(PYTHON) bench/kube/kube.py $(BENCH)

FUZZ_SECONDS ?= 60
build/fuzz/%: tests/fuzz/%.c $(wildcard lib/*.[ch] $(PROGRAMS:%=%/*.[ch]))
	@mkdir -p $(@D)
	$(call say,FUZZ-CC,$<)
	$(Q)clang -g -O1 -std=gnu17 -D_GNU_SOURCE -ffp-contract=off -fsanitize=fuzzer,address,undefined -I. $(PKG_CFLAGS) -o $@ $< \
	  $$(sed -n 's|^// with: ||p' $<) $(PKG_LIBS)
fuzz: $(FUZZ_BIN) ## each parser's fuzz target for FUZZ_SECONDS (60), from the kept corpus
	@set -e; for f in $(FUZZ_BIN); do n=$$(basename $$f); mkdir -p build/fuzz/corpus/$$n tests/fuzz/corpus/$$n; echo "fuzz: $$n"; \
	  $$f -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=5 -print_final_stats=0 -verbosity=0 \
	  -artifact_prefix=build/fuzz/$$n- build/fuzz/corpus/$$n tests/fuzz/corpus/$$n || { echo "FAILED: $$n"; exit 1; }; done

lint: ## formatting, shellcheck, cppcheck, and the ten most complex functions
	@clang-format --dry-run -Werror $(C_FILES)
	@shellcheck --severity=warning $(SCRIPTS)
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability -I. \
	  --include=/usr/include/utlist.h --suppress='*:/usr/include/*' \
	  --suppress=nullPointerOutOfMemory --suppress=unknownMacro --suppress=missingIncludeSystem $(filter %.c,$(filter-out tests/%,$(C_FILES)))
	@pmccabe $(filter %.c,$(C_FILES)) | sort -rn | head -10 | awk '{ print "complexity " $$1 ", " $$5 " lines: " $$6, $$7 }'

format: ## rewrite the C files as clang-format has them
	@clang-format -i $(C_FILES)

check-layers: ## who may include whom
	@sh tools/check-layers.sh

MAN := $(PROGRAMS:%=$(B)/man/%)
man: $(BIN)/registryd $(BIN)/rolloutd $(BIN)/scorer $(BIN)/ctl ## man pages into build/release/man, from the settings and command tables
	@mkdir -p $(B)/man
	@set -e; for p in registryd rolloutd scorer; do $(BIN)/$$p --man | scdoc > $(B)/man/$$p.8; done
	@$(BIN)/ctl --man | scdoc > $(B)/man/sluice-ctl.1

clean: ## remove build/
	@rm -rf build

-include $(wildcard $(B)/*/*.d $(B)/bench/*/*.d $(B)/tests/*/*.d $(B)/tests/unit/*/*.d)
