# Targets for people who work on deja; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help demo serve test lint fmt bench latency fuzz vuln setup build

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## the tour: a server with sample assistants
	go run ./cmd/deja demo

serve: ## the server
	go run ./cmd/deja serve

setup: ## install what the tests need
	scripts/setup

test: ## all tests, with the race detector, after setup and lint
	scripts/test

lint: ## format, vet, static analysis
	scripts/lint

fmt: ## format everything
	git ls-files '*.go' | xargs go tool gofumpt -w

bench: ## benchmarks of the engine, as ratios
	go test -run '^$$' -bench . -benchmem ./cache/...

latency: ## what callers wait for over HTTP, hits and misses, into bench/LATENCY.md
	DEJA_LATENCY_OUT=$(CURDIR)/bench/LATENCY.md go test -run '^$$' -bench AnswerLatency -benchtime 1x -timeout 10m ./cmd/deja

fuzz: ## each fuzz target for 20 s
	scripts/fuzz 20s

vuln: ## known vulnerabilities in what is used (needs the vulnerability database)
	go tool govulncheck ./...

build: ## the binary, in bin/
	go build -trimpath -o bin/deja ./cmd/deja
