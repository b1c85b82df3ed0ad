package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// answers is a controller that gives the same answer to each request for a path.
func answers(of map[string]string) (address string, end func()) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := of[r.Method+" "+r.URL.Path]
		if !ok {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusPreconditionFailed)
			text = `{"detail":"revision 13 was deployed meanwhile, by bob"}`
		}
		w.Header().Set("ETag", `"1"`)
		fmt.Fprint(w, text)
	}))
	return server.Listener.Addr().String(), server.Close
}

func Example() {
	address, end := answers(map[string]string{
		"GET /api/v1/status": `{"well":false,"wrong":[{"kind":"node","instance":"sensor-1","node":"worker-1","state":"FAILED","text":"it printed: no such interface"}]}`,
	})
	defer end()
	ctx := context.Background()

	client, err := api.New(api.Config{Address: address})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, wrong := range status.Wrong {
		fmt.Println(wrong.Node, "on", wrong.Instance, "is", wrong.State+":", wrong.Text)
	}
	// Output: worker-1 on sensor-1 is FAILED: it printed: no such interface
}

func ExampleClient_Operate() {
	address, end := answers(map[string]string{
		"POST /api/v1/operations":  `{"id":7,"kind":"restart","state":"running"}`,
		"GET /api/v1/operations/7": `{"id":7,"kind":"restart","state":"done","steps":[{"instance":"sensor-1","node":"worker-1","action":"restart","state":"done"}]}`,
	})
	defer end()
	ctx := context.Background()

	client, err := api.New(api.Config{Address: address})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	begun, err := client.Operate(ctx, api.OperateRequest{Kind: api.KindRestart, Selectors: []string{"@workers"}, Rolling: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for o, err := range client.Follow(ctx, begun.ID) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, step := range o.Steps {
			fmt.Println(step.Node, step.Action, step.State)
		}
	}
	// Output: worker-1 restart done
}

func ExampleClient_Deploy() {
	address, end := answers(nil)
	defer end()
	ctx := context.Background()

	client, err := api.New(api.Config{Address: address})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	seen := uint64(12) // the revision for which somebody has looked at the plan
	_, err = client.Deploy(ctx, api.DeployRequest{Configuration: &api.Cluster{}, Seen: &seen})
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Status == http.StatusPreconditionFailed {
		fmt.Println("plan again:", p)
	}
	// Output: plan again: revision 13 was deployed meanwhile, by bob
}
