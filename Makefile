# sambapos_fdw: build, install and installcheck with PGXS. The workbench (unit tests, sanitizers,
# the stand-in till) is CMakeLists.txt; `make check` and `make demo` call both.

EXTENSION     = sambapos_fdw
MODULE_big    = $(EXTENSION)
EXTVERSION    = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)
# Every source, however deep: what is built, and what the rules of lint look at.
SOURCES      := $(sort $(shell find src -name '*.[ch]pp'))
OBJS          = $(patsubst %.cpp,%.o,$(filter %.cpp,$(SOURCES)))
PG_CPPFLAGS   = -Isrc -DSAMBAPOS_FDW_VERSION='"$(EXTVERSION)"'
PG_CXXFLAGS   = -std=c++17 -Wall -Wextra -Werror -Wno-unknown-warning-option -Wno-ignored-attributes \
                -Wno-register -Wno-unused-parameter -Wno-missing-field-initializers
SHLIB_LINK    = -lsybdb -lz -lzstd -lstdc++
SHLIB_EXPORTS = exports.txt

# The install script: the files of sql/ in the order of sql/install.order.
SQL_PARTS     = $(addprefix sql/, $(shell sed 's/#.*//' sql/install.order))
DATA_built    = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA          = $(wildcard sql/upgrade/$(EXTENSION)--*--*.sql)
DOCS          = README.md SECURITY.md CHANGELOG.md LICENSE
MANUAL        = $(wildcard doc/*.md)
EXAMPLES      = $(wildcard doc/examples/*)
REGRESS       = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS  = --inputdir=test
EXTRA_CLEAN   = build

# An FDW gains nothing from inlining, and PGXS compiles bitcode without PG_CXXFLAGS.
override with_llvm := no

PG_CONFIG    ?= pg_config
# demo and check call make again when PostgreSQL is there; and PGXS has a `check` too, over which make would warn.
ifneq (,$(filter-out check demo,$(or $(MAKECMDGOALS),all)))
PGXS         := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# The manual, with the links between its pages. Other extensions have a README.md too: ours are in a folder of our own.
docmoduledir := extension/$(EXTENSION)
install: install-manual
uninstall: uninstall-manual
endif

$(OBJS): $(filter %.hpp,$(SOURCES))

sql/$(EXTENSION)--$(EXTVERSION).sql: $(SQL_PARTS) sql/install.order $(EXTENSION).control Makefile
	cat $(SQL_PARTS) > $@.tmp && mv $@.tmp $@

# pg_regress looks for expected/ beside the scripts.
installcheck: test/expected
test/expected:
	ln -s ../expected $@

.PHONY: lint check clients fuzz soak soak-race soak-week soak-matrix soak-sites soak-reports soak-feed soak-follow soak-deliveries soak-waits cancel-soak demo bench workbench till property pushdown-page

FORMATTED = $(SOURCES) $(shell find test -name '*.[ch]pp')

SCRIPTS = $(shell grep -rlE --exclude-dir=selftest '^\#!.*\bbash$$|^\# shellcheck shell=bash' .ci test)

.PHONY: install-manual uninstall-manual
install-manual:
ifdef docdir
	$(MKDIR_P) '$(DESTDIR)$(docdir)/$(docmoduledir)/doc/examples'
	$(INSTALL_DATA) $(MANUAL) '$(DESTDIR)$(docdir)/$(docmoduledir)/doc/'
	$(INSTALL_DATA) $(EXAMPLES) '$(DESTDIR)$(docdir)/$(docmoduledir)/doc/examples/'
endif
uninstall-manual:
ifdef docdir
	rm -rf '$(DESTDIR)$(docdir)/$(docmoduledir)'
endif

# The rules that prose cannot hold: see doc/architecture.md, "The border".
lint: $(OBJS)
	@test/lint/border
	@! grep -niE 'create +or +replace|create [a-z ]*if +not +exists' $(filter sql/%.sql,$(SQL_PARTS)) | grep -v -- '-- runtime' || { echo "install parts CREATE, and nothing else"; exit 1; }
	@test/lint/install_order || { echo "a part of the install script needs a later one"; exit 1; }
	@test/lint/search_path $(SQL_PARTS) $(DATA) || { echo "an expression of ours is resolved outside pg_catalog"; exit 1; }
	@test/lint/alerts || { echo "a light or an alert is not in the manual as it is in the sources"; exit 1; }
	@grep -q '"version": "$(EXTVERSION)"' META.json || { echo "META.json has another version"; exit 1; }
	@for file in $$(sed -n 's/.*"\(doc\)\{0,1\}file": "\([^"]*\)".*/\2/p' META.json); do \
		test -e $$file || { echo "META.json names $$file, which is not there"; exit 1; }; done
	@grep -q '^## $(EXTVERSION)' CHANGELOG.md || { echo "CHANGELOG.md lacks $(EXTVERSION)"; exit 1; }
	@for file in $$(grep -oh '`\(test\|src\|sql\|doc\)/[A-Za-z0-9_/-]*\.[a-z]*`' README.md CONTRIBUTING.md SECURITY.md test/README.md doc/*.md | tr -d '`' | sort -u); do \
		test -e $$file || { echo "the manual names $$file, which is not there"; exit 1; }; done
	@if command -v clang-format-14 >/dev/null; then clang-format-14 --dry-run --Werror $(FORMATTED); else echo "lint: no clang-format-14, format not checked"; fi
	@if command -v shellcheck >/dev/null; then shellcheck $(SCRIPTS); else echo "lint: no shellcheck, shell scripts not checked"; fi

# Everything but the product; the stand-in till alone, which is what the demo needs of it.
workbench:
	cmake -S . -B build -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPG_CONFIG=$$(command -v $(PG_CONFIG)) >/dev/null
	cmake --build build -j$$(nproc)

till:
	cmake -S . -B build -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPG_CONFIG=$$(command -v $(PG_CONFIG)) >/dev/null
	cmake --build build -j$$(nproc) --target till tillctl

ifneq (,$(filter check,$(MAKECMDGOALS)))
check: ; @test/harness/check
endif
fuzz: ; @FUZZ_SECONDS=$${FUZZ_SECONDS:-3600} test/harness/with test/fuzz/run
# Hours: the race, busy weeks, the whole matrix, fifty sites, reports and sales of 20,000 tickets, hosts
# of a feed, deliveries. All are in `make check` too, for a minute or two each, but how many deliveries
# a minute has. The last one, minutes, is not: the till's work fills the machine.
soak: soak-race soak-week soak-matrix soak-sites soak-reports soak-feed soak-follow soak-deliveries soak-waits
soak-race: ; @SAMBAPOS_RACE_SECONDS=100 SAMBAPOS_RACE_SEEDS=`seq -s, 1 20` test/harness/with prove -v test/t/race.t \
	&& SAMBAPOS_RACE_SECONDS=100 SAMBAPOS_RACE_SEEDS=21,22,23,24,25 SAMBAPOS_RACE_SNAPSHOT=on test/harness/with prove -v test/t/race.t
soak-week: ; @SAMBAPOS_WEEK_TICKETS=10000 SAMBAPOS_WEEK_SEEDS=`seq -s, 1 20` test/harness/with prove -v test/t/week.t
soak-matrix: ; @SAMBAPOS_MATRIX=all test/harness/with prove -v test/t/matrix.t
soak-sites: ; @SAMBAPOS_MANY_SITES=50 test/harness/with prove -v test/t/many_sites.t
soak-reports: ; @SAMBAPOS_REPORTS_TICKETS=20000 test/harness/with prove -v test/t/reports.t
soak-feed: ; @SAMBAPOS_FEED_SEEDS=`seq -s, 1 20` SAMBAPOS_FEED_EDITS=2000 SAMBAPOS_FEED_TICKS=3600 \
	test/harness/with prove -v test/t/feed_copies.t \
	&& SAMBAPOS_FEED_TICKETS=20000 SAMBAPOS_FEED_ROUNDS=10 test/harness/with prove -v test/t/feed_till.t
soak-follow: ; @SAMBAPOS_FOLLOW_SEEDS=`seq -s, 1 20` SAMBAPOS_FOLLOW_EDITS=2000 test/harness/with prove -v test/t/follow.t
soak-deliveries: ; @SAMBAPOS_DELIVERY_SEEDS=`seq -s, 1 20` SAMBAPOS_DELIVERY_SALES=30 test/harness/with prove -v test/t/deliveries.t \
	&& SAMBAPOS_DELIVERY_MINUTES=60 test/harness/with prove -v test/t/delivery_rate.t \
	&& SAMBAPOS_SALES_TICKETS=20000 test/harness/with prove -v test/t/sales.t
soak-waits: ; @SAMBAPOS_TILL_WAITS=on test/harness/with prove -v test/t/till_waits.t
cancel-soak: ; @SAMBAPOS_CANCEL_TIMES=100 test/harness/with prove -v test/t/cancel.t
demo: ; @test/demo/demo
pushdown-page: ; @test/harness/pushdown-page
bench: ; @test/bench/bench && test/bench/history_guard && test/bench/history_cost && test/bench/idle && test/bench/worker && test/bench/reports \
	&& test/bench/feed && test/bench/first_load
clients: ; @test/clients/run $(CLIENTS)
property: ; @test/harness/with test/property/property $(PROPERTY)
