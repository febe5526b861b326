package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// exampleServer starts a whole server, whose model knows one answer.
func exampleServer() (url string, stop func()) {
	s, err := startServer(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	s.model.On(llmtest.Any, llmtest.Text("There are ", "3 stores."))
	return s.url, func() {
		if err := s.stop(); err != nil {
			log.Fatal(err)
		}
	}
}

func Example() {
	url, stop := exampleServer()
	defer stop()

	ctx := context.Background()
	c, err := client.New(client.Options{BaseURL: url})
	if err != nil {
		log.Fatal(err)
	}
	assistant, err := c.CreateAssistant(ctx, client.AssistantParams{
		Model:        new("gpt-4o-mini"),
		Name:         new("Shop"),
		Instructions: new("You know our stores."),
	})
	if err != nil {
		log.Fatal(err)
	}
	// The second time, the answer is known.
	for range 2 {
		stream, err := c.Ask(ctx, assistant.ID, "How many stores are there?")
		if err != nil {
			log.Fatal(err)
		}
		for event, err := range stream.Events() {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Print(event.Text)
		}
		fmt.Printf(" (%s)\n", stream.Info.Outcome)
	}
	// Output:
	// There are 3 stores. (miss)
	// There are 3 stores. (hit)
}

func ExampleClient_UploadSource() {
	url, stop := exampleServer()
	defer stop()

	ctx := context.Background()
	c, err := client.New(client.Options{BaseURL: url})
	if err != nil {
		log.Fatal(err)
	}
	assistant, err := c.CreateAssistant(ctx, client.AssistantParams{Model: new("gpt-4o-mini")})
	if err != nil {
		log.Fatal(err)
	}
	file := strings.NewReader("city,opened,staff\nOslo,2019-04-01,12\nBergen,2021-09-15,\n")
	source, err := c.UploadSource(ctx, assistant.ID, "Stores", "stores.csv", file)
	if err != nil {
		log.Fatal(err)
	}
	for _, table := range source.Tables {
		fmt.Printf("%s: %d rows\n", table.Name, table.RowCount)
		for _, column := range table.Columns {
			fmt.Printf("  %s %s, may be empty: %v\n", column.Name, column.Type, column.Nullable)
		}
	}
	// Output:
	// stores: 2 rows
	//   city string, may be empty: false
	//   opened date, may be empty: false
	//   staff integer, may be empty: true
}

func ExampleClient_Run() {
	url, stop := exampleServer()
	defer stop()

	ctx := context.Background()
	c, err := client.New(client.Options{BaseURL: url})
	if err != nil {
		log.Fatal(err)
	}
	assistant, err := c.CreateAssistant(ctx, client.AssistantParams{Model: new("gpt-4o-mini")})
	if err != nil {
		log.Fatal(err)
	}
	thread, err := c.CreateThread(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.AddMessage(ctx, thread.ID, "How many stores are there?"); err != nil {
		log.Fatal(err)
	}
	stream, err := c.Run(ctx, thread.ID, assistant.ID)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := stream.Wait(); err != nil {
		log.Fatal(err)
	}
	for message, err := range c.Messages(ctx, thread.ID) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", message.Role, message.Text())
	}
	// Output:
	// user: How many stores are there?
	// assistant: There are 3 stores.
}

func ExampleClient_WarmUp() {
	url, stop := exampleServer()
	defer stop()

	ctx := context.Background()
	c, err := client.New(client.Options{BaseURL: url})
	if err != nil {
		log.Fatal(err)
	}
	assistant, err := c.CreateAssistant(ctx, client.AssistantParams{Model: new("gpt-4o-mini")})
	if err != nil {
		log.Fatal(err)
	}
	summary, err := c.WarmUp(ctx, []string{assistant.ID, "asst_unknown"}, func(w client.Warmed) {
		if !w.OK {
			fmt.Println(w.AssistantID, "failed:", w.Error)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d warmed, %d failed\n", summary.Warmed, summary.Failed)
	// Output:
	// asst_unknown failed: No assistant found with id 'asst_unknown'.
	// 1 warmed, 1 failed
}

func ExampleError() {
	url, stop := exampleServer()
	defer stop()

	c, err := client.New(client.Options{BaseURL: url})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Assistant(context.Background(), "asst_unknown")
	if refused, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println(refused.Status, refused.Message)
	}
	// Output:
	// 404 No assistant found with id 'asst_unknown'.
}
