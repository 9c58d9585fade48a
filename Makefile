# make demo    build hw and tell its story on a small shop, in ./highwater-demo
# make test    everything a change must pass
# make build   hw, optimized, with the DuckDB library beside it; runs from any folder, needs no variable

target := $(or $(CARGO_TARGET_DIR),target)
library := $(or $(DUCKDB_LIB_DIR),.duckdb)
hw := $(target)/release/hw

.PHONY: build demo test

build:
	scripts/fetch-duckdb.sh
	cargo build --release --package highwater-cli
	cp -f $(library)/libduckdb.so $(target)/release/
	@echo "built $(hw)"

demo: build
	rm -rf highwater-demo
	@$(hw) demo --folder highwater-demo

test:
	scripts/fetch-duckdb.sh
	scripts/fetch-postgres.sh
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --workspace
	@if scripts/fetch-dbt.sh; then HW=$(abspath $(target)/debug/hw) scripts/dbt-reads-examples.sh; \
	else echo "note: dbt cannot be installed here, and was not asked whether it reads the examples" >&2; fi
