// Package demodata holds the assistants of the demo: who they are, their
// tables, and questions that a simple model can answer from them. The tables
// are made up; internal/demodata/generate writes them, always the same.
package demodata

import (
	"embed"
	"fmt"
)

//go:generate go run ./generate

//go:embed data
var data embed.FS

// Assistant is one sample assistant.
type Assistant struct {
	Name         string
	Instructions string
	Files        []File
	Questions    []string // distinct, each answerable from the files
}

// File is a file to upload for it.
type File struct {
	Name string
	Data []byte
}

// Assistants gives the samples, the same every time.
func Assistants() []Assistant {
	return []Assistant{
		{
			Name:         "Harbour Books",
			Instructions: "You are the clerk of a small bookshop. Answer from the catalogue and the orders.",
			Files:        files("books.csv", "orders.csv"),
			Questions: []string{
				"How many books are there?",
				"What is the price of The Quiet Lighthouse?",
				"Which book is the cheapest?",
				"How many books have the genre Poetry?",
				"What is the average price of the books?",
			},
		},
		{
			Name:         "City Bikes",
			Instructions: "You help people find rental bicycles. Answer from the list of stations.",
			Files:        files("stations.csv"),
			Questions: []string{
				"How many stations are there?",
				"What is the capacity of Mill Bridge?",
				"Which station has the highest capacity?",
				"How many stations are in the district Old Town?",
				"List the stations in the district Riverside.",
			},
		},
		{
			Name:         "Linden Practice",
			Instructions: "You answer questions of patients of a dental practice. Answer from the price list and the opening hours.",
			Files:        files("practice.xlsx"),
			Questions: []string{
				"What is the price of a Check-up?",
				"Which treatment is the most expensive?",
				"How many treatments cost less than 50?",
				"When does the practice open on Tuesday?",
				"How many treatments are there?",
			},
		},
	}
}

func files(names ...string) []File {
	var fs []File
	for _, name := range names {
		b, err := data.ReadFile("data/" + name)
		if err != nil {
			panic(fmt.Sprintf("demodata: %v", err)) // embedded: cannot happen in a build that has them
		}
		fs = append(fs, File{Name: name, Data: b})
	}
	return fs
}
