package coretest

import (
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// controllerEntry returns the entry of a controller's effect. No other core is on
// the stage.
func controllerEntry(e controller.Effect) Entry {
	switch e := e.(type) {
	case controller.ToAgent:
		return Entry{To: fmt.Sprintf("%s (%s)", e.Instance, e.Peer), What: e.Msg}
	case controller.Reply:
		return Entry{To: string(e.Client), What: e.Msg}
	}
	return Entry{What: e}
}

// controllerEffect returns an effect of a controller as text, and "" for other
// values.
func controllerEffect(effect any) string {
	switch e := effect.(type) {
	case controller.Refuse:
		return fmt.Sprintf("refuse %s (%s): %s", e.Instance, e.Peer, e.Reason)
	case controller.Follow:
		return fmt.Sprintf("follow %s (%s)", e.Instance, e.Peer)
	case controller.Hear:
		return fmt.Sprintf("hear %s: up to %d", e.Peer, e.Told.Last)
	case controller.Caused:
		return fmt.Sprintf("expect of %s %s", e.Peer, happenedLine(e.Happening))
	case controller.Connect:
		return fmt.Sprintf("connect %s %s", e.Instance, e.Addr)
	case controller.Disconnect:
		return fmt.Sprintf("disconnect %s %s", e.Instance, e.Addr)
	case controller.Audit:
		return auditLine(e.Record)
	}
	return ""
}

func auditLine(r mgmt.AuditRecord) string {
	var line strings.Builder
	fmt.Fprintf(&line, "audit: %s %s", r.Request, r.Outcome)
	if r.Operation != 0 {
		fmt.Fprintf(&line, " operation=%d", r.Operation)
	}
	for _, attribute := range [][2]string{
		{"who", r.Who}, {"role", r.Role.String()}, {"source", r.Source}, {"subject", r.Subject}, {"revision", r.Revision}, {"reason", r.Reason},
	} {
		if key, value := attribute[0], attribute[1]; value != "" {
			line.WriteString(" " + key + "=" + quote(value))
		}
	}
	return line.String()
}

func controllerState(s controller.State) string {
	var line strings.Builder
	line.WriteString(fmt.Sprintf("save staged %s ready %s deployed %s", entryName(s.Staged), entryName(s.Ready), entryName(s.Deployed)))
	for _, p := range s.History {
		line.WriteString(fmt.Sprintf(" before %s(r%d)", p.ID, p.Revision))
	}
	for _, name := range s.Refused {
		line.WriteString(" refused by " + string(name))
	}
	for _, l := range s.Leaving {
		line.WriteString(" leaving " + string(l.Instance.Name))
	}
	return line.String()
}

func entryName(e *controller.Entry) string {
	if e == nil {
		return "-"
	}
	return fmt.Sprintf("%s(r%d)", e.Config.ID, e.Revision)
}
