package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/dejahq/deja/client"
)

// contrast is a script that gives the texts on the page that are too faint.
//
//go:embed testdata/page/contrast.js
var contrast string

// controls is JavaScript for all that the keyboard should reach: of a group of
// radio buttons one, since the arrow keys go on from there.
const controls = `[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter((e) =>
	e.checkVisibility() && !e.disabled && (e.type !== "radio" || e.checked))`

// testLooks checks every place in both themes, on a desk and on a phone: it
// is drawn without a fault, its texts can be read, nothing is cut off at the
// side, and everything that can be used has a name.
func testLooks(t *testing.T, browser context.Context, server *server, api *client.Client, id string) {
	turn(t, api, id, "What is in stock?") // an entry to look into
	p := openTab(t, browser, server.url, "")
	places := []struct{ name, hash string }{
		{"overview", "#/"},
		{"cache", "#/cache"},
		{"entry", "#/cache/entry/schema:" + id},
		{"assistants", "#/assistants"},
		{"assistant", "#/assistants/" + id},
		{"chat", "#/chat/" + id},
		{"fleet", "#/fleet"},
		{"nowhere", "#/nowhere"},
	}
	for _, place := range places {
		eval[bool](p, fmt.Sprintf("(location.hash = %q, true)", place.hash))
		p.settled()
		p.until("its parts are there", `!document.querySelector("dialog") || document.querySelector("dialog .facts")`)
		eval[bool](p, `(document.querySelectorAll("main details:not(.figures)").forEach((d) => d.open = true), true)`)
		for _, theme := range []string{"light", "dark"} {
			p.colours(theme)
			for _, width := range []int64{1280, 360} {
				p.size(width, 800)
				name := fmt.Sprintf("%s-%s-%d", place.name, theme, width)
				p.until("it is drawn in that size", fmt.Sprintf("innerWidth === %d", width))
				if faint := eval[[]string](p, contrast); len(faint) > 0 {
					t.Errorf("%s: too faint:\n%s", name, strings.Join(faint, "\n"))
				}
				if wide := eval[int](p, `document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth`); wide > 0 {
					t.Errorf("%s: %d px wider than the window: %s", name, wide, eval[string](p, widest))
				}
				p.picture(name)
			}
		}
		p.named(place.name)
	}
	p.press("Switch to light colours")
	if got := eval[string](p, "getComputedStyle(document.documentElement).colorScheme"); got != "light" {
		t.Errorf("switched to light colours, the page has %s ones", got)
	}
}

// widest is JavaScript that names what sticks out.
const widest = `[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > document.scrollingElement.clientWidth && !e.closest(".scroll"))
	.map((e) => e.tagName + "." + e.className).slice(0, 5).join(", ")`

// named checks that what can be used has a name for those who don't see it.
func (p *tab) named(place string) {
	p.Helper()
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		p.Fatal(err)
	}
	roles := []string{"button", "link", "textbox", "searchbox", "checkbox", "radio", "combobox", "spinbutton", "DisclosureTriangle", "image", "img", "dialog", "navigation", "region", "progressbar", "table", "log"}
	found := 0
	for _, n := range tree.Nodes {
		role := axText(n.Role)
		if n.Ignored || !slices.Contains(roles, role) {
			continue
		}
		found++
		if strings.TrimSpace(axText(n.Name)) == "" {
			p.Errorf("%s: a %s has no name (node %d)", place, role, n.BackendDOMNodeID)
		}
	}
	if eval[bool](p, `document.querySelector("dialog[open]") !== null`) {
		return // what is behind it cannot be used now
	}
	if found < 8 {
		p.Errorf("%s: only %d things that can be used", place, found)
	}
	if got := eval[string](p, `["body > header", "nav[aria-label]", "body > main", "main h1"].filter((s) => document.querySelectorAll(s).length < 1).join()`); got != "" {
		p.Errorf("%s: there is no %s", place, got)
	}
}

func axText(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(bytes.TrimSpace(v.Value)), `"`)
}

// testKeyboard walks with the Tab key: it reaches everything that can be used,
// and one sees where it is.
func testKeyboard(t *testing.T, browser context.Context, server *server, id string) {
	p := openTab(t, browser, server.url, "")
	for _, hash := range []string{"#/", "#/cache", "#/assistants/" + id, "#/chat/" + id, "#/fleet"} {
		p.visit(hash)
		p.until("figures are there, of the fleet", `document.getElementById("link-state").dataset.link === "live" && document.querySelector('#scope [value="fleet"]').checked`)
		eval[bool](p, `(document.activeElement.blur(), window.seen = new Set(), window.unmarked = new Set(), true)`)
		// What comes and goes with the figures counts when it was there all the while.
		eval[int](p, "(window.wanted = "+controls+").length")
		for range eval[int](p, "window.wanted.length") + 10 {
			p.key(kb.Tab)
			done := eval[bool](p, `(() => {
				const e = document.activeElement;
				seen.add(e);
				const marks = [e, e.nextElementSibling, e.closest(".drop")].filter(Boolean);
				if (e !== document.body && !marks.some((m) => getComputedStyle(m).outlineStyle !== "none" && parseFloat(getComputedStyle(m).outlineWidth) >= 2)) unmarked.add(e.outerHTML.slice(0, 120));
				return wanted.every((w) => seen.has(w) || !w.isConnected || !w.checkVisibility());
			})()`)
			if done {
				break
			}
		}
		if missed := eval[[]string](p, `wanted.filter((w) => !seen.has(w) && w.isConnected && w.checkVisibility()).map((w) => w.outerHTML.slice(0, 120))`); len(missed) > 0 {
			t.Errorf("%s: the keyboard does not reach:\n%s", hash, strings.Join(missed, "\n"))
		}
		if unmarked := eval[[]string](p, "[...unmarked]"); len(unmarked) > 0 {
			t.Errorf("%s: one does not see that the focus is on:\n%s", hash, strings.Join(unmarked, "\n"))
		}
	}

	// A dialog keeps the focus, and gives it back.
	p.visit("#/cache")
	p.until("the button is there", find("Empty the cache"))
	eval[bool](p, "("+find("Empty the cache")+".focus(), true)")
	p.key(kb.Enter)
	p.until("the dialog is open", `document.querySelector("dialog[open]")`)
	for range 5 {
		p.key(kb.Tab)
		if !eval[bool](p, `document.querySelector("dialog").contains(document.activeElement) || document.activeElement === document.body`) {
			t.Errorf("the focus left the dialog for %s", eval[string](p, "document.activeElement.outerHTML"))
		}
	}
	p.key(kb.Escape)
	p.until("the focus is back", `!document.querySelector("dialog") && document.activeElement.textContent === "Empty the cache"`)

	// The chart is read with the arrow keys.
	p.visit("#/")
	p.until("the chart is drawn", `document.querySelector(".chart .line")`)
	eval[bool](p, `(document.querySelector(".chart").focus(), true)`)
	p.key(kb.ArrowLeft)
	p.until("a point is told", `document.querySelector(".tip").checkVisibility() && document.querySelector(".tip").textContent.includes("From the cache")`)
}

// testKey: the page of a server with keys opens, asks for one, says when it is
// wrong, and keeps it for the tab.
func testKey(t *testing.T, browser context.Context) {
	server, _ := startNode(t, "--api-keys=sk-page-right")
	resp, err := http.Get(server.url + "/api/cache/metrics")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("the figures are open to all: %d", resp.StatusCode)
	}
	p := openTab(t, browser, server.url, "#/nowhere", "401") // a place that needs no figures
	p.typeInto("API key", "sk-page-wrong")
	p.press("Continue")
	p.until("the wrong key is said to be wrong", `document.querySelector("dialog")?.textContent.includes("not known")`)
	p.typeInto("API key", "sk-page-right")
	p.press("Continue")
	p.until("the figures come", `!document.querySelector("dialog") && document.getElementById("link-state").dataset.link === "live"`)
	p.visit("#/")
	p.until("the key is kept", `document.querySelector("h1").textContent === "Healthy"`)
	p.press("Forget the API key")
	p.until("it is asked for again", `document.querySelector("dialog input[type=password]")`)
}

// testLost: when the server goes, the page says so.
func testLost(t *testing.T, browser context.Context) {
	server, err := startServer(t.Context(), configure(t), testLog{t})
	if err != nil {
		t.Fatal(err)
	}
	p := openTab(t, browser, server.url, "")
	p.until("figures are there", `document.getElementById("link-state").dataset.link === "live"`)
	p.expect("ERR_")
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	p.until("the page says so", `document.querySelector(".headline h1").textContent === "Not connected" && document.querySelector(".sentence").textContent.includes("tries again")`)
	p.until("it has tried", `performance.getEntriesByType("resource").some((e) => e.name.includes("/live") && e.responseStatus === 0)`)
}
