package replay

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Conversation is one recorded run of zeek-client.
type Conversation struct {
	// Command is the command line.
	Command  string
	Messages []struct{ From, Opcode, Text string }
}

// Recordings are the names of the files with conversations.
var Recordings = []string{"zeek-client.json", "zeek-client-two-instances.json"}

// Load reads a file of testdata/vectors. The test's package is two directories below the
// module. files are the cluster configurations that the commands name; a command that
// names none has the one with the empty name.
func Load(t testing.TB, name string) (files map[string]string, list []Conversation) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	var recording struct {
		Files         map[string]string
		Conversations []Conversation
	}
	if err := json.Unmarshal(text, &recording); err != nil {
		t.Fatal(err)
	}
	if recording.Files == nil {
		recording.Files = map[string]string{"": oneInstance}
	}
	return recording.Files, recording.Conversations
}

// oneInstance is the file with which zeek-client.json was recorded.
const oneInstance = `[instances]
instance-1

[manager]
instance = instance-1
role = manager

[logger]
instance = instance-1
role = logger

[worker-01]
instance = instance-1
role = worker
interface = lo

[worker-02]
instance = instance-1
role = worker
interface = lo
`

// Words returns the words of the command line behind the program's name. A command that
// takes a cluster configuration has the text of that file, and - for its name.
func (c Conversation) Words(files map[string]string) (words []string, stdin string) {
	words = strings.Fields(c.Command)[1:]
	if words[0] == "deploy-config" || words[0] == "stage-config" {
		stdin = files[strings.Join(words[1:], "")]
		words = []string{words[0], "-"}
	}
	return words, stdin
}

// Exchanges returns the ack of a conversation and its exchanges.
func (c Conversation) Exchanges() (ack string, list []Exchange) {
	var request string
	for _, m := range c.Messages {
		switch {
		case m.Opcode != "text":
		case m.From == "server" && ack == "":
			ack = m.Text
		case m.From == "server":
			list = append(list, Exchange{Request: request, Response: m.Text})
		default:
			request = m.Text
		}
	}
	return ack, list
}
