package main

import (
	"testing"

	"github.com/spf13/pflag"
)

func TestUpNamesTheCommandThatRunsItAgain(t *testing.T) {
	for called, want := range map[string]string{
		"zeekfleet":                            "zeekfleet",
		"./zeekfleet":                          "./zeekfleet",
		"/opt/zeekfleet":                       "/opt/zeekfleet",
		"/tmp/go-build3817/b001/exe/zeekfleet": "go run ./cmd/zeekfleet",
	} {
		if got := programName(called); got != want {
			t.Errorf("called as %s it is %q, want %q", called, got, want)
		}
	}
}

func TestUpNamesTheCrashesOfItsOwnDirectory(t *testing.T) {
	flags := pflag.NewFlagSet("up", pflag.ContinueOnError)
	for _, name := range []string{"state-dir", "name", "config"} {
		flags.String(name, "", "")
	}
	if got := whereArgs(flags); got != "" {
		t.Errorf("without flags: %q", got)
	}
	if err := flags.Parse([]string{"--state-dir=/s", "--name=n"}); err != nil {
		t.Fatal(err)
	}
	if got := whereArgs(flags); got != " --name n --state-dir /s" {
		t.Errorf("got %q", got)
	}
}
