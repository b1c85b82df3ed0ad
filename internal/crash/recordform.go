package crash

import (
	"encoding/json"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// record1 is form 1 of a Record.
type record1 struct {
	Version        int              `json:"version"`
	Node           mgmt.NodeName    `json:"node"`
	Launch         uint64           `json:"launch"`
	PID            int              `json:"pid"`
	When           time.Time        `json:"when"`
	Uptime         time.Duration    `json:"uptime_ns"`
	Exit           exit1            `json:"exit"`
	Stdout         string           `json:"stdout"`
	Stderr         string           `json:"stderr"`
	Fingerprint    mgmt.Fingerprint `json:"fingerprint"`
	Plan           *form.Plan       `json:"plan,omitempty"`
	Program        string           `json:"program"`
	ProgramVersion string           `json:"program_version"`
	Dir            string           `json:"dir"`
	examined1
}

// examined1 holds the fields that Store.Run sets.
type examined1 struct {
	Core      string `json:"core,omitempty"`
	Backtrace string `json:"backtrace,omitempty"`
	Note      string `json:"note,omitempty"`
	Pending   bool   `json:"pending,omitempty"`
}

type exit1 struct {
	Text       string `json:"text"`
	Known      bool   `json:"known"`
	Code       int    `json:"code"`
	Signal     int    `json:"signal"`
	CoreDumped bool   `json:"core_dumped"`
}

// record0 is form 0 of a Record. Its field "version" is the version of the program.
type record0 struct {
	Node     mgmt.NodeName    `json:"node"`
	Launch   uint64           `json:"launch"`
	PID      int              `json:"pid"`
	When     time.Time        `json:"when"`
	Uptime   time.Duration    `json:"uptime_ns"`
	Exit     exit1            `json:"exit"`
	Stdout   string           `json:"stdout"`
	Stderr   string           `json:"stderr"`
	PlanHash mgmt.Fingerprint `json:"plan_hash"`
	Plan     *form.Plan0      `json:"plan"`
	Program  string           `json:"program"`
	Version  string           `json:"version"`
	Dir      string           `json:"dir"`
	examined1
}

// recordForm is the newest form of a Record.
const recordForm = 1

// encodeRecord returns the content of r's file.
func encodeRecord(r Record) ([]byte, error) {
	f := record1{
		Version: recordForm,
		Node:    r.Node, Launch: r.Launch, PID: r.PID, When: r.When, Uptime: r.Uptime, Exit: exit1(r.Exit),
		Stdout: r.Stdout, Stderr: r.Stderr, Fingerprint: r.Fingerprint,
		Program: r.Program, ProgramVersion: r.Version, Dir: r.Dir,
		examined1: examined1{r.Core, r.Backtrace, r.Note, r.Pending},
	}
	if r.Plan != nil {
		f.Plan = new(form.NewPlan(*r.Plan))
	}
	text, err := json.MarshalIndent(f, "", "  ")
	return append(text, '\n'), err
}

// decodeRecord reads a Record of any form.
func decodeRecord(text []byte) (Record, error) {
	version, err := form.Version(text, recordForm)
	if err != nil {
		return Record{}, err
	}
	if version == 0 {
		var f record0
		if err := form.Decode(text, &f); err != nil {
			return Record{}, err
		}
		return f.record(), nil
	}
	var f record1
	if err := form.Decode(text, &f); err != nil {
		return Record{}, err
	}
	return f.record(), nil
}

func (f record1) record() Record {
	r := Record{
		Node: f.Node, Launch: f.Launch, PID: f.PID, When: f.When, Uptime: f.Uptime, Exit: Exit(f.Exit),
		Stdout: f.Stdout, Stderr: f.Stderr, Fingerprint: f.Fingerprint,
		Program: f.Program, Version: f.ProgramVersion, Dir: f.Dir,
		Core: f.Core, Backtrace: f.Backtrace, Note: f.Note, Pending: f.Pending,
	}
	if f.Plan != nil {
		r.Plan = new(f.Plan.Plan())
	}
	return r
}

func (f record0) record() Record {
	r := Record{
		Node: f.Node, Launch: f.Launch, PID: f.PID, When: f.When, Uptime: f.Uptime, Exit: Exit(f.Exit),
		Stdout: f.Stdout, Stderr: f.Stderr, Fingerprint: f.PlanHash,
		Program: f.Program, Version: f.Version, Dir: f.Dir,
		Core: f.Core, Backtrace: f.Backtrace, Note: f.Note, Pending: f.Pending,
	}
	if f.Plan != nil {
		r.Plan = new(f.Plan.Plan())
	}
	return r
}
