# caphealth: build, run, test.  The two commands that matter are in README.md.

SHELL	= /bin/bash

NGINX_BINARY ?= nginx
NGINX_SRC ?= /usr/share/nginx/src
NGINX_FLAGS ?= --with-compat --with-threads
BUILD	?= $(CURDIR)/build
DESTDIR	?=
MODULES_DIR ?= /usr/lib/nginx/modules
SNIPPETS_DIR ?= /usr/share/nginx/modules-available
BIN_DIR	?= /usr/bin
SBIN_DIR ?= /usr/sbin
MAN_DIR	?= /usr/share/man
DOC_DIR	?= /usr/share/doc/caphealth

# as Debian builds packages: it makes gcc warn of results that are ignored

CFLAGS	?= -O2 -g $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
WARN	= -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	  -Wmissing-prototypes
HARDEN	= -fPIE -fstack-protector-strong
INCS	= -Isrc/ipc -Isrc/model -Isrc/store -Isrc/helper -Isrc/collector \
	  -Isrc/converter -Isrc/converter/formats -Isrc/shipper -Isrc/http \
	  -Isrc/upload \
	  $(shell pkg-config --cflags libpq 2>/dev/null)
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(HEIF_FLAGS) $(WARN) $(HARDEN) $(INCS) \
	  $(CPPFLAGS) \
	  $(CFLAGS) $(SANITIZE)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(SANITIZE)
LIBS	= -ljansson -lpq -lsqlite3 -lz -lcurl -lnettle -lpthread -lm
CODECS	= -ljansson -lwebp -lwebpdemux -lwebpmux -lavif -ljpeg -lpng -lgif \
	  $(HEIF_LIBS) \
	  -lz -llcms2 -lzimg -lseccomp -lnettle -lm

SHIP	= -ljansson -lcurl -lexpat -lnettle -lpthread -lm

# WITH_HEIF=no: without AVIF and HEIC, and the libraries that they need

WITH_HEIF ?= yes

ifeq ($(WITH_HEIF),no)
HEIF_FLAGS = -DCAPHEALTH_HEIF=0
HEIF_LESS = $(wildcard src/converter/formats/caphealth_heif*.c)
else
HEIF_LIBS = -lheif -lde265 -ldav1d
endif

IPC	= $(wildcard src/ipc/*.c)
MODEL	= $(wildcard src/model/*.c)
MAIN	= src/collector/caphealth_collector.c
COLLECTOR = $(filter-out $(MAIN),$(wildcard src/collector/*.c))
STORE	= $(wildcard src/store/*.c)
HELPER	= $(wildcard src/helper/*.c)
CONVERTER_MAIN = src/converter/caphealth_converter.c
CONVERTER = $(filter-out $(CONVERTER_MAIN) $(HEIF_LESS),$(wildcard \
	  src/converter/*.c src/converter/formats/*.c))
SERVE	= $(patsubst %,src/converter/caphealth_%.c, \
	  serve sandbox sched command remake child)
SHIPPER_MAIN = src/shipper/caphealth_shipper.c
SHIPPER	= $(filter-out $(SHIPPER_MAIN),$(wildcard src/shipper/*.c))
PLAIN	= $(wildcard src/http/caphealth_*.c src/upload/caphealth_*.c)

# what nginx's configure reads: not what is in the files, but which there are

NGX_FILES = ngx_http_caphealth_module.c $(sort $(wildcard src/http/*.[ch] \
	  src/upload/*.[ch] \
	  src/runtime/*.[ch] src/model/*.[ch] src/store/*.[ch] src/ipc/*.[ch] \
	  src/page/*))

MODULE	= $(BUILD)/ngx_http_caphealth_module.so
OBJS	= $(BUILD)/obj
UNITS	= $(patsubst t/unit/%.c,$(BUILD)/unit/%,$(wildcard t/unit/*.c))

QUIETLY	= $(MAKE) --no-print-directory -s -j $(shell nproc)

export NGINX_BINARY NGINX_SRC BUILD WITH_HEIF


# every page that another one links to, where the link expects it

PAGES	= README.md CHANGELOG.md CONTRIBUTING.md LICENSE SECURITY.md \
	  debian/libnginx-mod-http-caphealth.README.Debian t/README.md \
	  t/lib/README.md $(shell find docs -type f 2>/dev/null | sort)

EXAMPLES = $(wildcard conf/snippets/*) \
	  $(shell find contrib -type f 2>/dev/null | sort)


.PHONY: all helpers install install-files deb clean deps run \
	  test test-most test-quick test-all check unit suites contrib faults lint \
	  openapi browser docs package bench soak valgrind asan tsan

all: $(MODULE) helpers

helpers: $(BUILD)/caphealth-collector $(BUILD)/caphealth-converter \
	  $(BUILD)/caphealth-shipper


# --- the helper programs ---

$(BUILD)/caphealth-collector: \
	  $(patsubst src/%.c,$(OBJS)/%.o,$(MAIN) $(COLLECTOR) $(HELPER) \
	  $(STORE) $(IPC))
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/caphealth-converter: $(patsubst src/%.c,$(OBJS)/%.o, \
	  $(CONVERTER_MAIN) $(CONVERTER) $(STORE) $(IPC))
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODECS)

$(BUILD)/caphealth-shipper: $(patsubst src/%.c,$(OBJS)/%.o, \
	  $(SHIPPER_MAIN) $(SHIPPER) $(HELPER) $(STORE) $(IPC))
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(SHIP)

# for the tests: the real one, but for what it decodes

$(BUILD)/strange/caphealth-converter: t/strange/convert.c \
	  $(patsubst src/%.c,$(OBJS)/%.o,$(CONVERTER_MAIN) $(SERVE) $(STORE) \
	  $(IPC))
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) \
		-Wl,--wrap=caphealth_ipc_send_cargo \
		-Wl,--wrap=caphealth_ipc_close $(CODECS)

$(BUILD)/strange/caphealth-shipper: t/strange/ship.c \
	  $(patsubst src/%.c,$(OBJS)/%.o,$(STORE) $(IPC))
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)

# for the tests: its filter, or that of the one above, reports a call instead
# of killing

WATCH	= -Wl,--wrap=caphealth_sandbox_limit -Wl,--wrap=seccomp_init \
	  -Wl,--wrap=seccomp_rule_add -Wl,--wrap=seccomp_load

WATCHED	= $(BUILD)/watched/caphealth-converter \
	  $(BUILD)/watched/strange-converter

$(BUILD)/watched/caphealth-converter: t/strange/watch.c \
	  $(patsubst src/%.c,$(OBJS)/%.o,$(CONVERTER_MAIN) $(CONVERTER) \
	  $(STORE) $(IPC))
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(WATCH) $(CODECS)

$(BUILD)/watched/strange-converter: t/strange/watch.c t/strange/convert.c \
	  $(patsubst src/%.c,$(OBJS)/%.o,$(CONVERTER_MAIN) $(SERVE) $(STORE) \
	  $(IPC))
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(WATCH) \
		-Wl,--wrap=caphealth_ipc_send_cargo \
		-Wl,--wrap=caphealth_ipc_close $(CODECS)

$(OBJS)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(wildcard $(OBJS)/*/*.d $(OBJS)/*/*/*.d $(BUILD)/unit/*.d)


# --- the module, by nginx's own build ---

$(MODULE): $(BUILD)/nginx/objs/Makefile $(NGX_FILES)
	$(MAKE) -C $(BUILD)/nginx -f objs/Makefile \
		objs/ngx_http_caphealth_module.so
	install -m 644 $(BUILD)/nginx/objs/ngx_http_caphealth_module.so $@

$(BUILD)/nginx/objs/Makefile: config config.make util/configure \
	  $(BUILD)/nginx.files
	util/configure "$(NGINX_SRC)" "$(BUILD)/nginx" "$(NGINX_FLAGS)" \
		"$(SANITIZE)"

# changed only when a file is added, removed or renamed

$(BUILD)/nginx.files: FORCE
	@mkdir -p $(@D)
	@echo "$(NGX_FILES)" | cmp -s - $@ || echo "$(NGX_FILES)" > $@

FORCE:


install: all install-files

# what is installed, by hand and by the package; the programs are where the
# module looks for them, and in the path of those who call them by hand

install-files:
	install -d $(DESTDIR)$(MODULES_DIR) $(DESTDIR)$(SNIPPETS_DIR) \
		$(DESTDIR)$(BIN_DIR) $(DESTDIR)$(SBIN_DIR)
	install -m 644 $(MODULE) $(DESTDIR)$(MODULES_DIR)/
	install -m 755 $(BUILD)/caphealth-collector \
		$(BUILD)/caphealth-converter $(BUILD)/caphealth-shipper \
		$(DESTDIR)$(MODULES_DIR)/
	install -m 644 conf/mod-http-caphealth.conf $(DESTDIR)$(SNIPPETS_DIR)/
	ln -sfr $(DESTDIR)$(MODULES_DIR)/caphealth-collector \
		$(DESTDIR)$(SBIN_DIR)/
	ln -sfr $(DESTDIR)$(MODULES_DIR)/caphealth-shipper \
		$(DESTDIR)$(SBIN_DIR)/
	ln -sfr $(DESTDIR)$(MODULES_DIR)/caphealth-converter \
		$(DESTDIR)$(BIN_DIR)/
	install -D -m 644 -t $(DESTDIR)$(MAN_DIR)/man1 man/*.1
	install -D -m 644 -t $(DESTDIR)$(MAN_DIR)/man8 man/*.8
	for file in $(PAGES); do \
		install -D -m 644 $$file $(DESTDIR)$(DOC_DIR)/$$file || exit 1; \
	done
	for file in $(EXAMPLES); do \
		install -D -m 644 $$file \
			$(DESTDIR)$(DOC_DIR)/examples/$${file#*/} || exit 1; \
	done
	ln -sfn examples $(DESTDIR)$(DOC_DIR)/conf
	ln -sfn examples $(DESTDIR)$(DOC_DIR)/contrib


# --- the Debian package ---

deb:
	@util/packages build deb
	@util/deb


clean:
	rm -rf $(BUILD) t/servroot


# --- what a person runs ---

run:
	@util/packages build run
	@echo "building ..."
	@$(QUIETLY) all $(BUILD)/demo-past
	@util/run

# one test: make test T=t/070-upload.t, or T=test_ipc; "make check" installs
# nothing but what tests of the page and of openapi.yaml need from npm, into
# build

test: $(if $(T),check,test-most)

test-most:
	@util/packages build run test fuzz docs
	@echo "building ..."
	@util/npm browser openapi
	@$(QUIETLY) all units fuzzers
	@util/test

test-quick:
	@util/packages build run test
	@$(QUIETLY) all units
	@util/test unit suites

# and what boots a guest, or takes long

test-all: test-most
	@util/packages deb
	@util/test package
	@MATRIX=whole util/test check_sandbox.py


# --- what make test is made of; util/test counts ---

.PHONY: units sandbox
units: $(UNITS) $(BUILD)/strange/caphealth-converter \
	  $(BUILD)/strange/caphealth-shipper $(WATCHED) \
	  $(BUILD)/demo-past

$(BUILD)/demo-past: util/demo-past.c \
	  $(patsubst src/%.c,$(OBJS)/%.o,$(COLLECTOR) $(HELPER) $(STORE) $(IPC))
	$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $< \
		$(filter %.o,$^) $(ALL_LDFLAGS) $(LIBS)

# an archive, of which each test takes what it needs

$(OBJS)/caphealth.a: $(patsubst src/%.c,$(OBJS)/%.o,$(COLLECTOR) \
	  $(CONVERTER) $(SHIPPER) $(HELPER) $(PLAIN) $(MODEL) $(STORE) $(IPC))
	@rm -f $@
	$(AR) crs $@ $^

$(BUILD)/unit/%: t/unit/%.c $(OBJS)/caphealth.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $< \
		$(OBJS)/caphealth.a $(ALL_LDFLAGS) -Wl,--as-needed -lcmocka \
		$(LIBS) $(CODECS) -lexpat $(WRAP)

$(BUILD)/unit/test_no_memory: WRAP = -Wl,--wrap=malloc -Wl,--wrap=calloc \
	  -Wl,--wrap=open_memstream

unit suites contrib faults lint: all units
	@util/test $@

browser openapi: all units
	@util/packages run test
	@util/npm $@
	@util/test $@

check:
	$(if $(T),,$(error make check needs a test: make check T=t/100-probe.t, \
		or T=test_cpu; make test runs all))
	@$(QUIETLY) all $(if $(wildcard t/unit/$(T).c),$(BUILD)/unit/$(T),units)
	$(foreach name,$(filter browser openapi,$(subst /, ,$(T))), \
		@util/npm $(name))
	@util/test $(T)

# the whole matrix of what libc and the codecs call, for other versions of them

sandbox:
	@util/packages build run test
	@$(MAKE) --no-print-directory -s helpers $(WATCHED)
	@t/unit/check_sandbox.py $(BUILD)/unit whole

# the handbook; its tests are "util/test docs"

docs:
	@util/packages docs
	@mkdocs build --quiet --strict --site-dir $(BUILD)/site
	@echo "$(BUILD)/site/index.html"

package:
	@util/packages build run test deb
	@util/test $@

include fuzz/rules.mk

bench:
	@util/packages build run test bench
	@command -v npm > /dev/null || util/packages node
	@$(QUIETLY) all
	@rm -f $(BUILD)/bench/results.jsonl
	@bench/health
	@bench/images
	@bench/uploads
	@bench/store
	@bench/scan
	@bench/rest
	@bench/history
	@bench/fleet
	@bench/growth
	@bench/foresight
	@bench/table

MINUTES	?= 30

soak:
	@util/packages build run test
	@$(QUIETLY) all units
	@CAPHEALTH_SOAK_SECONDS=$$(( $(MINUTES) * 30 )) util/test soak

valgrind:
	@util/packages build run test valgrind
	@$(QUIETLY) all units
	@util/test --valgrind unit suites faults

asan:
	@util/packages build run test
	@$(QUIETLY) all units BUILD=$(BUILD)/asan \
		SANITIZE='-fsanitize=address,undefined -fno-omit-frame-pointer'
	@BUILD=$(BUILD)/asan util/test --asan unit suites faults

# the converter has one thread, and a sandbox that the sanitizer's could not
# be made in

TSAN	= $(BUILD)/tsan
TSAN_CC	= $(CC) -fsanitize=thread -fPIC -g -O2

tsan:
	@util/packages build run test
	@$(QUIETLY) all units
	@rm -rf $(TSAN)/nginx
	@$(MAKE) --no-print-directory -s BUILD=$(TSAN) \
		SANITIZE='-fsanitize=thread -fno-omit-frame-pointer' \
		$(TSAN)/ngx_http_caphealth_module.so $(TSAN)/caphealth-collector \
		$(TSAN)/caphealth-shipper
	@install -D $(BUILD)/caphealth-converter -t $(TSAN)
	@install -D $(BUILD)/strange/caphealth-converter \
		$(BUILD)/strange/caphealth-shipper -t $(TSAN)/strange
	@install -D $(BUILD)/unit/probe_db $(BUILD)/unit/probe_history \
		-t $(TSAN)/unit
	@$(TSAN_CC) $(patsubst %,-I$(TSAN)/nginx/%,src/core src/event \
		src/event/modules src/os/unix objs) -c -o $(TSAN)/tsan.o \
		t/strange/tsan.c
	@$(TSAN_CC) -shared -Wl,--wrap=ngx_thread_task_post -Wl,--wrap=clone \
		-o $(TSAN)/ngx_http_caphealth_module.so \
		$$(find $(TSAN)/nginx/objs/addon -name '*.o') \
		$(TSAN)/nginx/objs/ngx_http_caphealth_module_modules.o \
		$(TSAN)/tsan.o -ljansson -lnettle -lm
	@BUILD=$(TSAN) util/test --tsan suites faults
