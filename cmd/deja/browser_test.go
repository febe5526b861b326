package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	logs "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a test of the page waits for anything.
const patience = 60 * time.Second

// startBrowser starts a headless Chromium that ends with the test, and gives
// the context in which tabs are opened.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is needed: scripts/setup installs it")
	}
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
	if os.Geteuid() == 0 {
		flags = append(flags, chromedp.NoSandbox) // Chromium refuses to be root inside one
	}
	// The browser outlives the test's own context, so that it can be closed in order.
	all, stop := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, _ := chromedp.NewContext(all)
	t.Cleanup(func() {
		bounded, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if err := chromedp.Cancel(bounded); err != nil {
			t.Logf("chromium was killed: %v", err)
		}
		stop()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	return ctx
}

// tab is one page in the browser, with storage of its own. What goes wrong in
// it, in the console or on the wire, fails the test.
type tab struct {
	*testing.T
	ctx  context.Context
	base string

	artifacts string // where pictures go

	mu       sync.Mutex
	expected []string // faults with one of these in them are none
	faults   []string
}

// openTab opens a page of the server at base, at a place such as "#/chat".
//
// Faults with a text of expected in them pass.
func openTab(t *testing.T, browser context.Context, base, place string, expected ...string) *tab {
	t.Helper()
	p := &tab{T: t, base: base, artifacts: t.ArtifactDir(), expected: expected}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.heard))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	p.ctx, cancel = context.WithTimeout(ctx, 5*patience)
	t.Cleanup(cancel)
	if _, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	p.size(1280, 900)
	p.visit(place)
	t.Cleanup(func() {
		p.mu.Lock()
		faults := p.faults
		p.mu.Unlock()
		for _, f := range faults {
			t.Errorf("the page: %s", f)
		}
		if t.Failed() {
			p.picture("failed")
		}
	})
	return p
}

func (p *tab) heard(ev any) {
	fault := ""
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		fault = "an exception: " + e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			fault += " " + x.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			fault = fmt.Sprintf("console %s", e.Type)
			for _, a := range e.Args {
				fault += " " + a.Description + string(a.Value)
			}
		}
	case *logs.EventEntryAdded: // violations of the policy come here, and failed requests
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			fault = fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled && e.ErrorText != "net::ERR_ABORTED" {
			fault = "a request failed: " + e.ErrorText
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if fault != "" && !slices.ContainsFunc(p.expected, func(text string) bool { return strings.Contains(fault, text) }) {
		p.faults = append(p.faults, fault)
	}
}

// expect lets faults pass that have text in them, from now on.
func (p *tab) expect(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, text)
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// visit loads the page anew at a place.
func (p *tab) visit(place string) {
	p.Helper()
	p.do(chromedp.Navigate("about:blank"), chromedp.Navigate(p.base+"/"+place))
	p.settled()
}

// settled waits until the page has drawn what it knows.
func (p *tab) settled() {
	p.Helper()
	p.until("the page is drawn", `document.querySelector("main h1") && !/Looking|…/.test(document.querySelector("main h1").textContent) && !document.querySelector("main").textContent.includes("Loading…")`)
}

// size sets the window, in CSS pixels.
func (p *tab) size(width, height int64) {
	p.Helper()
	p.do(chromedp.EmulateViewport(width, height))
}

// colours sets what the system prefers: light or dark; nothing moves.
func (p *tab) colours(theme string) {
	p.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		p.Fatal(err)
	}
}

// eval gives the value of a JavaScript expression.
func eval[T any](p *tab, expression string) T {
	p.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// until waits until a JavaScript expression is true.
func (p *tab) until(what, expression string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.picture("waited")
			p.Fatalf("in vain for: %s (%v); the page says: %.1500s", what, errors.Join(err, ctx.Err()), p.text("body"))
		}
	}
}

// text gives what can be read in the first element that selector finds.
func (p *tab) text(selector string) string {
	p.Helper()
	return eval[string](p, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? "(nothing)"`, selector))
}

// find is JavaScript for the visible control with that text or name, in the
// open dialog if there is one.
func find(name string) string {
	q, _ := json.Marshal(name)
	return fmt.Sprintf(`[...([...document.querySelectorAll("dialog[open]")].at(-1) ?? document).querySelectorAll("button, a, summary, label, input, select, textarea")]
		.filter((e) => e.checkVisibility()).findLast((e) => [e.innerText?.trim(), e.getAttribute("aria-label"), e.labels?.[0]?.innerText?.trim()].includes(%s))`, q)
}

// press clicks the control with that text or name, once it is there.
func (p *tab) press(name string) {
	p.Helper()
	p.until("the control "+name, find(name)+" && !("+find(name)+").disabled")
	eval[bool](p, find(name)+".click() ?? true")
}

// type types into the control with that label, in place of what it holds.
func (p *tab) typeInto(label, text string) {
	p.Helper()
	p.until("the field "+label, find(label))
	eval[bool](p, "(("+find(label)+").focus(), document.activeElement.select?.(), true)")
	if _, err := chromedp.Call(p.ctx, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		p.Fatal(err)
	}
}

// key presses a key.
func (p *tab) key(k string, opts ...chromedp.KeyOption) {
	p.Helper()
	p.do(chromedp.KeyEvent(k, opts...))
}

// picture keeps a picture of the whole page with the test's artifacts.
func (p *tab) picture(name string) {
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.Logf("no picture of %s: %v", name, err)
		return
	}
	if len(png) < 5000 {
		p.Errorf("the picture of %s has %d bytes: the page is blank", name, len(png))
	}
	if err := os.WriteFile(filepath.Join(p.artifacts, name+".png"), png, 0o644); err != nil {
		p.Error(err)
	}
}
