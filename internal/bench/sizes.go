package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// sizes measures the size of the program. If there is the source, it measures that of sensors, too,
// and what an agent takes that is this program, as it is installed on hosts without a controller.
func (l *lab) sizes(ctx context.Context, dir string) ([]figure, error) {
	info, err := os.Stat(filepath.Join(dir, "zeekfleet"))
	if err != nil {
		return nil, err
	}
	full := atMost("the program with everything, as it runs here", float64(info.Size())/1e6, "MB", 44)
	what := "the program of sensors (noetcd), stripped"
	if l.source == "" {
		return []figure{full, {what: what, missing: "this is not the source tree"}}, nil
	}
	sensors := filepath.Join(dir, "sensors") // a directory like dir: startAgent starts the zeekfleet in it
	program := filepath.Join(sensors, "zeekfleet")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", "noetcd", "-o", program, "./cmd/zeekfleet")
	build.Dir, build.Env = l.source, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the program of sensors: %w: %s", err, out)
	}
	if info, err = os.Stat(program); err != nil {
		return nil, err
	}
	figures := []figure{full, atMost(what, float64(info.Size())/1e6, "MB", 25)}
	memory, err := l.sensorMemory(ctx, dir, sensors)
	return append(figures, memory...), err
}

// sensorMemory measures a controller, and an agent that is the program in the directory sensors.
func (l *lab) sensorMemory(ctx context.Context, dir, sensors string) (figures []figure, err error) {
	p, _, err := l.startFour(ctx, dir, sensors, "of-sensors")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	rest, then, _, err := p.askFour(ctx)
	if err != nil {
		return nil, err
	}
	what := "controller, agent with the program of sensors, 4 nodes, "
	return append(rest.figures(what+"at rest"), then.figures(what+"after 5,000 requests")...), nil
}
