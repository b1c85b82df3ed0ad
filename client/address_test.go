package client_test

import (
	"fmt"
	"testing"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestDefaultAddressIsWhereAControllerListens(t *testing.T) {
	if want := fmt.Sprintf("127.0.0.1:%d", mgmt.ClientPort); client.DefaultAddress != want {
		t.Errorf("got %s, want %s", client.DefaultAddress, want)
	}
}
