# The fuzz targets: our files with libFuzzer's, the address and the
# undefined-behaviour sanitizers' and the coverage's instrumentation.

FUZZ_CC	?= clang
FUZZ	= $(BUILD)/fuzz
FUZZ_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(filter-out -Werror,$(WARN)) $(INCS) \
	  -Ifuzz -Wno-missing-field-initializers -O1 -g -fno-omit-frame-pointer \
	  -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow \
	  -fno-sanitize-recover=all -fprofile-instr-generate -fcoverage-mapping
FUZZ_LIBS = -ljansson -lpq -lsqlite3 -lcurl -lexpat -lpthread $(CODECS) -lz

FUZZ_OBJS = $(patsubst src/%.c,$(FUZZ)/obj/%.o,$(COLLECTOR) $(CONVERTER) \
	  $(SHIPPER) $(HELPER) $(PLAIN) $(MODEL) $(STORE) $(IPC))
FUZZ_TARGETS = $(patsubst fuzz/%.c,$(FUZZ)/bin/%,$(wildcard fuzz/*.c))

SECONDS	?= 60

.PHONY: fuzz fuzzers

fuzz:
	@util/packages build test fuzz
	@$(MAKE) --no-print-directory -s fuzzers
	@util/fuzz --seconds=$(SECONDS) $(TARGETS)

fuzzers: $(FUZZ_TARGETS) $(FUZZ)/seeds/.made

$(FUZZ)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

-include $(wildcard $(FUZZ)/obj/*/*.d $(FUZZ)/obj/*/*/*.d)

# a checksum over 290 kB, of which each comparison would be looked at

$(FUZZ)/obj/store/caphealth_tree.o: \
	  FUZZ_CFLAGS += -fno-sanitize-coverage=trace-cmp

# an archive: what a target has itself is not taken from it

$(FUZZ)/caphealth.a: $(FUZZ_OBJS)
	@rm -f $@
	$(AR) crs $@ $^

$(FUZZ)/bin/%: fuzz/%.c $(FUZZ)/caphealth.a $(wildcard fuzz/*.h)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $< \
		$(FUZZ)/caphealth.a $(FUZZ_LDFLAGS) $(FUZZ_LIBS)

$(FUZZ)/bin/job: FUZZ_LDFLAGS = -Wl,--wrap=caphealth_convert_warm_up

$(FUZZ)/seeds/.made: fuzz/seeds src/ipc/caphealth_ipc.h
	@rm -rf $(@D)
	@mkdir -p $(@D)
	$< $(@D) > $(FUZZ)/seeds.txt
	@touch $@
