package settings

import (
	"fmt"
	"strings"
	"time"
)

// perRole returns one setting for each role of nodes. Its key is
// agent.<key>.<role>. The doc has a %s for the role.
func perRole(key, flag, env, doc string, of func(*Agent) *PerRole) []setting[Agent] {
	var table []setting[Agent]
	for _, role := range []struct {
		name  string
		field func(*PerRole) *time.Duration
	}{
		{"logger", func(p *PerRole) *time.Duration { return &p.Logger }},
		{"manager", func(p *PerRole) *time.Duration { return &p.Manager }},
		{"proxy", func(p *PerRole) *time.Duration { return &p.Proxy }},
		{"worker", func(p *PerRole) *time.Duration { return &p.Worker }},
	} {
		table = append(table, setting[Agent]{
			key:      "agent." + key + "." + role.name,
			flag:     flag + "-" + role.name,
			env:      env + "_" + strings.ToUpper(role.name),
			packages: true,
			doc:      fmt.Sprintf(doc, role.name),
			field:    func(a *Agent) value { return durationAt(role.field(of(a)), minPatience, maxPatience) },
		})
	}
	return table
}
