package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/redistest"
)

// TestPage walks through the page at / in a real browser, on a real node with
// Redis and a scripted model server.
func TestPage(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	model, flags := scriptedModel(t)
	server, api := startNode(t, append(flags, "--redis-url="+redistest.Start(t).URL())...)
	id := shop(t, api)
	for _, c := range []struct {
		name string
		test func(*testing.T)
	}{
		{"overview", func(t *testing.T) { testOverview(t, browser, server, api, id) }},
		{"assistant", func(t *testing.T) { testAssistant(t, browser, server) }},
		{"chat", func(t *testing.T) { testChat(t, browser, server, model, id) }},
		{"levers", func(t *testing.T) { testLevers(t, browser, server, api, id) }},
		{"looks", func(t *testing.T) { testLooks(t, browser, server, api, id) }},
		{"keyboard", func(t *testing.T) { testKeyboard(t, browser, server, id) }},
		{"key", func(t *testing.T) { testKey(t, browser) }},
		{"lost", func(t *testing.T) { testLost(t, browser) }},
	} {
		t.Run(c.name, c.test)
	}
}

// The overview tells how things are, and its figures move with the traffic,
// without a reload.
func testOverview(t *testing.T, browser context.Context, server *server, api *client.Client, id string) {
	p := openTab(t, browser, server.url, "")
	p.until("figures come as a stream", `document.getElementById("link-state").dataset.link === "live"`)
	p.until("the fleet's figures are shown, since there is Redis", `document.querySelector('#scope [value="fleet"]').checked`)
	if got := p.text(".headline h1"); got != "Healthy" {
		t.Errorf("the headline says %s", p.text(".headline"))
	}
	for range 3 {
		turn(t, api, id, "How many items are there?")
	}
	p.until("the share of reads from the cache moves", `/^[1-9]/.test(document.querySelector(".savings .hero .value").textContent)`)
	p.until("avoided model calls are counted", `document.querySelectorAll(".savings .value")[1].textContent === "2"`)
	p.until("the answers' layer moves", `[...document.querySelectorAll(".layers tr")].some((r) => r.textContent.startsWith("Answers") && /\d %/.test(r.textContent))`)
	p.until("the assistant is hot", `document.querySelector(".hot")?.textContent.includes("Shop")`)
	p.until("this node is there", `document.querySelectorAll('.nodes [data-state="well"]').length === 1 && document.querySelector(".nodes").textContent.includes("this one")`)
	p.until("the chart is drawn", `document.querySelectorAll(".chart .line").length >= 2`)

	p.press("Node")
	p.until("the node's own figures", `document.querySelectorAll(".savings .value")[1].textContent === "2" && document.getElementById("link-state").dataset.link === "live"`)
	eval[bool](p, `(location.reload(), true)`)
	p.settled()
	p.until("the choice is remembered", `document.querySelector('#scope [value="node"]').checked`)
}

// An assistant is made, given data, changed and deleted.
func testAssistant(t *testing.T, browser context.Context, server *server) {
	p := openTab(t, browser, server.url, "#/assistants/new")
	p.typeInto("Model", " ")
	p.press("Create the assistant")
	p.until("a missing model is said where it is missing", `document.activeElement.getAttribute("aria-invalid") === "true" && document.getElementById(document.activeElement.id + "-error").checkVisibility()`)
	p.typeInto("Name", `Tools & <b>Co</b>`)
	p.typeInto("Model", "test-model")
	p.typeInto("Instructions", "Be short.")
	p.press("More about caching")
	p.typeInto("Skip questions with these words", "stock, today")
	p.press("Create the assistant")
	p.until("the assistant has a place of its own", `/^#\/assistants\/asst_/.test(location.hash) && document.querySelector("h1").textContent === "Tools & <b>Co</b>"`)
	id := strings.TrimPrefix(eval[string](p, "location.hash"), "#/assistants/")
	made := eval[string](p, `fetch("/v1/assistants/`+id+`").then((r) => r.json()).then((a) => [a.instructions, a.model, a.cache.policy, a.cache.skip.words].join("|"))`)
	if made != "Be short.|test-model|thread|stock,today" {
		t.Errorf("it was made as %s", made)
	}

	file := filepath.Join(t.TempDir(), "stock list.csv")
	if err := os.WriteFile(file, []byte(stock), 0o600); err != nil {
		t.Fatal(err)
	}
	p.until("there is a place for files", `document.querySelector("input[type=file]")`)
	p.do(chromedp.SetUploadFiles(chromedp.CSS("input[type=file]"), []string{file}))
	p.until("the schema shows", `document.querySelector(".sources details[open] .schema")`)
	schema := p.text(".sources")
	for _, want := range []string{"stock list.csv", "4 rows", "price", "number", "3.2 to 18", "in_stock", "boolean"} {
		if !strings.Contains(schema, want) {
			t.Errorf("the schema lacks %q: %s", want, schema)
		}
	}
	p.expect("409")
	p.do(chromedp.SetUploadFiles(chromedp.CSS("input[type=file]"), []string{file}))
	p.until("a second file of that name is refused in words", `document.querySelector(".panel .error[role=alert]:not([hidden])")?.textContent.includes("already has")`)

	p.typeInto("Name", "Tools")
	p.press("Save the changes")
	p.until("the change is told", `document.querySelector("#notices").textContent.includes("Saved")`)
	p.press("Delete stock list")
	p.press("Delete")
	p.until("the source is gone", `!document.querySelector(".sources li") && !document.querySelector("dialog")`)
	p.press("Delete")
	p.press("Delete")
	p.until("the assistant is gone", `location.hash === "#/assistants" && document.querySelector(".cards") && !document.querySelector(".cards").textContent.includes("Tools")`)
}

// An answer is seen as it comes; the second time it comes from the cache, and
// the entry can be looked into.
func testChat(t *testing.T, browser context.Context, server *server, model *llmtest.Server, id string) {
	const question = "How many tools are there?"
	rest := make(chan struct{})
	model.On(llmtest.AskedAbout(question), llmtest.Text("There are "), llmtest.Gate(rest), llmtest.Text("<i>two</i> tools."))
	p := openTab(t, browser, server.url, "#/chat/"+id)
	p.typeInto("Your question", question)
	p.key("\r")
	p.until("the answer begins before it is whole", `document.querySelector(".answer")?.textContent === "There are "`)
	close(rest)
	p.until("it is whole, and as it was said", `document.querySelector(".answer").textContent === "There are <i>two</i> tools." && document.querySelector(".waterfall")`)
	if got := eval[string](p, `document.querySelector(".badge").dataset.outcome`); got != "miss" {
		t.Errorf("the first answer is a %s", got)
	}
	p.press("Ask again")
	p.until("there is a second answer", `document.querySelectorAll(".waterfall").length === 2`)
	second := p.text(".exchange:last-child")
	if got := eval[string](p, `[...document.querySelectorAll(".badge")].at(-1).dataset.outcome`); got != "hit" || !strings.Contains(second, "From the cache") || !strings.Contains(second, "Assistant data") {
		t.Errorf("the second answer is a %s: %s", got, second)
	}
	before := len(model.Requests())
	p.press("Ask without the cache")
	p.until("there is a third answer", `document.querySelectorAll(".waterfall").length === 3`)
	if got := eval[string](p, `[...document.querySelectorAll(".badge")].at(-1).dataset.outcome`); got != "refresh" || len(model.Requests()) != before+1 {
		t.Errorf("without the cache it is a %s after %d calls", got, len(model.Requests())-before)
	}
	p.press("Remember the conversation")
	p.typeInto("Your question", "And how many supplies?")
	p.press("Ask")
	p.until("a thread answers", `document.querySelectorAll(".waterfall").length === 4 && [...document.querySelectorAll(".waterfall")].at(-1).textContent.includes("Thread context")`)

	eval[bool](p, `(document.querySelectorAll(".took a")[1].click(), true)`)
	p.until("the entry is there", `document.querySelector("dialog .facts")`)
	if got := p.text("dialog"); !strings.Contains(got, "Answers") || !strings.Contains(got, "In Redis") || strings.Contains(got, "two") {
		t.Errorf("the entry, its value not asked for: %s", got)
	}
	eval[bool](p, `(location.reload(), true)`)
	p.until("a reload keeps the place", `document.querySelector("dialog .facts")`)
	p.press("Reveal the value")
	p.until("the value shows", `document.querySelector("dialog pre")?.textContent.includes("tools")`)
	p.key("\x1b")
	p.until("Escape closes it", `!document.querySelector("dialog") && location.hash === "#/cache"`)
}

// Invalidating shows who confirmed it, warming how far it is.
func testLevers(t *testing.T, browser context.Context, server *server, api *client.Client, id string) {
	turn(t, api, id, "Which tool is the cheapest?")
	p := openTab(t, browser, server.url, "#/assistants/"+id)
	p.press("Invalidate")
	p.until("it is asked first", `document.querySelector("dialog h2")?.textContent.includes("Invalidate")`)
	p.press("Cancel")
	p.until("it can be left", `!document.querySelector("dialog")`)
	p.press("Invalidate")
	p.press("Invalidate")
	p.until("the receipt shows", `document.querySelector("dialog .receipt")?.textContent.includes("1 of 1 node")`)
	p.press("Done")
	answer, _ := turn(t, api, id, "Which tool is the cheapest?")
	wantOutcome(t, answer, "miss")

	p.press("Invalidate")
	p.press("Invalidate")
	p.press("Done")
	p.press("Warm")
	p.until("the warm-up is told", `/1 assistant warm after \d+ quer/.test(document.querySelector("dialog")?.textContent) && document.querySelector("dialog progress").value === 1`)
	p.press("Done")

	eval[bool](p, `(location.hash = "#/cache", true)`)
	p.press("Empty the cache")
	p.press("Empty the cache")
	p.until("the receipt shows", `document.querySelector("dialog .receipt")`)
	p.press("Done")
	p.press("Reset counters")
	p.press("Reset the counters")
	p.until("nothing was counted since", `[...document.querySelectorAll(".layers tbody tr")].every((r) => r.textContent.includes("not asked"))`)

	eval[bool](p, `(location.hash = "#/fleet", true)`)
	p.until("what was done is in the log", `document.querySelectorAll('.log [data-kind="invalidation"]').length > 0`)
}
