package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

func BenchmarkCSV(b *testing.B) {
	var text strings.Builder
	text.WriteString("id,name,city,price,day,at,paid,note\n")
	for i := range 50_000 {
		fmt.Fprintf(&text, "%d,Name %d,\"City, %d\",%d.%02d,2024-%02d-%02d,2024-01-01T10:00:%02dZ,%t,\n", i, i%977, i%31, i%100, i%100, i%12+1, i%28+1, i%60, i%3 == 0)
	}
	content := text.String()
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		f := mustOpen(b, content, Options{})
		for _, err := range f.Rows(0) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkXLSX(b *testing.B) {
	const rows = 20_000
	content := written(b, func(x *excelize.File) {
		setRow(b, x, "Sheet1", "A1", "id", "name", "price", "note")
		for i := range rows {
			setRow(b, x, "Sheet1", fmt.Sprintf("A%d", i+2), i, fmt.Sprintf("Name %d", i%977), float64(i)/7, "x")
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		f := mustOpen(b, content, Options{})
		for _, err := range f.Rows(0) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
