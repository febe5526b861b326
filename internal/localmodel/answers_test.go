package localmodel_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/internal/demodata"
)

// Each folder of testdata has tables of another domain, and answers.txt with
// questions ("? ...") and what is to be said to them, refusals included.
func TestAnswers(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("testdata/*/answers.txt")
	if err != nil || len(folders) < 8 {
		t.Fatalf("%d folders, %v", len(folders), err)
	}
	for _, path := range folders {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			t.Parallel()
			var files []file
			names, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.csv"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				files = append(files, file{filepath.Base(name), readFile(t, name)})
			}
			d := newDesk(t, files...)
			for block := range strings.SplitSeq(strings.TrimSpace(string(readFile(t, path))), "\n\n") {
				question, want, _ := strings.Cut(strings.TrimPrefix(block, "? "), "\n")
				got, _ := d.ask(t, question)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s\n%s", question, diff)
				}
			}
		})
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What the demo asks must be answered, not refused.
func TestDemoQuestions(t *testing.T) {
	t.Parallel()
	for _, a := range demodata.Assistants() {
		var files []file
		for _, f := range a.Files {
			files = append(files, file{f.Name, f.Data})
		}
		d := newDesk(t, files...)
		for _, q := range a.Questions {
			got, calls := d.ask(t, q)
			if calls == 0 || strings.Contains(got, "simple look-ups") || strings.Contains(got, "I found no") {
				t.Errorf("%s: %s\n%s", a.Name, q, got)
			}
		}
	}
}

// Numbers are compared with what a plain loop over the rows gives.
func TestNumbersAreRight(t *testing.T) {
	t.Parallel()
	type parcel struct {
		name   string
		kind   string
		weight int
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	kinds := []string{"Letter", "Box", "Tube", "Crate"}
	var rows []parcel
	csv := "parcel,kind,weight\n"
	for i := range 300 {
		p := parcel{fmt.Sprintf("P%03dX", i), kinds[rnd.IntN(len(kinds))], rnd.IntN(500)}
		rows = append(rows, p)
		csv += fmt.Sprintf("%s,%s,%d\n", p.name, p.kind, p.weight)
	}
	d := newDesk(t, file{"parcels.csv", []byte(csv)})
	count := func(f func(parcel) bool) (n, sum int) {
		for _, p := range rows {
			if f(p) {
				n, sum = n+1, sum+p.weight
			}
		}
		return n, sum
	}
	expect := func(question string, want int) {
		t.Helper()
		got, _ := d.ask(t, question)
		if !containsNumber(got, want) {
			t.Errorf("%s: want %d: %s", question, want, got)
		}
	}
	for range 10 {
		w, kind, p := rnd.IntN(500), kinds[rnd.IntN(len(kinds))], rows[rnd.IntN(len(rows))]
		n, _ := count(func(p parcel) bool { return p.weight > w })
		expect(fmt.Sprintf("How many parcels have a weight over %d?", w), n)
		n, _ = count(func(p parcel) bool { return p.weight <= w && p.kind == kind })
		expect(fmt.Sprintf("how many %ss have a weight of at most %d", strings.ToLower(kind), w), n)
		n, _ = count(func(p parcel) bool { return p.weight >= w && p.weight <= w+50 })
		expect(fmt.Sprintf("Number of parcels with weight between %d and %d", w, w+50), n)
		n, sum := count(func(p parcel) bool { return p.kind == kind })
		expect("How many parcels are there of kind "+kind+"?", n)
		expect("What is the total weight of kind "+kind+"?", sum)
		n, _ = count(func(p parcel) bool { return p.kind != kind })
		expect("How many parcels are not "+strings.ToLower(kind)+"s?", n)
		expect("What is the weight of "+p.name+"?", p.weight)
		expect("weight of "+strings.ToLower(p.name), p.weight)
	}
}

// containsNumber reports whether a text says a number, or that there is none.
func containsNumber(text string, n int) bool {
	if n == 0 && strings.Contains(text, "no ") {
		return true
	}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		if w == strconv.Itoa(n) {
			return true
		}
	}
	return false
}

// Words in any order must neither break the model nor make it send a query
// that is refused.
func TestWordSalad(t *testing.T) {
	t.Parallel()
	d := newDesk(t, file{"books.csv", readFile(t, "testdata/shop/books.csv")}, file{"orders.csv", readFile(t, "testdata/shop/orders.csv")})
	vocabulary := strings.Fields(`how many number of count average total sum most least fewest highest cheapest oldest newest first last top 3 5 10 2019 -1 two
		more less than over under between and or not no without in out by per each for sorted descending from to since before after at with have has is are
		book books order orders title titles price prices genre year stock in_stock quantity status open shipped novel novels poetry Saltmarsh Blue Door The Quiet
		Lighthouse Winter "Quiet" It what which who when where how much old is there any list show all different common euros $ minutes million 1,000 March 2026 2026-01-06
		expensive cheap cheaper older name order_id 1001 published ordered , . ?`)
	rnd := rand.New(rand.NewPCG(3, 4))
	for range saladSize {
		var q []string
		for range 2 + rnd.IntN(9) {
			q = append(q, vocabulary[rnd.IntN(len(vocabulary))])
		}
		question := strings.Join(q, " ")
		if text, _ := d.ask(t, question); strings.TrimSpace(text) == "" {
			t.Errorf("no answer: %s", question)
		}
	}
}

// saladSize is enough to notice what breaks often; the fuzz tests do the rest.
const saladSize = 300
