package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
)

// A controller that cannot be reached, and one that knows of none that leads, do not hold a
// client up.
func TestDialTriesTheNextController(t *testing.T) {
	dead := porttest.Nobody(t)
	follower := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer follower.Close()
	leader := start(t, func(c *controller, m mgmt.Message) {
		c.publish(mgmt.GetInstancesResponse{ReqID: m.(mgmt.GetInstancesRequest).ReqID, Result: mgmt.Result{Success: true, Data: mgmt.Instances{}}})
	})
	c, err := client.Dial(t.Context(), client.Config{Address: dead, Others: []string{follower.Listener.Addr().String(), leader.address}, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.GetInstances(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = client.Dial(t.Context(), client.Config{Address: dead, Others: []string{dead}, Attempts: 1, RetryDelay: time.Second})
	if late, ok := errors.AsType[*client.TimeoutError](err); !ok || !strings.Contains(late.Error(), dead+", "+dead) {
		t.Errorf("got %v", err)
	}
}
