# Two commands do all the set-up there is:
#
#   make series   fetch the pinned Xen tree (or take XEN_SRC=DIR) and write the patch series
#   make test     check the toolkit itself
#
# make series XEN_SRC=~/xen BASE=RELEASE-4.5.0 OUT=out

OUT ?= out
BASE ?= HEAD
export OUT BASE XEN_SRC

.PHONY: series test build verify report mutants boot matrix sabotage harm sites bench help

series:
	@sh ci/series.sh

test:
	@sh ci/test.sh

# Does every patch of the series build (x86_64, debug=y)?
build:
	@sh ci/xenstage.sh build 01 02 03 04 05 06 --base "$(BASE)" --out "$(OUT)"

# Every proof of every patch, in every configuration whose compiler is here.
verify:
	@sh ci/xenstage.sh verify 01 02 03 04 05 06 --base "$(BASE)" --out "$(OUT)" --second-opinion

# One page of everything that was proved and booted.
report:
	@sh ci/xenstage.sh report --out "$(OUT)"

# Break the series on purpose: which proof catches what.
mutants:
	@sh ci/mutants.sh

# Debian's own Xen in QEMU: dom0, an HVM and a PVH Linux guest.
boot:
	@sh ci/xenstage.sh boot --xen debian --out "$(OUT)"

# Base and stages with every guest, on every machine that can.
matrix:
	@sh ci/xenstage.sh matrix 01 02 03 04 05 06 --base "$(BASE)" --out "$(OUT)"

# Break guests, tools, emulators and hypervisors on purpose: what is each boot called?
sabotage:
	@sh ci/sabotage.sh

# What careless and hostile users do to repositories, caches and output: is anything harmed?
harm:
	@sh ci/harm.sh

# Every use of the guest type predicates.
sites:
	@sh ci/xenstage.sh sites --base "$(BASE)"

# spatch and this toolkit doing one predicate rename, side by side (needs coccinelle).
bench:
	@sh ci/bench.sh

help:
	@sed -n 's/^# \{0,1\}//p' Makefile
