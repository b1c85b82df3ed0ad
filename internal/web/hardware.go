package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// maxHardwareText bounds each text of a Hardware, in bytes.
const maxHardwareText = 100

// hosting has the operations about hosts as machines.
type hosting struct{ views }

type hardwareInput struct {
	Instance string `path:"instance" maxLength:"300"`
}

func (s hosting) getHardware(ctx context.Context, in *hardwareInput) (*bodyOutput[api.Hardware], error) {
	name := mgmt.InstanceName(in.Instance)
	report, err := s.hostNow(ctx, name)
	if err != nil {
		return nil, untold(err)
	}
	body := api.Hardware{Instance: in.Instance, Heard: utc(report.Heard), Err: report.Err, Processors: []api.Processor{}, Interfaces: []api.NIC{}}
	h, err := hardwareOf(report)
	if err != nil {
		body.Err = err.Error()
	}
	for _, p := range h.Processors {
		body.Processors = append(body.Processors, api.Processor(p))
	}
	for _, nic := range h.Interfaces {
		body.Interfaces = append(body.Interfaces, api.NIC(nic))
	}
	body.More = h.MoreInterfaces
	return &bodyOutput[api.Hardware]{body}, nil
}

// hostNow asks the agent of an instance about its host. If the agent does not answer, hostNow
// returns what was known last, with the reason.
func (s hosting) hostNow(ctx context.Context, name mgmt.InstanceName) (mgmt.HostReport, error) {
	known, err := s.hosts(ctx, false)
	if err != nil {
		return mgmt.HostReport{}, err
	}
	i := slices.IndexFunc(known, func(h mgmt.HostReport) bool { return h.Instance == name })
	if i < 0 {
		return mgmt.HostReport{}, &mgmt.StreamError{Code: mgmt.StreamNotFound, Text: fmt.Sprintf("there is no instance '%s'", name)}
	}
	report := known[i]
	if !report.Present {
		return report, nil
	}
	var facts mgmt.HostFacts
	if err := s.fetch(ctx, name, mgmt.StreamHost, nil, &facts); err != nil {
		report.Err = err.Error()
		return report, nil
	}
	facts.Cut(maxHardwareText)
	report.Facts, report.Heard, report.Err = &facts, time.Now(), ""
	return report, nil
}

// hardwareOf returns the hardware that a report tells, or why it tells none.
func hardwareOf(report mgmt.HostReport) (mgmt.Hardware, error) {
	switch {
	case report.Facts == nil && report.Err != "":
		return mgmt.Hardware{}, errors.New(report.Err)
	case report.Facts == nil:
		return mgmt.Hardware{}, errors.New("its agent has not told yet what the host has")
	case report.Facts.Hardware == nil:
		return mgmt.Hardware{}, errors.New("its agent is of a version that does not tell what the host has")
	case report.Facts.Hardware.None():
		return mgmt.Hardware{}, errors.New("its kernel shows neither processors nor interfaces under /sys")
	}
	return *report.Facts.Hardware, nil
}

// hardware returns what clusterfile.Options want. What is known already is taken as it is: a
// file may name all instances of a large cluster.
func (s hosting) hardware(ctx context.Context) func(mgmt.InstanceName) (mgmt.Hardware, error) {
	var known []mgmt.HostReport
	return func(name mgmt.InstanceName) (mgmt.Hardware, error) {
		if known == nil {
			var err error
			if known, err = s.hosts(ctx, false); err != nil {
				return mgmt.Hardware{}, err
			}
		}
		i := slices.IndexFunc(known, func(h mgmt.HostReport) bool { return h.Instance == name })
		if i >= 0 && known[i].Facts != nil && known[i].Facts.Hardware != nil {
			return hardwareOf(known[i])
		}
		report, err := s.hostNow(ctx, name)
		if err != nil {
			return mgmt.Hardware{}, err
		}
		return hardwareOf(report)
	}
}
