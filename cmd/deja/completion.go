package main

import (
	_ "embed"
	"fmt"
	"io"
)

// completionCmd prints what a shell needs to complete the command line.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is the text of completion --help.
func (completionCmd) Help() string {
	return `For the running shell:

  bash:  source <(deja completion bash)
  zsh:   source <(deja completion zsh)
  fish:  deja completion fish | source

For good, put that line into ~/.bashrc, ~/.zshrc (behind compinit) or
~/.config/fish/config.fish.`
}

// The shells only ask: what there is to complete is decided in candidates.
var (
	//go:embed completion/deja.bash
	bashCompletion string
	//go:embed completion/deja.zsh
	zshCompletion string
	//go:embed completion/deja.fish
	fishCompletion string
)

// Run prints the script.
func (c completionCmd) Run(t terminal) error {
	_, err := io.WriteString(t.stdout, map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell])
	return err
}

// completeCommand is what the scripts call, with the words behind the
// command's name, the last of which is to be completed. It is no command of
// the model, because these words are not to be parsed.
const completeCommand = "__complete"

func printCandidates(w io.Writer, all []candidate) error {
	for _, c := range all {
		if _, err := fmt.Fprintf(w, "%s\t%s\n", c.word, c.help); err != nil {
			return err
		}
	}
	return nil
}
