// Command deja is an assistant API server whose every read is answered from a
// cache that can be trusted, and the tools around it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes of the command.
const (
	exitOK    = 0
	exitError = 1 // it was tried and failed
	exitUsage = 2 // a flag, an environment variable or an argument is wrong
)

// commands is the command line.
type commands struct {
	Serve      serveCmd      `cmd:"" help:"Serve the API."`
	Demo       demoCmd       `cmd:"" help:"Serve the API with sample assistants, after a tour of what the cache does for them."`
	Ask        askCmd        `cmd:"" help:"Ask an assistant of a running server."`
	Assistants assistantsCmd `cmd:"" help:"Make, show and change assistants of a running server."`
	Data       dataCmd       `cmd:"" help:"Give assistants data, and see what they have."`
	Cache      cacheCmd      `cmd:"" help:"Look at and steer the cache of a running server."`
	Bench      benchCmd      `cmd:"" help:"Replay a workload with the caches off and on, and compare."`
	Completion completionCmd `cmd:"" help:"Print what a shell needs to complete deja's command line."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, stop, os.Args[1:], terminal{stdin: os.Stdin, stdout: onScreen(os.Stdout), stderr: onScreen(os.Stderr)})
	stop()
	os.Exit(code)
}

// run is main without the process. Once ctx has ended, restore lets a second
// signal end the process at once.
func run(ctx context.Context, restore func(), args []string, t terminal) int {
	context.AfterFunc(ctx, restore)
	if err := loadEnvFiles(".env.local", ".env"); err != nil {
		fmt.Fprintf(t.stderr, "deja: %v\n", err)
		return exitUsage
	}
	var cmds commands
	exited := -1
	parser, err := kong.New(&cmds,
		kong.Name("deja"),
		kong.Description("An assistant API server whose every read is answered from a cache that can be trusted, and the tools around it.\n\n"+
			"deja demo shows it on sample assistants; deja serve is for real. All other commands talk to a running server, named by --server or DEJA_SERVER. "+
			"Settings come from flags, the environment, .env.local and .env, in this order.\n\n"+
			"Status: 0 done, 1 it was tried and failed, 2 a flag, an argument or a setting is wrong."),
		kong.UsageOnError(),
		kong.Writers(raw(t.stdout), raw(t.stderr)),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(t),
	)
	if err != nil {
		fmt.Fprintf(t.stderr, "deja: %v\n", err)
		return exitError
	}
	if len(args) > 0 && args[0] == completeCommand {
		if err := printCandidates(t.stdout, candidates(parser.Model, args[1:])); err != nil {
			return exitError
		}
		return exitOK
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err == nil {
		err = parsed.Run()
	} else {
		err = usageError{err}
	}
	var usage usageError
	var status exitStatus
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(t.stderr, "deja: %v\n", err)
		return exitUsage
	case errors.As(err, &status):
		return int(status)
	default:
		fmt.Fprintf(t.stderr, "deja: %v\n", err)
		return exitError
	}
}

// usageError is a wrong setting or argument.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitStatus ends the command with a code when everything has been said.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }
