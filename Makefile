# SPDX-License-Identifier: GPL-2.0
# The front door. Each target is a script in scripts/, which finds out itself
# what is to be done.

APP ?= redis
# An installed program is an application, too, and so is a root file system.
ifneq ($(ROOTFS)$(OCI),)
override APP := bin-$(notdir $(abspath $(ROOTFS)$(OCI)))
else ifneq ($(BIN),)
override APP := bin-$(notdir $(BIN))
# What it is always told
first := $(shell sed '/^\#/d' apps/*/installed/$(notdir $(BIN)) 2>/dev/null)
ifneq ($(first),)
override ARGS := $(first) $(ARGS)
endif
endif
SUITE ?= syscalls
VARIANT ?= ukl
S := scripts

# What scripts take from the environment may be given to make. The builds that
# they start are of other projects, and get none of this make's flags.
# Only those that are set: "export" alone would set the others to nothing.
words := ACCEL APPEND ARGS BASE BIN CALLS CMDLINE CONFIG CPU CPUS CUTS DISK FILES FIRST JOBS KCFLAGS MACHINE MEMORY MODE MODES OCI PORTS \
	PROFILE QEMU QEMU_OPTS ROOTFS ROWS RUN RUNS SEED SNAPSHOT T TIMEOUT WINDOW
MAKEOVERRIDES :=
unexport MAKEFLAGS MFLAGS MAKELEVEL
# One clock for all progress lines.
ifndef UNILINUX_T0
export UNILINUX_T0 := $(shell date +%s)
endif
ifneq ($(SMP),)
CPUS ?= 2
endif
$(foreach word,$(words),$(if $(filter undefined,$(origin $(word))),,$(eval export $(word))))

.PHONY: help setup files run image snapshot inspect explain bzimage debug gdb kernel test test-languages fuzz soak contract bench bench-diff profile \
	linux-tree refresh-patches rebase menuconfig savedefconfig clean distclean

help:
	@echo 'UniLinux: one application inside the Linux kernel'
	@echo
	@echo '  make run [APP=$(APP)]     build an application and boot it in QEMU'
	@echo '  make run BIN=/path [FILES="/path..."]    an installed program as it is, at CPL 0'
	@echo '  make run ROOTFS=dir BIN=/path | OCI=path       a root file system, a container image'
	@echo '  make image APP=x        only build build/images/x/vmlinux'
	@echo '  make snapshot APP=x     save it when it is ready; "make run APP=x SNAPSHOT=1" goes on there'
	@echo '  make inspect APP=x      the system calls that it can make, the parts of its kernel'
	@echo '  make explain APP=x SYMBOL=CONFIG_...     why its small kernel has an option, or not'
	@echo '  make bzimage APP=x      the same as a compressed bzImage'
	@echo '  make debug APP=x        a shell beside it, with strace, gdb, perf, bpftrace'
	@echo '  make gdb APP=x          the whole machine in gdb: [RUN=file of commands]'
	@echo '  make test [T="name..."] all tests, or some (tests/run.sh -l lists them)'
	@echo '  make test-languages [ROWS="lang-go..."]  a program of every language'
	@echo '  make fuzz [TARGET=x] [SECONDS=600]       damaged input for the parsers: site manifest recipe words kernel oci'
	@echo '  make soak [MINUTES=30]  Redis, nginx and memcached under load: nothing lost, memory flat'
	@echo '  make contract [SUITE=x] what passes on stock Linux passes at CPL 0: special $(patsubst tests/contract/%.sh,%,$(wildcard tests/contract/*.sh))'
	@echo '  make bench SUITE=$(subst $(eval ) ,|,$(patsubst tests/bench/suites/%.sh,%,$(wildcard tests/bench/suites/*.sh)))|all'
	@echo '             [MODES="small linked binary stock tiny distro"] [RUNS=10]   side by side'
	@echo '  make bench-diff OLD=dir NEW=dir          what changed between two results'
	@echo '  make profile APP=x [WORKLOAD=name]       instructions by function and subsystem'
	@echo '  make setup              install the Debian packages that are missing'
	@echo
	@echo '  APP=     $(patsubst apps/%/recipe,%,$(wildcard apps/*/recipe))'
	@echo '  MODE=linked|binary|user|stock|tiny|distro  how it runs: calls or SYSCALL at CPL 0, ring 3'
	@echo '  PROFILE=fast|small      a kernel for speed, or the smallest one for this application'
	@echo '  CPUS=n MEMORY=MiB MACHINE=microvm|q35|pc ACCEL=tcg|kvm TIMEOUT=s KCFLAGS=-march=...'
	@echo '  DISK=1                  the root file system on a disk instead of in memory'
	@echo '  PORTS="host:guest" ARGS="..." APPEND="kernel parameters"'
	@echo '  CONFIG="$(patsubst configs/%.config,%,$(filter-out %/base.config %/small.config %/ukl.config %/stock.config %/tiny.config %/off.config,$(wildcard configs/*.config)))"'
	@echo
	@echo 'Kernel:'
	@echo '  make kernel [VARIANT=ukl|ukl-smp|stock|...]     fragments of configs/'
	@echo '  make menuconfig | savedefconfig [VARIANT=ukl]'
	@echo '  make linux-tree         a git tree with one commit a patch'
	@echo '  make refresh-patches    write that tree back to patches/'
	@echo '  make rebase LINUX=tree-or-tarball    do the patches fit another kernel?'
	@echo
	@echo '  make clean              remove applications, images, the C library and logs, keep sources, kernels and results'
	@echo '  make distclean          remove build/'

setup:
	@$(S)/setup.sh

run: image
	@$(S)/run.sh "$(APP)"

# The files of an application that has no recipe of its own
files: setup
	@if [ -n "$(ROOTFS)$(OCI)" ]; then $(S)/rootfs.sh "$(APP:bin-%=%)"; \
		elif [ -n "$(BIN)" ]; then $(S)/installed.sh "$(BIN)"; fi

image: files
	@$(S)/image.sh "$(APP)"

snapshot: files
	@$(S)/snapshot.sh "$(APP)"

inspect: image
	@$(S)/inspect.sh "$(APP)"

explain: files
	@$(S)/explain.sh "$(APP)" "$(SYMBOL)"

bzimage: image
	@$(S)/bzimage.sh "$(APP)"

debug: setup
	@$(S)/debug.sh "$(APP)"

gdb: files
	@$(S)/gdb.sh "$(APP)"

kernel: setup
	@$(S)/kernel.sh $(VARIANT) build

test: setup
	@tests/run.sh

test-languages: setup
	@ROWS="$${ROWS:-all}" tests/run.sh languages

fuzz: setup
	@LIMIT="$(SECONDS)" $(S)/fuzz.sh $(TARGET)

soak: setup
	@MINUTES="$(MINUTES)" tests/run.sh soak

contract: setup
	@$(S)/contract.sh "$(if $(filter file,$(origin SUITE)),all,$(SUITE))"

bench: setup
	@$(S)/bench.sh $(SUITE)

bench-diff:
	@$(S)/bench-diff.sh "$(OLD)" "$(NEW)"

profile: setup
	@$(S)/profile.sh "$(APP)" "$(WORKLOAD)"

linux-tree: setup
	@$(S)/linux-tree.sh make

refresh-patches:
	@$(S)/linux-tree.sh refresh

rebase:
	@$(S)/linux-tree.sh rebase $(LINUX)

menuconfig:
	@$(S)/setup.sh libncurses-dev
	@$(S)/kernel.sh $(VARIANT) menuconfig

savedefconfig: setup
	@$(S)/kernel.sh $(VARIANT) savedefconfig
	@echo build/kernel/$(VARIANT)/defconfig

clean:
	@rm -rf build/apps build/images build/sysroot build/sysroot-stock build/host build/log build/run build/snapshots build/rebase

distclean:
	@rm -rf build
