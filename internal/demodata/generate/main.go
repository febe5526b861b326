// Command generate writes the tables of the demo's assistants into
// internal/demodata/data. Its output is the same each time.
package main

import (
	"encoding/csv"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/xuri/excelize/v2"
)

func main() {
	if err := generate("data"); err != nil {
		log.Fatal(err)
	}
}

func generate(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// A fixed seed: the demo answers the same everywhere.
	r := rand.New(rand.NewPCG(2026, 11))
	titles, rows := books(r)
	if err := writeCSV(filepath.Join(dir, "books.csv"), rows); err != nil {
		return err
	}
	if err := writeCSV(filepath.Join(dir, "orders.csv"), orders(r, titles)); err != nil {
		return err
	}
	if err := writeCSV(filepath.Join(dir, "stations.csv"), stations(r)); err != nil {
		return err
	}
	return writePractice(filepath.Join(dir, "practice.xlsx"))
}

func writeCSV(name string, rows [][]string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return f.Close()
}

func books(r *rand.Rand) (titles []string, rows [][]string) {
	first := []string{"Quiet", "Hidden", "Last", "Northern", "Glass", "Paper", "Silver", "Wandering"}
	second := []string{"Lighthouse", "Orchard", "Harbour", "Winter", "Letter", "Garden", "Clock", "Island"}
	genres := []string{"Novel", "Poetry", "Travel", "History", "Cooking"}
	publishers := []string{"Blue Door", "Saltmarsh", "Two Rivers", "Paper Kite", "Ninth Street"}
	rows = [][]string{{"title", "publisher", "genre", "year", "price", "in_stock"}}
	for i, a := range first {
		for j, b := range second {
			title := "The " + a + " " + b
			titles = append(titles, title)
			cents := 790 + (i*8+j)*37 + r.IntN(30) // all prices differ
			rows = append(rows, []string{
				title, publishers[r.IntN(len(publishers))], genres[(i+2*j)%len(genres)],
				fmt.Sprint(1950 + r.IntN(75)), fmt.Sprintf("%d.%02d", cents/100, cents%100),
				fmt.Sprint(r.IntN(5) > 0),
			})
		}
	}
	return titles, rows
}

func orders(r *rand.Rand, titles []string) [][]string {
	rows := [][]string{{"order_id", "ordered_on", "title", "quantity", "status"}}
	status := []string{"shipped", "shipped", "shipped", "open", "returned"}
	day := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for i := range 150 {
		day = day.AddDate(0, 0, r.IntN(3))
		rows = append(rows, []string{
			fmt.Sprint(1001 + i), day.Format(time.DateOnly), titles[r.IntN(len(titles))],
			fmt.Sprint(1 + r.IntN(4)), status[r.IntN(len(status))],
		})
	}
	return rows
}

func stations(r *rand.Rand) [][]string {
	first := []string{"Mill", "Station", "Castle", "Market", "Garden", "Tower", "Bakers", "Weavers", "Linden", "Stone"}
	second := []string{"Bridge", "Square", "Street", "Gate", "Park"}
	districts := []string{"Old Town", "Riverside", "University", "North End"}
	rows := [][]string{{"station", "district", "capacity", "electric_bikes", "opened_on"}}
	opened := time.Date(2018, 4, 1, 0, 0, 0, 0, time.UTC)
	capacities := r.Perm(50) // all differ
	for i, a := range first {
		for j, b := range second {
			opened = opened.AddDate(0, 0, 5+r.IntN(60))
			rows = append(rows, []string{
				a + " " + b, districts[(i*3+j)%len(districts)], fmt.Sprint(8 + capacities[i*5+j]),
				fmt.Sprint(r.IntN(6)), opened.Format(time.DateOnly),
			})
		}
	}
	return rows
}

// writePractice writes a workbook with two sheets, with real dates and times.
func writePractice(name string) error {
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", "treatments"); err != nil {
		return err
	}
	if _, err := f.NewSheet("opening_hours"); err != nil {
		return err
	}
	treatments := [][]any{
		{"treatment", "category", "price", "minutes", "insured"},
		{"Check-up", "Prevention", 35.0, 20, true},
		{"Cleaning", "Prevention", 85.0, 45, false},
		{"X-ray", "Diagnostics", 28.5, 10, true},
		{"Panoramic X-ray", "Diagnostics", 62.0, 15, true},
		{"Small filling", "Restoration", 74.0, 30, true},
		{"Large filling", "Restoration", 118.0, 45, true},
		{"Ceramic crown", "Restoration", 690.0, 90, false},
		{"Root canal", "Surgery", 420.0, 80, true},
		{"Extraction", "Surgery", 95.0, 30, true},
		{"Wisdom tooth", "Surgery", 240.0, 60, true},
		{"Fluoride varnish", "Prevention", 22.0, 10, true},
		{"Whitening", "Cosmetics", 310.0, 60, false},
		{"Mouthguard", "Cosmetics", 145.0, 25, false},
		{"Emergency visit", "Diagnostics", 48.0, 20, true},
	}
	hours := [][]any{
		{"day", "opens", "closes", "room"},
		{"Monday", "08:00", "17:00", "Room 1"},
		{"Tuesday", "08:00", "19:00", "Room 2"},
		{"Wednesday", "08:00", "12:00", "Room 1"},
		{"Thursday", "10:00", "19:00", "Room 2"},
		{"Friday", "08:00", "15:00", "Room 1"},
	}
	for sheet, rows := range map[string][][]any{"treatments": treatments, "opening_hours": hours} {
		for i, row := range rows {
			if err := f.SetSheetRow(sheet, fmt.Sprintf("A%d", i+1), &row); err != nil {
				return err
			}
		}
	}
	return f.SaveAs(name)
}
