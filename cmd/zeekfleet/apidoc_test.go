package main

import (
	"fmt"
	"os"
	"strings"
)

// writeAPIScript writes a file with the commands of docs/api.md, in their order. Each block
// stands behind a line that says where it begins. If a block fails, the script ends.
func writeAPIScript(path string) error {
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		return err
	}
	var commands strings.Builder
	commands.WriteString("set -eu\n")
	heading := ""
	for i, part := range strings.Split(string(text), "```") {
		if i%2 == 0 { // prose
			for line := range strings.Lines(part) {
				if title, ok := strings.CutPrefix(line, "## "); ok {
					heading = strings.TrimSpace(title)
				}
			}
			continue
		}
		if block, ok := strings.CutPrefix(part, "sh\n"); ok {
			fmt.Fprintf(&commands, "echo '== %s'\n%s", heading, block)
		}
	}
	commands.WriteString("echo '== end'\n")
	// The controller of the test is on this host.
	script := strings.ReplaceAll(commands.String(), "https://192.0.2.1:2149", "https://127.0.0.1:$ZEEK_CONTROLLER_WEBSOCKET_PORT")
	return os.WriteFile(path, []byte(script), 0o600)
}
