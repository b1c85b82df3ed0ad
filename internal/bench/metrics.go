package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// goroutinesOf returns the goroutines of the controller with this address, or of an agent.
func goroutinesOf(ctx context.Context, controller, agent string) (float64, error) {
	c, err := api.New(api.Config{Address: controller})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var text io.ReadCloser
	if agent == "" {
		text, err = c.Metrics(ctx)
	} else {
		text, err = c.AgentMetrics(ctx, agent)
	}
	if err != nil {
		return 0, err
	}
	defer text.Close()
	for lines := bufio.NewScanner(text); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("the metrics have no go_goroutines")
}
