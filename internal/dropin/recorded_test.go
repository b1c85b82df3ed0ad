package dropin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/replay"
)

// recordedDifferences names the recorded conversations whose output differs from
// zeek-client's on purpose.
var recordedDifferences = map[string]string{}

// TestRecordedConversations plays each recorded conversation of zeek-client with Zeek's
// controller the other way: the controller sends Zeek's answers. The program must send
// requests that are equivalent to zeek-client's, and print what zeek-client prints.
func TestRecordedConversations(t *testing.T) {
	for _, name := range replay.Recordings {
		files, conversations := replay.Load(t, name)
		for i, c := range conversations {
			title := fmt.Sprintf("%s-%02d", strings.TrimSuffix(name, ".json"), i)
			t.Run(title+" "+c.Command, func(t *testing.T) {
				ack, exchanges := c.Exchanges()
				words, stdin := c.Words(files)
				play{
					args: append([]string{"--controller", "ADDRESS"}, words...), stdin: stdin, ack: ack, exchanges: exchanges,
					differs: recordedDifferences[title],
				}.check(t, title)
			})
		}
	}
}
