package hosts

import (
	"bytes"
	"strings"
	"testing"
)

// refused runs a command that must fail, and returns its standard error.
func (h *host) refused(line string) string {
	h.t.Helper()
	var out, errs bytes.Buffer
	cmd := h.command(line)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := h.ns.in(cmd.Run); err == nil {
		h.t.Fatalf("%s: %s: it was done: %s", h.name, line, out.String())
	}
	return errs.String()
}

// TestUserLogsInFromAnotherHost uses the documented commands and nothing else.
func TestUserLogsInFromAnotherHost(t *testing.T) {
	hosts := newHosts(t, map[string]string{"controller": controllerAddr, "laptop": sensor1Addr})
	controller, laptop := hosts["controller"], hosts["laptop"]
	controller.start("zeekfleet controller --listen-address " + controllerAddr)
	c := &cluster{t: t, controllerHost: controller.ns}
	c.await("the controller answers", recovery, func(view) bool { return true })

	demand := func(what, got, want string) {
		t.Helper()
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	to := " --controller " + controllerAddr
	demand("a stranger asks", laptop.refused("zeekfleet whoami"+to), "speaks TLS: log in (zeekfleet login)")
	demand("a stranger deploys", laptop.refused("zeekfleet deploy"+to), "TLS")
	demand("a stranger with TLS", laptop.refused("zeekfleet get-nodes --set ssl.enable=true"+to), "this controller does not know who you are")

	line := controller.run("zeekfleet user add ann --role operator")
	demand("the line", line, "zeekfleet login "+controllerAddr+" --token zf1-")
	laptop.run(line)
	demand("the line again", laptop.refused(line), "has been used")
	demand("whoami", laptop.run("zeekfleet whoami"), "ann, operator at controller "+controllerAddr+":2149, from "+sensor1Addr)
	demand("get-instances", laptop.run("zeekfleet get-instances"), "{}")
	demand("what admins may", laptop.refused("zeekfleet user list"), `user "ann" (operator) may not`)
	controller.run("zeekfleet user role ann admin")
	demand("with another role", laptop.run("zeekfleet user list"), "ann")
	demand("the audit", controller.run("zeekfleet audit --user ann"), "  "+sensor1Addr+"  ")
	controller.run("zeekfleet cert revoke user/ann")
	demand("after a revocation", laptop.refused("zeekfleet whoami"), "no longer takes the certificate of user ann")
	demand("after a revocation", laptop.refused("zeekfleet get-nodes"), "no longer takes the certificate of user ann")
}
