package client_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestDefaultAddressIsWhereAControllerListens(t *testing.T) {
	if want := fmt.Sprintf("127.0.0.1:%d", mgmt.ClientPort); client.DefaultAddress != want {
		t.Errorf("got %s, want %s", client.DefaultAddress, want)
	}
}

func TestAPITokenNeedsTLS(t *testing.T) {
	for address, refused := range map[string]bool{
		"192.0.2.1:2149": true, "fleet.example:2149": true, "127.0.0.1:1": false, "[::1]:1": false, "localhost:1": false,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := client.Dial(ctx, client.Config{Address: address, Bearer: "zfa-a", Attempts: 1})
		if err == nil || strings.Contains(err.Error(), "an API token must not cross the network in plain text") != refused {
			t.Errorf("%s: got %v", address, err)
		}
	}
}
