package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/cachetest"
)

func TestFlagsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"-nodes -1":                           "-nodes",
		"-nodes 0":                            "-nodes",
		"-workers 0":                          "-workers",
		"-keys -3":                            "-keys",
		"-duration 0s":                        "-duration",
		"-duration soon":                      "invalid value",
		"-promise eventual":                   "eventual",
		"-topology ring":                      "ring",
		"-faults connection-cut":              "connection-cut",
		"-faults cut,,stall":                  `""`,
		"-faults failover-kill -topology tls": "failover-kill",
		"-unheard":                            "unheard",
		"extra":                               "extra",
		"-faults none,cut -nodes 2 -duration 1ms": "none",
	} {
		var errs strings.Builder
		if code := run(t.Context(), strings.Fields(args), io.Discard, &errs); code != exitUnknown || !strings.Contains(errs.String(), says) {
			t.Errorf("%s: exit %d, %s", args, code, errs.String())
		}
	}
}

func TestHelpIsNoError(t *testing.T) {
	t.Parallel()
	var errs strings.Builder
	if code := run(t.Context(), []string{"-h"}, io.Discard, &errs); code != exitKept || !strings.Contains(errs.String(), "-promise") {
		t.Errorf("exit %d, %s", code, errs.String())
	}
}

// A run that saw nothing is not taken for one that found nothing.
func TestTooLittleIsNoProof(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	code := run(t.Context(), strings.Fields("-duration 1ns -nodes 1 -workers 1 -faults cut"), &out, &errs)
	if code != exitUnknown || !strings.Contains(errs.String(), "too little happened") || !strings.Contains(out.String(), "reads") {
		t.Errorf("exit %d\n%s\n%s", code, out.String(), errs.String())
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	stale := func(age, stood time.Duration) cachetest.Report {
		return cachetest.Report{Stale: []cachetest.Stale{{Age: age}}, Worst: age, StoodStill: stood}
	}
	for _, c := range []struct {
		promise cache.Promise
		report  cachetest.Report
		want    int
	}{
		{cache.Bounded, stale(time.Second, 0), exitKept},
		{cache.Bounded, stale(3*time.Second, 0), exitBroken},
		{cache.Bounded, stale(3*time.Second, time.Second), exitUnknown},
		{cache.Acknowledged, stale(time.Millisecond, time.Second), exitBroken},
		{cache.Strict, cachetest.Report{Opinion: cachetest.Opinion{Broken: []string{"x"}}}, exitBroken},
		{cache.Strict, cachetest.Report{}, exitKept},
	} {
		if code, why := judge(c.promise, c.report); code != c.want {
			t.Errorf("%s, %+v: %d, %s", c.promise, c.report, code, why)
		}
	}
}
