# Darkroom. `make help` says what there is.
SHELL := /bin/bash
BUILD := build
.DEFAULT_GOAL := all
SECONDS := 60
.PHONY: all packages demo run test test-full fuzz bench install clean help

all: packages
	@tools/build $(BUILD)

packages:
	@tools/packages build

demo: all
	@tools/packages demo
	@tools/demo

run: all
	@tools/run

test:
	@tools/packages build test
	@tools/test

test-full:
	@tools/packages build test
	@tools/test --full

fuzz:
	@tools/packages build test
	@tools/fuzz $(SECONDS) $(TARGET)

bench: all
	@tools/packages demo bench
	@bench/run

install: all
	meson install -C $(BUILD)

clean:
	rm -rf build build-* bin libexec

help:
	@echo "make          install missing Debian packages, build bin/darkroomd and bin/brightbox"
	@echo "make demo     the whole story on an empty data directory, with a real disk image"
	@echo "make run      a server in the foreground, with a client configured for it"
	@echo "make test     every test; ends with 'N passed, N failed'"
	@echo "make fuzz     SECONDS=n for each fuzz target (60), or for TARGET=… alone"
	@echo "make bench    measurements beside the tools people use today"
	@echo "make install  into /usr/local (meson configure build -Dprefix=DIR for another; DESTDIR as usual)"
