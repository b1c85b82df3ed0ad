package mgmt_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// People copy the commands of hints into a shell.
func TestHintsHaveOnlyNamesThatAreSafeInACommand(t *testing.T) {
	for subject, want := range map[string]string{
		"eth0.7":        "look at the cable, the tap and the switch: ip link show eth0.7 on sensor-1",
		"x;reboot":      "look at the cable, the tap and the switch: ip link show INTERFACE on sensor-1",
		"$(id)":         "look at the cable, the tap and the switch: ip link show INTERFACE on sensor-1",
		"-f":            "look at the cable, the tap and the switch: ip link show INTERFACE on sensor-1",
		"a b":           "look at the cable, the tap and the switch: ip link show INTERFACE on sensor-1",
		"a\u202egnp":    "look at the cable, the tap and the switch: ip link show INTERFACE on sensor-1",
		"":              "look at the cable, the tap and the switch: ip link show INTERFACE on sensor-1",
		"$node":         "look at the cable, the tap and the switch: ip link show INTERFACE on sensor-1",
		"veth1@if2:a_b": "look at the cable, the tap and the switch: ip link show veth1@if2:a_b on sensor-1",
	} {
		a := mgmt.Alert{Rule: mgmt.RuleInterfaceNoLink, Instance: "sensor-1", Subject: subject}
		if got := mgmt.AlertHint(&a); got != want {
			t.Errorf("%q: got %q", subject, got)
		}
	}
	a := mgmt.Alert{Rule: mgmt.RuleNodeDown, Node: "w`id`"}
	if got := mgmt.AlertHint(&a); got != "zeekfleet diag NODE; zeekfleet start NODE" {
		t.Errorf("got %q", got)
	}
}

func TestALineOfTextShowsAllThatItHas(t *testing.T) {
	for text, want := range map[string]string{
		"eth0":                         "eth0",
		"a\u202eb\u200bc\u2066\ufeffd": "a?b?c??d",
		"a\nb\x1b[31m":                 "a?b?[31m",
		"Größe \xff":                   "Größe ?",
		"12345678901":                  "1234567…",
	} {
		if got := mgmt.LineText(text, 10); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
