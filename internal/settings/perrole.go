package settings

import (
	"fmt"
	"strings"
	"time"
)

// roleDefaults are the defaults of settings that there are one of per role.
type roleDefaults struct{ logger, manager, proxy, worker string }

// perRole returns one setting per role of a node: agent.<key>.<role>. The doc
// has a %s for the role.
func perRole(key, flag, env, doc string, initial roleDefaults, of func(*Agent) *PerRole) []setting[Agent] {
	var table []setting[Agent]
	for _, role := range []struct {
		name, initial string
		field         func(*PerRole) *time.Duration
	}{
		{"logger", initial.logger, func(p *PerRole) *time.Duration { return &p.Logger }},
		{"manager", initial.manager, func(p *PerRole) *time.Duration { return &p.Manager }},
		{"proxy", initial.proxy, func(p *PerRole) *time.Duration { return &p.Proxy }},
		{"worker", initial.worker, func(p *PerRole) *time.Duration { return &p.Worker }},
	} {
		table = append(table, setting[Agent]{
			key:     "agent." + key + "." + role.name,
			flag:    flag + "-" + role.name,
			env:     env + "_" + strings.ToUpper(role.name),
			initial: role.initial,
			doc:     fmt.Sprintf(doc, role.name),
			field:   func(a *Agent) value { return durationAt(role.field(of(a)), minPatience, maxPatience) },
		})
	}
	return table
}
